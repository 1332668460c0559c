"""Draw Figure T2: Theorem 5.4's objective, certificate and distance to the optimum."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ...drawing import BLACK, captioned


def learning_figure(curves: pd.DataFrame, caption: str) -> Figure:
    """Draw Theorem 5.4's problem (Figure T2): objective and certificate, shortfall and gap, and distance to k*, against steps.

    Each problem has a colour, each start a line.

    Args:
        curves: Rows of kernel_learning.csv.
        caption: The caption.

    Returns:
        The figure.
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
