"""Figures G1 and G2: accuracies and hidden progress against iterations, and the learned M."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ...drawing import BLACK, BLUE, GREEN, ORANGE, RED, captioned
from .features import BY_LOGARITHM
from .titles import model_title, title

_CURVES = {
    "train_accuracy": ("training accuracy", BLACK, "o"),
    "test_accuracy": ("test accuracy", BLUE, "s"),
    "circulant_deviation": ("circulant deviation of the AGOP", ORANGE, "^"),
    "alignment": ("alignment with the last AGOP", GREEN, "D"),
}
_COLUMNS = 2


def grokking_figure(table: pd.DataFrame, caption: str) -> Figure:
    """Draw a panel per operation, modulus and kernel: every seed's curves against iterations.

    Args:
        table: Rows of modular_arithmetic.csv.
        caption: The caption.
    """
    panels = list(table.groupby(["p", "operation", "kernel"], sort=False))
    columns = min(_COLUMNS, len(panels))
    lines = -(-len(panels) // columns)
    figure, axes = plt.subplots(
        lines, columns, figsize=(4.6 * columns, 2.6 * lines + 0.9), layout="constrained", squeeze=False, sharey=True
    )
    for axis in axes.flat[len(panels) :]:
        axis.remove()
    for axis, (key, rows) in zip(axes.flat, panels, strict=False):
        p, operation, kernel = cast(tuple[int, str, str], key)
        _panel(axis, rows)
        axis.set_title(f"{title(p, operation)}: {model_title(kernel)}")
    for axis in axes[:, 0]:
        axis.set_ylabel("share")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3)
    return captioned(figure, caption)


def _panel(axis: Axes, rows: pd.DataFrame) -> None:
    for metric, (label, colour, marker) in _CURVES.items():
        curves = rows[(rows.model == "rfm") & (rows.metric == metric)]
        for index, (_, curve) in enumerate(curves.groupby("seed", sort=False)):
            axis.plot(
                curve.iteration, curve.value, color=colour, marker=marker, markersize=2.5, linewidth=1, alpha=0.8,
                label=None if index else label,
            )  # fmt: skip
    random = rows[(rows.model == "random_circulant") & (rows.metric == "test_accuracy")].value.mean()
    axis.axhline(random, color=RED, linestyle="--", linewidth=1, label="test accuracy, random circulant features")
    axis.set(xlabel="updates of $M$", ylim=(-0.03, 1.05))
    sns.despine(ax=axis)


def features_figure(features: Mapping[str, Mapping[str, NDArray[Any]]], p: int, caption: str) -> Figure:
    """Draw a column per operation: the learned M as it is and, for × and ÷, re-ordered by the discrete logarithm.

    Args:
        features: By operation `M` (2p×2p) and `ordered`, M with its numbers in the order in which its blocks are circulant.
        p: The modulus.
        caption: The caption.
    """
    figure, axes = plt.subplots(
        2, len(features), figsize=(2.8 * len(features) + 0.4, 6.8), layout="constrained", squeeze=False
    )
    for column, (operation, own) in zip(axes.T, features.items(), strict=True):
        _matrix(column[0], own["M"])
        column[0].set_title(title(p, operation))
        if BY_LOGARITHM[operation]:
            _matrix(column[1], own["ordered"])
            column[1].set_title("by discrete logarithm")
        else:
            column[1].set_axis_off()
    return captioned(figure, caption)


def _matrix(axis: Axes, M: NDArray[Any]) -> None:
    """Draw M without its diagonal, on which most of its mass lies, in units of the standard deviation of the other entries."""
    half = len(M) // 2
    rest = ~np.eye(len(M), dtype=bool)
    shown = np.where(rest, (M - M[rest].mean()) / M[rest].std(), np.nan)
    axis.imshow(shown, cmap="RdBu_r", vmin=-3, vmax=3, interpolation="nearest")
    axis.axhline(half - 0.5, color=BLACK, linewidth=0.5)
    axis.axvline(half - 0.5, color=BLACK, linewidth=0.5)
    axis.set_xticks([half / 2, 1.5 * half], labels=["a", "b"])
    axis.tick_params(length=0)
    axis.set_yticks([half / 2, 1.5 * half], labels=["a", "b"])
