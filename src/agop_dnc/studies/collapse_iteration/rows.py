"""Run Theorem 5.3's iteration: the rows of collapse_iteration.csv and of predictions.csv."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from ...errors import UserError
from ...kernels.regression import normalised
from ...pipeline.tables import Row, prediction
from ...randomness import generator
from . import theorem
from .theorem import KAPPAS, collapsed_gram


def gaussian_gram(classes: int, per_class: int, seed: int) -> tuple[Tensor, Tensor]:
    """Return the Gram matrix and the labels of Gaussian data.

    There are N = classes × per_class points from N(0, I/d) in d = 2N dimensions.

    Args:
        classes: The number of classes.
        per_class: Points per class.
        seed: Seed of the points.

    Returns:
        The Gram matrix, shape (N, N), and labels, shape (N,).
    """
    N = classes * per_class
    X = torch.randn(N, 2 * N, dtype=torch.float64, generator=generator(seed, "collapse iteration"))
    return X @ X.T / (2 * N), torch.arange(classes).repeat_interleave(per_class)


def dataset_gram(X: Tensor, y: Tensor, per_class: int) -> tuple[Tensor, Tensor]:
    """Return the Gram matrix and the labels of the first points of each class, divided by their norms.

    The theorem requires a Gram matrix of full rank, so `per_class` has to be below d/K.

    Args:
        X: Points, shape (N, d).
        y: Labels, shape (N,).
        per_class: How many points of each class to take.

    Returns:
        The Gram matrix, shape (K·per_class, K·per_class), and labels, shape (K·per_class,).

    Raises:
        UserError: If a class has fewer points.
    """
    counts = torch.bincount(y)
    if int(counts.min()) < per_class:
        raise UserError(
            f"class {int(counts.argmin())} has {int(counts.min())} points, not the {per_class} that are requested; "
            "lower collapse_iteration.dataset_per_class"
        )
    kept = torch.cat([(y == label).nonzero().flatten()[:per_class] for label in range(int(y.max()) + 1)])
    X = normalised(X[kept].double())
    return X @ X.T, y[kept]


def iteration_rows(
    data: str, A: Tensor, y: Tensor, map_ridge: float, ratios: Iterable[float], depth: int
) -> tuple[list[Row], list[Row]]:
    """Run Theorem 5.3's iteration for each κ and each λ̂ = ratio·λ_map.

    Combinations whose κ is not positive are skipped.

    Args:
        data: The name of the data.
        A: The Gram matrix of the points, shape (N, N).
        y: Labels, shape (N,).
        map_ridge: λ_map.
        ratios: The values of λ̂/λ_map.
        depth: The number of layers.

    Returns:
        The rows of collapse_iteration.csv (the distance at every layer), and those of predictions.csv: the floor that each κ leaves
        and, for the exact κ, the rate, together with the rate that the theorem's condition requires.
    """
    target, n = collapsed_gram(y), len(y) // (int(y.max()) + 1)
    curves: list[Row] = []
    found: list[Row] = []
    for ratio in ratios:
        ridge = ratio * map_ridge
        about: Row = {"data": data, "setting": f"λ̂/λ_map = {ratio:g}"}
        for which in KAPPAS:
            scale = theorem.kappa(which, ridge, map_ridge, n)
            if scale <= 0:
                continue
            grams = theorem.iterate(A, target, ridge, map_ridge, scale, depth)
            distances = [theorem.distance(G, target) for G in grams]
            curves += [
                {"data": data, "kappa": which, "ratio": ratio, "layer": layer, "value": value}
                for layer, value in enumerate(distances, start=1)
            ]
            if which == "exact":
                measured = theorem.fitted_rate(distances, n)
                rate = theorem.rate(ridge, map_ridge, n)
                asked = theorem.sufficient_rate(ridge, map_ridge, n)
                found += [
                    prediction("rate of the distance", rate, measured, **about),
                    prediction(
                        "rate of the distance, at most (the theorem's 1 − ε)", asked, measured, kind="bound", **about
                    ),
                ]
            else:
                floor = theorem.floor(scale, ridge, map_ridge, n)
                found.append(prediction(f"floor (κ {which})", floor, distances[-1], **about))
    return curves, found
