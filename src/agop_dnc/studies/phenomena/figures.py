"""Figures R4 to R6: a star in the corner, pairs of images, and models with few pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator
from numpy.typing import NDArray

from ...drawing import BLACK, BLUE, GREEN, ORANGE, RED, captioned, legend_above
from .quantities import CRITERIA, KINDS, intervals, last_stages

Images = Mapping[str, NDArray[Any]]
_STYLES = {"rfm": (BLUE, "s"), "network": (ORANGE, "o")}
_CRITERIA = {"agop": (BLUE, "s"), "nfm": (GREEN, "^"), "variance": (RED, "D"), "random": (BLACK, "x")}
_TESTS = {"kept": "kept", "removed": "removed", "moved": "moved"}
_HALVES = {
    ("both", "kept"): "both\nhalves",
    ("both", "hard_swapped"): "hard half\nswapped",
    ("both", "easy_swapped"): "easy half\nswapped",
    ("hard", "kept"): "hard half\nalone",
    ("easy", "kept"): "easy half\nalone",
}
_TRACES = {
    ("rfm", "agop"): "$M$ of\nRFM",
    ("network", "agop"): "AGOP of\nnetwork",
    ("network", "nfm"): "NFM of\nnetwork",
}


def spurious_figure(
    table: pd.DataFrame, images: Mapping[str, Images], names: Mapping[str, str], caption: str
) -> Figure:
    """Draw a row per dataset: an image and the diagonals, with the star in training and without; accuracies.

    Args:
        table: spurious_features.csv.
        images: By dataset what :func:`.rows.spurious_rows` shows.
        names: The datasets' titles, in the rows' order.
        caption: The caption.
    """
    figure = plt.figure(figsize=(11.5, 3.5 * len(names) + 0.9), layout="constrained")
    charts = []
    for line, (dataset, name) in zip(_lines(figure, len(names)), names.items(), strict=True):
        left, right = line.subfigures(1, 2, width_ratios=(1.45, 1))
        panels = left.subplots(2, 4)
        for training, label, row in zip(("star", "plain"), ("with the star", "no star"), panels, strict=True):
            picture = images[dataset]["star_example" if training == "star" else "plain_example"]
            _picture(row[0], picture, f"{name}, {label}")
            for panel, key, title in zip(
                row[1:],
                ("rfm_agop", "network_nfm", "network_agop"),
                ("$M$ of RFM", "NFM of network", "AGOP of network"),
                strict=True,
            ):
                _diagonal(panel, images[dataset][f"{training}_{key}"], title)
        axis = right.subplots()
        _accuracies_with_star(axis, table[table.dataset == dataset])
        charts.append(axis)
    return captioned(legend_above(figure, *charts), caption)


def _accuracies_with_star(axis: Axes, table: pd.DataFrame) -> None:
    rows = last_stages(table, "training")
    for place, (kind, training) in enumerate(
        [("rfm", "star"), ("network", "star"), ("rfm", "plain"), ("network", "plain")]
    ):
        own = rows[(rows.model == kind) & (rows.training == training)]
        found = intervals(own[own.metric.str.startswith("accuracy_")], ["metric"]).set_index("metric")
        found = found.reindex([f"accuracy_{test}" for test in _TESTS])
        label = f"{KINDS[kind]}, {'with the star' if training == 'star' else 'no star'} in training"
        colour, marker = _STYLES[kind]
        _points(axis, np.arange(3) + 0.12 * (place - 1.5), found, label, colour, marker, hollow=training == "plain")
    _chance(axis, table, "largest class alone")
    axis.set_xticks(range(3), labels=list(_TESTS.values()))
    axis.set(xlabel="star in the test images", ylabel="test accuracy", ylim=(-0.05, 1.05), xlim=(-0.5, 2.5))


def bias_figure(table: pd.DataFrame, images: Mapping[str, Images], names: Mapping[str, str], caption: str) -> Figure:
    """Draw a row per dataset: a pair and the diagonals; shares of the trace on the easy half; accuracies.

    Args:
        table: simplicity_bias.csv.
        images: By dataset what :func:`.rows.bias_rows` shows.
        names: The datasets' titles, in the rows' order.
        caption: The caption.
    """
    figure = plt.figure(figsize=(11.5, 3.3 * len(names) + 0.9), layout="constrained")
    for line, (dataset, name) in zip(_lines(figure, len(names)), names.items(), strict=True):
        left, right = line.subfigures(1, 2, width_ratios=(1, 1.7))
        panels = left.subplots(2, 2).flat
        _picture(next(panels), images[dataset]["pair_example"], name)
        for key, title in (
            ("pair_rfm_agop", "$M$ of RFM"),
            ("pair_network_nfm", "NFM of network"),
            ("pair_network_agop", "AGOP of network"),
        ):
            _diagonal(next(panels), images[dataset][key], title)
        shares, accuracies = right.subplots(1, 2, width_ratios=(1, 1.5))
        own = table[table.dataset == dataset]
        _trace_shares(shares, own)
        _accuracies_of_pairs(accuracies, own)
        for axis in (shares, accuracies):  # their marks differ
            axis.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=4, fontsize=7.5)
    return captioned(figure, caption)


def _trace_shares(axis: Axes, table: pd.DataFrame) -> None:
    rows, x = last_stages(table, "inputs"), np.arange(len(_TRACES))
    start = table[table.stage == 0]
    for place, (label, part, inputs, marker, hollow) in enumerate(
        [
            ("before training", start, "both", "o", True),
            ("permuted labels", rows, "permuted", "v", True),
            ("trained", rows, "both", "o", False),
        ]
    ):
        part = part[(part.inputs == inputs) & part.metric.isin(["agop_share", "nfm_share"]) & (part.model != "chance")]
        part = part.assign(trace=part.metric.str.removesuffix("_share"))
        found = (
            intervals(part, ["model", "trace"])
            .set_index(["model", "trace"])
            .reindex(pd.MultiIndex.from_tuples(_TRACES))
        )
        _points(axis, x + 0.18 * (place - 1), found, label, GREEN, marker, hollow)
    chance = table[(table.model == "chance") & (table.metric == "agop_share")].value.mean()
    axis.axhline(chance, color=BLACK, linestyle=":", linewidth=1)
    axis.set_xticks(x, labels=list(_TRACES.values()))
    axis.set(ylabel="share of the trace on the easy half", ylim=(-0.02, 1.02), xlim=(-0.5, len(x) - 0.5))


def _accuracies_of_pairs(axis: Axes, table: pd.DataFrame) -> None:
    rows, x = last_stages(table, "inputs"), np.arange(len(_HALVES))
    rows = rows[rows.metric.str.startswith("accuracy_")]
    rows = rows.assign(test=rows.metric.str.removeprefix("accuracy_"))
    for place, kind in enumerate(KINDS):
        found = intervals(rows[rows.model == kind], ["inputs", "test"]).set_index(["inputs", "test"])
        colour, marker = _STYLES[kind]
        found = found.reindex(pd.MultiIndex.from_tuples(_HALVES))
        _points(axis, x + 0.16 * (place - 0.5), found, KINDS[kind], colour, marker)
    _chance(axis, table, "largest class alone")
    axis.axvline(2.5, color="0.8", linewidth=0.8)
    axis.set_xticks(x, labels=list(_HALVES.values()))
    axis.set(ylabel="test accuracy", ylim=(-0.05, 1.05), xlim=(-0.5, len(x) - 0.5))


def tickets_figure(
    table: pd.DataFrame, images: Mapping[str, Images], names: Mapping[str, str], threshold: float, caption: str
) -> Figure:
    """Draw a row per dataset: for each kind of model, accuracy against the share of pixels kept, and the pixels above the threshold.

    Args:
        table: lottery_tickets.csv.
        images: By dataset what :func:`.rows.ticket_rows` shows.
        names: The datasets' titles, in the rows' order.
        threshold: Of the scaled AGOP diagonal.
        caption: The caption.
    """
    figure = plt.figure(figsize=(11.5, 3.5 * len(names) + 0.9), layout="constrained")
    charts = []
    for line, (dataset, name) in zip(_lines(figure, len(names)), names.items(), strict=True):
        axes = line.subplots(1, 4, width_ratios=(1.9, 0.6, 1.9, 0.6))
        for (axis, picture), (kind, label) in zip((axes[:2], axes[2:]), KINDS.items(), strict=True):
            own = table[(table.dataset == dataset) & (table.model == kind)]
            _accuracy_against_share(axis, own, threshold)
            axis.set_title(f"{name}, {label}")
            kept = images[dataset][f"ticket_{kind}"].mean(0)
            picture.imshow(kept, cmap="gray", vmin=0, vmax=1)
            picture.set(xticks=[], yticks=[])
            picture.set_title(f"AGOP above\n{threshold:g} (white)", fontsize=8)
        charts += [axes[0], axes[2]]
    return captioned(legend_above(figure, *reversed(charts)), caption)


def _accuracy_against_share(axis: Axes, table: pd.DataFrame, threshold: float) -> None:
    wide = table.pivot_table(
        index=["criterion", "choice", "level", "seed"], columns="metric", values="value"
    ).reset_index()
    tested = wide.assign(value=wide.test_accuracy)
    whole = tested[tested.criterion == "all"].value.mean()
    axis.axhline(whole, color="0.6", linewidth=1, label="all pixels")
    for place, (criterion, (colour, marker)) in enumerate(_CRITERIA.items()):
        own = tested[(tested.criterion == criterion) & (tested.choice == "share")]
        if not len(own):
            continue
        found = intervals(own, ["level"]).sort_values("level").merge(own.groupby("level").share.mean().reset_index())
        x = found.share * (1 + 0.025 * (place - 1.5))  # next to each other, as intervals overlap
        axis.plot(x, found["mean"], color=colour, linewidth=1.2, label=CRITERIA[criterion])
        _points(axis, x, found, "_", colour, marker)
        hollow = tested[(tested.criterion == criterion) & (tested.choice == "threshold")]
        at = intervals(hollow, ["criterion"])
        middle = hollow.share.mean() * (1 + 0.025 * (place - 1.5))
        _points(axis, [middle], at, "_", colour, marker, hollow=True)
    shares = sorted(tested[tested.choice == "share"].share.unique())
    above = tested[tested.choice == "threshold"].share.mean()
    axis.axvline(above, color="0.6", linestyle=":", linewidth=1)
    axis.annotate(
        f"AGOP above {threshold:g}", (above, 0.04), (-3, 0), textcoords="offset points", ha="right", fontsize=7
    )
    axis.set(xscale="log", xlabel="share of pixels kept", ylabel="test accuracy", ylim=(0, 1.02))
    axis.set_xticks(shares)
    axis.xaxis.set_minor_locator(NullLocator())
    axis.xaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{share:.2g}"))
    sns.despine(ax=axis)


def _lines(figure: Figure, number: int) -> Sequence[Any]:
    return list(cast(Any, figure.subfigures(number, 1, squeeze=False))[:, 0])


def _points(
    axis: Axes, x: Any, found: pd.DataFrame, label: str, colour: str, marker: str, hollow: bool = False
) -> None:
    """Draw means, with bars over their intervals where there are enough seeds for one."""
    bars = np.nan_to_num([found["mean"] - found.low, found.high - found["mean"]]).clip(0)
    axis.errorbar(
        x,
        found["mean"],
        bars,
        color=colour,
        marker=marker,
        markersize=5,
        linestyle="none",
        elinewidth=1,
        markerfacecolor="white" if hollow and marker != "x" else colour,
        label=label,
    )
    sns.despine(ax=axis)


def _chance(axis: Axes, table: pd.DataFrame, label: str) -> None:
    chance = table[(table.model == "chance") & (table.metric == "accuracy")].value.mean()
    axis.axhline(chance, color=BLACK, linestyle=":", linewidth=1, label=label)


def _picture(axis: Axes, image: NDArray[Any], title: str) -> None:
    """Draw an image C×H×W in colour if it has three channels, else in grey; what is below 0 or above 1 is cut off."""
    shown = np.moveaxis(image, 0, -1) if len(image) == 3 else image.mean(0)
    axis.imshow(shown.clip(0, 1), cmap="gray", vmin=0, vmax=1)
    axis.set(xticks=[], yticks=[])
    axis.set_title(title, fontsize=8)


def _diagonal(axis: Axes, diagonal: NDArray[Any], title: str) -> None:
    """Draw a diagonal C×H×W, summed over channels, from 0 to its largest entry."""
    axis.imshow(diagonal.sum(0), cmap="viridis", vmin=0)
    axis.set(xticks=[], yticks=[])
    axis.set_title(title, fontsize=8)
