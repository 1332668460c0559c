"""Draw the figure of the departures."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ...drawing import BLACK, BLUE, GREEN, ORANGE, captioned


def departures_figure(table: pd.DataFrame, titles: Mapping[Any, str], caption: str) -> Figure:
    """Draw the departures that have curves, one panel per departure and quantity, one curve per variant.

    Args:
        table: Rows of departures.csv for one dataset.
        titles: The title of each departure by its number.
        caption: The caption.

    Returns:
        The figure.
    """
    panels = [
        (number, quantity, rows)
        for (number, quantity), rows in table.groupby(["departure", "quantity"], sort=True)
        if rows.groupby("variant").size().max() > 2
    ]
    across = 3
    down = -(-len(panels) // across)
    figure, axes = plt.subplots(
        down, across, figsize=(3.6 * across, 2.6 * down + 0.7), squeeze=False, layout="constrained"
    )
    for axis in axes.flat[len(panels) :]:
        axis.set_axis_off()
    styles = {"paper": (BLACK, "o", "-"), "released": (ORANGE, "^", "-")}
    for axis, (number, quantity, rows) in zip(axes.flat, panels, strict=False):
        others = iter([(BLUE, "s", "--"), (GREEN, "D", ":")])
        for variant, curve in rows.groupby("variant", sort=False):
            colour, marker, line = styles.get(str(variant)) or next(others)
            axis.plot(
                curve.step, curve.value, linestyle=line, color=colour, marker=marker, markersize=3.5, label=variant
            )
        axis.set(yscale="log", xlabel="step" if number == 13 else "layer", ylabel=textwrap.fill(str(quantity), 24))
        axis.set_title(f"{number}. {titles[number]}", fontsize=9)
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.legend(fontsize=7)
        sns.despine(ax=axis)
    return captioned(figure, caption)
