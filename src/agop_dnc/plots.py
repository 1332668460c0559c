"""The paper's figures, from tables and arrays; nothing here knows a model.

Colours differ in lightness as much as in hue and every curve has its own marker, so that a figure survives grey-scale
printing and colour blindness.
"""

from __future__ import annotations

import io
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
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter, ScalarFormatter

from .tables import summary

BLACK, BLUE, ORANGE = "#000000", "#0072B2", "#E69F00"
# Component of deep_rfm.csv: label, colour, marker.
DEEP_RFM_CURVES = {
    "x": ("$X$", BLACK, "o"),
    "agop": ("$M^{1/2}X$", BLUE, "s"),
    "features": (r"$\Phi(M^{1/2}X)$", ORANGE, "^"),
}
# Component of ablation.csv: label, colour, marker.
SVD_CURVES = {
    "input": (r"$\Phi$", BLACK, "o"),
    "right": (r"$SV^\top\Phi$", BLUE, "s"),
    "output": (r"$\mathrm{ReLU}(USV^\top\Phi)$", ORANGE, "^"),
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
    return captioned(figure, caption)


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
    return captioned(figure, caption)


def svd_figure(rows: Sequence[tuple[str, pd.DataFrame]], caption: str) -> Figure:
    """NC1 of Φ, SVᵀΦ and ReLU(USVᵀΦ) over training (paper, Figures 2, 7 to 9): a row per (name, table), a panel per layer.

    Tables: rows of ablation.csv of one dataset and architecture. Curves are means over seeds, bands one standard deviation.
    """
    columns = max(int(table.layer.max()) for _, table in rows)
    figure, axes = plt.subplots(
        len(rows),
        columns,
        figsize=(2.5 * columns, 2.3 * len(rows) + 0.9),
        squeeze=False,
        sharex="row",
        layout="constrained",
    )
    for line, (name, table) in zip(axes, rows, strict=True):
        for layer, axis in enumerate(line, start=1):
            for component, (label, colour, marker) in SVD_CURVES.items():
                curve = summary(table[(table.layer == layer) & (table.component == component)], ["epoch"])
                band(axis, curve.epoch, curve["mean"], curve["std"], label, colour, marker)
            axis.set(title=f"layer {layer}", xlabel="epoch")
        line[0].set_ylabel(f"{name}\n{METRIC_LABELS['nc1']}")
    return captioned(legend_above(figure, axes[0, 0]), caption)


def nfa_figure(rows: Sequence[tuple[str, pd.DataFrame, pd.DataFrame]], caption: str) -> Figure:
    """Variability, NFA correlation and loss over training (paper, Figures 10 to 12): a row per (name, training, nfa) tables."""
    figure, axes = plt.subplots(
        len(rows), 3, figsize=(10.5, 2.5 * len(rows) + 0.8), squeeze=False, layout="constrained"
    )
    for (left, middle, right), (name, training, nfa) in zip(axes, rows, strict=True):
        wide = training.pivot_table(index=["epoch", "seed"], columns="metric", values="value")
        total = wide.trace_within + wide.trace_between
        for column, label, colour, marker in (
            ("trace_within", r"tr $\Sigma_W$ / tr $\Sigma_T$", BLUE, "s"),
            ("trace_between", r"tr $\Sigma_B$ / tr $\Sigma_T$", ORANGE, "^"),
        ):
            share = (wide[column] / total).rename("value").reset_index().dropna()
            linear_band(left, summary(share, ["epoch"]), "epoch", label, colour, marker)
        left.set(xlabel="epoch", ylabel=f"{name}\nshare of variability", ylim=(-0.03, 1.03))
        layers = sorted(nfa.layer.unique())
        for layer, colour in zip(layers, sns.color_palette("viridis", len(layers)), strict=True):
            curve = summary(nfa[(nfa.layer == layer) & (nfa.target == "sqrt_agop")], ["epoch"])
            linear_band(middle, curve, "epoch", f"layer {layer}", colour, "osD^v*"[(layer - 1) % 6])
        middle.set(xlabel="epoch", ylabel="NFA correlation", ylim=(min(0.0, middle.get_ylim()[0]), 1.03))
        for metric, label, colour, marker in (
            ("train_loss", "training", BLACK, "o"),
            ("test_loss", "test", ORANGE, "^"),
        ):
            curve = summary(training[training.metric == metric], ["epoch"])
            if len(curve):
                band(right, curve.epoch, curve["mean"], curve["std"], label, colour, marker)
        right.set(xlabel="epoch", ylabel="loss (mean square)")
    for axis in axes[0]:
        axis.legend(fontsize=7)
    return captioned(figure, caption)


def truncation_figure(rows: Sequence[tuple[str, pd.DataFrame]], caption: str) -> Figure:
    """NC1 at the end of training with the r largest singular values kept, and with AGOP^{1/2} for SVᵀ: a row per table."""
    columns = max(int(table.layer.max()) for _, table in rows)
    figure, axes = plt.subplots(
        len(rows),
        columns,
        figsize=(2.5 * columns, 2.3 * len(rows) + 0.9),
        sharey="row",
        squeeze=False,
        layout="constrained",
    )
    for line, (name, table) in zip(axes, rows, strict=True):
        for layer, axis in enumerate(line, start=1):
            here = table[table.layer == layer]
            for side, (label, colour, marker) in (("right", SVD_CURVES["right"]), ("output", SVD_CURVES["output"])):
                kept = here[here.component.str.startswith(f"{side}_top_")]
                kept = kept.assign(rank=kept.component.str.rsplit("_", n=1).str[-1].astype(int))
                curve = summary(kept, ["rank"]).sort_values("rank")
                band(axis, curve["rank"], curve["mean"], curve["std"], f"{label}, top $r$", colour, marker)
                axis.axhline(here[here.component == side].value.mean(), color=colour, linewidth=1, linestyle="--")
            for component, label, style in (("input", r"$\Phi$", "-"), ("agop", r"$\mathrm{AGOP}^{1/2}\Phi$", ":")):
                axis.axhline(here[here.component == component].value.mean(), color=BLACK, linestyle=style, label=label)
            axis.set(title=f"layer {layer}", xlabel="singular directions kept, $r$")
            axis.set_xscale("log")
            axis.set_xticks([1, 2, 5, 10, 20], labels=["1", "2", "5", "10", "20"])
            axis.tick_params(axis="x", which="minor", bottom=False)
        line[0].set_ylabel(f"{name}\n{METRIC_LABELS['nc1']}")
        _round_limits(line[0])
    return captioned(legend_above(figure, axes[0, 0]), caption)


def labels_figure(rows: Sequence[tuple[str, pd.DataFrame]], caption: str) -> Figure:
    """NC1 to NC4 of the last hidden layer against epochs, a curve per (name, table): true labels beside random ones.

    Tables: columns seed, epoch, metric, value with metrics nc1_pinv, nc2_normalised, nc3, nc4 (the slides' definitions).
    """
    titles = {"nc1_pinv": "NC1", "nc2_normalised": "NC2", "nc3": "NC3", "nc4": "NC4"}
    figure, axes = plt.subplots(1, 4, figsize=(11.5, 3.2), layout="constrained")
    styles = ((BLUE, "s"), (ORANGE, "^"), (BLACK, "o"))
    for axis, (metric, title) in zip(axes, titles.items(), strict=True):
        for (name, table), (colour, marker) in zip(rows, styles, strict=False):
            curve = summary(table[table.metric == metric], ["epoch"])
            if metric == "nc4":  # reaches 0, which a log scale cannot show
                linear_band(axis, curve, "epoch", name, colour, marker)
            else:
                band(axis, curve.epoch, curve["mean"], curve["std"], name, colour, marker)
        axis.set(title=title, xlabel="epoch")
    return captioned(legend_above(figure, axes[0]), caption)


def linear_band(axis: Axes, curve: pd.DataFrame, x: str, label: str, colour: Any, marker: str) -> None:
    """A curve on a linear scale with a band of one standard deviation."""
    axis.plot(curve[x], curve["mean"], color=colour, marker=marker, markersize=3.5, linewidth=1.3, label=label)
    axis.fill_between(
        curve[x], curve["mean"] - curve["std"], curve["mean"] + curve["std"], color=colour, alpha=0.25, linewidth=0
    )
    sns.despine(ax=axis)


def band(axis: Axes, x: Any, mean: Any, std: Any, label: str, colour: str, marker: str) -> None:
    """A curve on a log scale with a band of one standard deviation, its lower edge no lower than 0.01 of the mean."""
    axis.plot(x, mean, color=colour, marker=marker, markersize=3.5, linewidth=1.3, label=label)
    axis.fill_between(x, np.maximum(mean - std, BAND_FLOOR * mean), mean + std, color=colour, alpha=0.25, linewidth=0)
    axis.set_yscale("log")
    low, high = axis.get_ylim()
    if high / low > 1e4:  # labels at every decade would touch
        axis.yaxis.set_major_locator(LogLocator(numticks=7))
    if high / low < 10:  # plain numbers where decades are too far apart to be of help
        axis.yaxis.set_minor_locator(LogLocator(subs=(2, 3, 4, 6)))
        axis.yaxis.set_minor_formatter(ScalarFormatter())
        axis.yaxis.set_major_formatter(ScalarFormatter())
    sns.despine(ax=axis)


def _round_limits(axis: Axes) -> None:
    """Let a log scale end, and be labelled, at 1, 2 or 5 times a power of ten, however the widest band falls."""
    low, high = axis.get_ylim()
    ends = [step * 10.0**power for power in range(-20, 20) for step in (1, 2, 5)]
    axis.set_ylim(max(end for end in ends if end <= low), min(end for end in ends if end >= high))
    axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.yaxis.set_minor_formatter(NullFormatter())


def save(figure: Figure, *paths: str | Path) -> None:
    """Write a figure to each path, by its ending; without dates, so that equal figures are equal files, whole or not there."""
    for path in map(Path, paths):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.stem}.partial{path.suffix}")
        figure.savefig(temporary, metadata={"CreationDate": None} if path.suffix == ".pdf" else None)
        os.replace(temporary, path)
        figure.set_layout_engine("none")  # laid out once for all formats
    plt.close(figure)


def png(figure: Figure) -> bytes:
    """A figure as the bytes of a PNG, for showing it in a notebook alone."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    plt.close(figure)
    return buffer.getvalue()


def legend_above(figure: Figure, axis: Axes) -> Figure:
    """One panel's legend for all, where no curve can run into it."""
    handles, labels = axis.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels))
    return figure


def captioned(figure: Figure, caption: str) -> Figure:
    """The caption below the panels, wrapped to the figure's width."""
    characters = int(figure.get_figwidth() * 14)
    figure.supxlabel("\n".join(textwrap.wrap(caption, characters)), fontsize=8, x=0.01, ha="left")
    return figure
