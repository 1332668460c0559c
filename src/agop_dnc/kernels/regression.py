r"""Kernel ridge regression on the sphere: the predictor of each layer of a Deep RFM (paper, Algorithm 1)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .radial import Kernel, distances, row_chunks


@dataclass(frozen=True)
class KernelPredictor:
    """f(x) = k(x / ‖x‖, X) α, with what it took to solve for α.

    X: the N×d training inputs, rows normalised. alpha: N×K. ridge_used: the ridge with which the Cholesky factorisation
    went through. interpolation_error: the largest |f(X) − Y|.
    """

    kernel: Kernel
    X: Tensor
    alpha: Tensor
    ridge_used: float
    interpolation_error: float

    def __call__(self, X_new: Tensor) -> Tensor:
        """Outputs (n×K) for inputs (n×d) of any norm."""
        X_new = normalised(X_new)
        chunks = row_chunks(len(X_new), self.X.element_size() * len(self.X))
        return torch.cat([self.kernel.value_(distances(X_new[rows], self.X)) @ self.alpha for rows in chunks])


def fit_predictor(
    kernel: Kernel, X: Tensor, Y: Tensor, ridge: float, r: Tensor | None = None
) -> tuple[KernelPredictor, Tensor]:
    """Fit to normalised inputs X (N×d) and targets Y (N×K): the predictor, and the N×N distances for the AGOP to use up.

    The inputs are taken as they are; r is their distances, if they are at hand; ridge is what is added to the kernel matrix's diagonal, or the least with which a
    Cholesky factorisation goes through (see `ridge_used`). Peak memory: two N×N buffers. Raises ValueError where no ridge
    helps, which means inputs that are not finite.
    """
    r = distances(X) if r is None else r
    alpha, ridge_used = _solve(kernel, r, Y, ridge)
    error = max(
        float((kernel.value_(r[rows].clone()) @ alpha - Y[rows]).abs().max())
        for rows in row_chunks(len(X), r.element_size() * len(X))
    )
    return KernelPredictor(kernel, X, alpha, ridge_used, error), r


def _solve(kernel: Kernel, r: Tensor, Y: Tensor, ridge: float) -> tuple[Tensor, float]:
    """α = (k(X, X) + ridge·I)⁻¹ Y by Cholesky in one N×N buffer, and the ridge that it took.

    A kernel matrix that is positive definite in exact arithmetic may not be so in floating point. Then the ridge is N·eps,
    times ten until the factorisation succeeds.
    """
    buffer = torch.empty_like(r)
    info = torch.empty((), dtype=torch.int32, device=r.device)
    smallest = len(r) * torch.finfo(r.dtype).eps
    for tried in (ridge, *(s for s in (smallest * 10**power for power in range(16)) if s > ridge)):
        K = kernel.value_(buffer.copy_(r))
        K.diagonal().add_(tried)
        # Column-major, as LAPACK wants it (K is symmetric), so that the factor overwrites it without a copy.
        torch.linalg.cholesky_ex(K.mT, out=(K.mT, info))
        if info == 0:
            half = torch.linalg.solve_triangular(K.mT, Y, upper=False)
            return torch.linalg.solve_triangular(K, half, upper=True), tried
    raise ValueError("the kernel matrix cannot be factorised; are the inputs finite?")


def normalised(X: Tensor) -> Tensor:
    """Rows divided by their ℓ2 norms; a row of zeros stays zero."""
    return torch.nn.functional.normalize(X, dim=1, eps=torch.finfo(X.dtype).tiny)
