"""Tidy tables: one measured number per row, as CSV whose bytes depend on the numbers alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from ..files import replacing

Row = dict[str, Any]


def write(rows: Iterable[Mapping[str, Any]] | pd.DataFrame, columns: Sequence[str], path: str | Path) -> None:
    """Write rows as CSV with the given columns; the file is whole or not there.

    Floats are written with as many digits as bring the same float back.

    Raises:
        ValueError: If a row lacks a column or has another.
    """
    table = rows if isinstance(rows, pd.DataFrame) else pd.DataFrame(list(rows))
    if len(table) and sorted(table.columns) != sorted(columns):
        raise ValueError(f"rows have columns {list(table.columns)}, not {list(columns)}")
    with replacing(path) as temporary:
        table.reindex(columns=list(columns)).to_csv(temporary, index=False, lineterminator="\n")


def read(paths: str | Path | Iterable[str | Path]) -> pd.DataFrame:
    """Return one table, or several of the same columns one after another."""
    paths = [paths] if isinstance(paths, str | Path) else list(paths)
    # The default parser of floats is off by a unit in the last place now and then.
    return pd.concat([pd.read_csv(path, float_precision="round_trip") for path in paths], ignore_index=True)


def summary(table: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Return mean and standard deviation (with n − 1; 0 for one seed) of `value` over seeds, in columns `mean` and `std`.

    >>> t = pd.DataFrame({"layer": [1, 1], "seed": [0, 1], "value": [1.0, 3.0]})
    >>> summary(t, ["layer"]).to_dict("records")
    [{'layer': 1, 'mean': 2.0, 'std': 1.4142135623730951}]
    """
    grouped = table.groupby(by, sort=False)["value"].agg(["mean", "std"]).reset_index()
    return grouped.fillna({"std": 0.0})


def last_epoch(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the highest epoch."""
    rows: pd.DataFrame = table[table.epoch == table.epoch.max()]
    return rows


def prediction(
    quantity: str,
    predicted: float,
    measured: float,
    *,
    data: str,
    setting: str,
    layer: int = 0,
    seed: int = 0,
    kind: str = "value",
) -> Row:
    """Return a row of predictions.csv without its study.

    Args:
        quantity: What is predicted.
        predicted: A value, or with `kind="bound"` a bound.
        measured: What was found.
        data: On which data.
        setting: With which settings, for the reader.
        layer: Of which layer; 0 for the whole.
        seed: Of which seed.
        kind: `value` has a relative error |measured − predicted|/|predicted| (NaN if predicted is 0); a `bound` has none.

    >>> prediction("loss", 2.0, 1.5, data="digits", setting="L = 3")["relative_error"]
    0.25
    """
    error = abs(measured - predicted) / abs(predicted) if kind == "value" and predicted else float("nan")
    return {
        "data": data,
        "setting": setting,
        "layer": layer,
        "seed": seed,
        "quantity": quantity,
        "predicted": predicted,
        "measured": measured,
        "relative_error": error,
        "kind": kind,
    }
