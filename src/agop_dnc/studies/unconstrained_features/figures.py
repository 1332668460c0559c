"""Draw the figures of the deep unconstrained features model: solid lines and markers are measured, dashed lines predicted."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ...drawing import BLACK, BLUE, GREEN, ORANGE, RED, captioned
from ...pipeline.tables import summary

LAYER_MARKS = "osD^v*"


def descent_figure(curves: pd.DataFrame, caption: str) -> Figure:
    """Draw the DUFM's training (Figures D1, D3), one row per number of layers: loss, DNC1, DNC2 after σ and before σ, DNC3.

    The loss is drawn for every seed, with a colour per setting. The other panels show the first setting's geometric mean over seeds, one
    curve per layer.

    Args:
        curves: Rows of dufm_curves.csv for one of the studies d1 and d3.
        caption: The caption.

    Returns:
        The figure.
    """
    optima = curves[curves.metric == "optimum"].groupby("layers").value.first()
    curves = curves[curves.metric != "optimum"]
    depths, settings = sorted(curves.layers.unique()), list(curves.setting.unique())
    figure, axes = plt.subplots(
        len(depths), 5, figsize=(16, 3.0 * len(depths) + 0.9), squeeze=False, layout="constrained"
    )
    marks = dict(zip(settings, (BLUE, ORANGE, GREEN, RED), strict=False))
    titles = {"dnc1": "DNC1", "dnc2": "DNC2 − 1, after σ", "dnc2_before": "DNC2 − 1, before σ", "dnc3": "DNC3"}
    for line, depth in zip(axes, depths, strict=True):
        here = curves[curves.layers == depth]
        for (setting, _), rows in here[here.metric == "loss"].groupby(["setting", "seed"], sort=False):
            line[0].plot(rows.step, rows.value, color=marks[setting], linewidth=0.9)
        line[0].axhline(optima[depth], color=BLACK, linestyle="--", linewidth=1)
        line[0].set(ylabel=f"L = {depth}\nloss", yscale="log")
        first = here[here.setting == settings[0]]
        for axis, (metric, title) in zip(line[1:], titles.items(), strict=True):
            rows = first[first.metric == metric]
            layers = sorted(rows.layer.unique())
            for layer, colour in zip(layers, sns.color_palette("viridis", len(layers)), strict=True):
                offset = 1.0 if metric.startswith("dnc2") else 0.0
                values = rows[rows.layer == layer].assign(
                    value=lambda r, o=offset: np.log(np.maximum(r.value - o, 1e-17))
                )
                curve = summary(values, ["step"])
                axis.plot(
                    curve.step,
                    np.exp(curve["mean"]),
                    color=colour,
                    linewidth=1.2,
                    marker=LAYER_MARKS[(layer - 1) % 6],
                    markersize=3,
                    label=f"input of layer {layer}",
                )
            axis.set(yscale="log", title=title if depth == depths[0] else "")
        for axis in line:
            axis.set_xscale("symlog", linthresh=1)
            axis.set(xlabel="step", xlim=(0, None))
        line[1].legend(fontsize=6)
    handles = [Line2D([], [], color=marks[setting]) for setting in settings]
    axes[0, 0].legend(
        [*handles, Line2D([], [], color=BLACK, linestyle="--")],
        [*settings, "predicted optimum"],
        fontsize=6,
        loc="upper right",
    )
    sns.despine(figure)
    return captioned(figure, caption)


def threshold_figure(curves: pd.DataFrame, caption: str) -> Figure:
    """Draw the losses found against the strength of the penalties (Figure D2), one panel per number of layers.

    Args:
        curves: Rows of dufm_curves.csv for study d2.
        caption: The caption.

    Returns:
        The figure.
    """
    depths = sorted(curves.layers.unique())
    figure, axes = plt.subplots(
        1, len(depths), figsize=(3.6 * len(depths), 3.7), squeeze=False, layout="constrained", sharey=True
    )
    for axis, depth in zip(axes[0], depths, strict=True):
        here = curves[curves.layers == depth]
        starts = here[here.metric == "loss"]
        axis.plot(starts.ratio, starts.value, ".", color="#999999", markersize=3, label="one start")
        by_ratio = here[here.metric != "loss"].pivot(index="ratio", columns="metric", values="value").sort_index()
        local = by_ratio["collapsed loss"].dropna()
        axis.plot(local.index, local, ":", color=BLACK, label="min F(a), collapsed")
        axis.plot(by_ratio.index, by_ratio.optimum, "--", color=BLACK, label="min(1/2, min F(a))")
        collapsed, nothing = (by_ratio["lowest loss"][by_ratio.collapsed == flag] for flag in (1, 0))
        axis.plot(collapsed.index, collapsed, "o", color=BLUE, markersize=5, label="lowest: collapsed")
        axis.plot(nothing.index, nothing, "X", color=RED, markersize=6, label="lowest: zero")
        axis.axvline(1.0, color=GREEN, linewidth=1, label="predicted threshold")
        axis.set(xscale="log", title=f"L = {depth}", xlabel=r"$n\lambda_H\lambda_1\cdots\lambda_L$ / threshold")
    axes[0, 0].set(ylabel="loss", ylim=(None, 0.62))
    handles, labels = axes[0, -1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels))
    sns.despine(figure)
    return captioned(figure, caption)


def rank_figure(curves: pd.DataFrame, caption: str) -> Figure:
    """Draw losses and ranks for more than two classes (Figure D4), one column per (K, L).

    The upper panels show losses, over steps and at the end, as multiples of the loss of collapse; values above 2 are cut off. The lower
    panels show ranks by layer.

    Args:
        curves: Rows of dufm_curves.csv for study d4.
        caption: The caption.

    Returns:
        The figure.
    """
    cases = list(curves.groupby(["classes", "layers"], sort=False))
    figure, axes = plt.subplots(2, len(cases), figsize=(3.8 * len(cases), 6.0), squeeze=False, layout="constrained")
    ends = {"L-BFGS from there": (BLUE, "o"), "L-BFGS": (ORANGE, "^")}
    for (top, bottom), (case, rows) in zip(axes.T, cases, strict=True):
        classes, layers = (int(str(part)) for part in case)
        collapsed = rows[rows.metric == "optimum"].value.iloc[0]
        here = rows[rows.metric == "loss"]
        for _, curve in here.groupby("seed"):
            top.plot(curve.step, curve.value / collapsed, color=BLUE, linewidth=0.7)
        losses, ranks = rows[rows.metric == "final loss"], rows[rows.metric == "rank"]
        for place, (setting, (colour, marker)) in enumerate(ends.items()):
            found = losses[losses.setting == setting].value / collapsed
            top.plot([here.step.max() * 2.0 ** (place + 1)] * len(found), found, marker, color=colour, markersize=4)
            for _, line in ranks[ranks.setting == setting].groupby("seed"):
                bottom.plot(line.layer, line.value, f"{marker}-", color=colour, markersize=4, linewidth=0.7, alpha=0.7)
        top.axhline(1.0, color=BLACK, linestyle="--", linewidth=1)
        bottom.axhline(classes, color=BLACK, linestyle="--", linewidth=1)
        top.set(title=f"K = {classes}, L = {layers}", xlabel="step", ylim=(0.7, 2))
        top.set_xscale("symlog", linthresh=1)
        top.set(xlim=(0, here.step.max() * 8), xticks=[0, 10, 100, 1000], xticklabels=["0", "10", "100", "1000"])
        bottom.set(xlabel="layer", ylim=(0, classes + 1), xticks=range(1, layers + 1))
    axes[0, 0].set_ylabel("loss / loss of collapse")
    axes[1, 0].set_ylabel("rank of the layer's input")
    handles = [Line2D([], [], color=BLUE), *(Line2D([], [], color=c, marker=m, linestyle="") for c, m in ends.values())]
    handles.append(Line2D([], [], color=BLACK, linestyle="--"))
    labels = ["gradient descent", "L-BFGS from its end", "L-BFGS from the start", "collapse"]
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels))
    sns.despine(figure)
    return captioned(figure, caption)
