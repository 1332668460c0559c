"""The kernel of ReLU features (paper, Proposition A.1; Cho and Saul 2009)."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def arc_cosine_kernel(theta: Tensor) -> Tensor:
    """(sin θ + (π − θ) cos θ)/π: E[ReLU(Wx)ᵀReLU(Wy)] for unit x, y at angle θ and W with entries N(0, 2/D) (Proposition A.1).

    >>> arc_cosine_kernel(torch.tensor([0.0, math.pi / 2]))
    tensor([1.0000, 0.3183])
    """
    return (theta.sin() + (math.pi - theta) * theta.cos()) / math.pi


def sampled_kernel(theta: Tensor, width: int, draws: int, generator: torch.Generator, d: int = 16) -> Tensor:
    """ReLU(Wx)ᵀReLU(Wy) for unit vectors of R^d at each angle θ (in radians), for many W of shape width×d: draws×angles.

    Every draw of W, with entries N(0, 2/width), meets all the angles: y turns away from x in a plane drawn at random.
    """
    plane = torch.linalg.qr(torch.randn(d, 2, dtype=torch.float64, generator=generator))[0]
    Y = torch.outer(theta.cos(), plane[:, 0]) + torch.outer(theta.sin(), plane[:, 1])
    products = torch.empty(draws, len(theta), dtype=torch.float64)
    for draw in range(draws):
        W = torch.randn(width, d, dtype=torch.float64, generator=generator).mul_(math.sqrt(2 / width))
        products[draw] = (W @ plane[:, 0]).relu_() @ (W @ Y.T).relu_()
    return products
