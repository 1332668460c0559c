r"""Theorem 5.4: collapse is the optimum of kernel ridge regression over kernels (paper, Section 5.2).

Over coefficients A (K×N) and kernel matrices k (N×N; symmetric positive semi-definite, entrywise non-negative, unit
diagonal) minimise tr((Y − Ak)(Y − Ak)ᵀ) + μ tr(kAᵀA), Y (K×N) one-hot. For given k the best A is Y(k + μI)⁻¹ and the value is
N − φ(k), φ(k) = Σ_c Y_cᵀ(k + μI)⁻¹k Y_c, which is concave in k. Its greatest value Σ_c n_c²/(n_c + μ), for n_c points of class
c, is that of k* = I_K ⊗ 11ᵀ alone.

Why: the gradient is W = μ ZᵀZ with Z = Y(k + μI)⁻¹ (K×N, the residuals Y − Ak divided by μ). φ lies below its tangents, and
no entry of a feasible matrix leaves [0, 1], so that for every feasible k and s

    φ(s) ≤ φ(k) + ⟨W, s − k⟩ ≤ φ(k) + gap(k),   gap(k) = Σ_ij max(W_ij, 0) − ⟨W, k⟩.

At k* the gradient is μ k*/(n + μ)² where classes have n points each, and the gap is zero: k* is optimal. At any other k the gap
is a certificate, computed without knowing the optimum, of how far from it φ(k) can be at most.
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
    """A feasible k (N×N) with φ(k) and its certificate: no feasible matrix has more than φ(k) + gap."""

    k: Tensor
    objective: float
    gap: float


def objective(k: Tensor, y: Tensor, mu: float) -> float:
    """φ(k) = Σ_c Y_cᵀ(k + μI)⁻¹k Y_c for a kernel matrix k (N×N) and labels y (N).

    It is N − μ tr(YᵀY(k + μI)⁻¹), taken by a Cholesky factorisation.

    >>> round(objective(torch.eye(4), torch.tensor([0, 0, 1, 1]), 1.0), 6)
    2.0
    """
    return len(y) - mu * float((_residuals(k, y, mu) * _one_hot(y)).sum())


def optimum(y: Tensor, mu: float) -> float:
    """The greatest φ of all feasible kernel matrices, Σ_c n_c²/(n_c + μ): for n points in each of K classes Kn·n/(n + μ)."""
    counts = torch.bincount(y).double()
    return float((counts.square() / (counts + mu)).sum())


def alignment(k: Tensor, y: Tensor) -> float:
    """⟨k, k*⟩_F/(‖k‖_F‖k*‖_F), the cosine between a kernel matrix (N×N) and the collapsed one: 1 where they are the same."""
    target = collapsed_gram(y).to(k)
    return float((k * target).sum() / (torch.linalg.matrix_norm(k) * torch.linalg.matrix_norm(target)))


def gradient(k: Tensor, y: Tensor, mu: float) -> Tensor:
    """∇φ(k) = μ (k + μI)⁻¹YᵀY(k + μI)⁻¹ (N×N)."""
    Z = _residuals(k, y, mu)
    return mu * Z.T @ Z


def gap(k: Tensor, W: Tensor) -> float:
    """Σ_ij max(W_ij, 0) − ⟨W, k⟩ for the gradient W at k (both N×N): no feasible matrix has more than φ(k) + gap.

    The sum bounds ⟨W, s⟩ over all s with entries in [0, 1], which feasible matrices have; it is attained where the positive
    entries of W are blocks.
    """
    return float(W.clamp(min=0).sum() - (W * k).sum())


def ascend(k: Tensor, y: Tensor, mu: float, length: float, steps: int) -> Iterator[Step]:
    """Climb φ from a feasible k (N×N), yielding it and what each step leads to.

    A step goes from k towards s, the collapsed matrix of the classes' residuals: two points are put together where the same
    class has the largest residual at both. s is feasible, and so is (1 − t)k + ts for every t in [0, 1]: feasibility is kept
    exactly and nothing is projected. t is where φ, concave along the line, is greatest, but at most `length`, so that the way
    can be seen. Raises ValueError where k is not feasible.
    """
    check_feasible(k)
    for step in range(steps + 1):
        W = gradient(k, y, mu)
        yield Step(k, objective(k, y, mu), gap(k, W))
        if step < steps:
            towards = collapsed_gram(_residuals(k, y, mu).argmax(0)) - k
            k = k + _line_search(k, towards, y, mu, length) * towards


def check_feasible(k: Tensor, tolerance: float = 1e-10) -> None:
    """Raise ValueError unless k (N×N) is symmetric positive semi-definite, non-negative, with a unit diagonal."""
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
    """A feasible kernel matrix (N×N) to start from, for labels y (N).

    `identity`: I. `constant`: 11ᵀ. `other classes`: the collapsed matrix of labels drawn at random. `random`: cosines of
    vectors of uniform entries. `Laplace`: exp(−‖x_i − x_j‖/2) of Gaussian points on the unit sphere of R^N.
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
    """Y, K×N."""
    return torch.nn.functional.one_hot(y).double().T


def _residuals(k: Tensor, y: Tensor, mu: float) -> Tensor:
    """Z = Y(k + μI)⁻¹, K×N."""
    shifted = k.double().clone()
    shifted.diagonal().add_(mu)
    factor = torch.linalg.cholesky(shifted)
    return torch.cholesky_solve(_one_hot(y).T, factor).T


def _line_search(k: Tensor, towards: Tensor, y: Tensor, mu: float, length: float) -> float:
    """The t in [0, length] at which φ(k + t·towards) is greatest, by halving on its slope, which falls with t."""

    def slope(t: float) -> float:
        return float((gradient(k + t * towards, y, mu) * towards).sum())

    if slope(length) >= 0:
        return length
    low, high = 0.0, length
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if slope(middle) >= 0 else (low, middle)
    return low
