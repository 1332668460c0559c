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
    """Return a random feature map by the name of its activation, `relu` or `cos`; `feature_bandwidth` is the cosines' alone.

    Drawn in float64 on the generator's device; move it with :func:`to`.
    """
    if activation == "relu":
        return relu_features(d, width, generator)
    if activation == "cos":
        return cos_features(d, width, generator, feature_bandwidth)
    raise ValueError(f"unknown activation '{activation}'; known are relu, cos")


def to(features: FeatureMap, device: torch.device, dtype: torch.dtype) -> FeatureMap:
    """Return the same map with its weights on another device or in another precision."""
    return type(features)(*(weight.to(device, dtype) for weight in vars(features).values()))
