"""Figure S5: what training to the same loss makes of an MLP, against the scale of its initialisation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from ...collapse.metrics import random_directions_nc2
from ...drawing import BLACK, BLUE, GREEN, ORANGE, captioned, plain_if_narrow

_GREY = "0.45"
_MARKERS = "osD^vP*X"


def scales_figure(
    found: pd.DataFrame,
    by_layer: pd.DataFrame,
    names: Mapping[str, str],
    classes: Mapping[str, int],
    width: int,
    caption: str,
) -> Figure:
    """Draw two rows of three panels per dataset: the NFA's excess, by layer, SVᵀ's share; NC1, NC2, epochs.

    Args:
        found: One row per network (:func:`.quantities.quantities`).
        by_layer: The excess per layer (:func:`.quantities.excess`).
        names: Datasets' titles, in the rows' order.
        classes: Datasets' numbers of classes.
        width: Of the hidden layers, for random directions.
        caption: What is below the panels.
    """
    figure, axes = plt.subplots(
        2 * len(names), 3, figsize=(11.5, 5.6 * len(names) + 0.9), squeeze=False, layout="constrained"
    )
    for i, (dataset, name) in enumerate(names.items()):
        own = found[found.dataset == dataset]
        upper, lower = axes[2 * i], axes[2 * i + 1]
        start = own.assign(reached=True)  # before training no loss has been missed
        _networks(upper[0], start, "untrained_excess", "untrained", _GREY, "s")
        _networks(upper[0], own, "excess", "trained", BLUE, "o")
        upper[0].axhline(0, color=BLACK, linewidth=0.8)
        upper[0].set(ylabel="NFA: correlation less its null", title=name)
        _layers(upper[1], by_layer[(by_layer.dataset == dataset) & by_layer.trained], own)
        upper[1].axhline(0, color=BLACK, linewidth=0.8)
        upper[1].set_ylabel("the same by hidden layer")
        _networks(upper[2], own, "svd_share", "trained", ORANGE, "^")
        upper[2].axhline(0.5, color=BLACK, linestyle=":", linewidth=1, label="one half")
        upper[2].set_ylabel("share of SVᵀ in the fall of log NC1")
        for axis, metric in zip(lower[:2], ("nc1", "nc2"), strict=True):
            _networks(axis, start, f"untrained_{metric}", "untrained", _GREY, "s")
            _networks(axis, own, metric, "trained", BLUE, "o")
            axis.set(yscale="log", ylabel=f"{metric.upper()} of the last hidden layer")
        directions = random_directions_nc2(classes[dataset], width)
        lower[1].axhline(
            float(directions.median()), color=GREEN, linestyle="--", linewidth=1.2, label="random directions"
        )
        _networks(lower[2], own, "epochs", "trained", BLACK, "D")
        lower[2].set(yscale="log", ylabel="epochs to the loss")
        for axis in (*upper, *lower):
            _scale_axis(axis, sorted(own.scale.unique()))
            plain_if_narrow(axis)
            axis.legend(fontsize=7)
    sns.despine(figure)
    return captioned(figure, caption)


def _networks(axis: Axes, found: pd.DataFrame, quantity: str, label: str, colour: Any, marker: str) -> None:
    """Draw a point per network, hollow if it has not reached the loss, and a line through the means of those that have."""
    style: dict[str, Any] = {"color": colour, "marker": marker, "linestyle": "none", "markersize": 4}
    reached, still = found[found.reached], found[~found.reached]
    axis.plot(reached.scale, reached[quantity], alpha=0.6, **style)
    axis.plot(still.scale, still[quantity], markerfacecolor="white", **style)
    means = reached.groupby("scale")[quantity].mean()
    axis.plot(means.index, means, label=label, color=colour, linewidth=1.3, marker=marker, markersize=0)
    if len(still):
        axis.plot([], [], markerfacecolor="white", label=f"{label}, loss not reached", **style)


def _layers(axis: Axes, by_layer: pd.DataFrame, found: pd.DataFrame) -> None:
    """Return the means of each layer's excess over the networks that have reached the loss."""
    reached = by_layer.merge(found.loc[found.reached, ["scale", "seed"]], on=["scale", "seed"])
    layers = sorted(by_layer.layer.unique())
    for layer, colour in zip(layers, sns.color_palette("viridis", len(layers)), strict=True):
        means = reached[reached.layer == layer].groupby("scale").value.mean()
        marker = _MARKERS[(int(layer) - 1) % len(_MARKERS)]
        axis.plot(means.index, means, color=colour, marker=marker, markersize=4, linewidth=1.2, label=f"layer {layer}")


def _scale_axis(axis: Axes, scales: list[float]) -> None:
    axis.set(xscale="log", xlabel="scale of the initialisation", xlim=(scales[0] / 1.15, scales[-1] * 1.15))
    axis.xaxis.set_major_locator(FixedLocator(scales))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.xaxis.set_major_formatter(FuncFormatter(lambda scale, _: f"{scale:g}"))
