"""Draw Figure T1: Theorem 5.3's iteration and its predictions."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ...drawing import BLACK, BLUE, ORANGE, RED, captioned
from .theorem import KAPPAS, fitted_rate, floor, kappa, rate, sufficient_rate

KAPPA_LABELS = {
    "printed": r"printed, $1 - 2\hat\lambda(1 + \lambda_{map}^{-1})$",
    "first order": r"Lemma C.2, $1 - 2\hat\lambda/(n + \lambda_{map})$",
    "exact": r"exact, $((n + \lambda_{map})/(n + \lambda_{map} + \hat\lambda))^2$",
}
KAPPA_STYLES = {"printed": (RED, "^"), "first order": (ORANGE, "s"), "exact": (BLUE, "o")}
RATIO = r"$\hat\lambda/\lambda_{map}$"


def iteration_figure(curves: pd.DataFrame, classes: Sequence[int], map_ridge: float, caption: str) -> Figure:
    """Draw Theorem 5.3's iteration (Figure T1), one row per data set: distance to YᵀY against layer for each κ, floors and rates.

    Args:
        curves: Rows of collapse_iteration.csv.
        classes: Points per class, n, of each data set, in the table's order.
        map_ridge: λ_map.
        caption: The caption.

    Returns:
        The figure.
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
                after = value.index[value < 0.02 * n]  # the prediction holds near YᵀY
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
    axis.set(xscale="log", yscale="log", xlabel=RATIO, ylabel="factor per layer", title="the rate")
