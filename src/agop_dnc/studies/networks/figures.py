"""Draw the figures of networks: the SVD ablation, the Neural Feature Ansatz, truncations and random labels."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from ...drawing import BLACK, BLUE, METRIC_LABELS, ORANGE, band, captioned, legend_above, linear_band
from ...pipeline.tables import summary

# Label, colour and marker of each component in networks.csv.
SVD_CURVES = {
    "input": (r"$\Phi$", BLACK, "o"),
    "right": (r"$SV^\top\Phi$", BLUE, "s"),
    "output": (r"$\mathrm{ReLU}(USV^\top\Phi)$", ORANGE, "^"),
}


def svd_figure(rows: Sequence[tuple[str, pd.DataFrame]], caption: str) -> Figure:
    """Draw NC1 of Φ, SVᵀΦ and ReLU(USVᵀΦ) over training (paper, Figures 2, 7 to 9): one row per entry of `rows`, one panel per layer.

    Curves are means over seeds, bands one standard deviation.

    Args:
        rows: For each row its name, and the rows of networks.csv with NC1 for one dataset and architecture.
        caption: The caption.

    Returns:
        The figure.
    """
    columns = max(int(table.layer.max()) for _, table in rows)
    figure, axes = plt.subplots(
        len(rows),
        columns,
        figsize=(2.5 * columns, 2.3 * len(rows) + 0.9),
        squeeze=False,
        sharex="row",
        sharey="row",
        layout="constrained",
    )
    for line, (name, table) in zip(axes, rows, strict=True):
        for layer, axis in enumerate(line, start=1):
            for component, (label, colour, marker) in SVD_CURVES.items():
                curve = summary(table[(table.layer == layer) & (table.component == component)], ["epoch"])
                band(axis, curve.epoch, curve["mean"], curve["std"], label, colour, marker)
            axis.set(title=f"layer {layer}", xlabel="epoch")
        line[0].set_ylabel(f"{name}\n{METRIC_LABELS['nc1']}")
    return captioned(legend_above(figure, axes[0, 0]), caption)


def nfa_figure(rows: Sequence[tuple[str, pd.DataFrame, pd.DataFrame]], caption: str) -> Figure:
    """Draw variability, NFA correlation and loss over training (paper, Figures 10 to 12), one row per network.

    Args:
        rows: For each row its name, and its rows of training.csv and of nfa.csv.
        caption: The caption.

    Returns:
        The figure.
    """
    figure, axes = plt.subplots(
        len(rows), 3, figsize=(10.5, 2.5 * len(rows) + 0.8), squeeze=False, layout="constrained"
    )
    for (left, middle, right), (name, training, nfa) in zip(axes, rows, strict=True):
        wide = training.pivot_table(index=["epoch", "seed"], columns="metric", values="value")
        total = wide.trace_within + wide.trace_between
        for column, label, colour, marker in (
            ("trace_within", r"tr $\Sigma_W$ / tr $\Sigma_T$", BLUE, "s"),
            ("trace_between", r"tr $\Sigma_B$ / tr $\Sigma_T$", ORANGE, "^"),
        ):
            share = (wide[column] / total).rename("value").reset_index().dropna()
            curve = summary(share, ["epoch"])
            band(left, curve.epoch, curve["mean"], curve["std"], label, colour, marker)
        left.set(xlabel="epoch", ylabel=f"{name}\nshare of variability")
        layers = sorted(nfa.layer.unique())
        for layer, colour in zip(layers, sns.color_palette("viridis", len(layers)), strict=True):
            curve = summary(nfa[(nfa.layer == layer) & (nfa.target == "sqrt_agop")], ["epoch"])
            marker = "osD^v*"[(layer - 1) % 6]
            linear_band(middle, curve, "epoch", f"layer {layer}", colour, marker)
            null = summary(nfa[(nfa.layer == layer) & (nfa.target == "sqrt_agop_null")], ["epoch"])
            middle.plot(
                null.epoch,
                null["mean"],
                ":",
                marker=marker,
                color=colour,
                markerfacecolor="none",
                markersize=5,
                linewidth=1,
            )
        middle.plot([], [], ":", marker="o", color="#777777", markerfacecolor="none", label="null: W kept")
        middle.set(xlabel="epoch", ylabel="NFA correlation", ylim=(min(0.0, middle.get_ylim()[0]), 1.03))
        for metric, label, colour, marker in (
            ("train_loss", "training", BLACK, "o"),
            ("test_loss", "test", ORANGE, "^"),
        ):
            curve = summary(training[training.metric == metric], ["epoch"])
            if len(curve):
                band(right, curve.epoch, curve["mean"], curve["std"], label, colour, marker)
        right.set(xlabel="epoch", ylabel="loss (mean square)")
    for axis in axes[0]:
        axis.legend(fontsize=6)
    return captioned(figure, caption)


def truncation_figure(rows: Sequence[tuple[str, pd.DataFrame, pd.DataFrame]], caption: str) -> Figure:
    """Draw NC1 at the end of training with only the r largest singular values kept, and with AGOP^{1/2} in place of SVᵀ.

    Args:
        rows: For each row its name, the rows of networks.csv with NC1 at the last epoch, and the rows of truncation.csv.
        caption: The caption.

    Returns:
        The figure.
    """
    columns = max(int(whole.layer.max()) for _, whole, _ in rows)
    figure, axes = plt.subplots(
        len(rows),
        columns,
        figsize=(2.5 * columns, 2.3 * len(rows) + 0.9),
        sharey="row",
        squeeze=False,
        layout="constrained",
    )
    for line, (name, whole, truncated) in zip(axes, rows, strict=True):
        for layer, axis in enumerate(line, start=1):
            here = whole[whole.layer == layer]
            cut = truncated[(truncated.layer == layer) & (truncated.metric == "nc1")]
            full = cut["rank"].max()
            for side in ("right", "output"):
                label, colour, marker = SVD_CURVES[side]
                curve = summary(cut[(cut.component == side) & (cut["rank"] < full)], ["rank"]).sort_values("rank")
                band(axis, curve["rank"], curve["mean"], curve["std"], f"{label}, top $r$", colour, marker)
                whole_layer = here[here.component == side].value.mean()
                axis.axhline(whole_layer, color=colour, linewidth=1, linestyle="--", label=f"{label}, all")
            levels = {
                r"$\Phi$": (here[here.component == "input"], "-"),
                r"$\mathrm{AGOP}^{1/2}\Phi$": (cut[(cut.component == "agop_root") & (cut["rank"] == full)], ":"),
                r"$\mathrm{AGOP}^{1/4}\Phi$": (
                    cut[(cut.component == "agop_fourth_root") & (cut["rank"] == full)],
                    "-.",
                ),
            }
            for label, (level, style) in levels.items():
                axis.axhline(level.value.mean(), color=BLACK, linestyle=style, label=label)
            axis.set(title=f"layer {layer}", xlabel="singular directions kept, $r$")
            axis.set_xscale("log")
            axis.set_xticks([1, 2, 5, 10, 20], labels=["1", "2", "5", "10", "20"])
            axis.tick_params(axis="x", which="minor", bottom=False)
        line[0].set_ylabel(f"{name}\n{METRIC_LABELS['nc1']}")
        _round_limits(line[0])
    return captioned(legend_above(figure, axes[0, 0]), caption)


def labels_figure(rows: Sequence[tuple[str, pd.DataFrame]], caption: str) -> Figure:
    """Draw NC1 to NC4 of the last hidden layer against epochs, with true labels and with random ones.

    Args:
        rows: For each curve its name and a table with the columns seed, epoch, metric and value; the metrics are nc1_pinv,
            nc2_normalised, nc3 and nc4 (the slides' definitions).
        caption: The caption.

    Returns:
        The figure.
    """
    titles = {"nc1_pinv": "NC1", "nc2_normalised": "NC2", "nc3": "NC3", "nc4": "NC4"}
    figure, axes = plt.subplots(1, 4, figsize=(11.5, 3.2), layout="constrained")
    styles = ((BLUE, "s"), (ORANGE, "^"), (BLACK, "o"))
    for axis, (metric, title) in zip(axes, titles.items(), strict=True):
        for (name, table), (colour, marker) in zip(rows, styles, strict=False):
            curve = summary(table[table.metric == metric], ["epoch"])
            if metric == "nc4":  # reaches 0, which a log scale cannot show
                linear_band(axis, curve, "epoch", name, colour, marker)
            else:
                band(axis, curve.epoch, curve["mean"], curve["std"], name, colour, marker)
        axis.set(title=title, xlabel="epoch")
    return captioned(legend_above(figure, axes[0]), caption)


def _round_limits(axis: Axes) -> None:
    """Extend a log scale to limits of 1, 2 or 5 times a power of ten, and label those values, whatever the widest band is."""
    low, high = axis.get_ylim()
    ends = [step * 10.0**power for power in range(-20, 20) for step in (1, 2, 5)]
    axis.set_ylim(max(end for end in ends if end <= low), min(end for end in ends if end >= high))
    axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.yaxis.set_minor_formatter(NullFormatter())
