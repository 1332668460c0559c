r"""Random feature maps σ(xWᵀ + b) (paper, Sections 3.3 and 5, Appendix D)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class ReLUFeatures:
    """x ↦ max(xWᵀ, 0), W of shape width×d."""

    W: Tensor

    def __call__(self, X: Tensor) -> Tensor:
        """Features (n×width) of the rows of X (n×d)."""
        return (X @ self.W.T).relu_()


@dataclass(frozen=True)
class CosFeatures:
    """x ↦ √(2/D) cos(xWᵀ + b), W of shape D×d, b of length D."""

    W: Tensor
    b: Tensor

    def __call__(self, X: Tensor) -> Tensor:
        """Features (n×D) of the rows of X (n×d)."""
        return torch.addmm(self.b, X, self.W.T).cos_().mul_(math.sqrt(2 / len(self.W)))


FeatureMap = ReLUFeatures | CosFeatures


def relu_features(d: int, width: int, generator: torch.Generator) -> ReLUFeatures:
    """W of shape width×d with entries uniform on ±1/√d, no bias (PyTorch's default for a linear layer; Appendix D)."""
    W = torch.rand(width, d, dtype=torch.float64, generator=generator)
    return ReLUFeatures(W.mul_(2).sub_(1).div_(math.sqrt(d)))


def cos_features(d: int, width: int, generator: torch.Generator, bandwidth: float = 0.05) -> CosFeatures:
    """Random Fourier features of the ℓ1-Laplacian kernel exp(−bandwidth·‖x − z‖₁).

    W of shape width×d has Cauchy entries of scale `bandwidth`, b is uniform on [0, 2π). E[φ(x)ᵀφ(z)] is the kernel, as the
    characteristic function of a Cauchy variable of scale γ is exp(−γ|t|).
    """
    W = torch.empty(width, d, dtype=torch.float64).cauchy_(0.0, bandwidth, generator=generator)
    b = torch.rand(width, dtype=torch.float64, generator=generator).mul_(2 * math.pi)
    return CosFeatures(W, b)


def feature_map(
    activation: str, d: int, width: int, generator: torch.Generator, feature_bandwidth: float = 0.05
) -> FeatureMap:
    """A random feature map by the name of its activation, `relu` or `cos`; `feature_bandwidth` is the cosines' alone.

    Drawn in float64 on the generator's device; move it with :func:`to`.
    """
    if activation == "relu":
        return relu_features(d, width, generator)
    if activation == "cos":
        return cos_features(d, width, generator, feature_bandwidth)
    raise ValueError(f"unknown activation '{activation}'; known are relu, cos")


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


def to(features: FeatureMap, device: torch.device, dtype: torch.dtype) -> FeatureMap:
    """The same map with its weights on another device or in another precision."""
    return type(features)(*(weight.to(device, dtype) for weight in vars(features).values()))
