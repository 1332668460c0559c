"""Figure R1: test R² against points and iterations, and the learned M next to the truth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ...drawing import BLACK, BLUE, GREEN, ORANGE, RED, captioned, legend_above
from .notes import MODELS, last_iterations

_STYLES = {
    "laplace": (ORANGE, "o"),
    "rfm": (BLUE, "s"),
    "rfm_centred": (GREEN, "^"),
    "network": (RED, "D"),
    "laplace_true": (BLACK, "v"),
}
Blocks = Mapping[str, NDArray[np.float64]]


def polynomials_figure(
    table: pd.DataFrame, blocks: Mapping[str, Blocks], titles: Mapping[str, str], caption: str
) -> Figure:
    """Draw a row per target: R² against n, R² against iterations at the largest n, the learned M, the truth.

    Args:
        table: Rows of polynomials.csv.
        blocks: By target the leading blocks of `rfm` and `truth`, in coordinates whose first two are the target's directions.
        titles: The targets' formulas, in the order of the rows.
        caption: The caption.
    """
    figure, axes = plt.subplots(
        len(titles), 4, figsize=(11.5, 2.9 * len(titles) + 0.5), layout="constrained", squeeze=False,
        width_ratios=(1.25, 1.25, 1, 1),
    )  # fmt: skip
    for row, (target, title) in zip(axes, titles.items(), strict=True):
        rows = table[(table.target == target) & (table.metric == "r2")]
        _against_points(row[0], rows)
        _against_iterations(row[1], rows[rows.n == rows.n.max()])
        row[0].set_title(f"{title}: test R²")
        row[1].set_title(f"test R² at n = {rows.n.max():,}")
        _matrix(row[2], blocks[target]["rfm"], "$M$ of RFM")
        _matrix(row[3], blocks[target]["truth"], "EGOP of the target")
    return captioned(legend_above(figure, axes[0, 0]), caption)


def _against_points(axis: Axes, rows: pd.DataFrame) -> None:
    last = last_iterations(rows)
    for model in _STYLES:
        _median_and_range(axis, last[last.model == model], "n", model)
    sizes = sorted(rows.n.unique())
    axis.set_xscale("log")
    axis.set_xticks(sizes, labels=[f"{n:,}" for n in sizes])
    axis.minorticks_off()
    _r2_axis(axis, "training points $n$")


def _against_iterations(axis: Axes, rows: pd.DataFrame) -> None:
    plain = rows[rows.model == "laplace"]
    for model in ("rfm", "rfm_centred"):
        _median_and_range(axis, pd.concat([plain, rows[rows.model == model]]), "iteration", model)
    for model in ("network", "laplace_true"):
        axis.axhline(rows[rows.model == model].value.median(), color=_STYLES[model][0], linestyle="--", linewidth=1)
    axis.set_xticks(sorted(rows.iteration.unique()))
    _r2_axis(axis, "updates of $M$")


def _median_and_range(axis: Axes, rows: pd.DataFrame, x: str, model: str) -> None:
    """Draw the median over seeds with a bar from the least to the largest, as a network may fail with one seed alone."""
    colour, marker = _STYLES[model]
    drawn = rows.groupby(x).value.agg(["median", "min", "max"])
    bars = [drawn["median"] - drawn["min"], drawn["max"] - drawn["median"]]
    axis.errorbar(
        drawn.index, drawn["median"], bars, color=colour, marker=marker, markersize=3.5, linewidth=1.3, elinewidth=0.8,
        label=MODELS[model],
    )  # fmt: skip
    sns.despine(ax=axis)


def _r2_axis(axis: Axes, x: str) -> None:
    axis.axhline(0, color=BLACK, linewidth=0.5)
    axis.set(xlabel=x, ylabel="test $R^2$", ylim=(-0.25, 1.05))


def _matrix(axis: Axes, M: Any, title: str) -> None:
    """Draw a block of a matrix as shares of its largest entry."""
    shares = M / np.abs(M).max()
    sns.heatmap(shares, ax=axis, vmin=-1, vmax=1, cmap="RdBu_r", square=True, cbar_kws={"shrink": 0.7}, rasterized=True)
    axis.set_xticks([])
    axis.set_yticks([])
    axis.set_title(f"{title}, first {len(M)}")
