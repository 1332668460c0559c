"""Theorems 5.3 and 5.4 beside their measurements: each function yields the rows of a table.

A row of theory.csv sets a `measured` value beside a `predicted` one. Its relative error is |measured − predicted|/|predicted|.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from . import collapse_iteration, kernel_learning
from .collapse_iteration import KAPPAS, collapsed_gram
from .errors import UserError
from .kernel_regression import normalised
from .kernel_trace import collapsed_alignment
from .kernels import Kernel
from .randomness import generator
from .tables import compared

Row = dict[str, Any]


# Theorem 5.3


def gaussian_gram(classes: int, per_class: int, seed: int) -> tuple[Tensor, Tensor]:
    """The Gram matrix (N×N) of N = classes × per_class points N(0, I/d) in d = 2N dimensions, and labels (N)."""
    N = classes * per_class
    X = torch.randn(N, 2 * N, dtype=torch.float64, generator=generator(seed, "collapse iteration"))
    return X @ X.T / (2 * N), torch.arange(classes).repeat_interleave(per_class)


def dataset_gram(X: Tensor, y: Tensor, per_class: int) -> tuple[Tensor, Tensor]:
    """The Gram matrix of the first per_class points of each class, divided by their norms, and their labels.

    The theorem wants it of full rank: per_class is for the user to choose below d/K. Raises UserError where a class has fewer.
    """
    counts = torch.bincount(y)
    if int(counts.min()) < per_class:
        raise UserError(
            f"class {int(counts.argmin())} has {int(counts.min())} points, not the {per_class} of each that are asked for; "
            "lower collapse_iteration.dataset_per_class"
        )
    kept = torch.cat([(y == label).nonzero().flatten()[:per_class] for label in range(int(y.max()) + 1)])
    X = normalised(X[kept].double())
    return X @ X.T, y[kept]


def of_iteration(
    data: str, A: Tensor, y: Tensor, map_ridge: float, ratios: Iterable[float], depth: int
) -> tuple[list[Row], list[Row]]:
    """Theorem 5.3's iteration from the Gram matrix A (N×N) of points with labels y, for each κ and λ̂ = ratio·λ_map.

    Returns the rows of collapse_iteration.csv (the distance of every layer) and of theory.csv: the floor that each κ leaves,
    and with the exact κ the rate, beside the one that the theorem's condition asks for. A κ that is not positive is passed over.
    """
    target, n = collapsed_gram(y), len(y) // (int(y.max()) + 1)
    curves: list[Row] = []
    found: list[Row] = []
    for ratio in ratios:
        ridge = ratio * map_ridge
        about = {"theorem": "5.3", "data": data, "setting": f"λ̂/λ_map={ratio:g}"}
        for which in KAPPAS:
            scale = collapse_iteration.kappa(which, ridge, map_ridge, n)
            if scale <= 0:
                continue
            grams = collapse_iteration.iterate(A, target, ridge, map_ridge, scale, depth)
            distances = [collapse_iteration.distance(G, target) for G in grams]
            curves += [
                {"data": data, "kappa": which, "ratio": ratio, "layer": layer, "value": value}
                for layer, value in enumerate(distances, start=1)
            ]
            if which == "exact":
                measured = collapse_iteration.fitted_rate(distances, n)
                rate = collapse_iteration.rate(ridge, map_ridge, n)
                asked = collapse_iteration.sufficient_rate(ridge, map_ridge, n)
                found += [
                    about | {"quantity": "rate of the distance"} | compared(rate, measured),
                    about | {"quantity": "rate (the theorem's 1 − ε)"} | compared(asked, measured),
                ]
            else:
                floor = collapse_iteration.floor(scale, ridge, map_ridge, n)
                found.append(about | {"quantity": f"floor (κ {which})"} | compared(floor, distances[-1]))
    return curves, found


# Theorem 5.4


def problem_name(classes: int, per_class: int, mu: float) -> str:
    """
    >>> problem_name(2, 10, 0.1)
    'K=2 n=10 μ=0.1'
    """
    return f"K={classes} n={per_class} μ={mu:g}"


def of_kernel_learning(
    classes: int, per_class: int, mu: float, length: float, steps: int, seed: int
) -> tuple[list[Row], list[Row]]:
    """Theorem 5.4's problem climbed from every start: rows of kernel_learning.csv, and of theory.csv.

    Metrics: `objective` and `bound` (the best certificate so far: no feasible matrix has more), both as shares of the optimum,
    `shortfall` = 1 − objective, `gap` (as a share, too) and `distance` = ‖k − k*‖_F/‖k*‖_F.
    """
    y = torch.arange(classes).repeat_interleave(per_class)
    target, best = collapsed_gram(y), kernel_learning.optimum(y, mu)
    problem = problem_name(classes, per_class, mu)
    curves: list[Row] = []
    found: list[Row] = []
    for start in kernel_learning.STARTS:
        k = kernel_learning.start(start, y, generator(seed, "kernel learning", problem, start))
        bound = math.inf
        for step, state in enumerate(kernel_learning.ascend(k, y, mu, length, steps)):
            bound = min(bound, state.objective + state.gap)
            measured = {
                "objective": state.objective / best,
                "bound": bound / best,
                "shortfall": 1 - state.objective / best,
                "gap": state.gap / best,
                "distance": float(torch.linalg.matrix_norm(state.k - target) / torch.linalg.matrix_norm(target)),
            }
            about = {"problem": problem, "start": start, "step": step}
            curves += [about | {"metric": metric, "value": value} for metric, value in measured.items()]
        kernel_learning.check_feasible(state.k)
        about = {"theorem": "5.4", "data": f"from {start}", "setting": problem}
        found += [
            about | {"quantity": "objective"} | compared(best, state.objective),
            about | {"quantity": "certified upper bound of the optimum"} | compared(best, bound),
            about | {"quantity": "alignment with k*"} | compared(1.0, kernel_learning.alignment(state.k, y)),
        ]
    return curves, found


# Both, beside the kernels of practice


def of_traces(traces: pd.DataFrame, kernels: Mapping[str, Kernel], y: Tensor, mu: float) -> Iterator[Row]:
    """What the kernels of a run do beside what the theorems say they should: rows of theory.csv.

    traces: rows of kernel_trace.csv of one dataset. kernels: by model. y: the labels (N). Rates are geometric means over the
    layers from the second on; `predicted` for a kernel matrix is what it would be for collapsed points.
    """
    for (dataset, model), rows in traces.groupby(["dataset", "model"], sort=False):
        wide = rows.pivot(index="layer", columns="metric", values="value").sort_index()
        about = {"data": dataset, "setting": model}
        if "predicted_rate" in wide:
            steps = wide.distance.iloc[1:].to_numpy() / wide.distance.iloc[:-1].to_numpy()
            predicted = _geometric_mean(wide.predicted_rate.dropna())
            yield (
                {"theorem": "5.3"}
                | about
                | {"quantity": "rate of √NC1 of X̃"}
                | compared(predicted, _geometric_mean(steps))
            )
        limit, share = collapsed_alignment(kernels[str(model)], y, mu)
        last = wide.iloc[-1]
        yield (
            {"theorem": "5.4"}
            | about
            | {"quantity": "alignment of the last kernel matrix with k*"}
            | compared(limit, last.alignment)
        )
        yield (
            {"theorem": "5.4"}
            | about
            | {"quantity": "objective of the last kernel matrix (share of the optimum)"}
            | compared(share, last.objective)
        )


def _geometric_mean(values: Any) -> float:
    return float(np.exp(np.mean(np.log(np.asarray(values, dtype=float)))))
