"""Figure R3: RFM against the Laplace kernel by set, and the critical-difference diagram of all methods."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...drawing import BLACK, BLUE, ORANGE, captioned
from .notes import accuracies, cliques, critical_difference, ranks
from .sets import METHOD_TITLES


def tabular_figure(table: pd.DataFrame, caption: str) -> Figure:
    """Draw RFM's accuracy less the Laplace kernel's by set, and the methods' mean ranks.

    Args:
        table: Rows of tabular.csv.
        caption: The caption.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained", width_ratios=(1, 1.5))
    _by_set(left, table)
    _mean_ranks(right, accuracies(table))
    return captioned(figure, caption)


def _by_set(axis: Axes, table: pd.DataFrame) -> None:
    for protocol, colour, marker, label in (
        ("clean", BLUE, "o", "settings and M from within folds"),
        ("published", ORANGE, "x", "M learned on the tuning half"),
    ):
        accuracy = 100 * accuracies(table, protocol)
        axis.plot(accuracy.laplace, accuracy.rfm - accuracy.laplace, marker, color=colour, markersize=4, label=label)
    axis.axhline(0, color=BLACK, linewidth=0.8)
    axis.set(xlabel="accuracy of the Laplace kernel in %", ylabel="RFM − Laplace kernel, points", title="set by set")
    axis.legend(fontsize=7)
    sns.despine(ax=axis)


def _mean_ranks(axis: Axes, accuracy: pd.DataFrame) -> None:
    """Draw a critical-difference diagram: methods on a scale of mean ranks, joined by bars if chance may explain the difference."""
    mean = ranks(accuracy).mean().sort_values()
    k, difference = len(mean), critical_difference(len(mean), len(accuracy))
    axis.set(xlim=(-1.3, k + 2.3), ylim=(-(k // 2 + k % 2) - 1.3, 1.6), title="mean ranks, the best on the left")
    axis.plot([1, k], [0, 0], color=BLACK, linewidth=1)
    for rank in range(1, k + 1):
        axis.plot([rank, rank], [0, 0.12], color=BLACK, linewidth=1)
        axis.text(rank, 0.2, str(rank), ha="center", va="bottom", fontsize=8)
    shown = min(difference, k - 1)
    axis.plot([1, 1 + shown], [1.05, 1.05], color=BLACK, linewidth=1.2)
    axis.text(1 + shown / 2, 1.12, f"critical difference {difference:.2f}", ha="center", va="bottom", fontsize=8)
    groups = cliques(mean, difference)
    for index, (low, high) in enumerate(groups):
        height = -0.14 - 0.5 * index / max(1, len(groups))
        axis.plot([low - 0.03, high + 0.03], [height, height], color=BLACK, linewidth=3, solid_capstyle="butt")
    half = k // 2 + k % 2
    for index, (name, rank) in enumerate(mean.items()):
        left = index < half
        height = -1 - (index if left else k - 1 - index)
        end = 0.8 if left else k + 0.2
        axis.plot([rank, rank, end], [0, height, height], color=BLUE if name == "rfm" else "0.45", linewidth=1)
        text = f"{METHOD_TITLES[str(name)]} {rank:.2f}"
        axis.text(
            0.7 if left else k + 0.3, height, text, ha="right" if left else "left", va="center", fontsize=8,
            weight="bold" if name == "rfm" else "normal",
        )  # fmt: skip
    axis.set_axis_off()
    axis.title.set_visible(True)
