"""Two runs' tables, compared cell by cell.

On one machine two runs of the same code are equal to the byte. Another processor, or another version of a library, rounds otherwise, and
models carry that on, each in its own measure: the tolerances say how far, and why.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from . import tables


@dataclass(frozen=True)
class Tolerance:
    """Cells of rows that fit `query` agree within a factor, or where they differ by no more than `below`."""

    query: str
    factor: float
    below: float
    why: str


@dataclass(frozen=True)
class Result:
    """What became of one table: cells compared, and the rows that are outside or on one side only."""

    table: str
    cells: int
    outside: pd.DataFrame


_ALL = "index == index"
TRAINED = Tolerance(_ALL, 1.5, 0.1, "training carries rounding on from step to step")
EXACT = Tolerance(_ALL, 1.0 + 1e-6, 1e-9, "closed forms and sums in float64")
# The first that fits a row counts. What a table holds no tolerance for must agree to a millionth.
TOLERANCES = {
    "deep_rfm.csv": (
        Tolerance("metric == 'ridge_used'", 1.0, float("inf"), "a ridge is a power of ten times rounding: 0 or not"),
        Tolerance("metric == 'interpolation_error'", 1.0, 1e-3, "a sum of roundings"),
        # Seeds differ by 0.016 (standard deviation), two draws by √2 times that, and three times as much is unusual.
        Tolerance(
            "metric == 'test_accuracy' and activation == 'cos' and layer > 7", 1.0, 0.07, "of another draw of the curve"
        ),
        Tolerance("metric == 'test_accuracy'", 1.0, 0.03, "some test points lie between two classes"),
        Tolerance("activation == 'relu'", 1.2, 1e-6, "rounding grows to some hundredths by layer 20"),
        Tolerance("layer <= 7", 1.02, 1e-6, "rounding grows by some thirty times a layer"),
        Tolerance(_ALL, 4.0, 1e-6, "with cosines, from layer 8 on, another draw of the same curve"),
    ),
    "networks.csv": (TRAINED,),
    "ablation.csv": (TRAINED,),
    "nfa.csv": (Tolerance(_ALL, 1.0, 0.1, TRAINED.why),),
    "nfa_summary.csv": (Tolerance(_ALL, 1.0, 0.03, TRAINED.why),),
    "training.csv": (TRAINED,),
    "claims_evidence.csv": (
        Tolerance("claim == 8", 1.05, 1e-6, "sums over 200 draws in float64"),
        Tolerance(_ALL, 1.0, 0.5, "decades and shares of what training and cosine features carry on"),
    ),
    # Below 1e-6 a value is a floor that rounding makes.
    "departures.csv": (
        Tolerance(
            "departure == 3 and variant == 'released'",
            2.83,
            1e-5,
            "float32 distances that cancel put a floor near 1e-6",
        ),
        Tolerance(_ALL, 2.83, 1e-6, "what training and cosine features carry on, and floors of rounding"),
    ),
    "feature_kernel.csv": (EXACT,),
    "collapse_iteration.csv": (Tolerance(_ALL, 1.2, 1e-9, "distances from differences of numbers of order n"),),
    "kernel_learning.csv": (EXACT,),
    "kernel_trace.csv": (Tolerance(_ALL, 2.0, 0.05, "kernels of a Deep RFM, whose layers carry rounding on"),),
    "theory.csv": (Tolerance(_ALL, 1.2, 1e-9, "rates from distances near rounding, and kernels after 20 layers"),),
    "dufm.csv": (
        Tolerance("study == 'd2'", 1 + 1e-6, 1e-9, "the lowest loss is the same from whichever start"),
        Tolerance(
            "study == 'd1' and quantity.str.startswith('loss')", 1.01, 0.0, "gradient descent near a flat optimum"
        ),
        Tolerance("study == 'd3'", 1.5, 0.1, TRAINED.why),
        Tolerance(_ALL, float("inf"), 0.0, "which of several valleys a start ends in may depend on rounding"),
    ),
    "dufm_curves.csv": (Tolerance(_ALL, float("inf"), 0.0, "as dufm.csv"),),
}
# Numbers that follow from others, or that are none.
_DERIVED = {"relative_error"}
_TEXT = {"claims.csv": ["verdict"]}
_VALUES = {
    "theory.csv": ["predicted", "measured"],
    "dufm.csv": ["predicted", "measured"],
}


def compare(first: str | Path, second: str | Path) -> Iterator[Result]:
    """Compare the tables of two runs, by name.

    first, second: folders of CSV files, or runs' folders that have them in `tables`. Every table of the first that has a
    tolerance, or verdicts, is looked for in the second. Raises FileNotFoundError where a folder has no table at all.
    """
    ours, theirs = (_tables_of(Path(folder)) for folder in (first, second))
    for path in sorted(ours.glob("*.csv")):
        if path.name not in TOLERANCES and path.name not in _TEXT:
            continue
        other = theirs / path.name
        if not other.exists():
            yield Result(path.name, 0, pd.DataFrame([{"table": path.name, "only in": str(first)}]))
            continue
        yield _compare(path.name, tables.read(path), tables.read(other))


def _tables_of(folder: Path) -> Path:
    inside = folder / "tables" if (folder / "tables").is_dir() else folder
    if not any(inside.glob("*.csv")):
        raise FileNotFoundError(
            f"{folder} holds no tables; name a run's folder, as results/default, or one with its CSV files"
        )
    return inside


def _compare(name: str, ours: pd.DataFrame, theirs: pd.DataFrame) -> Result:
    values = _value_columns(name, ours)
    derived = {
        column
        for column in ours
        if column in _DERIVED or (name in _TEXT and column in ("measured", "expected", "source"))
    }
    keys = [column for column in ours if column not in values and column not in derived]
    if set(ours.columns) != set(theirs.columns):
        return Result(name, 0, pd.DataFrame([{"columns": sorted(set(ours.columns) ^ set(theirs.columns))}]))
    merged = ours.merge(theirs, on=keys, how="outer", suffixes=("_first", "_second"), indicator="rows in")
    agree = merged["rows in"] == "both"
    for column in values:
        one, other = merged[f"{column}_first"], merged[f"{column}_second"]
        agree &= one == other if name in _TEXT else _within(name, merged, one, other)
    return Result(name, len(values) * len(merged), merged[~agree][[*keys, *(c for c in merged if c not in keys)]])


def _value_columns(name: str, table: pd.DataFrame) -> list[str]:
    if name in _TEXT:
        return _TEXT[name]
    if "value" in table:
        return ["value"]
    return _VALUES.get(name) or [str(column) for column in table if str(column).endswith(("_mean", "_std"))]


def _within(name: str, rows: pd.DataFrame, one: pd.Series[float], other: pd.Series[float]) -> pd.Series[bool]:
    """Which cells agree: both missing, equal, near, or within the factor, by the first tolerance whose query fits the row."""
    factor, below = (pd.Series(start, index=rows.index) for start in (1 + 1e-6, 0.0))
    for tolerance in reversed(TOLERANCES[name]):
        chosen = rows.query(tolerance.query).index
        factor[chosen], below[chosen] = tolerance.factor, tolerance.below
    difference = (one - other).abs()
    larger = np.maximum(one.abs(), other.abs())
    near = (difference <= below) | (difference <= (1 - 1 / factor) * larger) & (one * other >= 0)
    return (one == other) | near | (one.isna() & other.isna())
