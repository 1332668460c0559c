r"""Theorem 5.3: a Deep RFM with a linearised kernel collapses exponentially (paper, Section 5.1, Appendix C).

The iteration is on Gram matrices G = X̃ᵀX̃ (N×N, N = Kn: K classes of n points). With A = G + λ_map I, and A the data's own
Gram matrix in the first layer,

    G ← κ⁻¹ A (A + λ̂I)⁻¹ YᵀY (A + λ̂I)⁻¹ A,   YᵀY = I_K ⊗ 11ᵀ.

What is said of it here, beyond the paper, follows from its derivative at YᵀY. On the range of Y the matrix A* = YᵀY + λ_map I
has the eigenvalue n + λ_map, elsewhere λ_map, so that B = A(A + λ̂I)⁻¹ has b = (n + λ_map)/(n + λ_map + λ̂) there, and
dB = λ̂ (A + λ̂I)⁻¹ dG (A + λ̂I)⁻¹. YᵀY is the fixed point where κ = b². Then the part of an error E between the range of Y and
its complement is multiplied by λ̂n/((n + λ_map)(λ_map + λ̂)) in every layer (:func:`rate`), the part within the range by
2λ̂n/((n + λ_map)(n + λ_map + λ̂)), which is less where n > λ_map + λ̂, and the part within the complement vanishes to first order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

KAPPAS = ("printed", "first order", "exact")
# A distance below this share of n is rounding: products of N = Kn terms of order 1 in float64.
ROUNDING = 1e-12


def collapsed_gram(y: Tensor) -> Tensor:
    """YᵀY = I_K ⊗ 11ᵀ for labels y (N) in any order: N×N, 1 within a class, 0 between two.

    >>> collapsed_gram(torch.tensor([0, 0, 1]))
    tensor([[1., 1., 0.],
            [1., 1., 0.],
            [0., 0., 1.]], dtype=torch.float64)
    """
    return (y[:, None] == y).double()


def kappa(which: str, ridge: float, map_ridge: float, n: int) -> float:
    """The scale κ for λ̂ = ridge, λ_map = map_ridge and n points a class.

    `printed`: 1 − 2λ̂(1 + 1/λ_map) (Section 5.1). `first order`: 1 − 2λ̂/(n + λ_map), which Lemma C.2 gives, as
    (A*)⁻¹YᵀY = YᵀY/(n + λ_map). `exact`: ((n + λ_map)/(n + λ_map + λ̂))², with which YᵀY is a fixed point.
    """
    if which == "printed":
        return 1 - 2 * ridge * (1 + 1 / map_ridge)
    if which == "first order":
        return 1 - 2 * ridge / (n + map_ridge)
    if which == "exact":
        return ((n + map_ridge) / (n + map_ridge + ridge)) ** 2
    raise ValueError(f"unknown κ '{which}'; known are {', '.join(KAPPAS)}")


def iterate(A: Tensor, target: Tensor, ridge: float, map_ridge: float, scale: float, depth: int) -> Iterator[Tensor]:
    """The Gram matrices X̃ᵀX̃ (N×N) of the layers 1 … depth, from the data's own A (N×N), with κ = scale.

    target: YᵀY (N×N). Raises ValueError where κ is not positive, as there is no such Gram matrix.
    """
    if not scale > 0:
        raise ValueError(f"κ must be positive, not {scale:g}; the ridge is too large for it")
    identity = torch.eye(len(A), dtype=A.dtype)
    for _ in range(depth):
        shrunk = torch.linalg.solve(A + ridge * identity, A)
        G = shrunk.T @ target @ shrunk / scale
        yield G
        A = G + map_ridge * identity


def distance(G: Tensor, target: Tensor) -> float:
    """‖G − YᵀY‖ in the spectral norm (both N×N, symmetric)."""
    return float(torch.linalg.matrix_norm(G - target, 2))


def rate(ridge: float, map_ridge: float, n: float) -> float:
    """What the distance to YᵀY is multiplied by in every layer in the end: λ̂n/((n + λ_map)(λ_map + λ̂)), always below 1.

    >>> round(rate(0.1, 1.0, 20), 4)
    0.0866
    """
    return ridge * n / ((n + map_ridge) * (map_ridge + ridge))


def sufficient_rate(ridge: float, map_ridge: float, n: float) -> float:
    """The least 1 − ε that the theorem's condition λ̂ ≤ C λ_map (1 − ε)/(2(1 + 1/λ_map)n) admits, with its constant C = 1.

    At 1 or more the theorem promises nothing.
    """
    return 2 * (1 + 1 / map_ridge) * n * ridge / map_ridge


def floor(scale: float, ridge: float, map_ridge: float, n: int) -> float:
    """The distance to YᵀY at which the iteration with κ = scale stops: n|c − 1|.

    With G = c·YᵀY the iteration is c ← κ⁻¹((cn + λ_map)/(cn + λ_map + λ̂))², which rises with c and stays below 1/κ: from
    there it falls to its largest fixed point.
    """
    c, previous = 1 / scale, float("inf")
    while c < previous:
        c, previous = ((c * n + map_ridge) / (c * n + map_ridge + ridge)) ** 2 / scale, c
    return n * abs(c - 1)


def fitted_rate(distances: Sequence[float], n: int) -> float:
    """The factor from layer to layer in the end: that of the last two distances above rounding; NaN where there are fewer.

    >>> fitted_rate([1.0, 0.5, 0.125, 1e-15], n=5)
    0.25
    """
    used = [value for value in distances if value > ROUNDING * n]
    return used[-1] / used[-2] if len(used) > 1 else float("nan")
