"""Tune and test classifiers on a table's folds: the rows of tabular.csv."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...data import tabular, uci
from ...data.tabular import Rows, Split, Splits, Table
from ...errors import UserError
from ...pipeline.tables import Row
from . import published
from .methods import METHODS, Method, Problem

FOLDS = 4
# Folds of at most so many training rows are tuned on several draws.
FEW_ROWS = 500


def read(name: str, folder: str | Path | None, seed: int) -> Table:
    """Return a set with class labels, four folds and a tuning split.

    UCI's sets come with both. For scikit-learn's the folds are drawn, columns are standardised over all rows as in UCI's, and half of the
    rows, stratified, are the tuning split's first.

    Raises:
        UserError: If there is no such set, or it has no class labels.
    """
    if folder is not None:
        return uci.read(name, folder)
    table = tabular.scikit_learn(name)
    if not table.is_classification:
        raise UserError(f"table {name}: its targets are numbers; this study compares classifiers")
    splits = Splits(tabular.k_folds(table, FOLDS, seed), tabular.validation_split(table, seed, 0.5))
    return replace(table, X=standardised(table.X, np.arange(len(table.X))), splits=splits)


def standardised(X: NDArray[np.float64], rows: Rows) -> NDArray[np.float64]:
    """Return X less the mean of some rows and divided by their standard deviation; columns that are constant there become 0."""
    deviation = X[rows].std(0)
    scaled = (X - X[rows].mean(0)) / np.where(deviation > 0, deviation, 1)
    return np.where(deviation > 0, scaled, 0.0)


def tabular_rows(table: Table, seed: int, settings: Mapping[str, Any]) -> Iterator[Row]:
    """Yield rows of tabular.csv without their dataset, as they are found.

    Args:
        table: A set with class labels, folds and a tuning split.
        seed: The seed of the draws and of what is random in methods.
        settings: `tuning_fraction` and `tuning_repeats`.
    """
    for number, fold in enumerate(table.splits.folds):
        for name, method in METHODS.items():
            right = clean_accuracy(table, fold, method, seed, settings)
            yield _row(number, "clean", name, right)
    assert table.splits.tuning is not None
    for name, most_updates in (("rfm", published.MOST_UPDATES), ("laplace", 0)):
        tuned = published.tune(table, table.splits.tuning, most_updates)
        for number, fold in enumerate(table.splits.folds):
            yield _row(number, "published", name, published.fold_accuracy(table, fold, tuned, within=False))
            yield _row(number, "within", name, published.fold_accuracy(table, fold, tuned, within=True))


def clean_accuracy(table: Table, fold: Split, method: Method, seed: int, settings: Mapping[str, Any]) -> float:
    """Return the accuracy on a fold's test rows of a method tuned on its training rows alone.

    Columns are standardised by the rows that are fitted to. The settings with the highest accuracy on the rows set aside count, the first of equals.
    """
    repeats = settings["tuning_repeats"] if len(fold.train) <= FEW_ROWS else 1
    scores = np.zeros(len(method.grid))
    for repeat in range(repeats):
        split = tabular.validation_split(table, seed + 1000 * repeat, settings["tuning_fraction"], fold.train)
        predicted = method.predict(_problem(table, split, seed), method.grid)
        scores += [published.accuracy(labels, table.y[split.test]) for labels in predicted]
    best = method.grid[int(scores.argmax())]
    (labels,) = method.predict(_problem(table, fold, seed), [best])
    return published.accuracy(labels, table.y[fold.test])


def _problem(table: Table, split: Split, seed: int) -> Problem:
    X = standardised(table.X, split.train)
    y = table.y[split.train].astype(np.int64)
    return Problem(X[split.train], y, X[split.test], len(table.classes or ()), seed)


def _row(fold: int, protocol: str, method: str, value: float) -> Row:
    return {"fold": fold, "protocol": protocol, "method": method, "metric": "accuracy", "value": value}
