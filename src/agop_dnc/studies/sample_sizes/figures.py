"""Figure S8: how Deep RFM changes with the number of training points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from ...drawing import BLUE, GREEN, ORANGE, band, captioned, linear_band
from ...pipeline.tables import summary
from ..deep_rfm.notes import ACTIVATIONS
from .trends import LEAST_SIZES, LOGARITHMIC, trend

_GREY = "0.45"
# In place of the second panel where NC1 is never rounding.
_FLOOR = ("NC1 at the last layer", {"nc1": ("NC1", BLUE, "o")})
# Panels: title, and the quantities with label, colour and marker.
_PANELS = (
    ("decades of NC1 per layer", {"rate": ("fall of NC1 per layer", BLUE, "o")}),
    ("layers before NC1 is rounding", {"layers": ("layers", BLUE, "o")}),
    ("NC2 at the last layer", {"nc2": ("NC2", ORANGE, "^")}),
    (
        "test accuracy",
        {
            "first_accuracy": ("layer 1", _GREY, "s"),
            "best_accuracy": ("best layer", GREEN, "D"),
            "last_accuracy": ("final predictor", BLUE, "o"),
        },
    ),
)


def sizes_figure(
    found: pd.DataFrame,
    panels: Sequence[tuple[str, str]],
    nc2_chance: Mapping[tuple[str, str], float],
    target: int,
    caption: str,
) -> Figure:
    """Draw a row per (series, activation) against n: the fall of NC1 per layer, its end, the last NC2, and the test accuracy.

    The end of NC1 is the number of layers before it is rounding or, if it is so for no n, its value at the last layer.

    Args:
        found: Rows of :func:`.trends.summarise`.
        panels: (series, activation) of each row.
        nc2_chance: NC2 of random directions (median) in X̃'s dimension, by series and activation.
        target: The n to which trends are drawn on.
        caption: What is below the panels.
    """
    figure, axes = plt.subplots(
        len(panels), 4, figsize=(12.5, 2.7 * len(panels) + 0.8), squeeze=False, layout="constrained"
    )
    for line, (series, activation) in zip(axes, panels, strict=True):
        own = found[(found.series == series) & (found.activation == activation)]
        rounds = (own.quantity == "layers").any()
        chosen = (_PANELS[0], _PANELS[1] if rounds else _FLOOR, *_PANELS[2:])
        for axis, (title, quantities) in zip(line, chosen, strict=True):
            for quantity, (label, colour, marker) in quantities.items():
                _curve(axis, own[own.quantity == quantity], quantity, label, colour, marker, target)
            axis.set(xscale="log", xlabel="training points n", title=title)
            _label_sizes(axis, sorted(own.n.unique()), target)
        line[2].axhline(
            nc2_chance[series, activation], color=_GREY, linestyle=":", linewidth=1.2, label="random directions"
        )
        line[0].set_ylabel(f"{series}, {ACTIVATIONS[activation]}")
    axes[0, 2].legend(fontsize=7)
    axes[0, 3].legend(fontsize=7)
    return captioned(figure, caption)


def _curve(axis: Axes, rows: pd.DataFrame, quantity: str, label: str, colour: str, marker: str, target: int) -> None:
    """Means with one standard deviation; dashed, the trend up to the target."""
    if rows.empty:
        return
    curve = summary(rows, ["n"])
    if quantity in LOGARITHMIC:
        band(axis, curve.n, curve["mean"], curve["std"], label, colour, marker)
    else:
        linear_band(axis, curve, "n", label, colour, marker)
    if rows.groupby("seed").n.nunique().max() >= LEAST_SIZES:
        n = np.geomspace(curve.n.min(), target, 20)
        axis.plot(n, trend(rows, list(n)), color=colour, linestyle="--", linewidth=0.9, alpha=0.8)


def _label_sizes(axis: Axes, sizes: Sequence[int], target: int) -> None:
    """Label every second size if there are many, and the target."""
    axis.axvline(target, color="0.8", linewidth=0.8, zorder=0)
    shown = sizes[:: 1 if len(sizes) < 4 else 2]
    axis.set_xticks([*shown, target])
    axis.xaxis.set_major_formatter(FuncFormatter(lambda n, _: f"{n / 1000:g}k"))
    axis.xaxis.set_minor_locator(NullLocator())
