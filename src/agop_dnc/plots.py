"""The paper's figures, from tables and arrays; nothing here knows a model.

Colours differ in lightness as much as in hue and every curve has its own marker, so that a figure survives grey-scale
printing and colour blindness.
"""

from __future__ import annotations

import os
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, ScalarFormatter

from .tables import summary

BLACK, BLUE, ORANGE = "#000000", "#0072B2", "#E69F00"
# Component of deep_rfm.csv: label, colour, marker.
DEEP_RFM_CURVES = {
    "x": ("$X$", BLACK, "o"),
    "agop": ("$M^{1/2}X$", BLUE, "s"),
    "features": (r"$\Phi(M^{1/2}X)$", ORANGE, "^"),
}
METRIC_LABELS = {
    "nc1": r"NC1 = tr $\Sigma_W$ / tr $\Sigma_B$",
    "nc2": r"NC2 = $\|\tilde\mu\tilde\mu^\top - \Sigma_{\mathrm{ETF}}\|_F$",
}
# The lower edge of an error band on a log scale is clipped at this share of the mean.
BAND_FLOOR = 0.01

sns.set_theme(context="paper", style="ticks", font="DejaVu Sans")
plt.rcParams.update({"savefig.dpi": 150, "mathtext.fontset": "dejavusans", "legend.frameon": False})


def gram_figure(rows: Sequence[tuple[str, Mapping[int, np.ndarray[Any, Any]]]], caption: str) -> Figure:
    """Gram matrices with colours from −1 to 1 (paper, Figures 1, 5, 6): a row per (name, matrices by layer), a column per layer."""
    columns = max(len(matrices) for _, matrices in rows)
    figure, axes = plt.subplots(
        len(rows), columns, figsize=(1.9 * columns + 1.3, 2.15 * len(rows) + 0.9), squeeze=False, layout="constrained"
    )
    for line, (name, matrices) in zip(axes, rows, strict=True):
        for axis, (layer, matrix) in zip(line, sorted(matrices.items()), strict=False):
            image = axis.imshow(matrix, vmin=-1, vmax=1, cmap="RdBu_r", rasterized=True)
            axis.set_title(f"layer {layer}")
        for axis in line:
            axis.set(xticks=[], yticks=[])
        for axis in line[len(matrices) :]:
            axis.set_axis_off()
        line[0].set_ylabel(name)
    bar = figure.colorbar(image, ax=axes, shrink=0.9, aspect=30, ticks=[-1, -0.5, 0, 0.5, 1])
    bar.set_label("cosine of centred samples")
    return _captioned(figure, caption)


def depth_figure(table: pd.DataFrame, names: Mapping[str, str], caption: str) -> Figure:
    """NC1 (left) and NC2 (right) against layer on a log scale (paper, Figures 3 and 4): a row per dataset, in names' order.

    table: rows of deep_rfm.csv of one activation. Curves are means over seeds, bands one standard deviation.
    """
    figure, axes = plt.subplots(
        len(names), 2, figsize=(8.2, 2.7 * len(names) + 0.7), squeeze=False, layout="constrained"
    )
    for line, (dataset, name) in zip(axes, names.items(), strict=True):
        for axis, metric in zip(line, ("nc1", "nc2"), strict=True):
            rows = table[(table.dataset == dataset) & (table.metric == metric)]
            for component, (label, colour, marker) in DEEP_RFM_CURVES.items():
                curve = summary(rows[rows.component == component], ["layer"])
                band(axis, curve.layer, curve["mean"], curve["std"], label, colour, marker)
            axis.set(xlabel="layer", ylabel=METRIC_LABELS[metric], title=name)
            axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes[0, 0].legend()
    return _captioned(figure, caption)


def band(axis: Axes, x: Any, mean: Any, std: Any, label: str, colour: str, marker: str) -> None:
    """A curve on a log scale with a band of one standard deviation, its lower edge no lower than 0.01 of the mean."""
    axis.plot(x, mean, color=colour, marker=marker, markersize=3.5, linewidth=1.3, label=label)
    axis.fill_between(x, np.maximum(mean - std, BAND_FLOOR * mean), mean + std, color=colour, alpha=0.25, linewidth=0)
    axis.set_yscale("log")
    low, high = axis.get_ylim()
    if high / low > 1e4:  # labels at every decade would touch
        axis.yaxis.set_major_locator(LogLocator(numticks=7))
    if high / low < 10:  # plain numbers where decades are too far apart to be of help
        axis.yaxis.set_minor_formatter(ScalarFormatter())
        axis.yaxis.set_major_formatter(ScalarFormatter())
    sns.despine(ax=axis)


def save(figure: Figure, *paths: str | Path) -> None:
    """Write a figure to each path, by its ending; without dates, so that equal figures are equal files, whole or not there."""
    for path in map(Path, paths):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.stem}.partial{path.suffix}")
        figure.savefig(temporary, metadata={"CreationDate": None} if path.suffix == ".pdf" else None)
        os.replace(temporary, path)
    plt.close(figure)


def _captioned(figure: Figure, caption: str) -> Figure:
    """The caption below the panels, wrapped to the figure's width."""
    characters = int(figure.get_figwidth() * 14)
    figure.supxlabel("\n".join(textwrap.wrap(caption, characters)), fontsize=8, x=0.01, ha="left")
    return figure
