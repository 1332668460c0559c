"""Sample the kernel of ReLU features: the rows of feature_kernel.csv."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import torch

from ...pipeline.tables import Row
from ...randomness import generator
from .arc_cosine import arc_cosine_kernel, sampled_kernel


def feature_kernel_rows(seed: int, widths: Iterable[int], angles: int, draws: int) -> Iterator[Row]:
    """Yield mean and variance of ReLU(Wx)ᵀReLU(Wy) over draws of W, for each width and for angles evenly spaced in [0, π].

    Args:
        seed: Seed of the draws.
        widths: The numbers of features D.
        angles: The number of angles.
        draws: Draws of W per width; each is used for all angles.

    Yields:
        Rows of feature_kernel.csv.
    """
    theta = torch.linspace(0, math.pi, angles, dtype=torch.float64)
    expected = arc_cosine_kernel(theta)
    for width in widths:
        products = sampled_kernel(theta, width, draws, generator(seed, "feature kernel", width))
        mean, variance = products.mean(0), products.var(0)
        for i, angle in enumerate(theta.tolist()):
            found = {"mean": float(mean[i]), "variance": float(variance[i]), "expected": float(expected[i])}
            for metric, value in (found | {"draws": float(draws)}).items():
                yield {"seed": seed, "width": width, "angle": angle, "metric": metric, "value": value}
