r"""Kernels of the inner product, k(x, z) = φ(xᵀz), with the slope w = φ′ for which ∇_x k(x, z) = w(xᵀz) z."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from .agop import kernel_agop
from .blocks import gram


@dataclass(frozen=True)
class Quadratic:
    """k(x, z) = (xᵀz)², whose RFM learns modular arithmetic (Mallinar et al., 2024, arXiv 2407.20199).

    >>> import torch
    >>> Quadratic().matrix(torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 0.0], [0.0, 1.0]]))
    tensor([[9., 4.]])
    """

    translation_invariant = False

    def pairs(self, X: Tensor, Z: Tensor | None = None) -> Tensor:
        """Return the inner products x_iᵀz_j, n×m."""
        return gram(X.T) if Z is None else X @ Z.T

    def value_(self, pairs: Tensor) -> Tensor:
        """Return k, in place of the inner products."""
        return pairs.square_()

    def slope_(self, pairs: Tensor) -> Tensor:
        """Return w = 2 xᵀz, in place of the inner products."""
        return pairs.mul_(2.0)

    def matrix(self, X: Tensor, Z: Tensor | None = None) -> Tensor:
        """Return k(x_i, z_j), n×m."""
        return self.value_(self.pairs(X, Z))

    def agop(self, X: Tensor, alpha: Tensor) -> Tensor:
        """Return the AGOP (d×d) at X (n×d) of k(·, X) α; see :func:`.agop.kernel_agop`."""
        return kernel_agop(self, X, alpha)
