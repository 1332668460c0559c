"""Draw the kernel matrices of a run's models next to both theorems, layer by layer (in Figures T1 and T2)."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from ...drawing import BLACK, BLUE, ORANGE, captioned

MODELS = {"relu": ("Deep RFM, ReLU", BLUE, "s"), "cos": ("Deep RFM, cosines", ORANGE, "^"), "rfm": ("RFM", BLACK, "o")}


def practice_figure(traces: pd.DataFrame, names: Sequence[str], caption: str) -> Figure:
    """Draw Theorem 5.3 next to the run's Deep RFMs: λ̂ and λ_map, the factor per layer, and √NC1, one row per data set.

    Args:
        traces: Rows of kernel_trace.csv.
        names: The data sets, in the order of the figure's rows.
        caption: The caption.

    Returns:
        The figure.
    """
    figure, axes = plt.subplots(
        len(names), 3, figsize=(11.5, 2.9 * len(names) + 0.8), squeeze=False, layout="constrained"
    )
    for line, name in zip(axes, names, strict=True):
        for model, (label, colour, marker) in MODELS.items():
            wide = traces[(traces.dataset == name) & (traces.model == model)].pivot(
                index="layer", columns="metric", values="value"
            )
            if "predicted_rate" not in wide:
                continue
            style = {"color": colour, "marker": marker, "markersize": 3.5, "linewidth": 1.2}
            line[0].plot(wide.index, wide.ridge, label=rf"$\hat\lambda$, {label}", **style)
            line[0].plot(wide.index, wide.map_ridge, linestyle=":", label=rf"$\lambda_{{map}}$, {label}", **style)
            line[1].plot(
                wide.index[1:], wide.distance.to_numpy()[1:] / wide.distance.to_numpy()[:-1], label=label, **style
            )
            line[1].plot(wide.index, wide.predicted_rate, "--", color=colour, linewidth=1.2)
            line[2].plot(wide.index, wide.distance, label=label, **style)
            falls = wide.distance.iloc[0] * wide.predicted_rate.fillna(1.0).cumprod()
            line[2].plot(wide.index, falls, "--", color=colour, linewidth=1.2)
        line[0].set(yscale="log", xlabel="layer", ylabel=f"{name}\nin units of the signal")
        line[1].set(xlabel="layer", ylabel=r"factor of $\sqrt{\mathrm{NC1}}$ per layer", ylim=(0, None))
        line[2].set(yscale="log", xlabel="layer", ylabel=r"$\sqrt{\mathrm{NC1}}$ of $\tilde X$")
    axes[0, 0].legend(fontsize=6)
    axes[0, 1].legend(fontsize=7)
    sns.despine(figure)
    return captioned(figure, caption)


def trace_figure(traces: pd.DataFrame, limits: pd.DataFrame, names: Sequence[str], caption: str) -> Figure:
    """Draw Theorem 5.4 next to the run's kernels: alignment with k* and share of the optimum by layer, one row per data set.

    Args:
        traces: Rows of kernel_trace.csv.
        limits: Rows of predictions.csv, whose predictions are the values for collapsed points.
        names: The data sets, in the order of the figure's rows.
        caption: The caption.

    Returns:
        The figure.
    """
    panels = {
        "alignment": "alignment with $k^*$",
        "centred_alignment": "alignment, both centred",
        "objective": "share of the optimum",
    }
    figure, axes = plt.subplots(
        len(names), 3, figsize=(11.5, 2.9 * len(names) + 0.9), squeeze=False, layout="constrained"
    )
    for line, name in zip(axes, names, strict=True):
        for axis, (metric, label) in zip(line, panels.items(), strict=True):
            for model, (title, colour, marker) in MODELS.items():
                rows = traces[(traces.dataset == name) & (traces.model == model) & (traces.metric == metric)]
                axis.plot(
                    rows.layer, rows.value, color=colour, marker=marker, markersize=3.5, linewidth=1.2, label=title
                )
                asked = limits[(limits.data == name) & (limits.setting == model) & (limits.quantity == metric)]
                if len(asked):
                    axis.axhline(asked.predicted.iloc[0], color=colour, linestyle="--", linewidth=1)
            axis.axhline(1.0, color=BLACK, linestyle=":", linewidth=1)
            axis.set(xlabel="layer (iteration of RFM)", ylabel=label)
        line[0].set_ylabel(f"{name}\n{panels['alignment']}")
    axes[0, 0].legend(fontsize=7)
    sns.despine(figure)
    return captioned(figure, caption)
