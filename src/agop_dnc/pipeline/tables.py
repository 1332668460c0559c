"""Read and write tidy tables: one measured number per row, as CSV whose bytes depend only on the numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from ..files import replacing

Row = dict[str, Any]


def write(rows: Iterable[Mapping[str, Any]] | pd.DataFrame, columns: Sequence[str], path: str | Path) -> None:
    """Write rows as CSV with the given columns, completely or not at all.

    Floats have as many digits as are needed to read the same float back.

    Args:
        rows: The rows, or a table.
        columns: The columns, in the order in which they are written.
        path: The file to write.

    Raises:
        ValueError: If the rows have other columns.
    """
    table = rows if isinstance(rows, pd.DataFrame) else pd.DataFrame(list(rows))
    if len(table) and sorted(table.columns) != sorted(columns):
        raise ValueError(f"rows have columns {list(table.columns)}; give them {list(columns)}")
    with replacing(path) as temporary:
        table.reindex(columns=list(columns)).to_csv(temporary, index=False, lineterminator="\n")


def read(paths: str | Path | Iterable[str | Path]) -> pd.DataFrame:
    """Return one table, or the rows of several tables with equal columns, one table after another."""
    paths = [paths] if isinstance(paths, str | Path) else list(paths)
    # The default parser of floats is sometimes off by one unit in the last place.
    return pd.concat([pd.read_csv(path, float_precision="round_trip") for path in paths], ignore_index=True)


def summary(table: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Return mean and standard deviation (with n − 1; 0 for a single seed) of `value` over seeds, in columns `mean` and `std`.

    Args:
        table: A table with a column `value`.
        by: The columns whose values distinguish groups.

    Returns:
        One row per group, in the table's order.

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
    """Return a row of predictions.csv, without its study.

    Args:
        quantity: The name of the predicted quantity.
        predicted: The predicted value, or the bound if `kind` is `bound`.
        measured: The measured value.
        data: The name of the data.
        setting: The settings, in words.
        layer: The layer; 0 for the whole model.
        seed: The seed.
        kind: `value`, with the relative error |measured − predicted|/|predicted| (NaN if predicted is 0), or `bound`, without one.

    Returns:
        The row.

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
