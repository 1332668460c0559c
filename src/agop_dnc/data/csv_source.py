"""Tables with a header, from csv files and data frames, as a matrix of numbers and a column of targets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..errors import UserError, did_you_mean

MOST_CATEGORIES = 50  # distinct values of a column of text that is one-hot encoded; with more it is a name or free text


def read(what: str, path: Path, target: str | None = None) -> tuple[NDArray[np.float64], NDArray[Any]]:
    """Return the features (N×d) and targets (N) of a csv file with a header.

    Args:
        what: What errors call the data, such as `dataset wine`.
        path: The file.
        target: The column with the targets, which are labels or numbers; the last one if None.

    Raises:
        UserError: If the file is no such table; the sentence names the column and the remedy.
    """
    frame = _read_frame(what, path)
    target = str(frame.columns[-1]) if target is None else target
    if target not in frame.columns:
        raise UserError(f"{what}: {path.name} has no column '{target}'{did_you_mean(target, frame.columns)}")
    if frame[target].isna().any():
        raise UserError(f"{what}: column '{target}' has empty cells; remove the rows without a target")
    features, _ = numeric_matrix(what, frame.drop(columns=target))
    y = frame[target]
    return features, y.to_numpy() if _is_number(y) else y.astype(str).to_numpy(np.str_)


def numeric_matrix(what: str, frame: pd.DataFrame) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Return the columns of a data frame as an N×d matrix, and their names.

    Numbers stay as they are, booleans become 0 and 1, and a column of text or of categories becomes one column of zeros
    and ones per distinct value, in sorted order.

    Args:
        what: What errors call the data.
        frame: The features, without the target.

    Raises:
        UserError: If there is no column, a cell is empty or infinite, or a column of text has more than 50 values.
    """
    if frame.shape[1] == 0:
        raise UserError(f"{what}: there is no column besides the target; give at least one feature")
    # An infinite cell is as little a number as an empty one.
    bad = [str(c) for c in frame if frame[c].isna().any() or (_is_number(frame[c]) and np.isinf(frame[c]).any())]
    if bad:
        raise UserError(f"{what}: columns with empty or infinite cells: {_listed(bad)}; fill them or remove the rows")
    text = [str(c) for c in frame if not _is_number(frame[c]) and frame[c].nunique() > MOST_CATEGORIES]
    if text:
        raise UserError(
            f"{what}: columns of text with more than {MOST_CATEGORIES} distinct values: {_listed(text)}; remove them or "
            "turn them into numbers"
        )
    encoded = [_encode(frame[column]) for column in frame]
    return np.hstack([matrix for matrix, _ in encoded]), tuple(name for _, names in encoded for name in names)


def _encode(column: pd.Series[Any]) -> tuple[NDArray[np.float64], list[str]]:
    if _is_number(column):
        return column.to_numpy(np.float64)[:, None], [str(column.name)]
    values, index = np.unique(column.astype(str).to_numpy(np.str_), return_inverse=True)
    return np.eye(len(values))[index], [f"{column.name}={value}" for value in values]


def _read_frame(what: str, path: Path) -> pd.DataFrame:
    try:
        frame = pd.read_csv(path, skipinitialspace=True)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError, ValueError) as error:
        said = " ".join(str(error).split())
        raise UserError(f"{what}: {path.name} cannot be read as csv ({said}); save it with commas, in UTF-8") from error
    columns = [str(column) for column in frame.columns]
    if len(columns) == 1 and (";" in columns[0] or "\t" in columns[0]):
        raise UserError(f"{what}: {path.name} is separated by semicolons or tabs; save it with commas")
    if _is_data(columns):
        raise UserError(f"{what}: the first line of {path.name} holds data; put a line with the columns' names first")
    if columns[0].startswith("Unnamed: ") and _counts(frame.iloc[:, 0]):
        raise UserError(
            f"{what}: the first column of {path.name} has no name and counts the rows; remove it, as "
            "to_csv(…, index=False) does"
        )
    if frame.empty:
        raise UserError(f"{what}: {path.name} has a header but no rows; give one row per point")
    return frame.set_axis(columns, axis=1)


def _is_number(column: pd.Series[Any]) -> bool:
    return pd.api.types.is_numeric_dtype(column) and not isinstance(column.dtype, pd.CategoricalDtype)


def _is_data(header: list[str]) -> bool:
    """Return whether a first line holds data rather than names: numbers that do not count columns, as those of an array do."""
    numbers = [number for number in map(_number, header) if number is not None]
    start = 0.0 if len(numbers) == len(header) else next(iter(numbers), 0.0)
    return numbers != [start + i for i in range(len(numbers))] or start % 1 != 0


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _counts(column: pd.Series[Any]) -> bool:
    """Return whether a column is 0, 1, 2, … or 1, 2, 3, …."""
    values = column.to_numpy()
    return any(np.array_equal(values, np.arange(start, start + len(values))) for start in (0, 1))


def _listed(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
