"""Figure S7: NC1 and accuracies of training and of test points against layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ...drawing import BLACK, BLUE, GREEN, ORANGE, band, captioned, linear_band
from ...pipeline.tables import summary

_POINTS = {"train": ("training points", BLACK, "o"), "test": ("test points", ORANGE, "^")}
# Panels of shares, by metric: title, and a colour for test points.
_SHARES = {"nearest_own_mean": "nearest to the own class's mean", "accuracy": "accuracy of the layer's predictor"}


def generalisation_figure(
    table: pd.DataFrame, panels: Sequence[tuple[str, str]], names: Mapping[tuple[str, str], str], caption: str
) -> Figure:
    """Draw a row per (dataset, model): NC1, the share nearest to the own class's mean, and the accuracy, against layer.

    Args:
        table: generalisation.csv.
        panels: (dataset, model) of each row.
        names: What each row is called.
        caption: What is below the panels.
    """
    figure, axes = plt.subplots(
        len(panels), 3, figsize=(11.5, 2.8 * len(panels) + 0.9), squeeze=False, layout="constrained"
    )
    for line, panel in zip(axes, panels, strict=True):
        dataset, model = panel
        rows = table[(table.dataset == dataset) & (table.model == model)]
        for points, (label, colour, marker) in _POINTS.items():
            curve = summary(rows[(rows.metric == "nc1") & (rows.points == points)], ["layer"])
            band(line[0], curve.layer, curve["mean"], curve["std"], label, colour, marker)
        own = summary(rows[(rows.metric == "nc1_own_means") & (rows.points == "test")], ["layer"])
        if len(own):
            band(line[0], own.layer, own["mean"], own["std"], "test points, their own means", BLUE, "s")
        line[0].set(ylabel=r"NC1 = tr $\Sigma_W$ / tr $\Sigma_B$", title=names[panel])
        for axis, (metric, label) in zip(line[1:], _SHARES.items(), strict=True):
            _shares(axis, rows[rows.metric == metric])
            axis.set_ylabel(label)
        for axis in line:
            axis.set_xlabel("layer")
            axis.set_xlim(-0.5, rows.layer.max() + 0.5)
            axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes[0, 0].legend(fontsize=7)
    axes[0, 1].legend(fontsize=7)
    return captioned(figure, caption)


def _shares(axis: Axes, rows: pd.DataFrame) -> None:
    """Shares of training and of test points; one value alone, a network's accuracy, is a point."""
    for points, (label, colour, marker) in _POINTS.items():
        curve = summary(rows[rows.points == points], ["layer"])
        linear_band(axis, curve, "layer", label, colour, marker)
        if len(curve) == 1:
            axis.errorbar(curve.layer, curve["mean"], curve["std"], color=colour, capsize=3)
    test = rows[rows.points == "test"]
    if len(test) and test.layer.nunique() > 1:
        axis.axhline(test.groupby("layer").value.mean().max(), color=GREEN, linestyle=":", linewidth=1)
