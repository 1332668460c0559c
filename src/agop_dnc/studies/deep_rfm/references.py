"""Compute what collapse in Deep RFM is held against: random directions, and the smaller classes by themselves.

Random directions are K independent Gaussian vectors in the features' dimension, treated as class means: centred by their
mean and normalised. In many dimensions they are nearly orthogonal, so that their NC2 is small without any collapse.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from ...collapse.metrics import class_means, simplex_gram
from ...randomness import generator

DRAWS = 1000
_CHUNK = 1024  # rows of a class's Gram matrix at once


class Chance(NamedTuple):
    """What K random directions in R^d show.

    Attributes:
        nc2_5th: The 5th percentile of NC2.
        nc2_median: The median of NC2.
        between: The mean of the largest deviation of a cosine from −1/(K−1).
        small_cosine: The mean of the largest cosine between two of ⌊K/2⌋ of them; NaN if ⌊K/2⌋ < 2.
    """

    nc2_5th: float
    nc2_median: float
    between: float
    small_cosine: float


@lru_cache(maxsize=64)
@lru_cache(maxsize=32)
def chance(K: int, d: int, draws: int = DRAWS) -> Chance:
    """Return what K random directions in R^d show, over independent draws from a fixed generator."""
    cosines = random_directions_cosines(K, d, draws)
    nc2 = torch.linalg.matrix_norm(cosines - simplex_gram(K))
    apart = ~torch.eye(K, dtype=torch.bool)
    deviation = (cosines - simplex_gram(K)).abs()[:, apart].amax(1)
    half = K // 2
    small = cosines[:, :half, :half][:, apart[:half, :half]]
    return Chance(
        float(nc2.quantile(0.05)),
        float(nc2.median()),
        float(deviation.mean()),
        float(small.amax(1).mean()) if half > 1 else float("nan"),
    )


def random_directions_cosines(K: int, d: int, draws: int = DRAWS, seed: int = 0) -> Tensor:
    """Return the matrices of cosines between K centred random directions in R^d: draws×K×K."""
    drawing = generator(seed, "random directions", K, d)
    cosines = torch.empty(draws, K, K, dtype=torch.float64)
    for matrix in cosines:
        means = torch.randn(K, d, dtype=torch.float64, generator=drawing)
        unit = torch.nn.functional.normalize(means - means.mean(0), dim=1)
        torch.mm(unit, unit.T, out=matrix)
    return cosines


def small_class_metrics(X: Tensor, y: Tensor) -> dict[str, float]:
    """Return the metrics of deep_rfm.csv about small classes: of the smallest, and of the smaller half.

    Args:
        X: Features, N×d.
        y: Labels, N integers 0 … K−1.

    Returns:
        `gram_within_smallest`, see :func:`smallest_class_deviation`, and `largest_small_class_cosine`, see
        :func:`small_class_cosine`.
    """
    return {
        "gram_within_smallest": smallest_class_deviation(X, y),
        "largest_small_class_cosine": small_class_cosine(X, y),
    }


def small_class_cosine(X: Tensor, y: Tensor) -> float:
    """Return the largest cosine between the centred means of two of the smaller half of the classes.

    If small classes merge it tends to 1, and under collapse to a simplex it is −1/(K−1). The smaller half are the ⌊K/2⌋
    classes with the fewest points; of equally large classes the lower label counts as the smaller one.

    Args:
        X: Features, N×d.
        y: Labels, N integers 0 … K−1.

    Returns:
        The cosine; NaN for fewer than four classes, of which the smaller half is no pair.

    >>> X = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])
    >>> round(small_class_cosine(X, torch.arange(4)), 6)
    0.0
    """
    means = class_means(X, y)
    small = torch.bincount(y).argsort(stable=True)[: len(means) // 2]
    if len(small) < 2:
        return float("nan")
    unit = torch.nn.functional.normalize(means - means.mean(0), dim=1, eps=torch.finfo(means.dtype).tiny)[small]
    cosines = (unit @ unit.T).fill_diagonal_(-torch.inf)
    return float(cosines.max())


def smallest_class_deviation(X: Tensor, y: Tensor) -> float:
    """Return the root mean square deviation from 1 of the cosines within the smallest class.

    As `gram_within` of :func:`agop_dnc.collapse.metrics.gram_deviation`, but for the block of the class with the fewest
    points (the worst of them, if several have as few) instead of the worst of all blocks.

    Args:
        X: Features, N×d.
        y: Labels, N integers 0 … K−1.
    """
    centre, counts = class_means(X, y).mean(0), torch.bincount(y)
    return max(_deviation(X[y == label].double() - centre) for label in (counts == counts.min()).nonzero().flatten())


def _deviation(centred: Tensor) -> float:
    """Root mean square of u·v − 1 over all pairs of the normalised rows."""
    unit = torch.nn.functional.normalize(centred, dim=1, eps=torch.finfo(centred.dtype).tiny)
    squares = sum(
        float((unit[start : start + _CHUNK] @ unit.T - 1).square().sum()) for start in range(0, len(unit), _CHUNK)
    )
    return float(squares**0.5) / len(unit)
