"""Figure C4: the Neural Feature Ansatz in every convolution of trained networks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ...drawing import BLACK, BLUE, captioned, legend_above
from ...notes import title
from ..networks.titles import TITLES
from .quantities import summary

_GREY = "0.55"


def convolutions_figure(table: pd.DataFrame, panels: Sequence[Sequence[str]], caption: str) -> Figure:
    """Draw a row of three panels per network: correlations with AGOP^{1/2}, with the AGOP, and the first less its null.

    Args:
        table: Rows of convolutions.csv.
        panels: Datasets and architectures.
        caption: The caption.

    Returns:
        The figure.
    """
    figure, axes = plt.subplots(
        len(panels), 3, figsize=(11.5, 3.1 * len(panels) + 0.8), squeeze=False, layout="constrained"
    )
    for line, (dataset, architecture) in zip(axes, panels, strict=True):
        rows = table[(table.dataset == dataset) & (table.architecture == architecture)]
        found = summary(rows)
        name = f"{TITLES[architecture]}, {title(dataset)}"
        _correlations(line[0], rows, found, "sqrt_agop", f"{name}\ncorrelation with AGOP$^{{1/2}}$")
        _correlations(line[1], rows, found, "agop", "correlation with AGOP")
        _excess(line[2], rows, found)
        for axis in line:
            axis.set_xlabel("convolution, in the order of the forward pass")
            axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    sns.despine(figure)
    return captioned(legend_above(figure, axes[0][0], axes[0][2]), caption)


def _correlations(axis: Axes, rows: pd.DataFrame, found: pd.DataFrame, target: str, label: str) -> None:
    style: dict[str, Any] = {"linewidth": 1.3, "markersize": 4}
    own = rows[(rows.metric == target) & (rows.trained == 1)]
    axis.plot(own.layer, own.value, ".", color=BLUE, alpha=0.4, markersize=3)
    axis.plot(found.layer, found[target], color=BLUE, marker="o", label="trained", **style)
    axis.plot(
        found.layer,
        found[f"{target}_null"],
        color=BLACK,
        linestyle="--",
        linewidth=1,
        label="null that keeps W",
        zorder=3,
    )
    axis.plot(found.layer, found[f"{target}_untrained"], color=_GREY, marker="s", label="untrained", **style)
    axis.set(ylim=(min(0.0, axis.get_ylim()[0]), 1.03), ylabel=label)


def _excess(axis: Axes, rows: pd.DataFrame, found: pd.DataFrame) -> None:
    wide = rows[(rows.layer > 0) & (rows.trained == 1)].pivot(index=["layer", "seed"], columns="metric", values="value")
    each = (wide.sqrt_agop - wide.sqrt_agop_null).reset_index(name="value")
    mean = found.sqrt_agop_excess
    axis.plot(each.layer, each.value, ".", color=BLUE, alpha=0.4, markersize=3)
    if found.sqrt_agop_low.notna().all():
        ends = (mean - found.sqrt_agop_low, found.sqrt_agop_high - mean)
        axis.errorbar(
            found.layer, mean, ends, color=BLUE, fmt="o", markersize=4, capsize=2, label="trained, 95 % interval"
        )
    else:
        axis.plot(found.layer, mean, "o", color=BLUE, markersize=4, label="trained")
    axis.plot(found.layer, found.sqrt_agop_untrained_excess, "s", color=_GREY, markersize=4, label="untrained")
    axis.set(ylabel="correlation with AGOP$^{1/2}$ less its null")
    axis.axhline(0, color=BLACK, linewidth=0.6)
