r"""The collapsed solutions of the deep unconstrained features model in closed form (Súkeník, Mondelli, Lampert, NeurIPS 2023).

The model and its symbols are those of :mod:`.dufm`. Let all points of a class coincide, let the class means be orthogonal and,
after each σ, non-negative, and let each weight map the K directions of its input to those of its output with singular value s_l; let features have norm η.
Each class is then a chain of numbers with output a = s_L … s₁η; the fit costs (a − 1)²/2 and the penalties
(K/2)(Σ_l λ_l s_l² + nλ_H η²). For fixed a the product of these L + 1 terms is fixed, so their arithmetic mean is least when they
are all equal to their geometric mean:

    F(a) = (a − 1)²/2 + (K/2)(L + 1) c a^{2/(L+1)},   c = (nλ_H λ₁ ⋯ λ_L)^{1/(L+1)}.

All zeros cost 1/2. F falls below 1/2 if c < ((L − 1)/L)^{(L−1)/(L+1)}/(KL): F(a) = 1/2 and F′(a) = 0 together give
a = (L − 1)/L. For K = 2 this is nλ_H λ₁ ⋯ λ_L < (L − 1)^{L−1}/(2^{L+1} L^{2L}), and the better of the two solutions is the global
optimum (their Theorem 3). For more classes it is not, from some depth on (Súkeník, Lampert, Mondelli, NeurIPS 2024).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from .dufm import Model, Parameters


@dataclass(frozen=True)
class Optimum:
    """The better of the collapsed solution and all zeros.

    Attributes:
        loss: Its loss.
        scale: Its output scale a; 0 for all zeros.
    """

    loss: float
    scale: float

    @property
    def collapsed(self) -> bool:
        """Return whether the collapsed solution is the better one."""
        return self.scale > 0


def collapsed_loss(scale: float, model: Model) -> float:
    """Return F(a), the least loss of a collapsed solution with output scale a.

    Args:
        scale: The output scale a.
        model: The model.

    Returns:
        F(a).
    """
    L, K = model.layers, model.classes
    c = model.strength ** (1 / (L + 1))
    return float((scale - 1) ** 2 / 2 + K / 2 * (L + 1) * c * scale ** (2 / (L + 1)))


def threshold(layers: int, classes: int = 2) -> float:
    """Return the value of nλ_H λ₁ ⋯ λ_L above which all zeros cost less than collapse: ((L − 1)/L)^{L−1}/(KL)^{L+1}.

    Args:
        layers: The number of layers L.
        classes: The number of classes K.

    Returns:
        The threshold.

    >>> threshold(3) == 2**2 / (2**4 * 3**6)
    True
    """
    L = layers
    return float(((L - 1) / L) ** (L - 1) / (classes * L) ** (L + 1))


def collapsed_minimum(model: Model) -> Optimum | None:
    """Return the local minimum of F at some a > 0.

    F′(a) = a − 1 + Kc a^{(1−L)/(1+L)} is convex. If it has zeros, the larger one is the minimum of F and lies to the right of the
    point a = (Kc(L − 1)/(L + 1))^{(L+1)/2L} at which F′ is least.

    Args:
        model: The model.

    Returns:
        The minimum, or None if F only increases.
    """
    L = model.layers
    cost = model.classes * model.strength ** (1 / (L + 1))

    def slope(a: float) -> float:
        return float(a - 1 + cost * a ** ((1 - L) / (1 + L)))

    low, high = (cost * (L - 1) / (L + 1)) ** ((L + 1) / (2 * L)), 1.0
    if low >= 1 or slope(low) >= 0:
        return None
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (low, middle) if slope(middle) >= 0 else (middle, high)
    return Optimum(collapsed_loss(high, model), high)


def optimum(model: Model) -> Optimum:
    """Return the better of collapse and all zeros, min(1/2, min_a F(a)): for two classes the global optimum."""
    best, nothing = collapsed_minimum(model), Optimum(0.5, 0.0)
    return best if best is not None and best.loss < nothing.loss else nothing


def collapsed_start(model: Model, scale: float) -> Parameters:
    """Return the balanced collapsed solution with output scale a = `scale`, on the first K coordinates of every layer.

    The L + 1 terms of its penalty are equal: λ_l s_l² = nλ_H η² = c a^{2/(L+1)}.

    Args:
        model: The model.
        scale: The output scale a.

    Returns:
        The parameters H₁, W₁, …, W_L.
    """
    share = (model.strength * scale**2) ** (1 / (model.layers + 1))
    values = [torch.zeros(shape, dtype=torch.float64) for shape in model.shapes]
    values[0][: model.classes] = model.targets * (share / (model.per_class * model.penalties[0])) ** 0.5
    for weight, penalty in zip(values[1:], model.penalties[1:], strict=True):
        weight[: model.classes].fill_diagonal_((share / penalty) ** 0.5)
    return values
