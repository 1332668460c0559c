r"""Theorem 5.3: a Deep RFM with a linearised kernel collapses exponentially (paper, Section 5.1, Appendix C).

The iteration acts on Gram matrices G = X̃ᵀX̃ (N×N, N = Kn: K classes of n points). With A = G + λ_map I, except that in the first
layer A is the Gram matrix of the data,

    G ← κ⁻¹ A (A + λ̂I)⁻¹ YᵀY (A + λ̂I)⁻¹ A,   YᵀY = I_K ⊗ 11ᵀ.

What this module says beyond the paper follows from the derivative of the iteration at YᵀY. The matrix A* = YᵀY + λ_map I has the
eigenvalue n + λ_map on the range of Y and λ_map elsewhere, so B = A(A + λ̂I)⁻¹ has the eigenvalue b = (n + λ_map)/(n + λ_map + λ̂)
on that range, and dB = λ̂ (A + λ̂I)⁻¹ dG (A + λ̂I)⁻¹. YᵀY is a fixed point if κ = b². Every layer then multiplies the part of an error
E between the range of Y and its complement by λ̂n/((n + λ_map)(λ_map + λ̂)) (:func:`rate`), and the part within the range by
2λ̂n/((n + λ_map)(n + λ_map + λ̂)), which is smaller if n > λ_map + λ̂. The part within the complement vanishes to first order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

KAPPAS = ("printed", "first order", "exact")
# A distance below this share of n is rounding error: products of N = Kn terms of order 1 in float64.
ROUNDING = 1e-12


def collapsed_gram(y: Tensor) -> Tensor:
    """Return YᵀY = I_K ⊗ 11ᵀ for labels in any order.

    Args:
        y: Labels, shape (N,).

    Returns:
        A matrix, shape (N, N): 1 within a class, 0 between classes.

    >>> collapsed_gram(torch.tensor([0, 0, 1]))
    tensor([[1., 1., 0.],
            [1., 1., 0.],
            [0., 0., 1.]], dtype=torch.float64)
    """
    return (y[:, None] == y).double()


def kappa(which: str, ridge: float, map_ridge: float, n: int) -> float:
    """Return the scale κ.

    `printed` is 1 − 2λ̂(1 + 1/λ_map) (Section 5.1). `first order` is 1 − 2λ̂/(n + λ_map), which follows from Lemma C.2 because
    (A*)⁻¹YᵀY = YᵀY/(n + λ_map). `exact` is ((n + λ_map)/(n + λ_map + λ̂))², for which YᵀY is a fixed point.

    Args:
        which: `printed`, `first order` or `exact`.
        ridge: λ̂.
        map_ridge: λ_map.
        n: Points per class.

    Returns:
        κ, which may be zero or negative for `printed` and `first order`.

    Raises:
        ValueError: If `which` is unknown.
    """
    if which == "printed":
        return 1 - 2 * ridge * (1 + 1 / map_ridge)
    if which == "first order":
        return 1 - 2 * ridge / (n + map_ridge)
    if which == "exact":
        return ((n + map_ridge) / (n + map_ridge + ridge)) ** 2
    raise ValueError(f"unknown κ '{which}'; known are {', '.join(KAPPAS)}")


def iterate(A: Tensor, target: Tensor, ridge: float, map_ridge: float, scale: float, depth: int) -> Iterator[Tensor]:
    """Iterate Theorem 5.3's map from the data's own Gram matrix.

    Args:
        A: The Gram matrix of the data, shape (N, N).
        target: YᵀY, shape (N, N).
        ridge: λ̂.
        map_ridge: λ_map.
        scale: κ.
        depth: The number of layers.

    Yields:
        The Gram matrix X̃ᵀX̃ of each layer 1 … depth, shape (N, N).

    Raises:
        ValueError: If κ is not positive, since there is no such Gram matrix.
    """
    if not scale > 0:
        raise ValueError(f"κ must be positive, not {scale:g}; use a smaller ridge")
    identity = torch.eye(len(A), dtype=A.dtype)
    for _ in range(depth):
        shrunk = torch.linalg.solve(A + ridge * identity, A)
        G = shrunk.T @ target @ shrunk / scale
        yield G
        A = G + map_ridge * identity


def distance(G: Tensor, target: Tensor) -> float:
    """Return ‖G − YᵀY‖ in the spectral norm.

    Args:
        G: A symmetric matrix, shape (N, N).
        target: YᵀY, shape (N, N).

    Returns:
        The distance.
    """
    return float(torch.linalg.matrix_norm(G - target, 2))


def rate(ridge: float, map_ridge: float, n: float) -> float:
    """Return the asymptotic factor per layer of the distance to YᵀY: λ̂n/((n + λ_map)(λ_map + λ̂)), which is always below 1.

    Args:
        ridge: λ̂.
        map_ridge: λ_map.
        n: Points per class.

    Returns:
        The factor.

    >>> round(rate(0.1, 1.0, 20), 4)
    0.0866
    """
    return ridge * n / ((n + map_ridge) * (map_ridge + ridge))


def sufficient_rate(ridge: float, map_ridge: float, n: float) -> float:
    """Return the smallest 1 − ε that the theorem's condition allows, with its constant C set to 1.

    The condition is λ̂ ≤ C λ_map (1 − ε)/(2(1 + 1/λ_map)n). At 1 or more the theorem promises nothing.

    Args:
        ridge: λ̂.
        map_ridge: λ_map.
        n: Points per class.

    Returns:
        1 − ε.
    """
    return 2 * (1 + 1 / map_ridge) * n * ridge / map_ridge


def floor(scale: float, ridge: float, map_ridge: float, n: int) -> float:
    """Return the distance to YᵀY at which the iteration with κ = scale stops: n|c − 1|.

    For G = c·YᵀY the iteration is c ← κ⁻¹((cn + λ_map)/(cn + λ_map + λ̂))². It increases with c and stays below 1/κ, so from 1/κ
    it falls to its largest fixed point.

    Args:
        scale: κ.
        ridge: λ̂.
        map_ridge: λ_map.
        n: Points per class.

    Returns:
        The distance.
    """
    c, previous = 1 / scale, float("inf")
    while c < previous:
        c, previous = ((c * n + map_ridge) / (c * n + map_ridge + ridge)) ** 2 / scale, c
    return n * abs(c - 1)


def fitted_rate(distances: Sequence[float], n: int) -> float:
    """Return the factor between the last two distances that are above rounding error.

    Args:
        distances: The distance of every layer.
        n: Points per class.

    Returns:
        The factor per layer; NaN if fewer than two distances are above rounding error.

    >>> fitted_rate([1.0, 0.5, 0.125, 1e-15], n=5)
    0.25
    """
    used = [value for value in distances if value > ROUNDING * n]
    return used[-1] / used[-2] if len(used) > 1 else float("nan")
