r"""Kernel ridge regression: α = (k(X, X) + ridge·I)⁻¹ Y."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from .blocks import row_chunks
from .kernel import Kernel, PairKernel


@dataclass(frozen=True)
class KernelPredictor:
    """The kernel machine f(x) = k(x, X) α, with what it took to solve for α.

    X: the N×d training inputs. alpha: N×K. ridge_used: the ridge with which the Cholesky factorisation went through.
    interpolation_error: the largest |f(X) − Y|.
    """

    kernel: Kernel
    X: Tensor
    alpha: Tensor
    ridge_used: float
    interpolation_error: float

    def __call__(self, X_new: Tensor) -> Tensor:
        """Return the outputs (n×K) for inputs (n×d)."""
        chunks = row_chunks(len(X_new), self.X.element_size() * len(self.X))
        return torch.cat([self.kernel.matrix(X_new[rows], self.X) @ self.alpha for rows in chunks])


def fit_kernel_machine(kernel: Kernel, X: Tensor, Y: Tensor, ridge: float) -> KernelPredictor:
    """Fit a kernel machine with any kernel. Peak memory: two N×N buffers, and what `kernel.matrix` needs.

    Args:
        kernel: any kernel.
        X: inputs (N×d), taken as they are.
        Y: targets (N×K).
        ridge: what is added to the kernel matrix's diagonal; if a Cholesky factorisation needs more, the least that does is (see `ridge_used`).

    Raises:
        ValueError: If no ridge helps, which means inputs that are not finite.
    """
    K = kernel.matrix(X)
    buffer = torch.empty_like(K)
    alpha, ridge_used = solve(lambda: buffer.copy_(K), Y, ridge)
    return KernelPredictor(kernel, X, alpha, ridge_used, float((K @ alpha - Y).abs().max()))


def fit_predictor(
    kernel: PairKernel, X: Tensor, Y: Tensor, ridge: float, r: Tensor | None = None, measure_error: bool = True
) -> tuple[KernelPredictor, Tensor]:
    """Fit a kernel machine whose kernel has one number per pair, and keep these numbers for its AGOP. Peak memory: two N×N buffers.

    Args:
        kernel: a kernel of one number per pair.
        X: inputs (N×d), taken as they are.
        Y: targets (N×K).
        ridge: what is added to the kernel matrix's diagonal; if a Cholesky factorisation needs more, the least that does is (see `ridge_used`).
        r: `kernel.pairs(X)`, the distances of a radial kernel, if they are at hand.
        measure_error: whether the interpolation error is measured, which computes the kernel matrix again. Otherwise it is the largest
            |ridge·α|, as Y − Kα = ridge·α but for the rounding of the solve.

    Returns:
        The predictor, and r for the AGOP to use up.

    Raises:
        ValueError: If no ridge helps, which means inputs that are not finite.
    """
    r = kernel.pairs(X) if r is None else r
    buffer = torch.empty_like(r)
    alpha, ridge_used = solve(lambda: kernel.value_(buffer.copy_(r)), Y, ridge)
    if not measure_error:
        return KernelPredictor(kernel, X, alpha, ridge_used, ridge_used * float(alpha.abs().max())), r
    error = max(
        float((kernel.value_(r[rows].clone()) @ alpha - Y[rows]).abs().max())
        for rows in row_chunks(len(X), r.element_size() * len(X))
    )
    return KernelPredictor(kernel, X, alpha, ridge_used, error), r


def solve(kernel_matrix: Callable[[], Tensor], Y: Tensor, ridge: float) -> tuple[Tensor, float]:
    """Return α = (K + ridge·I)⁻¹ Y by Cholesky in K's own memory, and the ridge that it took.

    A kernel matrix that is positive definite in exact arithmetic may not be so in floating point. Then the ridge is N·eps,
    times ten until the factorisation succeeds.

    Args:
        kernel_matrix: returns K (N×N, symmetric), to be overwritten; called once per factorisation that is tried.
        Y: N×K targets.
        ridge: what is added to K's diagonal at least.

    Raises:
        ValueError: If no ridge helps, which means inputs that are not finite.
    """
    info = torch.empty((), dtype=torch.int32, device=Y.device)
    smallest = len(Y) * torch.finfo(Y.dtype).eps
    for tried in (ridge, *(s for s in (smallest * 10**power for power in range(16)) if s > ridge)):
        K = kernel_matrix()
        K.diagonal().add_(tried)
        # Column-major, as LAPACK wants it (K is symmetric), so that the factor overwrites it without a copy.
        torch.linalg.cholesky_ex(K.mT, out=(K.mT, info))
        if info == 0:
            half = torch.linalg.solve_triangular(K.mT, Y, upper=False)
            return torch.linalg.solve_triangular(K, half, upper=True), tried
    raise ValueError("the kernel matrix cannot be factorised; are the inputs finite?")


def normalised(X: Tensor) -> Tensor:
    """Return the rows divided by their ℓ2 norms; a row of zeros stays zero."""
    return torch.nn.functional.normalize(X, dim=1, eps=torch.finfo(X.dtype).tiny)
