"""Six classifiers, each with a grid of eight settings.

The kernel machines solve least squares on one-hot labels. RFM and the Laplace kernel share the ridges; RFM's other axis is the number of updates of
M, the plain kernel's its bandwidth.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from sklearn.svm import SVC
from torch import Tensor

from ...models.rfm import Settings, iterates
from .sets import METHOD_TITLES

Labels = NDArray[np.int64]
Grid = tuple[dict[str, Any], ...]
RIDGES = (1.0, 0.1, 0.01, 0.001)
BANDWIDTH = 10.0


@dataclass(frozen=True)
class Problem:
    """Rows to fit to and rows to predict.

    Attributes:
        X: Points to fit to (n×d).
        y: Their labels 0 … classes−1 (n); some classes may be missing.
        X_new: Points to predict (m×d).
        classes: The number of classes.
        seed: The seed of what is random in a method.
    """

    X: NDArray[np.float64]
    y: Labels
    X_new: NDArray[np.float64]
    classes: int
    seed: int


@dataclass(frozen=True)
class Method:
    """A classifier.

    Attributes:
        grid: The settings among which it is tuned.
        predict: Yields for each of some settings the labels predicted for a problem's new points (m).
    """

    grid: Grid
    predict: Callable[[Problem, Sequence[Mapping[str, Any]]], Iterator[Labels]]


def grid(**axes: Sequence[Any]) -> Grid:
    """Return all combinations of values.

    >>> grid(a=[1, 2], b=["x"])
    ({'a': 1, 'b': 'x'}, {'a': 2, 'b': 'x'})
    """
    return tuple(dict(zip(axes, values, strict=True)) for values in product(*axes.values()))


def one_hot(y: Labels | NDArray[np.float64], classes: int) -> Tensor:
    """Return labels (n) as n×classes zeros and ones in float64."""
    return torch.eye(classes, dtype=torch.float64)[torch.as_tensor(y)]


def _rfm(problem: Problem, settings: Sequence[Mapping[str, Any]]) -> Iterator[Labels]:
    """Predict by the iterates of one RFM per ridge."""
    found: dict[tuple[float, int], Labels] = {}
    X, Y, X_new = torch.as_tensor(problem.X), one_hot(problem.y, problem.classes), torch.as_tensor(problem.X_new)
    for ridge in {one["ridge"] for one in settings}:
        updates = {one["updates"] for one in settings if one["ridge"] == ridge}
        for iterate in iterates(X, Y, Settings(bandwidth=BANDWIDTH, ridge=ridge, iterations=max(updates))):
            if iterate.iteration in updates:
                found[ridge, iterate.iteration] = iterate(X_new).argmax(1).numpy()
    yield from (found[one["ridge"], one["updates"]] for one in settings)


def _laplace(problem: Problem, settings: Sequence[Mapping[str, Any]]) -> Iterator[Labels]:
    X, Y, X_new = torch.as_tensor(problem.X), one_hot(problem.y, problem.classes), torch.as_tensor(problem.X_new)
    for one in settings:
        (fitted,) = iterates(X, Y, Settings(iterations=0, **one))
        yield fitted(X_new).argmax(1).numpy()


def _scikit_learn(
    make: Callable[..., Any], seeded: bool = True
) -> Callable[[Problem, Sequence[Mapping[str, Any]]], Iterator[Labels]]:
    def predict(problem: Problem, settings: Sequence[Mapping[str, Any]]) -> Iterator[Labels]:
        for one in settings:
            if len(np.unique(problem.y)) == 1:  # which scikit-learn refuses
                yield np.full(len(problem.X_new), problem.y[0])
                continue
            model = make(**one, **({"random_state": problem.seed} if seeded else {}))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                yield model.fit(problem.X, problem.y).predict(problem.X_new)

    return predict


class _Svm:
    """A Gaussian SVM whose γ is `width`/(d·variance of X)."""

    def __init__(self, C: float, width: float) -> None:
        self._C, self._width = C, width

    def fit(self, X: NDArray[np.float64], y: Labels) -> SVC:
        """Return the SVM fitted to points X (n×d) with labels y (n)."""
        gamma = self._width / (X.shape[1] * max(float(X.var()), 1e-12))
        return SVC(C=self._C, gamma=gamma).fit(X, y)


def _forest(**settings: Any) -> RandomForestClassifier:
    return RandomForestClassifier(n_estimators=100, n_jobs=1, **settings)


def _boosting(**settings: Any) -> HistGradientBoostingClassifier:
    return HistGradientBoostingClassifier(max_iter=100, early_stopping=False, **settings)


def _mlp(width: int, **settings: Any) -> MLPClassifier:
    return MLPClassifier(hidden_layer_sizes=(width, width), max_iter=100, **settings)


METHODS: dict[str, Method] = {
    "rfm": Method(grid(ridge=RIDGES, updates=(1, 3)), _rfm),
    "laplace": Method(grid(ridge=RIDGES, bandwidth=(3.0, BANDWIDTH)), _laplace),
    "svm": Method(grid(C=(0.5, 2.0, 10.0, 100.0), width=(0.3, 1.0)), _scikit_learn(_Svm, seeded=False)),
    "forest": Method(
        grid(max_features=("sqrt", 0.5), min_samples_leaf=(1, 2, 4, 8)),
        _scikit_learn(_forest),
    ),
    "boosting": Method(
        grid(learning_rate=(0.05, 0.2), max_leaf_nodes=(7, 31), l2_regularization=(0.0, 1.0)),
        _scikit_learn(_boosting),
    ),
    "mlp": Method(
        grid(width=(32, 128), alpha=(1e-4, 1e-1), learning_rate_init=(1e-3, 1e-2)),
        _scikit_learn(_mlp),
    ),
}


def grids() -> pd.DataFrame:
    """Return the settings among which each method is tuned."""
    rows = []
    for name, method in METHODS.items():
        axes = {axis: list(dict.fromkeys(one[axis] for one in method.grid)) for axis in method.grid[0]}
        text = "; ".join(f"{axis}: {', '.join(map(str, values))}" for axis, values in axes.items())
        rows.append({"method": METHOD_TITLES[name], "settings": len(method.grid), "grid": text})
    return pd.DataFrame(rows)
