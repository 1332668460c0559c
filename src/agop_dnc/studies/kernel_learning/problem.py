r"""Theorem 5.4: collapse is the optimum of kernel ridge regression over kernels (paper, Section 5.2).

The problem is to minimise tr((Y − Ak)(Y − Ak)ᵀ) + μ tr(kAᵀA) over coefficients A (K×N) and kernel matrices k (N×N; symmetric
positive semi-definite, entrywise non-negative, unit diagonal), with Y (K×N) one-hot. For fixed k the best A is Y(k + μI)⁻¹ and the
value is N − φ(k), where φ(k) = Σ_c Y_cᵀ(k + μI)⁻¹k Y_c is concave in k. The maximum of φ is Σ_c n_c²/(n_c + μ) for n_c points in
class c, and only k* = I_K ⊗ 11ᵀ attains it.

To see why, note that the gradient is W = μ ZᵀZ with Z = Y(k + μI)⁻¹ (K×N, the residuals Y − Ak divided by μ). φ lies below its
tangents, and all entries of a feasible matrix are in [0, 1], so for all feasible k and s

    φ(s) ≤ φ(k) + ⟨W, s − k⟩ ≤ φ(k) + gap(k),   gap(k) = Σ_ij max(W_ij, 0) − ⟨W, k⟩.

At k* the gradient is μ k*/(n + μ)² if all classes have n points, and the gap is zero: k* is optimal. At any other k the gap
certifies, without knowledge of the optimum, how far φ(k) can be from it at most.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ..collapse_iteration.theorem import collapsed_gram

STARTS = ("identity", "constant", "other classes", "random", "Laplace")


@dataclass(frozen=True)
class Step:
    """A feasible kernel matrix on the way to the optimum.

    Attributes:
        k: The matrix, shape (N, N).
        objective: φ(k).
        gap: The certificate: no feasible matrix has more than φ(k) + gap.
    """

    k: Tensor
    objective: float
    gap: float


def objective(k: Tensor, y: Tensor, mu: float) -> float:
    """Return φ(k) = Σ_c Y_cᵀ(k + μI)⁻¹k Y_c.

    It is computed as N − μ tr(YᵀY(k + μI)⁻¹), by a Cholesky factorisation.

    Args:
        k: A kernel matrix, shape (N, N).
        y: Labels, shape (N,).
        mu: μ.

    Returns:
        φ(k).

    >>> round(objective(torch.eye(4), torch.tensor([0, 0, 1, 1]), 1.0), 6)
    2.0
    """
    return len(y) - mu * float((_residuals(k, y, mu) * _one_hot(y)).sum())


def optimum(y: Tensor, mu: float) -> float:
    """Return the maximum of φ over feasible kernel matrices, Σ_c n_c²/(n_c + μ): Kn·n/(n + μ) for K classes of n points.

    Args:
        y: Labels, shape (N,).
        mu: μ.

    Returns:
        The maximum.
    """
    counts = torch.bincount(y).double()
    return float((counts.square() / (counts + mu)).sum())


def alignment(k: Tensor, y: Tensor) -> float:
    """Return ⟨k, k*⟩_F/(‖k‖_F‖k*‖_F), the cosine between a kernel matrix and the collapsed one, which is 1 if they are equal.

    Args:
        k: A kernel matrix, shape (N, N).
        y: Labels, shape (N,).

    Returns:
        The cosine.
    """
    target = collapsed_gram(y).to(k)
    return float((k * target).sum() / (torch.linalg.matrix_norm(k) * torch.linalg.matrix_norm(target)))


def gradient(k: Tensor, y: Tensor, mu: float) -> Tensor:
    """Return ∇φ(k) = μ (k + μI)⁻¹YᵀY(k + μI)⁻¹.

    Args:
        k: A kernel matrix, shape (N, N).
        y: Labels, shape (N,).
        mu: μ.

    Returns:
        The gradient, shape (N, N).
    """
    Z = _residuals(k, y, mu)
    return mu * Z.T @ Z


def gap(k: Tensor, W: Tensor) -> float:
    """Return the certificate Σ_ij max(W_ij, 0) − ⟨W, k⟩: no feasible matrix has more than φ(k) + gap.

    The sum bounds ⟨W, s⟩ over all s with entries in [0, 1], which includes all feasible matrices. The bound is attained if the
    positive entries of W form blocks.

    Args:
        k: A feasible kernel matrix, shape (N, N).
        W: The gradient at k, shape (N, N).

    Returns:
        The gap.
    """
    return float(W.clamp(min=0).sum() - (W * k).sum())


def ascend(k: Tensor, y: Tensor, mu: float, length: float, steps: int) -> Iterator[Step]:
    """Maximise φ, starting from a feasible k.

    A step goes from k towards s, the collapsed matrix of the classes of the residuals: two points belong together if the same class
    has the largest residual at both. Since s is feasible, so is (1 − t)k + ts for every t in [0, 1], and no projection is needed.
    t maximises φ, which is concave along the line, but is at most `length`, so that the path can be seen.

    Args:
        k: The start, shape (N, N).
        y: Labels, shape (N,).
        mu: μ.
        length: The largest t.
        steps: The number of steps.

    Yields:
        The start, and the result of each step.

    Raises:
        ValueError: If k is not feasible.
    """
    check_feasible(k)
    for step in range(steps + 1):
        W = gradient(k, y, mu)
        yield Step(k, objective(k, y, mu), gap(k, W))
        if step < steps:
            towards = collapsed_gram(_residuals(k, y, mu).argmax(0)) - k
            k = k + _line_search(k, towards, y, mu, length) * towards


def check_feasible(k: Tensor, tolerance: float = 1e-10) -> None:
    """Check that k is symmetric positive semi-definite and non-negative, with a unit diagonal.

    Args:
        k: A matrix, shape (N, N).
        tolerance: The rounding error allowed in an entry, and per point in an eigenvalue.

    Raises:
        ValueError: If it is not.
    """
    lowest = float(torch.linalg.eigvalsh(k)[0])
    if (
        not torch.allclose(k, k.T, atol=tolerance)
        or bool((k < -tolerance).any())
        or bool(((k.diagonal() - 1).abs() > tolerance).any())
        or lowest < -tolerance * len(k)
    ):
        raise ValueError(
            "k must be symmetric positive semi-definite with non-negative entries and a unit diagonal; its least entry is "
            f"{float(k.min()):.2g} and its least eigenvalue {lowest:.2g}"
        )


def start(name: str, y: Tensor, generator: torch.Generator) -> Tensor:
    """Return a feasible kernel matrix to start from.

    `identity` is I, `constant` is 11ᵀ, `other classes` is the collapsed matrix of the labels in random order, `random` holds cosines of
    vectors with uniform entries, and `Laplace` is exp(−‖x_i − x_j‖/2) for Gaussian points projected to the unit sphere of R^N.

    Args:
        name: One of STARTS.
        y: Labels, shape (N,).
        generator: The generator for the random ones.

    Returns:
        The matrix, shape (N, N).

    Raises:
        ValueError: If the name is unknown.
    """
    N = len(y)
    if name == "identity":
        return torch.eye(N, dtype=torch.float64)
    if name == "constant":
        return torch.ones(N, N, dtype=torch.float64)
    if name == "other classes":
        return collapsed_gram(y[torch.randperm(N, generator=generator)])
    if name not in STARTS:
        raise ValueError(f"unknown start '{name}'; known are {', '.join(STARTS)}")
    draw = torch.rand if name == "random" else torch.randn
    V = torch.nn.functional.normalize(draw(N, N, dtype=torch.float64, generator=generator))
    k = V @ V.T if name == "random" else torch.exp(-torch.cdist(V, V) / 2)
    return k.fill_diagonal_(1.0)


def _one_hot(y: Tensor) -> Tensor:
    """Return Y, shape (K, N)."""
    return torch.nn.functional.one_hot(y).double().T


def _residuals(k: Tensor, y: Tensor, mu: float) -> Tensor:
    """Return Z = Y(k + μI)⁻¹, shape (K, N)."""
    shifted = k.double().clone()
    shifted.diagonal().add_(mu)
    factor = torch.linalg.cholesky(shifted)
    return torch.cholesky_solve(_one_hot(y).T, factor).T


def _line_search(k: Tensor, towards: Tensor, y: Tensor, mu: float, length: float) -> float:
    """Return the t in [0, length] that maximises φ(k + t·towards), by bisection on the slope, which decreases with t."""

    def slope(t: float) -> float:
        return float((gradient(k + t * towards, y, mu) * towards).sum())

    if slope(length) >= 0:
        return length
    low, high = 0.0, length
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if slope(middle) >= 0 else (low, middle)
    return low
