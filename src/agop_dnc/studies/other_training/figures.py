"""Figure U3: the collapse of an MLP's last hidden layer, and the Neural Feature Ansatz, by the way of training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...collapse.metrics import random_directions_nc2
from ...drawing import BLACK, BLUE, GREEN, ORANGE, captioned, legend_above, plain_if_narrow
from .quantities import DRAWN

_GREY = "0.45"
_LABELS = {
    "nc1": "NC1 of the last hidden layer",
    "nc2": "NC2 of the last hidden layer",
    "nc3": "NC3 of it and the readout",
    "nc4": "NC4: share not nearest to its mean",
    "excess": "NFA: correlation less its null",
    "svd_share": "share of SVᵀ in the fall of log NC1",
}
_LOGARITHMIC = ("nc1", "nc2", "nc3")


def ways_figure(
    found: pd.DataFrame, names: Mapping[str, str], classes: Mapping[str, int], width: int, caption: str
) -> Figure:
    """Draw two rows of three panels per dataset: NC1 to NC4, the NFA's excess and SVᵀ's share, by the way of training.

    Args:
        found: One row per network (:func:`.quantities.quantities`).
        names: Datasets' titles, in the rows' order.
        classes: Datasets' numbers of classes.
        width: Of the hidden layers, for random directions.
        caption: What is below the panels.
    """
    figure, axes = plt.subplots(
        2 * len(names), 3, figsize=(12.0, 6.8 * len(names) + 1.0), squeeze=False, layout="constrained"
    )
    for i, (dataset, name) in enumerate(names.items()):
        own = found[found.dataset == dataset]
        places = {way: place for place, way in enumerate(dict.fromkeys(own.way))}
        panels = dict(zip(DRAWN, [*axes[2 * i], *axes[2 * i + 1]], strict=True))
        for quantity, axis in panels.items():
            _networks(axis, own.assign(fitted=False), places, f"untrained_{quantity}", "untrained", _GREY, "s")
            if quantity == "nc1":
                noisy = own[own.label_noise > 0]
                _networks(axis, noisy, places, "nc1_true", "trained, by the labels without noise", ORANGE, "^")
            _networks(axis, own, places, quantity, "trained", BLUE, "o")
            axis.set_ylabel(_LABELS[quantity])
            _ways_axis(axis, list(places))
            if quantity in _LOGARITHMIC:
                axis.set_yscale("log")
                plain_if_narrow(axis)
        panels["nc1"].set_title(name)
        directions = float(random_directions_nc2(classes[dataset], width).median())
        panels["nc2"].axhline(directions, color=GREEN, linestyle="--", linewidth=1.2, label="random directions")
        panels["excess"].axhline(0, color=BLACK, linewidth=0.8)
        panels["svd_share"].axhline(0.5, color=BLACK, linestyle=":", linewidth=1, label="one half")
    sns.despine(figure)
    return captioned(legend_above(figure, *axes.flat), caption)


def _networks(
    axis: Axes, found: pd.DataFrame, places: Mapping[str, int], quantity: str, label: str, colour: str, marker: str
) -> None:
    """Draw a point per network, hollow if it has not fitted its labels, and a dash at each way's mean."""
    style: dict[str, Any] = {"color": colour, "marker": marker, "linestyle": "none", "markersize": 4.5}
    for fitted, rows in found.groupby("fitted"):
        face = colour if fitted else "white"
        axis.plot([places[way] for way in rows.way], rows[quantity], markerfacecolor=face, **style)
    if not len(found):
        return
    means = found.groupby("way")[quantity].mean()
    at = [places[way] for way in means.index]
    axis.hlines(means, [x - 0.3 for x in at], [x + 0.3 for x in at], color=colour, linewidth=1.3)
    axis.plot([], [], markerfacecolor="white" if label == "untrained" else colour, label=label, **style)


def _ways_axis(axis: Axes, ways: list[str]) -> None:
    axis.set_xticks(range(len(ways)), ways, rotation=35, ha="right", rotation_mode="anchor")
    axis.set_xlim(-0.6, len(ways) - 0.4)
    axis.axvline(0.5, color="0.85", linewidth=0.8, zorder=0)
