"""RFM and the Laplace kernel tuned as the published comparison does.

On a set's tuning split the ridge, whether rows are divided by their norms, and the number of updates of M are chosen. Then each of the four folds is
fitted with these and with *the M learned on the tuning half*, whose rows include test rows of the folds, labels and all (`published`), or with M
learned from the fold's training rows (`within`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...data.tabular import Split, Table
from ...models.rfm import Settings, iterates
from .methods import BANDWIDTH, Labels, one_hot

RIDGES = (10.0, 1.0, 0.1, 0.01, 0.001)
MOST_UPDATES = 4


@dataclass(frozen=True)
class Tuned:
    """What was chosen on the tuning split: ridge, row norms, updates of M, and the M that was learned there (d×d)."""

    ridge: float
    unit_norm: bool
    updates: int
    M: Tensor


def tune(table: Table, split: Split, most_updates: int = MOST_UPDATES) -> Tuned:
    """Return the choice with the highest accuracy on the tuning split's other half, the first of equals.

    Args:
        table: A table with class labels.
        split: Its tuning split.
        most_updates: 0 for the plain Laplace kernel.
    """
    best, chosen = -1.0, None
    for unit_norm in (False, True):
        X = points(table, unit_norm)
        Y = one_hot(table.y[split.train].astype(np.int64), _classes(table))
        for ridge in RIDGES:
            settings = Settings(bandwidth=BANDWIDTH, ridge=ridge, iterations=most_updates)
            for iterate in iterates(X[split.train], Y, settings):
                right = accuracy(iterate(X[split.test]).argmax(1).numpy(), table.y[split.test])
                if right > best:
                    best, chosen = right, Tuned(ridge, unit_norm, iterate.iteration, iterate.M)
    assert chosen is not None
    return chosen


def fold_accuracy(table: Table, fold: Split, tuned: Tuned, within: bool) -> float:
    """Return the accuracy on a fold's test rows.

    Args:
        table: A table with class labels.
        fold: The fold.
        tuned: What was chosen on the tuning split.
        within: Whether M is learned from the fold's training rows rather than taken from the tuning split.
    """
    X, Y = points(table, tuned.unit_norm), one_hot(table.y[fold.train].astype(np.int64), _classes(table))
    settings = Settings(bandwidth=BANDWIDTH, ridge=tuned.ridge, iterations=tuned.updates if within else 0)
    for last in iterates(X[fold.train], Y, settings, None if within else tuned.M):  # noqa: B007
        pass
    return accuracy(last(X[fold.test]).argmax(1).numpy(), table.y[fold.test])


def points(table: Table, unit_norm: bool) -> Tensor:
    """Return the table's rows (n×d), each divided by its norm if asked for; a row of zeros stays."""
    X = torch.as_tensor(table.X)
    return X / X.norm(dim=1, keepdim=True).clamp_min(1e-12) if unit_norm else X


def accuracy(predicted: Labels, y: NDArray[np.integer] | NDArray[np.floating]) -> float:
    """Return the share of labels (n) that are predicted."""
    return float(np.mean(predicted == y))


def _classes(table: Table) -> int:
    return len(table.classes or ())
