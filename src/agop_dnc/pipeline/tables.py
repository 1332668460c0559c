"""Tidy tables: one measured number a row, as CSV whose bytes depend on the numbers alone."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

DEEP_RFM = ["dataset", "activation", "seed", "layer", "component", "metric", "value"]
NETWORKS = ["dataset", "architecture", "seed", "epoch", "layer", "component", "metric", "value"]
NFA = ["dataset", "architecture", "seed", "epoch", "layer", "target", "value"]
FEATURE_KERNEL = ["seed", "width", "angle", "metric", "value"]
TRAINING = ["dataset", "architecture", "seed", "epoch", "metric", "value"]
ITERATION = ["data", "kappa", "ratio", "layer", "value"]
KERNEL_LEARNING = ["problem", "start", "step", "metric", "value"]
KERNEL_TRACE = ["dataset", "model", "layer", "metric", "value"]
THEORY = ["theorem", "data", "setting", "quantity", "predicted", "measured", "relative_error"]
DUFM_CURVES = ["study", "data", "setting", "classes", "layers", "seed", "step", "layer", "metric", "value"]
DUFM = ["study", "data", "setting", "classes", "layers", "seed", "quantity", "predicted", "measured", "relative_error"]


def write(rows: Iterable[Mapping[str, Any]] | pd.DataFrame, columns: list[str], path: str | Path) -> None:
    """Write rows as CSV with the given columns; the file is whole or not there.

    Floats are written with as many digits as bring the same float back. Raises ValueError where a row lacks a column or
    has another.
    """
    table = rows if isinstance(rows, pd.DataFrame) else pd.DataFrame(list(rows), columns=None)
    if len(table) and sorted(table.columns) != sorted(columns):
        raise ValueError(f"rows have columns {list(table.columns)}, not {columns}")
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.partial")
    table.reindex(columns=columns).to_csv(temporary, index=False, lineterminator="\n")
    os.replace(temporary, path)


def read(paths: str | Path | Iterable[str | Path]) -> pd.DataFrame:
    """Read one table, or several of the same columns one after another."""
    paths = [paths] if isinstance(paths, str | Path) else list(paths)
    # The default parser of floats is off by a unit in the last place now and then.
    return pd.concat([pd.read_csv(path, float_precision="round_trip") for path in paths], ignore_index=True)


def summary(table: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Mean and standard deviation (with n − 1; 0 for a single seed) of `value` over seeds, in columns `mean` and `std`.

    >>> t = pd.DataFrame({"layer": [1, 1], "seed": [0, 1], "value": [1.0, 3.0]})
    >>> summary(t, ["layer"]).to_dict("records")
    [{'layer': 1, 'mean': 2.0, 'std': 1.4142135623730951}]
    """
    grouped = table.groupby(by, sort=False)["value"].agg(["mean", "std"]).reset_index()
    return grouped.fillna({"std": 0.0})


def compared(predicted: float, measured: float) -> dict[str, float]:
    """The last columns of theory.csv and dufm.csv; the error is relative to the prediction, NaN where that is 0.

    >>> compared(2.0, 1.5)
    {'predicted': 2.0, 'measured': 1.5, 'relative_error': 0.25}
    """
    error = abs(measured - predicted) / abs(predicted) if predicted else float("nan")
    return {"predicted": predicted, "measured": measured, "relative_error": error}


def last_epoch(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of the highest epoch."""
    rows: pd.DataFrame = table[table.epoch == table.epoch.max()]
    return rows


Row = dict[str, Any]
