"""Two runs' tables, compared cell by cell.

On one machine two runs of the same code are equal to the byte. Another processor, or another version of a library, rounds
differently, and models carry that on, each to its own extent: the declared tolerances say how far, and why.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd
from scipy import stats

from . import tables
from .tolerances import Tolerance

_CHANCE = 0.001


class Declared(Protocol):
    """What is needed of a table's declaration."""

    @property
    def name(self) -> str:
        """Return the file without its ending."""

    @property
    def columns(self) -> Sequence[str]:
        """Return the columns in their order."""

    @property
    def tolerances(self) -> Sequence[Tolerance]:
        """Return the tolerances, of which the first that fits a row counts."""

    @property
    def values(self) -> Sequence[str]:
        """Return the columns that are compared."""

    @property
    def derived(self) -> Sequence[str]:
        """Columns that follow from others."""


@dataclass(frozen=True)
class Result:
    """What became of one table: cells compared, and the rows that are outside or on one side only."""

    table: str
    cells: int
    outside: pd.DataFrame


def compare(first: str | Path, second: str | Path, declared: Mapping[str, Declared]) -> Iterator[Result]:
    """Yield the comparison of every declared table that the first of two runs has.

    Args:
        first: A folder of CSV files, or a run's folder with them in `tables`.
        second: The other.
        declared: The declarations of the tables, by name.

    Raises:
        FileNotFoundError: If a folder has no table at all.
    """
    ours, theirs = (_tables_of(Path(folder)) for folder in (first, second))
    for path in sorted(ours.glob("*.csv")):
        if path.stem not in declared:
            continue
        other = theirs / path.name
        if not other.exists():
            yield Result(path.name, 0, pd.DataFrame([{"table": path.name, "only in": str(first)}]))
            continue
        yield compare_tables(declared[path.stem], tables.read(path), tables.read(other))


def _tables_of(folder: Path) -> Path:
    inside = folder / "tables" if (folder / "tables").is_dir() else folder
    if not any(inside.glob("*.csv")):
        raise FileNotFoundError(
            f"{folder} holds no tables; name a run's folder, as results/default, or one with its CSV files"
        )
    return inside


def compare_tables(declared: Declared, ours: pd.DataFrame, theirs: pd.DataFrame) -> Result:
    """Return the comparison of one table of two runs by its declared tolerances."""
    name = f"{declared.name}.csv"
    if set(ours.columns) != set(theirs.columns):
        return Result(name, 0, pd.DataFrame([{"columns": sorted(set(ours.columns) ^ set(theirs.columns))}]))
    keys = [str(column) for column in ours if column not in (*declared.values, *declared.derived)]
    merged = _with_rounded(ours, keys).merge(
        _with_rounded(theirs, keys), on=keys, how="outer", suffixes=("_first", "_second"), indicator="rows in"
    )
    agree = merged["rows in"] == "both"
    for column in declared.values:
        one, other = merged[f"{column}_first"], merged[f"{column}_second"]
        numbers = pd.api.types.is_numeric_dtype(one) and pd.api.types.is_numeric_dtype(other)
        near = _within(declared.tolerances, merged, one, other) if numbers else (one == other)
        agree &= (near | _as_samples(declared.tolerances, merged, near, keys, column)) if numbers else near
    outside = merged[~agree][[*keys, *(column for column in merged if column not in keys)]]
    return Result(name, len(declared.values) * len(merged), outside)


def _as_samples(
    tolerances: Sequence[Tolerance], rows: pd.DataFrame, near: pd.Series[bool], keys: Sequence[str], column: str
) -> pd.Series[bool]:
    """Return which rows, of those that may, differ by no more than two samples of seeds do.

    Values, or their logarithms if all are positive, are compared over the seeds by Welch's test, at 0.1 % divided by the number of
    tests. A single seed is no sample.
    """
    allowed = _chosen(tolerances, rows, "as_samples", False).astype(bool)
    agree = pd.Series(False, index=rows.index)
    if "seed" not in keys or not (allowed & ~near).any():
        return agree
    by_setting = rows[allowed].groupby([key for key in keys if key != "seed"], dropna=False)
    groups = [group for _, group in by_setting if not near[group.index].all()]
    for group in groups:
        samples = group[[f"{column}_first", f"{column}_second"]].to_numpy(float)
        samples = np.log(samples) if (samples > 0).all() else samples
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # of seeds that are all equal
            chance = stats.ttest_ind(*samples.T, equal_var=False).pvalue
        agree[group.index] = bool(chance >= _CHANCE / len(groups))
    return agree


def _with_rounded(table: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """Return a table whose keys that are not whole numbers have nine significant digits, so that rows meet whatever the last ones are."""
    floats = [key for key in keys if pd.api.types.is_float_dtype(table[key])]
    return table.assign(**{key: table[key].map(lambda value: float(f"{value:.9g}")) for key in floats})


def _within(
    tolerances: Sequence[Tolerance], rows: pd.DataFrame, one: pd.Series[float], other: pd.Series[float]
) -> pd.Series[bool]:
    """Return which cells agree: both missing, equal, near, or within the factor, by the first tolerance that fits the row."""
    factor = _chosen(tolerances, rows, "factor", 1 + 1e-6)
    below = _chosen(tolerances, rows, "below", 0.0)
    difference = (one - other).abs()
    larger = np.maximum(one.abs(), other.abs())
    near = (difference <= below) | (difference <= (1 - 1 / factor) * larger) & (one * other >= 0)
    return (one == other) | near | (one.isna() & other.isna())


def _chosen(tolerances: Sequence[Tolerance], rows: pd.DataFrame, name: str, otherwise: float) -> pd.Series[float]:
    """Return an attribute of the first tolerance that fits each row."""
    chosen = pd.Series(float(otherwise), index=rows.index)
    for tolerance in reversed(tolerances):
        chosen[rows.query(tolerance.query).index] = float(getattr(tolerance, name))
    return chosen
