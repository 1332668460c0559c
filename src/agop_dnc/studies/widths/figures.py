"""Figure S6: NC1 and NC2 by layer for each width, and their floors against the width."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from ...drawing import BLUE, METRIC_LABELS, ORANGE, band, captioned
from ...pipeline.tables import summary
from ..deep_rfm.notes import ACTIVATIONS
from .floors import random_directions

_GREY = "0.45"
_MARKERS = "osD^vP*X"
_FLOORS = {"nc1": ("floor of NC1", BLUE, "o"), "nc2": ("floor of NC2", ORANGE, "^")}


def widths_figure(
    table: pd.DataFrame,
    found: pd.DataFrame,
    panels: Sequence[tuple[str, str]],
    names: Mapping[str, str],
    classes: Mapping[str, int],
    caption: str,
) -> Figure:
    """Draw a row per (dataset, activation): NC1 and NC2 of X̃ against layer, a curve per width; floors against width.

    Args:
        table: widths.csv.
        found: Its floors (:func:`.floors.floors`).
        panels: (dataset, activation) of each row.
        names: Datasets' titles.
        classes: Datasets' numbers of classes.
        caption: What is below the panels.
    """
    figure, axes = plt.subplots(
        len(panels), 3, figsize=(11.5, 3.1 * len(panels) + 0.9), squeeze=False, layout="constrained"
    )
    widths = sorted(table.width.unique())
    colours = sns.color_palette("viridis_r", len(widths) + 1)[1:]
    for line, (dataset, activation) in zip(axes, panels, strict=True):
        curves = table[(table.dataset == dataset) & (table.activation == activation)]
        for axis, metric in zip(line[:2], ("nc1", "nc2"), strict=True):
            for i, width in enumerate(widths):
                curve = summary(curves[(curves.width == width) & (curves.metric == metric)], ["layer"])
                marker = _MARKERS[i % len(_MARKERS)]
                band(axis, curve.layer, curve["mean"], curve["std"], f"D = {width:,}", colours[i], marker)
            axis.set(xlabel="layer", ylabel=METRIC_LABELS[metric])
            axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        line[0].set_title(f"{names[dataset]}, {ACTIVATIONS[activation]}")
        own = found[(found.dataset == dataset) & (found.activation == activation)]
        _floor_panel(line[2], own, classes[dataset])
    axes[0, 0].legend(fontsize=7)
    axes[0, 2].legend(fontsize=7)
    return captioned(figure, caption)


def _floor_panel(axis: Axes, found: pd.DataFrame, K: int) -> None:
    """Floors against width on log scales: a point per seed, hollow if the floor is not reached (the last layer's value instead)."""
    widths = sorted(found.width.unique())
    for metric, (label, colour, marker) in _FLOORS.items():
        rows = found[found.metric == metric]
        reached, still = rows[rows.reached], rows[~rows.reached]
        style: dict[str, Any] = {"color": colour, "marker": marker, "linestyle": "none", "markersize": 4.5}
        axis.plot(reached.width, reached.floor, label=label, alpha=0.7, **style)
        axis.plot(still.width, still["last"], markerfacecolor="white", alpha=0.7, **style)
        if len(still):
            axis.plot([], [], markerfacecolor="white", label=f"last layer's {metric.upper()}: no floor yet", **style)
    low, median, high = np.array([random_directions(K, int(width)) for width in widths]).T
    axis.plot(widths, median, color=_GREY, linestyle="--", linewidth=1.2, label="NC2 of random directions")
    axis.fill_between(widths, low, high, color=_GREY, alpha=0.25, linewidth=0)
    axis.set(xscale="log", yscale="log", xlabel="random features D", ylabel=r"floor $c$ of the fit $a\,r^l + c$")
    axis.set_xticks(widths)
    axis.xaxis.set_major_formatter(FuncFormatter(lambda width, _: f"{width:,.0f}"))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.tick_params(axis="x", labelsize=7.5)
    bottom, top = axis.get_ylim()
    if top / bottom > 1e4:
        axis.yaxis.set_major_locator(LogLocator(numticks=7))
    sns.despine(ax=axis)
