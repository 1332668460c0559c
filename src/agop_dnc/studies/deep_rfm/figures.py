"""Draw the figures of Deep RFMs: Gram matrices (Figures 1, 5, 6), NC1 and NC2 against depth (Figures 3, 4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator

from ...drawing import BLACK, BLUE, METRIC_LABELS, ORANGE, band, captioned, legend_above
from ...pipeline.tables import summary

# Label, colour and marker of each component in deep_rfm.csv.
DEEP_RFM_CURVES = {
    "x": ("$X$", BLACK, "o"),
    "agop": ("$M^{1/2}X$", BLUE, "s"),
    "features": (r"$\Phi(M^{1/2}X)$", ORANGE, "^"),
}

COSINES = plt.get_cmap("RdBu_r", 64)
ROUNDING = 1e-12  # NC1 below it is rounding


def gram_figure(rows: Sequence[tuple[str, Mapping[int, np.ndarray[Any, Any]]]], caption: str) -> Figure:
    """Draw Gram matrices with colours from −1 to 1 (paper, Figures 1, 5, 6): one row per entry of `rows`, one column per layer.

    Args:
        rows: For each row its name, and matrices (n×n) by layer.
        caption: The caption.

    Returns:
        The figure.
    """
    columns = max(len(matrices) for _, matrices in rows)
    figure, axes = plt.subplots(
        len(rows), columns, figsize=(1.9 * columns + 1.3, 2.15 * len(rows) + 0.9), squeeze=False, layout="constrained"
    )
    for line, (name, matrices) in zip(axes, rows, strict=True):
        for axis, (layer, matrix) in zip(line, sorted(matrices.items()), strict=False):
            # Where a pixel holds several cosines it shows their mean.
            image = axis.imshow(matrix, vmin=-1, vmax=1, cmap=COSINES, rasterized=True, interpolation_stage="data")
            axis.set_title(f"layer {layer}")
        for axis in line:
            axis.set(xticks=[], yticks=[])
        for axis in line[len(matrices) :]:
            axis.set_axis_off()
        line[0].set_ylabel(name)
    bar = figure.colorbar(image, ax=axes, shrink=0.9, aspect=30, ticks=[-1, -0.5, 0, 0.5, 1])
    bar.set_label("cosine of centred samples")
    return captioned(figure, caption)


def depth_figure(table: pd.DataFrame, names: Mapping[str, str], caption: str) -> Figure:
    """Draw NC1 (left) and NC2 (right) against layer on a log scale (paper, Figures 3 and 4), one row per dataset.

    Curves are means over seeds, bands one standard deviation.

    Args:
        table: Rows of deep_rfm.csv for one activation.
        names: The title of each dataset, in the order of the figure's rows.
        caption: The caption.

    Returns:
        The figure.
    """
    figure, axes = plt.subplots(
        len(names), 2, figsize=(8.2, 2.7 * len(names) + 0.9), squeeze=False, layout="constrained"
    )
    for line, (dataset, name) in zip(axes, names.items(), strict=True):
        for axis, metric in zip(line, ("nc1", "nc2"), strict=True):
            of_dataset = table[table.dataset == dataset]
            rows = of_dataset[of_dataset.metric == metric]
            axis.set(xlabel="layer", ylabel=METRIC_LABELS[metric], title=name)
            if metric == "nc2" and rows.value.max() < 1e-9:
                axis.text(
                    0.5, 0.5, "with two classes NC2 is 0\nfor any features", ha="center", transform=axis.transAxes
                )
                continue
            for component, (label, colour, marker) in DEEP_RFM_CURVES.items():
                curve = summary(rows[rows.component == component], ["layer"])
                band(axis, curve.layer, curve["mean"], curve["std"], label, colour, marker)
            _draw_reference(axis, metric, of_dataset)
            depth = int(rows.layer.max())
            axis.xaxis.set_major_locator(
                FixedLocator([1, *range(5, depth + 1, 5)] if depth > 5 else range(1, depth + 1))
            )
    return captioned(legend_above(figure, axes[0, 1], axes[0, 0]), caption)


def _draw_reference(axis: Axes, metric: str, table: pd.DataFrame) -> None:
    """Draw a thin line at what means nothing: the floor of rounding for NC1, random directions for NC2."""
    style: dict[str, Any] = {"color": "#777777", "linewidth": 0.9, "linestyle": ":"}
    if metric == "nc1":
        if axis.get_ylim()[0] < 10 * ROUNDING:
            axis.axhline(ROUNDING, label="rounding", **style)
        return
    chance = table[table.metric == "nc2_random"].groupby("layer").value.first()
    if len(chance):
        axis.plot(chance.index, chance, label="random directions", **style)
