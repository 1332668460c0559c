"""The kernel of ReLU features (paper, Proposition A.1; Cho and Saul 2009)."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def arc_cosine_kernel(theta: Tensor) -> Tensor:
    """Return (sin θ + (π − θ) cos θ)/π, the expected inner product of ReLU features (Proposition A.1).

    It is E[ReLU(Wx)ᵀReLU(Wy)] for unit vectors x, y at angle θ and W with D rows and entries from N(0, 2/D).

    Args:
        theta: Angles in radians, any shape.

    Returns:
        The kernel, with the shape of `theta`.

    >>> arc_cosine_kernel(torch.tensor([0.0, math.pi / 2]))
    tensor([1.0000, 0.3183])
    """
    return (theta.sin() + (math.pi - theta) * theta.cos()) / math.pi


def sampled_kernel(theta: Tensor, width: int, draws: int, generator: torch.Generator, d: int = 16) -> Tensor:
    """Sample ReLU(Wx)ᵀReLU(Wy) for unit vectors at each angle, over many draws of W with entries from N(0, 2/width).

    Every draw of W is used for all angles: y turns away from x in a plane drawn at random.

    Args:
        theta: Angles in radians, shape (angles,).
        width: The number of features, the rows of W.
        draws: The number of draws of W.
        generator: The generator of the draws.
        d: The dimension of x and y.

    Returns:
        Inner products, shape (draws, angles).
    """
    plane = torch.linalg.qr(torch.randn(d, 2, dtype=torch.float64, generator=generator))[0]
    Y = torch.outer(theta.cos(), plane[:, 0]) + torch.outer(theta.sin(), plane[:, 1])
    products = torch.empty(draws, len(theta), dtype=torch.float64)
    for draw in range(draws):
        W = torch.randn(width, d, dtype=torch.float64, generator=generator).mul_(math.sqrt(2 / width))
        products[draw] = (W @ plane[:, 0]).relu_() @ (W @ Y.T).relu_()
    return products
