"""Figure R2: how far AGOPs are from the expected one, against the number of points."""

from __future__ import annotations

from typing import cast

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...drawing import BLACK, BLUE, GREEN, ORANGE, captioned, legend_above
from .notes import METRICS, drawn_models, model_title
from .titles import title

_STYLES = ((BLACK, "v", ":"), (ORANGE, "o", "-"), (BLUE, "s", "-"), (GREEN, "^", "--"))


def egop_figure(table: pd.DataFrame, caption: str) -> Figure:
    """Draw a row per target and noise, a column per metric, on log scales.

    Args:
        table: Rows of egop.csv.
        caption: The caption.
    """
    panels = list(table.groupby(["target", "noise"], sort=False))
    figure, axes = plt.subplots(
        len(panels), len(METRICS), figsize=(10, 2.3 * len(panels) + 0.8), layout="constrained", squeeze=False
    )
    for row, (key, rows) in zip(axes, panels, strict=True):
        for axis, (metric, label) in zip(row, METRICS.items(), strict=True):
            values = rows[rows.metric == metric]
            if metric == "cosine":
                values = values.assign(value=1 - values.value)
            _panel(axis, values)
            axis.set(ylabel=label, title=title(*cast(tuple[str, float], key)))
    for axis in axes[-1]:
        axis.set_xlabel("points $n$")
    return captioned(legend_above(figure, axes[0, 0]), caption)


def _panel(axis: Axes, rows: pd.DataFrame) -> None:
    """Draw means over seeds with bars from the least to the largest."""
    for chosen, (colour, marker, line) in zip(drawn_models(rows), _STYLES, strict=True):
        model, iteration, gradients = chosen
        own = rows[(rows.model == model) & (rows.iteration == iteration) & (rows.gradients == gradients)]
        drawn = own.groupby("n").value.agg(["mean", "min", "max"])
        bars = [drawn["mean"] - drawn["min"], drawn["max"] - drawn["mean"]]
        axis.errorbar(
            drawn.index, drawn["mean"], bars, color=colour, marker=marker, linestyle=line, markersize=3.5,
            linewidth=1.3, elinewidth=0.8, label=model_title(*chosen),
        )  # fmt: skip
    sizes = sorted(rows.n.unique())
    axis.set(xscale="log", yscale="log")
    axis.set_xticks(sizes, labels=[f"{n:,}" for n in sizes])
    axis.minorticks_off()
    sns.despine(ax=axis)
