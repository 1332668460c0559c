"""Maximise Theorem 5.4's objective: the rows of kernel_learning.csv and of predictions.csv."""

from __future__ import annotations

import math

import torch

from ...pipeline.tables import Row, prediction
from ...randomness import generator
from ..collapse_iteration.theorem import collapsed_gram
from . import problem


def problem_name(classes: int, per_class: int, mu: float) -> str:
    """Return a problem's name, which also seeds its random starts.

    Args:
        classes: The number of classes K.
        per_class: Points per class n.
        mu: μ.

    Returns:
        The name.

    >>> problem_name(2, 10, 0.1)
    'K=2 n=10 μ=0.1'
    """
    return f"K={classes} n={per_class} μ={mu:g}"


def kernel_learning_rows(
    classes: int, per_class: int, mu: float, length: float, steps: int, seed: int
) -> tuple[list[Row], list[Row]]:
    """Maximise the objective of one of Theorem 5.4's problems from every start.

    Metrics are `objective` and `bound` (the best certificate so far, which no feasible matrix exceeds), both as shares of the optimum;
    `shortfall` = 1 − objective; `gap`, also as a share; and `distance` = ‖k − k*‖_F/‖k*‖_F.

    Args:
        classes: The number of classes K.
        per_class: Points per class n.
        mu: μ.
        length: The longest step, as a share of the way to the matrix aimed at.
        steps: The number of steps.
        seed: Seed of the random starts.

    Returns:
        The rows of kernel_learning.csv, and those of predictions.csv.
    """
    y = torch.arange(classes).repeat_interleave(per_class)
    target, best = collapsed_gram(y), problem.optimum(y, mu)
    name = problem_name(classes, per_class, mu)
    curves: list[Row] = []
    found: list[Row] = []
    for start in problem.STARTS:
        k = problem.start(start, y, generator(seed, "kernel learning", name, start))
        bound = math.inf
        for step, state in enumerate(problem.ascend(k, y, mu, length, steps)):
            bound = min(bound, state.objective + state.gap)
            measured = {
                "objective": state.objective / best,
                "bound": bound / best,
                "shortfall": 1 - state.objective / best,
                "gap": state.gap / best,
                "distance": float(torch.linalg.matrix_norm(state.k - target) / torch.linalg.matrix_norm(target)),
            }
            about = {"problem": name, "start": start, "step": step}
            curves += [about | {"metric": metric, "value": value} for metric, value in measured.items()]
        problem.check_feasible(state.k)
        of_end: Row = {"data": f"from {start}", "setting": name}
        found += [
            prediction("objective", best, state.objective, **of_end),
            prediction("certified upper bound of the optimum, at least", best, bound, kind="bound", **of_end),
            prediction("alignment with k*", 1.0, problem.alignment(state.k, y), **of_end),
        ]
    return curves, found
