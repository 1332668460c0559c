"""Draw the verdicts: an overview, and the evidence for one claim."""

from __future__ import annotations

import textwrap
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from ...drawing import BLACK, BLUE, captioned
from ...notes import title
from ..judging import KEYS, LEAST_SEEDS, NOT_REPRODUCED, NOT_TESTED, REPRODUCED, UNDECIDED, Bounds, interval
from .claims import CLAIMS
from .notes import CLAIM_NAMES, model_title, run_title

# Their lightness falls from verdict to verdict, so that they stay apart in grey-scale; the marks say the same again.
VERDICT_COLOURS = {REPRODUCED: "#00588f", NOT_REPRODUCED: "#e69f00", UNDECIDED: "#fbe8b8", NOT_TESTED: "#ffffff"}
VERDICT_MARKS = {REPRODUCED: "✓", NOT_REPRODUCED: "✗", UNDECIDED: "?", NOT_TESTED: "–"}
_MARK_COLOURS = {REPRODUCED: "#ffffff", NOT_REPRODUCED: BLACK, UNDECIDED: BLACK, NOT_TESTED: "#555555"}

WIDTH = 7.6  # inches: a page's
_LABELS = 2.6  # of which the claims take this
_MOST_COLUMNS = 10
_WIDEST_CELL = 0.95
_ROW, _HEADER, _GAP = 0.27, 0.16, 0.12  # heights: of a claim, of a line of a header, between blocks


class Block(NamedTuple):
    """Claims that were asked of the same runs: their ids, the runs as (dataset, model), and a heading."""

    claims: list[str]
    runs: list[tuple[str, str]]
    heading: str


def verdict_figure(verdicts: pd.DataFrame, caption: str) -> Figure:
    """Draw a row per claim with a cell per dataset and model, coloured and marked by its verdict.

    Claims that are asked of the same runs share a block, whose columns are the runs; blocks of more than ten columns go on
    below. Checks of theorems come last, under a heading of their own.

    Args:
        verdicts: Rows of claims.csv, with empty names instead of missing ones.
        caption: What to write below.

    Returns:
        A figure of a page's width.
    """
    blocks = verdict_blocks(verdicts)
    found = {
        (str(claim), str(dataset), str(model)): str(verdict)
        for claim, dataset, model, verdict in verdicts[[*KEYS, "verdict"]].to_numpy()
    }
    heights = [_height(block) for block in blocks]
    total = sum(heights) + 0.55 + 0.16 * len(textwrap.wrap(caption, int(WIDTH * 14)))
    figure = plt.figure(figsize=(WIDTH, total), layout="constrained")
    grid = figure.add_gridspec(len(blocks), 1, height_ratios=heights)
    for line, (block, height) in enumerate(zip(blocks, heights, strict=True)):
        _draw_block(figure.add_subplot(grid[line, 0]), block, found, height)
    handles = [
        Patch(facecolor=colour, edgecolor="#888888", linewidth=0.6, label=f"{VERDICT_MARKS[verdict]} {verdict}")
        for verdict, colour in VERDICT_COLOURS.items()
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles), fontsize=8)
    return captioned(figure, caption)


def verdict_blocks(verdicts: pd.DataFrame) -> list[Block]:
    """Return the blocks of :func:`verdict_figure`, with ten columns or fewer each."""
    runs = {
        str(claim): list(dict.fromkeys(zip(rows.dataset, rows.model, strict=True)))
        for claim, rows in verdicts.groupby("claim", sort=False)
    }
    blocks: list[Block] = []
    for theorem, heading in ((False, ""), (True, "Checks of theorems")):
        here = {claim: runs[claim] for claim in CLAIMS if claim in runs and CLAIMS[claim].theorem == theorem}
        for number, (claims, columns) in enumerate(_connected(here)):
            for start in range(0, len(columns), _MOST_COLUMNS):
                shown = columns[start : start + _MOST_COLUMNS]
                asked = [claim for claim in claims if set(here[claim]) & set(shown)]
                blocks.append(Block(asked, shown, heading if number == start == 0 else ""))
    return blocks


def _connected(runs: Mapping[str, Sequence[tuple[str, str]]]) -> list[tuple[list[str], list[tuple[str, str]]]]:
    """Claims that share runs, directly or by way of others, with all their runs in order.

    A claim about which nothing was run, ('', ''), shares no run with another.
    """
    groups: list[tuple[list[str], list[tuple[str, str]]]] = []
    for claim, own in runs.items():
        joined = [group for group in groups if set(group[1]) & set(own)]
        claims = [name for group in joined for name in group[0]] + [claim]
        columns = list(dict.fromkeys([run for group in joined for run in group[1]] + list(own)))
        place = groups.index(joined[0]) if joined else len(groups)
        groups = [group for group in groups if group not in joined]
        groups.insert(place, (claims, columns))
    return [(claims, _by_dataset(columns)) for claims, columns in groups]


def _by_dataset(runs: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Runs with those of a dataset next to one another; what was not run at the end."""
    datasets = list(dict.fromkeys(dataset for dataset, _ in runs))
    return sorted(runs, key=lambda run: (run == ("", ""), datasets.index(run[0])))


def _cell(block: Block) -> float:
    return min(_WIDEST_CELL, (WIDTH - _LABELS - 0.1) / len(block.runs))


def _headers(block: Block) -> list[str]:
    """Return a header per run, in lines that fit its column."""
    characters = max(10, int(_cell(block) * 14))
    parts = [(title(dataset) if dataset else "", model_title(model) if model else "") for dataset, model in block.runs]
    lines = [[line for part in run for line in _wrapped(part, characters)] for run in parts]
    return ["\n".join(each) if each else "not run" for each in lines]


def _wrapped(name: str, characters: int) -> list[str]:
    """Return a name in lines, broken at spaces and after underscores if it can be."""
    return [line.replace("_ ", "_") for line in textwrap.wrap(name.replace("_", "_ "), characters)]


def _height(block: Block) -> float:
    lines = max(header.count("\n") + 1 for header in _headers(block)) + bool(block.heading)
    return _ROW * len(block.claims) + _HEADER * lines + _GAP


def _draw_block(axis: Axes, block: Block, found: Mapping[tuple[str, str, str], str], height: float) -> None:
    """Draw one block in inches, from the upper left."""
    cell, top = _cell(block), height - _ROW * len(block.claims) - _GAP / 2
    if block.heading:
        axis.text(0, 0, block.heading, ha="left", va="top", fontsize=8, fontweight="bold")
    for column, header in enumerate(_headers(block)):
        size = 6.5 if cell > 0.6 else 5.6
        axis.text(_LABELS + (column + 0.5) * cell, top - 0.04, header, ha="center", va="bottom", fontsize=size)
    for line, claim in enumerate(block.claims):
        middle = top + (line + 0.5) * _ROW
        axis.text(0, middle, claim, ha="left", va="center", fontsize=7.5, fontweight="bold")
        axis.text(0.58, middle, CLAIM_NAMES[claim], ha="left", va="center", fontsize=7.5)
        for column, (dataset, model) in enumerate(block.runs):
            if (verdict := found.get((claim, dataset, model))) is not None:
                _draw_cell(axis, _LABELS + column * cell, middle, cell, verdict)
    axis.set(xlim=(0, WIDTH - 0.1), ylim=(height, 0))
    axis.set_axis_off()


def _draw_cell(axis: Axes, left: float, middle: float, cell: float, verdict: str) -> None:
    corner, colour = (left + 0.02, middle - _ROW / 2 + 0.02), VERDICT_COLOURS[verdict]
    axis.add_patch(Rectangle(corner, cell - 0.04, _ROW - 0.04, facecolor=colour, edgecolor="#888888", linewidth=0.6))
    mark = VERDICT_MARKS[verdict]
    axis.text(left + cell / 2, middle, mark, ha="center", va="center", fontsize=9, color=_MARK_COLOURS[verdict])


def evidence_figure(evidence: pd.DataFrame) -> Figure:
    """Draw the quantities of one claim, a panel each and a line per dataset and model.

    Every seed is a point, the interval a bar with its mean, the bounds are shaded, and what the value is held against (a
    null, chance, the untrained model) is a thin dashed line.

    Args:
        evidence: Rows of claims_evidence.csv of one claim, with empty names instead of missing ones.

    Returns:
        A figure of a page's width.
    """
    claim = CLAIMS[str(evidence.claim.iloc[0])]
    panels = [(str(quantity), rows) for quantity, rows in evidence.groupby("quantity", sort=False)]
    lines = max(len(rows.groupby(["dataset", "model"])) for _, rows in panels)
    figure, axes = plt.subplots(
        len(panels), 1, figsize=(WIDTH, (0.3 * lines + 0.75) * len(panels) + 0.35), squeeze=False, layout="constrained"
    )
    references = {quantity.name: quantity.reference for quantity in claim.quantities}
    for axis, (quantity, rows) in zip(axes.flat, panels, strict=True):
        _draw_evidence(axis, quantity, rows)
    named = {references.get(quantity) for quantity, rows in panels if rows.reference.notna().any()}
    figure.legend(
        handles=_evidence_handles(sorted(name or "reference" for name in named)),
        loc="outside upper center",
        ncols=4,
        fontsize=7.5,
    )
    return figure


def _evidence_handles(references: Sequence[str]) -> list[Any]:
    handles: list[Any] = [
        Line2D([], [], color=BLACK, marker="o", linestyle="", markersize=3.5, label="one seed"),
        Line2D([], [], color=BLUE, linewidth=4, alpha=0.6, label="95 % interval of the mean"),
        Patch(facecolor="#d9d9d9", label="within bounds"),
    ]
    return handles + [
        Line2D([], [], color=BLACK, linewidth=0.9, linestyle="--", label=reference) for reference in references
    ]


def _draw_evidence(axis: Axes, quantity: str, rows: pd.DataFrame) -> None:
    runs = list(rows.groupby(["dataset", "model"], sort=False))
    left, right = _limits(rows)
    for line, (_, values) in enumerate(runs):
        first = values.iloc[0]
        within = max(left, float(first.at_least)), min(right, float(first.at_most))
        axis.fill_betweenx([line - 0.44, line + 0.44], *within, color="#d9d9d9", linewidth=0, zorder=0)
        if len(values) >= LEAST_SEEDS:
            low, mean, high = interval(values.value)
            axis.plot([low, high], [line, line], color=BLUE, linewidth=6, alpha=0.5, solid_capstyle="butt", zorder=1)
            axis.plot([mean], [line], "|", color=BLUE, markersize=9, markeredgewidth=1.8, zorder=2)
        axis.plot(values.value, [line] * len(values), "o", color=BLACK, markersize=3.2, zorder=3)
        if np.isfinite(first.reference):
            axis.plot([first.reference] * 2, [line - 0.44, line + 0.44], "--", color=BLACK, linewidth=0.9, zorder=2)
    axis.set_yticks(range(len(runs)), labels=[_line_title(key) for key, _ in runs], fontsize=7.5)
    axis.set(xlim=(left, right), ylim=(len(runs) - 0.5, -0.5))
    axis.set_xlabel(f"{quantity} {_bounds_text(rows)}", fontsize=8)
    axis.tick_params(axis="x", labelsize=7.5)
    sns.despine(ax=axis, left=True)
    axis.tick_params(axis="y", length=0)


def _line_title(key: Hashable) -> str:
    assert isinstance(key, tuple)
    return run_title(*map(str, key))


def _bounds_text(rows: pd.DataFrame) -> str:
    """Return the bounds in words, unless they differ from run to run, where the shading says what they are."""
    bounds = {
        Bounds(low, high, strict=bool(s)) for low, high, s in zip(rows.at_least, rows.at_most, rows.strict, strict=True)
    }
    return f"({bounds.pop()})" if len(bounds) == 1 else "(bounds by run)"


def _limits(rows: pd.DataFrame) -> tuple[float, float]:
    """Return what the axis must hold: values, intervals, references and the finite ends of the bounds, with a margin."""
    ends = [rows.value, rows.reference, rows.at_least, rows.at_most]
    for _, values in rows.groupby(["dataset", "model"]):
        if len(values) >= LEAST_SEEDS:
            found = interval(values.value)
            ends.append(pd.Series([found.low, found.high]))
    numbers = pd.concat(ends).to_numpy(float)
    numbers = numbers[np.isfinite(numbers)]
    low, high = float(numbers.min()), float(numbers.max())
    margin = 0.06 * (high - low or abs(high) or 1.0)
    return low - margin, high + margin
