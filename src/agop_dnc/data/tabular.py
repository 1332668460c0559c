"""Tabular data: a matrix of features with class labels or real targets, and how its rows are split.

Readers of known sets are in :mod:`uci` and :mod:`openml`; :func:`scikit_learn` reads those that scikit-learn carries.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..errors import UserError, did_you_mean
from ..randomness import generator
from . import csv_source
from .checks import as_labels

Rows = NDArray[np.int64]  # row numbers of a table
SCIKIT_LEARN = ("breast_cancer", "diabetes", "digits", "iris", "wine")


@dataclass(frozen=True)
class Split:
    """Two disjoint sets of rows: to fit on and to score on."""

    train: Rows
    test: Rows


@dataclass(frozen=True)
class Splits:
    """The splits that a table comes with.

    Attributes:
        folds: For scoring.
        tuning: For choosing hyperparameters.
        test: Rows that the table's authors set apart for testing; folds and tuning are then of the other rows only.
    """

    folds: tuple[Split, ...] = ()
    tuning: Split | None = None
    test: Split | None = None


@dataclass(frozen=True)
class Table:
    """Features with class labels or real targets.

    Attributes:
        name: The table's name.
        X: n×d, float64.
        y: n class labels 0 … K−1 (int64), or n real targets (float64).
        classes: The K classes' names; None if the targets are real.
        splits: The splits that the table comes with.
        features: The d features' names, if they are known.
    """

    name: str
    X: NDArray[np.float64]
    y: NDArray[np.int64] | NDArray[np.float64]
    classes: tuple[str, ...] | None = None
    splits: Splits = Splits()
    features: tuple[str, ...] = ()

    @property
    def is_classification(self) -> bool:
        """Return whether the targets are class labels."""
        return self.classes is not None


def classification_table(
    name: str,
    X: NDArray[Any],
    labels: NDArray[Any],
    splits: Splits | None = None,
    features: Sequence[str] = (),
    class_names: Sequence[str] | None = None,
) -> Table:
    """Return a table with class labels, renumbered 0 … K−1 in sorted order.

    Args:
        name: The table's name.
        X: n×d numbers.
        labels: n whole numbers, strings or booleans.
        splits: The splits that the table comes with.
        features: The features' names.
        class_names: The classes' names by label; the labels themselves if None.

    Raises:
        UserError: If X is no finite n×d matrix, or there are fewer than two classes.
    """
    matrix = _matrix(name, X, len(labels))
    known, y = np.unique(as_labels(name, "y", np.asarray(labels)), return_inverse=True)
    if len(known) < 2:
        raise UserError(f"table {name}: all {len(y)} rows are of one class; a classifier needs at least 2")
    classes = tuple(str(label) if class_names is None else str(class_names[label]) for label in known)
    return Table(name, matrix, y.astype(np.int64), classes, splits or Splits(), tuple(features))


def regression_table(
    name: str, X: NDArray[Any], targets: NDArray[Any], splits: Splits | None = None, features: Sequence[str] = ()
) -> Table:
    """Return a table with real targets.

    Raises:
        UserError: If X is no finite n×d matrix, or the targets are no n finite numbers.
    """
    matrix = _matrix(name, X, len(targets))
    y = np.asarray(targets, np.float64)
    if y.ndim != 1:
        raise UserError(f"table {name}: the targets have shape {y.shape}; give one number per row")
    if not np.isfinite(y).all():
        raise UserError(f"table {name}: the targets hold NaN or infinite values; remove those rows")
    return Table(name, matrix, y, None, splits or Splits(), tuple(features))


def scikit_learn(name: str) -> Table:
    """Return one of the tables that scikit-learn carries: iris, wine, breast_cancer, digits or diabetes.

    Raises:
        UserError: If it is none of these.
    """
    import sklearn.datasets

    if name not in SCIKIT_LEARN:
        raise UserError(f"table {name}: scikit-learn carries no such set{did_you_mean(name, SCIKIT_LEARN)}")
    bunch = getattr(sklearn.datasets, f"load_{name}")()
    if name == "diabetes":
        return regression_table(name, bunch.data, bunch.target, features=bunch.feature_names)
    return classification_table(
        name, bunch.data, bunch.target, features=bunch.feature_names, class_names=bunch.target_names
    )


def csv_file(path: str | Path, target: str | None = None, regression: bool = False) -> Table:
    """Return a csv file with a header as a table, named after the file.

    Args:
        path: The file; `~` is expanded.
        target: The column with the targets; the last one if None.
        regression: Whether the targets are real numbers rather than labels.

    Raises:
        UserError: If there is no such file, or it is no such table.
    """
    file = Path(path).expanduser()
    if not file.is_file():
        raise UserError(f"table {file.stem}: the file {file} was not found; correct its path")
    X, y = csv_source.read(f"table {file.stem}", file, target)
    if not regression:
        return classification_table(file.stem, X, y)
    if y.dtype.kind not in "biuf":
        raise UserError(f"table {file.stem}: the targets are text; name a column of numbers as target")
    return regression_table(file.stem, X, y)


def validation_split(table: Table, seed: int, fraction: float = 0.2, rows: Rows | None = None) -> Split:
    """Return a drawn split of the rows, stratified by class: rows to fit on and rows to validate on.

    Each class gives round(fraction·count) of its rows to the validation part, but keeps at least one.

    Args:
        table: The table.
        seed: The seed of the draw.
        fraction: The validation part's share, between 0 and 1.
        rows: The rows to split, such as a fold's training rows; all if None.

    Raises:
        ValueError: If fraction is not between 0 and 1, or either part would be empty.
    """
    if not 0 < fraction < 1:
        raise ValueError(f"fraction is {fraction}; it must be between 0 and 1")
    groups = _drawn_groups(table, seed, "validation split", rows)
    cuts = [min(round(fraction * len(group)), len(group) - 1) for group in groups]
    train, test = (np.sort(np.concatenate(part)) for part in _cut(groups, cuts))
    if not len(train) or not len(test):
        raise ValueError(f"{sum(map(len, groups))} rows cannot be split with fraction {fraction}; give more of them")
    return Split(train, test)


def k_folds(table: Table, k: int, seed: int, rows: Rows | None = None) -> tuple[Split, ...]:
    """Return k drawn splits whose test parts are a partition of the rows, stratified by class.

    Unlike the folds of the UCI sets, which overlap.

    Args:
        table: The table.
        k: How many, at least 2.
        seed: The seed of the draw.
        rows: The rows to split; all if None.

    Raises:
        ValueError: If k is not between 2 and the number of rows.
    """
    drawn = np.concatenate(_drawn_groups(table, seed, "folds", rows))
    if not 2 <= k <= len(drawn):
        raise ValueError(f"k is {k}; it must be between 2 and the number of rows, {len(drawn)}")
    # Every k-th row of the classes one after another: each class is spread evenly, and so are the folds' sizes.
    fold = np.arange(len(drawn)) % k
    return tuple(Split(np.sort(drawn[fold != i]), np.sort(drawn[fold == i])) for i in range(k))


def _drawn_groups(table: Table, seed: int, purpose: str, rows: Rows | None) -> list[Rows]:
    """Return the rows of each class (or all of them, if targets are real) in drawn order."""
    rows = np.arange(len(table.y)) if rows is None else np.asarray(rows).astype(np.int64)
    labels = table.y[rows] if table.is_classification else np.zeros(len(rows))
    draw = generator(seed, purpose, table.name)
    drawn = rows[torch.randperm(len(rows), generator=draw).numpy()]
    drawn_labels = table.y[drawn] if table.is_classification else labels
    return [drawn[drawn_labels == label] for label in np.unique(labels)]


def _cut(groups: list[Rows], cuts: list[int]) -> tuple[list[Rows], list[Rows]]:
    return (
        [group[cut:] for group, cut in zip(groups, cuts, strict=True)],
        [group[:cut] for group, cut in zip(groups, cuts, strict=True)],
    )


def _matrix(name: str, X: NDArray[Any], rows: int) -> NDArray[np.float64]:
    X = np.asarray(X)
    if X.ndim != 2 or X.dtype.kind not in "biuf":
        raise UserError(f"table {name}: the features are {X.dtype} of shape {X.shape}; give n×d numbers")
    if len(X) != rows:
        raise UserError(f"table {name}: {len(X):,} rows of features but {rows:,} targets; give one target per row")
    if not np.isfinite(X).all():
        raise UserError(f"table {name}: the features hold NaN or infinite values; fill them or remove those rows")
    return X.astype(np.float64)
