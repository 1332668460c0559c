"""The figures of the verdicts: an overview, and the evidence for one claim."""

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

from ...drawing import BLUE, RED, captioned

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
