"""Figures of the theory: every prediction in the same axes as its measurement. Solid with markers: measured; dashed: predicted."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from .collapse_iteration import KAPPAS, fitted_rate, floor, kappa, rate, sufficient_rate
from .plots import BLACK, BLUE, ORANGE, captioned
from .review_plots import RED

KAPPA_LABELS = {
    "printed": r"printed, $1 - 2\hat\lambda(1 + \lambda_{map}^{-1})$",
    "first order": r"Lemma C.2, $1 - 2\hat\lambda/(n + \lambda_{map})$",
    "exact": r"exact, $((n + \lambda_{map})/(n + \lambda_{map} + \hat\lambda))^2$",
}
KAPPA_STYLES = {"printed": (RED, "^"), "first order": (ORANGE, "s"), "exact": (BLUE, "o")}
RATIO = r"$\hat\lambda/\lambda_{map}$"
MODELS = {"relu": ("Deep RFM, ReLU", BLUE, "s"), "cos": ("Deep RFM, cosines", ORANGE, "^"), "rfm": ("RFM", BLACK, "o")}


def iteration_figure(curves: pd.DataFrame, classes: Sequence[int], map_ridge: float, caption: str) -> Figure:
    """Theorem 5.3 (Figure T1), a row per data set: distance to YᵀY against layer for each κ, then floors and rates.

    curves: collapse_iteration.csv. classes: points a class, n, of each data set in the table's order.
    """
    names = list(curves.data.unique())
    figure, axes = plt.subplots(
        len(names), 5, figsize=(16, 3.1 * len(names) + 0.9), squeeze=False, layout="constrained"
    )
    ratios = sorted(curves.ratio.unique())
    colours = dict(zip(ratios, sns.color_palette("viridis", len(ratios)), strict=True))
    for line, name, n in zip(axes, names, classes, strict=True):
        here = curves[curves.data == name]
        for axis, which in zip(line, KAPPAS, strict=False):
            for ratio, curve in here[here.kappa == which].groupby("ratio"):
                ridge, value = float(str(ratio)) * map_ridge, curve.set_index("layer").value
                axis.plot(
                    value.index, value, "o-", color=colours[ratio], markersize=2.5, linewidth=1, label=f"{ratio:g}"
                )
                after = value.index[value < 0.02 * n]  # the prediction is for the neighbourhood of YᵀY
                if len(after):
                    fall = value.loc[after[0]] * rate(ridge, map_ridge, n) ** (after - after[0]).to_numpy()
                    ends = floor(kappa(which, ridge, map_ridge, n), ridge, map_ridge, n)
                    axis.plot(after, np.maximum(fall, max(ends, 1e-15)), "--", color=BLACK, linewidth=0.7)
            axis.set(yscale="log", ylim=(1e-15, 1e3), xlabel="layer", title=f"κ {KAPPA_LABELS[which]}")
            axis.title.set_fontsize(8)
        line[0].set_ylabel(f"{name}\n" + r"$\|\tilde X^\top\tilde X - Y^\top Y\|$")
        _floors(line[3], here, n, map_ridge)
        _rates(line[4], here, n, map_ridge)
    handles = [
        Line2D([], [], color=colours[ratio], marker="o", markersize=3, label=f"{RATIO} = {ratio:g}") for ratio in ratios
    ]
    handles.append(Line2D([], [], color=BLACK, linestyle="--", linewidth=0.7, label="predicted"))
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles))
    axes[0, 3].legend(fontsize=7)
    axes[0, 4].legend(fontsize=7)
    sns.despine(figure)
    return captioned(figure, caption)


def _floors(axis: Axes, curves: pd.DataFrame, n: int, map_ridge: float) -> None:
    for which, (colour, marker) in KAPPA_STYLES.items():
        if which == "exact":
            continue
        ends = curves[(curves.kappa == which) & (curves.layer == curves.layer.max())].sort_values("ratio")
        predicted = [floor(kappa(which, x * map_ridge, map_ridge, n), x * map_ridge, map_ridge, n) for x in ends.ratio]
        axis.plot(ends.ratio, ends.value, marker, color=colour, markersize=5, label=f"κ {which}")
        axis.plot(ends.ratio, predicted, "--", color=colour, linewidth=1)
    ratios = np.array(sorted(curves.ratio.unique()))
    axis.plot(ratios, ratios**2, ":", color=BLACK, label=r"$(\hat\lambda/\lambda_{map})^2$, the theorem's order")
    axis.set(xscale="log", yscale="log", xlabel=RATIO, ylabel="distance in the last layer", title="the floor")


def _rates(axis: Axes, curves: pd.DataFrame, n: int, map_ridge: float) -> None:
    exact = curves[curves.kappa == "exact"]
    fitted = exact.sort_values("layer").groupby("ratio").value.apply(lambda values: fitted_rate(list(values), n))
    ratios = np.array(fitted.index, dtype=float)
    axis.plot(ratios, fitted, "o", color=BLUE, markersize=5, label="measured, exact κ")
    axis.plot(
        ratios,
        [rate(x * map_ridge, map_ridge, n) for x in ratios],
        "--",
        color=BLUE,
        label=r"$\hat\lambda n/((n + \lambda_{map})(\lambda_{map} + \hat\lambda))$",
    )
    asked = np.array([sufficient_rate(x * map_ridge, map_ridge, n) for x in ratios])
    axis.plot(
        ratios[asked < 1], asked[asked < 1], ":", color=BLACK, label=r"$1 - \varepsilon$ by the theorem's condition"
    )
    axis.axvspan(map_ridge / sufficient_rate(map_ridge, map_ridge, n), ratios.max(), color="#eeeeee", zorder=0)
    axis.set(xscale="log", yscale="log", xlabel=RATIO, ylabel="factor a layer", title="the rate")


def practice_figure(traces: pd.DataFrame, names: Sequence[str], caption: str) -> Figure:
    """Theorem 5.3 beside the run's Deep RFMs: a row per data set; λ̂ and λ_map, the factor a layer, and √NC1.

    traces: kernel_trace.csv.
    """
    figure, axes = plt.subplots(
        len(names), 3, figsize=(11.5, 2.9 * len(names) + 0.8), squeeze=False, layout="constrained"
    )
    for line, name in zip(axes, names, strict=True):
        for model, (label, colour, marker) in MODELS.items():
            wide = traces[(traces.dataset == name) & (traces.model == model)].pivot(
                index="layer", columns="metric", values="value"
            )
            if "predicted_rate" not in wide:
                continue
            style = {"color": colour, "marker": marker, "markersize": 3.5, "linewidth": 1.2}
            line[0].plot(wide.index, wide.ridge, label=rf"$\hat\lambda$, {label}", **style)
            line[0].plot(wide.index, wide.map_ridge, linestyle=":", label=rf"$\lambda_{{map}}$, {label}", **style)
            line[1].plot(
                wide.index[1:], wide.distance.to_numpy()[1:] / wide.distance.to_numpy()[:-1], label=label, **style
            )
            line[1].plot(wide.index, wide.predicted_rate, "--", color=colour, linewidth=1.2)
            line[2].plot(wide.index, wide.distance, label=label, **style)
            falls = wide.distance.iloc[0] * wide.predicted_rate.fillna(1.0).cumprod()
            line[2].plot(wide.index, falls, "--", color=colour, linewidth=1.2)
        line[0].set(yscale="log", xlabel="layer", ylabel=f"{name}\nin units of the signal")
        line[1].set(xlabel="layer", ylabel=r"factor of $\sqrt{\mathrm{NC1}}$ a layer", ylim=(0, None))
        line[2].set(yscale="log", xlabel="layer", ylabel=r"$\sqrt{\mathrm{NC1}}$ of $\tilde X$")
    axes[0, 0].legend(fontsize=6)
    axes[0, 1].legend(fontsize=7)
    sns.despine(figure)
    return captioned(figure, caption)


def learning_figure(curves: pd.DataFrame, caption: str) -> Figure:
    """Theorem 5.4 (Figure T2): objective and certificate, shortfall and gap, distance to k*, against steps.

    curves: kernel_learning.csv. A colour per problem, a line per start.
    """
    figure, axes = plt.subplots(1, 3, figsize=(12.5, 4.0), layout="constrained")
    problems = list(curves.problem.unique())
    palette = dict(zip(problems, sns.color_palette("viridis", len(problems)), strict=True))
    drawn = ((0, "objective", "-"), (0, "bound", ":"), (1, "shortfall", "-"), (1, "gap", ":"), (2, "distance", "-"))
    for (problem, _, metric), rows in curves.groupby(["problem", "start", "metric"], sort=False):
        for place, wanted, line in drawn:
            if metric == wanted:
                shown = rows.value.where(rows.value > 1e-16) if place else rows.value
                axes[place].plot(rows.step, shown, line, color=palette[problem], linewidth=0.9)
    axes[0].axhline(1.0, color=BLACK, linestyle="--", linewidth=1)
    axes[0].set(
        ylabel="share of the optimum", title="objective (solid) below, certificate (dotted) above", ylim=(0, 2.5)
    )
    axes[0].set_xscale("symlog", linthresh=10)
    axes[0].set_xlim(0, None)
    axes[1].set(
        yscale="log",
        ylabel="share of the optimum",
        title="shortfall (solid), certified gap (dotted)",
        ylim=(1e-16, 1e3),
    )
    axes[2].set(
        yscale="log", ylabel=r"$\|k - k^*\|_F / \|k^*\|_F$", title="distance to the collapsed matrix", ylim=(1e-16, 3)
    )
    for axis in axes:
        axis.set_xlabel("step")
    figure.legend(
        [Line2D([], [], color=colour) for colour in palette.values()],
        problems,
        loc="outside upper center",
        ncols=len(problems),
    )
    sns.despine(figure)
    return captioned(figure, caption)


def trace_figure(traces: pd.DataFrame, limits: pd.DataFrame, names: Sequence[str], caption: str) -> Figure:
    """Theorem 5.4 beside the run's kernels, a row per data set: alignment with k* and share of the optimum, by layer.

    traces: kernel_trace.csv. limits: rows of theory.csv, whose predictions are what collapsed points give.
    """
    panels = {
        "alignment": "alignment with $k^*$",
        "centred_alignment": "alignment, both centred",
        "objective": "share of the optimum",
    }
    figure, axes = plt.subplots(
        len(names), 3, figsize=(11.5, 2.9 * len(names) + 0.9), squeeze=False, layout="constrained"
    )
    for line, name in zip(axes, names, strict=True):
        for axis, (metric, label) in zip(line, panels.items(), strict=True):
            for model, (title, colour, marker) in MODELS.items():
                rows = traces[(traces.dataset == name) & (traces.model == model) & (traces.metric == metric)]
                axis.plot(
                    rows.layer, rows.value, color=colour, marker=marker, markersize=3.5, linewidth=1.2, label=title
                )
                asked = limits[
                    (limits.data == name) & (limits.setting == model) & limits.quantity.str.startswith(metric)
                ]
                if len(asked):
                    axis.axhline(asked.predicted.iloc[0], color=colour, linestyle="--", linewidth=1)
            axis.axhline(1.0, color=BLACK, linestyle=":", linewidth=1)
            axis.set(xlabel="layer (iteration of RFM)", ylabel=label)
        line[0].set_ylabel(f"{name}\n{panels['alignment']}")
    axes[0, 0].legend(fontsize=7)
    sns.despine(figure)
    return captioned(figure, caption)
