"""Figures C1 and C2: accuracy of ConvRFM on stars and digits in noise, and what its M does to the images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ...drawing import BLACK, BLUE, ORANGE, RED, captioned

# Test accuracy of the authors' stored runs: with 50 images before and after one update; with 4,000, before and the best of four rounds.
PUBLISHED = (0.7795, 0.9483)
PUBLISHED_DIGITS = (0.520, 0.594)


def stars_figure(table: pd.DataFrame, images: Mapping[str, np.ndarray[Any, Any]], caption: str) -> Figure:
    """Draw the accuracy of each seed against updates of M, test images before and after M^{1/2}, and M's leading eigenvectors.

    Args:
        table: Rows of noisy_images.csv for one number of images.
        images: `before`, `after` and `vectors`, see :func:`.rows.stars_rows`; without them only the accuracy is drawn.
        caption: The caption.

    Returns:
        The figure.
    """
    columns = len(images["before"]) if images else 0
    figure = plt.figure(figsize=(4.2 + 1.7 * columns, 4.6), layout="constrained")
    left, right = cast(Any, figure.subfigures(1, 2, width_ratios=(4.2, max(0.1, 1.7 * columns))))
    axis = left.subplots()
    for index, (_, curve) in enumerate(table.groupby("seed")):
        curve = curve.sort_values("round")
        label = "one seed" if index == 0 else None
        axis.plot(
            curve["round"], curve.value, color=BLUE, alpha=0.35, linewidth=0.9, marker="o", markersize=2.5, label=label
        )
    mean = table.groupby("round").value.mean()
    axis.plot(mean.index, mean, color=BLUE, linewidth=2, marker="s", label="mean")
    axis.plot(range(len(PUBLISHED)), PUBLISHED, "--", color=BLACK, marker="x", label="published run")
    axis.set(xlabel="updates of $M$", ylabel="test accuracy", ylim=(0.45, 1.02))
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.legend(fontsize=7)
    sns.despine(ax=axis)
    if images:
        _pictures(right, images)
    return captioned(figure, caption)


def digits_figure(table: pd.DataFrame, images: Mapping[str, np.ndarray[Any, Any]], caption: str) -> Figure:
    """Draw accuracies by round, those at the rounds that validation and test data choose, and images before and after M^{1/2}.

    Args:
        table: Rows of noisy_images.csv for the digits.
        images: As :func:`stars_figure`.
        caption: The caption.

    Returns:
        The figure.
    """
    columns = len(images["before"]) if images else 0
    figure = plt.figure(figsize=(7.4 + 1.25 * columns, 4.6), layout="constrained")
    left, right = cast(Any, figure.subfigures(1, 2, width_ratios=(7.4, max(0.1, 1.25 * columns))))
    by_round, chosen = left.subplots(1, 2, width_ratios=(1.25, 1), sharey=True)
    _by_round(by_round, table)
    _by_choice(chosen, chosen_rounds(table))
    for axis in (by_round, chosen):
        for value in PUBLISHED_DIGITS:
            label = "published run, 4,000 images" if value == PUBLISHED_DIGITS[0] else None
            axis.axhline(value, color=BLACK, linewidth=0.7, linestyle="--", label=label, zorder=0)
    by_round.legend(fontsize=7)
    if images:
        _pictures(right, images)
    return captioned(figure, caption)


def _by_round(axis: Axes, table: pd.DataFrame) -> None:
    for metric, label, colour, marker in (
        ("test_accuracy", "test", BLUE, "s"),
        ("validation_accuracy", "validation", ORANGE, "^"),
    ):
        rows = table[table.metric == metric]
        for _, curve in rows.groupby("seed"):
            curve = curve.sort_values("round")
            axis.plot(curve["round"], curve.value, color=colour, alpha=0.35, linewidth=0.9)
        mean = rows.groupby("round").value.mean()
        axis.plot(mean.index, mean, color=colour, linewidth=2, marker=marker, markersize=5, label=f"{label}, mean")
    axis.set(xlabel="updates of $M$ (0: CNTK)", ylabel="accuracy")
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    sns.despine(ax=axis)


def _by_choice(axis: Axes, found: pd.DataFrame) -> None:
    names = {"first": "CNTK", "by_validation": "round chosen\non validation", "by_test": "round chosen\non test data"}
    for place, (name, colour) in enumerate(zip(names, (BLACK, BLUE, RED), strict=True)):
        axis.plot([place] * len(found), found[name], "o", color=colour, alpha=0.4, markersize=4)
        axis.plot([place - 0.25, place + 0.25], [found[name].mean()] * 2, color=colour, linewidth=2)
    axis.set(xlim=(-0.5, 2.5), ylabel="test accuracy")
    axis.set_xticks(range(len(names)), list(names.values()), fontsize=7)
    axis.yaxis.set_tick_params(labelleft=True)
    sns.despine(ax=axis)


def chosen_rounds(table: pd.DataFrame) -> pd.DataFrame:
    """Return the test accuracy of round 0 (`first`), and of the rounds that are best on validation and on test data, by seed.

    The first of equally accurate rounds is chosen. Next to them are the rounds, `validation_round` and `test_round`.

    Args:
        table: Rows of noisy_images.csv for one dataset and number of images.
    """
    records = {}
    for seed, rows in table.groupby("seed"):
        wide = rows.pivot(index="round", columns="metric", values="value").sort_index()
        by_validation, by_test = (int(wide[f"{part}_accuracy"].argmax()) for part in ("validation", "test"))
        records[seed] = {
            "first": wide.test_accuracy.iloc[0],
            "by_validation": wide.test_accuracy.iloc[by_validation],
            "by_test": wide.test_accuracy.iloc[by_test],
            "validation_round": wide.index[by_validation],
            "test_round": wide.index[by_test],
        }
    return pd.DataFrame.from_dict(records, orient="index").rename_axis("seed")


def _pictures(figure: Any, images: Mapping[str, np.ndarray[Any, Any]]) -> None:
    """Draw images, the norms of their patches after M^{1/2}, and M's leading eigenvectors, a row each."""
    columns = len(images["before"])
    rows = (
        ("before", "image"),
        ("after", "norm of patches\nafter $M^{1/2}$"),
        ("vectors", "leading eigen-\nvectors of $M$"),
    )
    for line, (name, label) in zip(figure.subplots(3, columns, squeeze=False), rows, strict=True):
        for panel, picture in zip(line, images[name], strict=False):
            panel.imshow(picture, cmap="gray")
        for panel in line:
            panel.set(xticks=[], yticks=[])
        line[0].set_ylabel(label, fontsize=7)


def accuracy_summary(table: pd.DataFrame) -> pd.DataFrame:
    """Return mean and standard deviation of each accuracy over seeds, one row per number of images, metric and updates of M.

    Args:
        table: Rows of noisy_images.csv.
    """
    found = table.groupby(["n", "metric", "round"]).value.agg(["mean", "std", "count"]).reset_index()
    found["metric"] = found.metric.str.replace("_", " ")
    return found.rename(columns={"metric": "", "round": "updates of M", "std": "±", "count": "seeds"})
