"""Figures of the review: verdicts with their evidence, departures, and the kernel of ReLU features."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from .plots import BLACK, BLUE, ORANGE, band, captioned
from .tables import summary

GREEN, RED = "#009E73", "#D55E00"


def feature_kernel_figure(table: pd.DataFrame, caption: str) -> Figure:
    """ReLU(Wx)ᵀReLU(Wy) against the angle of x and y, and its variance against the width (Proposition A.1).

    table: rows of feature_kernel.csv.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(8.2, 3.4), layout="constrained")
    means = summary(table[table.metric == "mean"], ["width", "angle"])
    widths = sorted(table.width.unique())
    for width, colour, marker in zip(widths, sns.color_palette("viridis", len(widths)), "os^Dv*", strict=False):
        curve = means[means.width == width]
        left.plot(curve.angle, curve["mean"], marker, color=colour, markersize=4, label=f"D = {width:,}")
    expected = table[table.metric == "expected"].drop_duplicates("angle").sort_values("angle")
    left.plot(
        expected.angle, expected.value, color=BLACK, linewidth=1, label=r"$(\sin\theta + (\pi-\theta)\cos\theta)/\pi$"
    )
    left.set(xlabel=r"angle $\theta$", ylabel=r"mean of $\mathrm{ReLU}(Wx)^\top\mathrm{ReLU}(Wy)$")
    left.set_xticks([0, np.pi / 4, np.pi / 2, 3 * np.pi / 4, np.pi], labels=["0", "π/4", "π/2", "3π/4", "π"])
    left.legend(fontsize=7)
    variances = table[(table.metric == "variance") & (table.value > 1e-20)]
    shown = sorted(variances.angle.unique())[::3]
    for angle, colour, marker in zip(shown, sns.color_palette("viridis", len(shown)), "os^Dv*", strict=False):
        curve = summary(variances[variances.angle == angle], ["width"])
        band(right, curve.width, curve["mean"], curve["std"], f"θ = {angle / np.pi:.2f} π", colour, marker)
    anchor = variances.groupby("width").value.mean()
    right.plot(widths, anchor.iloc[0] * widths[0] / np.array(widths), color=BLACK, linestyle=":", label="∝ 1/D")
    right.set(xlabel="width $D$", ylabel="variance", xscale="log")
    right.legend(fontsize=7)
    sns.despine(figure)
    return captioned(figure, caption)


VERDICT_COLOURS = {"reproduced": "#bfe3c0", "not reproduced": "#f4b9a7", "not tested": "#e6e6e6"}
VERDICT_MARKS = {"reproduced": "✓", "not reproduced": "✗", "not tested": "–"}


def verdict_figure(claims: pd.DataFrame, names: Mapping[Any, str], caption: str) -> Figure:
    """A row per claim, a cell per dataset and model that it was asked of, coloured and marked by its verdict."""
    rows = list(claims.groupby("claim", sort=True))
    columns = max(len(cells) for _, cells in rows)
    figure, axis = plt.subplots(figsize=(4.4 + 1.25 * columns, 0.62 * len(rows) + 1.1), layout="constrained")
    for line, (number, cells) in enumerate(rows):
        axis.text(-0.08, line, textwrap.fill(f"{number}. {names[number]}", 46), ha="right", va="center", fontsize=8)
        for column, cell in enumerate(cells.itertuples()):
            axis.add_patch(
                Rectangle((column + 0.03, line - 0.46), 0.94, 0.92, color=VERDICT_COLOURS[str(cell.verdict)])
            )
            where = "\n".join(part for part in (str(cell.dataset), str(cell.model)) if part)
            text = f"{VERDICT_MARKS[str(cell.verdict)]}\n{where}" if where else VERDICT_MARKS[str(cell.verdict)]
            axis.text(column + 0.5, line, text, ha="center", va="center", fontsize=7)
    axis.set(xlim=(-0.02, columns), ylim=(len(rows) - 0.45, -0.55))
    axis.set_axis_off()
    handles = [
        Rectangle((0, 0), 1, 1, color=colour, label=f"{VERDICT_MARKS[verdict]} {verdict}")
        for verdict, colour in VERDICT_COLOURS.items()
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=3)
    return captioned(figure, caption)


def evidence_figure(evidence: pd.DataFrame) -> Figure:
    """One claim's quantities, a panel each: every seed as a point, its dataset and model beside it, the bounds shaded.

    evidence: rows of claims_evidence.csv of one claim.
    """
    panels = list(evidence.groupby("quantity", sort=False))
    height = 0.7 + max(len(rows.groupby(["dataset", "model"])) for _, rows in panels) * 0.28
    across = min(2, len(panels))
    down = -(-len(panels) // across)
    figure, axes = plt.subplots(
        down, across, figsize=(4.6 * across, height * down + 0.3), squeeze=False, layout="constrained"
    )
    for axis in axes.flat[len(panels) :]:
        axis.set_axis_off()
    for axis, (quantity, rows) in zip(axes.flat, panels, strict=False):
        lines = list(rows.groupby(["dataset", "model"], sort=False))
        for line, (_, values) in enumerate(lines):
            inside = values.value.between(values.at_least, values.at_most)
            for held, marker, colour in ((True, "o", BLUE), (False, "X", RED)):
                chosen = values.value[inside == held]
                axis.plot(chosen, [line] * len(chosen), marker, color=colour, markersize=5, alpha=0.8)
        low, high = rows.value.min(), rows.value.max()
        ends = [end for end in (rows.at_least.min(), rows.at_most.max()) if np.isfinite(end)]
        low, high = min([low, *ends]), max([high, *ends])
        margin = 0.08 * (high - low or 1.0)
        axis.set_xlim(low - margin, high + margin)
        left, right = axis.get_xlim()
        for line, (_, values) in enumerate(lines):
            start, stop = max(left, values.at_least.iloc[0]), min(right, values.at_most.iloc[0])
            axis.fill_betweenx(
                [line - 0.5, line + 0.5], start, stop, color=VERDICT_COLOURS["reproduced"], linewidth=0, zorder=0
            )
        axis.set_yticks(
            range(len(lines)), labels=[", ".join(part for part in map(str, key) if part) for key, _ in lines]
        )
        axis.set(ylim=(len(lines) - 0.5, -0.5), xlabel=str(quantity))
        sns.despine(ax=axis)
    return figure


def departures_figure(table: pd.DataFrame, titles: Mapping[Any, str], caption: str) -> Figure:
    """Curves of the departures that have one, a panel per departure and quantity, a curve per variant.

    table: rows of departures.csv of one dataset.
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
