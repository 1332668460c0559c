"""Figure C3: test accuracy of the CNTK and of ConvRFM by dataset, next to the slides' table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...drawing import BLACK, BLUE, ORANGE, captioned, legend_above
from ...notes import TITLES, title
from ..judging import LEAST_SEEDS, interval

# Test accuracies in percent of the CNTK, and of the CNTK with AGOP, in the authors' slides; their settings are not known.
SLIDES = {
    "svhn": (81.38, 85.02),
    "cifar10": (67.74, 67.97),
    "cifar100": (37.64, 37.64),
    "gtsrb": (91.76, 93.02),
    "emnist": (86.01, 86.73),
}


def _title(dataset: str, source: str) -> str:
    return title(dataset if dataset in TITLES else source)


def choices(table: pd.DataFrame) -> pd.DataFrame:
    """Return test accuracies of the CNTK and of ConvRFM, with ridge and round chosen by validation and by test data.

    Args:
        table: Rows of image_datasets.csv.

    Returns:
        A row per (dataset, seed): `cntk` and `conv_rfm` (chosen on validation data), `ridge` and `round` of the latter, and
        `cntk_by_test`, `conv_rfm_by_test` (the best on test data, as the released code chooses).
    """
    records = []
    for (dataset, seed), rows in table.groupby(["dataset", "seed"], sort=False):
        wide = rows.pivot(index=["ridge", "round"], columns="metric", values="value").sort_index().reset_index()
        start = wide[wide["round"] == 0]
        best = wide.iloc[int(wide.validation_accuracy.argmax())]
        records.append(
            {
                "dataset": dataset,
                "seed": seed,
                "cntk": start.test_accuracy.iloc[int(start.validation_accuracy.argmax())],
                "conv_rfm": best.test_accuracy,
                "ridge": best.ridge,
                "round": int(best["round"]),
                "cntk_by_test": start.test_accuracy.max(),
                "conv_rfm_by_test": wide.test_accuracy.max(),
            }
        )
    return pd.DataFrame(records)


def images_figure(table: pd.DataFrame, sources: Mapping[str, str], caption: str) -> Figure:
    """Draw a panel per dataset with the accuracies of CNTK and ConvRFM, and one with the steps between them.

    Each panel shows every seed's accuracies, their mean, the mean if the test data choose, and the slides' numbers.

    Args:
        table: Rows of image_datasets.csv.
        sources: By dataset, what it is called in :data:`SLIDES`.
        caption: The caption.

    Returns:
        The figure.
    """
    found = choices(table)
    width = max(7.5, 2.6 * len(sources) + 3.4)
    figure, axes = plt.subplots(1, len(sources) + 1, figsize=(width, 4.0), squeeze=False, layout="constrained")
    for axis, (dataset, source) in zip(axes[0][:-1], sources.items(), strict=True):
        _accuracies(axis, found[found.dataset == dataset], SLIDES.get(source))
        axis.set_title(_title(dataset, source), fontsize=9)
        axis.set_xticks([0, 1], ["CNTK", "ConvRFM"])
        axis.set(xlim=(-0.3, 1.3))
    axes[0][0].set_ylabel("test accuracy")
    _steps(axes[0][-1], found, sources)
    sns.despine(figure)
    return captioned(legend_above(figure, *axes[0]), caption)


def _steps(axis: Axes, found: pd.DataFrame, sources: Mapping[str, str]) -> None:
    """Draw how many points of accuracy ConvRFM gains on each dataset."""
    for place, (dataset, source) in enumerate(sources.items()):
        rows = found[found.dataset == dataset]
        steps, by_test = 100 * (rows.conv_rfm - rows.cntk), 100 * (rows.conv_rfm_by_test - rows.cntk_by_test)
        axis.plot([place] * len(steps), steps, "o", color=BLUE, alpha=0.35, markersize=3)
        axis.plot(place, steps.mean(), "s", color=BLUE, markersize=5)
        if len(steps) >= LEAST_SEEDS:
            low, mean, high = interval(steps)
            axis.errorbar(place, mean, ([mean - low], [high - mean]), color=BLUE, capsize=3)
        axis.plot(place + 0.15, by_test.mean(), "^", color=ORANGE, markersize=5)
        if source in SLIDES:
            axis.plot(place - 0.15, SLIDES[source][1] - SLIDES[source][0], "x", color=BLACK)
    axis.axhline(0, color=BLACK, linewidth=0.6)
    axis.set_xticks(range(len(sources)), [_title(*names) for names in sources.items()], fontsize=7)
    axis.set(xlim=(-0.5, len(sources) - 0.5), ylabel="ConvRFM less CNTK, points of accuracy")


def _accuracies(axis: Axes, found: pd.DataFrame, slides: tuple[float, float] | None) -> None:
    for index, (before, after) in enumerate(zip(found.cntk, found.conv_rfm, strict=True)):
        label = "one seed" if index == 0 else None
        axis.plot([0, 1], [before, after], color=BLUE, alpha=0.35, linewidth=0.9, marker="o", markersize=3, label=label)
    style: dict[str, Any] = {"linewidth": 2, "markersize": 5}
    axis.plot([0, 1], [found.cntk.mean(), found.conv_rfm.mean()], color=BLUE, marker="s", label="mean", **style)
    by_test = [found.cntk_by_test.mean(), found.conv_rfm_by_test.mean()]
    axis.plot(
        [0, 1], by_test, color=ORANGE, marker="^", label="mean, chosen on test data", **(style | {"linewidth": 1})
    )
    if slides is not None:
        values = [value / 100 for value in slides]
        axis.plot([0, 1], values, "--", color=BLACK, marker="x", linewidth=0.8, label="slides, settings unknown")


def steps_table(found: pd.DataFrame, sources: Mapping[str, str]) -> pd.DataFrame:
    """Return a row per dataset with both accuracies in percent, the step between them with its interval, and the slides'.

    Args:
        found: As :func:`choices` returns.
        sources: By dataset, what it is called in :data:`SLIDES`.
    """
    records = []
    for dataset, source in sources.items():
        rows = found[found.dataset == dataset]
        step = 100 * (rows.conv_rfm - rows.cntk)
        low, _, high = interval(step) if len(step) >= LEAST_SEEDS else (float("nan"),) * 3
        slides = SLIDES.get(source, (float("nan"), float("nan")))
        records.append(
            {
                "dataset": _title(dataset, source),
                "CNTK": 100 * rows.cntk.mean(),
                "ConvRFM": 100 * rows.conv_rfm.mean(),
                "step": step.mean(),
                "from": low,
                "to": high,
                "step, chosen on test data": 100 * (rows.conv_rfm_by_test - rows.cntk_by_test).mean(),
                "updates of M by seed": ", ".join(map(str, rows["round"])),
                "CNTK, slides": slides[0],
                "ConvRFM, slides": slides[1],
                "step, slides": slides[1] - slides[0],
            }
        )
    return pd.DataFrame(records)


def found_sentences(steps: pd.DataFrame) -> str:
    """Return in a sentence per dataset what was found, from the run's numbers alone.

    Args:
        steps: As :func:`steps_table` returns.
    """
    lines = []
    for row in steps.to_dict("records"):
        text = f"- {row['dataset']}: {row['CNTK']:.1f} % with the CNTK and {row['ConvRFM']:.1f} % with ConvRFM, a step of {row['step']:.2f} points"
        if pd.notna(row["from"]):
            side = "above" if row["from"] > 0 else "below" if row["to"] < 0 else "around"
            text += f" ({row['from']:.2f} to {row['to']:.2f}: {side} 0)"
        text += f"; chosen on test data it would be {row['step, chosen on test data']:.2f}"
        if pd.notna(row["step, slides"]):
            text += f". The slides' step is {row['step, slides']:.2f} points, from {row['CNTK, slides']:.2f} %"
        lines.append(f"{text}.")
    return "\n".join(lines)
