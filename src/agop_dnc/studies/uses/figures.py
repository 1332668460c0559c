"""Figures U1 and U2: how scores separate points of other distributions, and fixed readouts next to learned ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ...collapse.metrics import random_directions_nc2
from ...collapse.scores import ACCEPTED, SIMPLEX_SCORES
from ...drawing import BLACK, BLUE, GREEN, ORANGE, RED, captioned, legend_above, plain_if_narrow
from ..judging import LEAST_SEEDS, interval
from .readouts import READOUTS
from .titles import SCORES, points_title

_GREY, _PURPLE = "0.45", "#CC79A7"
# Colour and marker of each score.
STYLES: dict[str, tuple[str, str]] = {
    "angle": (BLUE, "o"),
    "distance": (GREEN, "s"),
    "subspace": (ORANGE, "^"),
    "mahalanobis": (RED, "v"),
    "neighbours": (_GREY, "D"),
    "softmax": (BLACK, "o"),
    "energy": (_PURPLE, "s"),
}
_CHANCE = {"auroc": 0.5, "fpr95": ACCEPTED}


def separation_figure(
    table: pd.DataFrame, panels: Sequence[tuple[str, str]], names: Mapping[tuple[str, str], str], caption: str
) -> Figure:
    """Draw a row per (dataset, model): AUROC by layer, and AUROC and FPR95 of the last layer by kind of points.

    Args:
        table: out_of_distribution.csv.
        panels: (dataset, model) of each row.
        names: What each row is called.
        caption: What is below the panels.
    """
    figure, axes = plt.subplots(
        len(panels), 3, figsize=(12.0, 3.0 * len(panels) + 1.3), squeeze=False, layout="constrained"
    )
    for line, panel in zip(axes, panels, strict=True):
        rows = table[(table.dataset == panel[0]) & (table.model == panel[1])]
        _by_layer(line[0], rows[rows.metric == "auroc"])
        line[0].set_title(names[panel])
        for axis, metric in zip(line[1:], _CHANCE, strict=True):
            _by_points(axis, last_layers(rows[rows.metric == metric]))
            axis.axhline(_CHANCE[metric], color=BLACK, linestyle=":", linewidth=1)
        line[1].set(ylabel="AUROC, last layer", title="by kind of points")
        line[2].set(ylabel="share accepted at 95 % of test points", title="the same; lower is better")
    sns.despine(figure)
    figure.get_layout_engine().set(w_pad=0.1, h_pad=0.06)  # type: ignore[union-attr, call-arg]
    return captioned(legend_above(figure, axes[0, 0]), caption)


def last_layers(rows: pd.DataFrame) -> pd.DataFrame:
    """Return each score's rows at the last layer that it has: the last features', or the model's outputs'."""
    last: pd.DataFrame = rows[rows.layer == rows.groupby("score").layer.transform("max")]
    return last


def _style(score: str) -> dict[str, Any]:
    colour, marker = STYLES[score]
    filled = score in SIMPLEX_SCORES
    return {"color": colour, "marker": marker, "markersize": 4, "markerfacecolor": colour if filled else "white"}


def _by_layer(axis: Axes, rows: pd.DataFrame) -> None:
    """Draw each score's mean over kinds of points and seeds; one layer alone, a network's outputs, is a line across."""
    for score, label in SCORES.items():
        means = rows[rows.score == score].groupby("layer").value.mean()
        if len(means) == 1:
            axis.axhline(means.iloc[0], color=STYLES[score][0], linewidth=1, linestyle="--")
        axis.plot(means.index, means, label=label, linewidth=1.2, **_style(score))
    axis.axhline(_CHANCE["auroc"], color=BLACK, linestyle=":", linewidth=1)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.set(xlabel="layer", ylabel="AUROC, mean over kinds")


def _by_points(axis: Axes, rows: pd.DataFrame) -> None:
    kinds = list(dict.fromkeys(rows.points))
    offsets = np.linspace(-0.33, 0.33, len(SCORES))
    for score, offset in zip(SCORES, offsets, strict=True):
        for place, kind in enumerate(kinds):
            values = rows[(rows.score == score) & (rows.points == kind)].value
            _mean_and_interval(axis, place + offset, values, **_style(score))
    axis.set_xticks(range(len(kinds)), [points_title(kind).replace(" ", "\n", 1) for kind in kinds])
    axis.set_xlim(-0.5, len(kinds) - 0.5)
    for place in range(1, len(kinds)):
        axis.axvline(place - 0.5, color="0.9", linewidth=0.8, zorder=0)


def _mean_and_interval(axis: Axes, x: float, values: pd.Series, **style: Any) -> None:
    """Draw a mean, with its 95 % interval over seeds if there are enough, within the range that shares can have."""
    if len(values) >= LEAST_SEEDS:
        found = interval(values)
        low, high = max(found.low, min(0.0, found.mean)), min(found.high, max(1.0, found.mean))
        axis.plot([x, x], [low, high], color=style["color"], linewidth=1)
    if len(values):
        axis.plot([x], [values.mean()], linestyle="none", **style)


_READOUT_STYLES = {"learned": (BLACK, "o", "learned readout"), "fixed": (BLUE, "s", "fixed simplex")}
_COLLAPSE = {"nc1": "NC1", "nc2": "NC2", "nc3": "NC3"}


def readouts_figure(
    table: pd.DataFrame,
    panels: Sequence[tuple[str, str]],
    names: Mapping[tuple[str, str], str],
    classes: Mapping[str, int],
    caption: str,
) -> Figure:
    """Draw a row per (dataset, loss): the difference of test accuracies, NC1 to NC3, and the epochs until the points are fitted.

    Args:
        table: readouts.csv.
        panels: (dataset, loss) of each row.
        names: What each row is called.
        classes: Datasets' numbers of classes.
        caption: What is below the panels.
    """
    figure, axes = plt.subplots(
        len(panels), 5, figsize=(14.0, 2.9 * len(panels) + 1.2), squeeze=False, layout="constrained"
    )
    for line, panel in zip(axes, panels, strict=True):
        rows = table[(table.dataset == panel[0]) & (table.loss == panel[1])]
        dimensions = sorted(rows.dimension.unique())
        _differences(line[0], rows, dimensions)
        line[0].set_title(names[panel], loc="left")
        for axis, (metric, label) in zip(line[1:4], _COLLAPSE.items(), strict=True):
            _pairs(axis, rows, metric, dimensions)
            axis.set_ylabel(f"{label} of the features")
            axis.set_yscale("log")
        chance = [float(random_directions_nc2(classes[panel[0]], int(d)).median()) for d in dimensions]
        line[2].plot(
            range(len(dimensions)), chance, color=GREEN, linestyle="--", linewidth=1.2, label="random directions"
        )
        _pairs(line[4], rows, "epochs", dimensions)
        line[4].set(ylabel="epochs to training accuracy 0.99", ylim=(0, None))
        for axis in line:
            axis.set_xticks(range(len(dimensions)), [str(d) for d in dimensions])
            axis.set(xlabel="features before the readout, d", xlim=(-0.5, len(dimensions) - 0.5))
            plain_if_narrow(axis)
    sns.despine(figure)
    return captioned(legend_above(figure, axes[0, 2], axes[0, 0]), caption)


def _differences(axis: Axes, rows: pd.DataFrame, dimensions: Sequence[int]) -> None:
    """Draw the paired difference of test accuracies: a point per seed, the mean and its interval."""
    wide = rows[rows.metric == "test_accuracy"].pivot(index=["dimension", "seed"], columns="readout", values="value")
    difference = wide.fixed - wide.learned if set(READOUTS) <= set(wide.columns) else pd.Series(dtype=float)
    for place, d in enumerate(dimensions):
        values = difference.loc[d] if len(difference) else difference
        axis.plot([place + 0.15] * len(values), values, color=_GREY, marker=".", linestyle="none")
        if len(values) >= LEAST_SEEDS:
            low, _, high = interval(values)
            axis.plot([place, place], [low, high], color=BLUE, linewidth=1.2)
        axis.plot([place], [values.mean()], color=BLUE, marker="s", markersize=5, linestyle="none")
    axis.axhline(0.0, color=BLACK, linewidth=0.8)
    axis.axhline(-0.01, color=RED, linestyle="--", linewidth=1, label="one test point in a hundred")
    axis.set_ylabel("test accuracy, fixed less learned")


def _pairs(axis: Axes, rows: pd.DataFrame, metric: str, dimensions: Sequence[int]) -> None:
    """Draw a metric of both readouts: a point per seed, the mean larger; untrained values in grey."""
    for readout, shift in zip(READOUTS, (-0.12, 0.12), strict=True):
        colour, marker, label = _READOUT_STYLES[readout]
        for name, tone, called in ((f"untrained_{metric}", _GREY, f"{label}, untrained"), (metric, colour, label)):
            values = rows[(rows.metric == name) & (rows.readout == readout)]
            if not len(values):
                continue
            places = np.array([list(dimensions).index(d) for d in values.dimension]) + shift
            style: dict[str, Any] = {
                "color": tone,
                "marker": marker,
                "linestyle": "none",
                "markerfacecolor": tone if tone != _GREY else "white",
            }
            axis.plot(places, values.value, alpha=0.5, markersize=3, **style)
            means = values.groupby("dimension").value.mean()
            at = [list(dimensions).index(d) + shift for d in means.index]
            axis.plot(at, means, markersize=6, label=called, **style)
