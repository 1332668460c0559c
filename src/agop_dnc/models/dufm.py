r"""The deep unconstrained features model (DUFM) (Súkeník, Mondelli, Lampert, NeurIPS 2023), where deep neural collapse is the optimum.

K classes of n points, N = Kn. Free features H₁ (d×N) and weights W₁ … W_L (d×d, the last K×d):

    minimise (1/2N)‖W_L σ(W_{L−1} … σ(W₁H₁)) − Y‖²_F + Σ_l (λ_l/2)‖W_l‖²_F + (λ_H/2)‖H₁‖²_F,   σ = ReLU, Y = I_K ⊗ 1ₙᵀ.

*The collapsed solution.* Let every class be a point, the class means orthogonal, non-negative after each σ, and each weight
carry the K directions of its input to those of its output, with singular value s_l; features have norm η. Each class is then a
chain of numbers with output a = s_L … s₁η, the fit costs (a − 1)²/2 and the penalties (K/2)(Σ_l λ_l s_l² + nλ_H η²). For given a
the arithmetic mean of those L + 1 terms is least where they are all equal, their geometric mean:

    F(a) = (a − 1)²/2 + (K/2)(L + 1) c a^{2/(L+1)},   c = (nλ_H λ₁ ⋯ λ_L)^{1/(L+1)}.

All zeros cost 1/2. F reaches below 1/2 where c < ((L − 1)/L)^{(L−1)/(L+1)}/(KL): from F(a) = 1/2 and F′(a) = 0 together,
a = (L − 1)/L. For K = 2 that is nλ_H λ₁ ⋯ λ_L < (L − 1)^{L−1}/(2^{L+1} L^{2L}), and the better of the two is the global optimum
(their Theorem 3). For more classes it is not, from some depth on (Súkeník, Lampert, Mondelli, NeurIPS 2024).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.optimize import minimize
from torch import Tensor

from ..collapse.metrics import scatter
from ..randomness import generator

# H₁ (…×d×N) and then W₁, …, W_L, all with the same leading dimensions: one for each of several starts, or none.
Parameters = list[Tensor]


@dataclass(frozen=True)
class Model:
    """A DUFM: K classes, n points per_class, L layers of the given width d, and the penalties λ_H, λ₁, …, λ_L."""

    classes: int
    per_class: int
    layers: int
    width: int
    penalties: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.penalties) != self.layers + 1:
            raise ValueError(
                f"{self.layers} layers need {self.layers + 1} penalties (λ_H, λ₁, …), not {self.penalties}"
            )
        if self.width < self.classes:
            raise ValueError(f"{self.classes} orthogonal class means need a width of as many, not {self.width}")

    @property
    def labels(self) -> Tensor:
        """0 … K−1, each n times (N)."""
        return torch.arange(self.classes).repeat_interleave(self.per_class)

    @property
    def targets(self) -> Tensor:
        """Y = I_K ⊗ 1ₙᵀ (K×N)."""
        return torch.eye(self.classes, dtype=torch.float64).repeat_interleave(self.per_class, dim=1)

    @property
    def shapes(self) -> list[tuple[int, int]]:
        """Of H₁, W₁, …, W_L."""
        d = self.width
        return [(d, self.classes * self.per_class), *[(d, d)] * (self.layers - 1), (self.classes, d)]

    @property
    def strength(self) -> float:
        """nλ_H λ₁ ⋯ λ_L, all that the optimum depends on beside K and L."""
        return self.per_class * float(np.prod(self.penalties))


@dataclass(frozen=True)
class Optimum:
    """The loss of the better of collapse and nothing, and the output scale a there (0 for nothing)."""

    loss: float
    scale: float

    @property
    def collapsed(self) -> bool:
        """Whether the better of the two is collapse."""
        return self.scale > 0


def collapsed_loss(scale: float, model: Model) -> float:
    """F(a) for the output scale a."""
    L, K = model.layers, model.classes
    c = model.strength ** (1 / (L + 1))
    return float((scale - 1) ** 2 / 2 + K / 2 * (L + 1) * c * scale ** (2 / (L + 1)))


def threshold(layers: int, classes: int = 2) -> float:
    """The nλ_H λ₁ ⋯ λ_L above which all zeros cost less than collapse: ((L − 1)/L)^{L−1}/(KL)^{L+1}.

    >>> threshold(3) == 2**2 / (2**4 * 3**6)
    True
    """
    L = layers
    return float(((L - 1) / L) ** (L - 1) / (classes * L) ** (L + 1))


def collapsed_minimum(model: Model) -> Optimum | None:
    """The local minimum of F at a > 0, or None where F only rises.

    F′(a) = a − 1 + Kc a^{(1−L)/(1+L)} is convex; where it has zeros, the larger is the minimum and lies right of its own least
    value, at a = (Kc(L − 1)/(L + 1))^{(L+1)/2L}.
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
    """The better of collapse and all zeros: min(1/2, min_a F(a)), for two classes the global optimum."""
    best, nothing = collapsed_minimum(model), Optimum(0.5, 0.0)
    return best if best is not None and best.loss < nothing.loss else nothing


def loss_and_gradients(parameters: Parameters, Y: Tensor, penalties: tuple[float, ...]) -> tuple[Tensor, Parameters]:
    """The loss (one number for each start) and its gradients; targets Y (K×N)."""
    H, *W = parameters
    N = Y.shape[1]
    inputs = [H]
    for weight in W[:-1]:
        inputs.append((weight @ inputs[-1]).clamp(min=0))
    residual = W[-1] @ inputs[-1] - Y
    loss = residual.square().sum((-2, -1)) / (2 * N)
    for penalty, values in zip(penalties, parameters, strict=True):
        loss = loss + penalty / 2 * values.square().sum((-2, -1))
    gradients, delta = [], residual / N
    for layer in range(len(W) - 1, -1, -1):
        gradients.append(delta @ inputs[layer].mT + penalties[layer + 1] * W[layer])
        delta = W[layer].mT @ delta
        if layer:
            delta = delta * (inputs[layer] > 0)
    gradients.append(delta + penalties[0] * H)
    return loss, gradients[::-1]


def random_start(model: Model, seed: int, scale: float = 1.0) -> Parameters:
    """Entries drawn from N(0, scale²/d)."""
    drawn = generator(seed, "unconstrained features", model.classes, model.layers)
    return [
        torch.randn(shape, dtype=torch.float64, generator=drawn) * (scale * model.width**-0.5) for shape in model.shapes
    ]


def collapsed_start(model: Model, scale: float) -> Parameters:
    """The collapsed solution with output scale a = `scale`: balanced, on the first K coordinates of every layer.

    The L + 1 terms of the penalty are equal there: λ_l s_l² = nλ_H η² = c a^{2/(L+1)}.
    """
    share = (model.strength * scale**2) ** (1 / (model.layers + 1))
    values = [torch.zeros(shape, dtype=torch.float64) for shape in model.shapes]
    values[0][: model.classes] = model.targets * (share / (model.per_class * model.penalties[0])) ** 0.5
    for weight, penalty in zip(values[1:], model.penalties[1:], strict=True):
        weight[: model.classes].fill_diagonal_((share / penalty) ** 0.5)
    return values


def stack(starts: list[Parameters]) -> Parameters:
    """Several starts as one, to descend together."""
    return [torch.stack(parts) for parts in zip(*starts, strict=True)]


def descend(
    parameters: Parameters, model: Model, rate: float, record: list[int]
) -> Iterator[tuple[int, Tensor, Parameters]]:
    """Full gradient descent with step size `rate`, yielding (step, loss, parameters) at the steps of `record`, in rising order."""
    Y = model.targets
    for step in range(record[-1] + 1):
        loss, gradients = loss_and_gradients(parameters, Y, model.penalties)
        if step in record:
            yield step, loss, parameters
        parameters = [values.sub(gradient, alpha=rate) for values, gradient in zip(parameters, gradients, strict=True)]


def polish(parameters: Parameters, model: Model, iterations: int = 3000, fixed: int = 0) -> tuple[float, Parameters]:
    """L-BFGS from one start: the loss found and where. The first `fixed` parameters are kept as they are."""
    Y, sizes = model.targets, [values.numel() for values in parameters]

    def unpacked(x: np.ndarray[Any, Any]) -> Parameters:
        return [
            part.reshape(values.shape)
            for part, values in zip(torch.split(torch.from_numpy(x), sizes), parameters, strict=True)
        ]

    def function(x: np.ndarray[Any, Any]) -> tuple[float, np.ndarray[Any, Any]]:
        loss, gradients = loss_and_gradients(unpacked(x), Y, model.penalties)
        for kept in gradients[:fixed]:
            kept.zero_()
        return float(loss), torch.cat([gradient.flatten() for gradient in gradients]).numpy()

    first = torch.cat([values.flatten() for values in parameters]).numpy()
    options = {"maxiter": iterations, "maxfun": 2 * iterations, "ftol": 1e-12, "gtol": 1e-9}
    found = minimize(function, first, jac=True, method="L-BFGS-B", options=options)
    return float(found.fun), unpacked(found.x)


def layer_inputs(parameters: Parameters) -> tuple[list[Tensor], list[Tensor]]:
    """Inputs of the L layers after σ (H₁ itself first; d×N), and before it (H₁ again first), of one start."""
    H, *W = parameters
    after, before = [H], [H]
    for weight in W[:-1]:
        before.append(weight @ after[-1])
        after.append(before[-1].clamp(min=0))
    return after, before


def collapse(parameters: Parameters, y: Tensor) -> Iterator[dict[str, float | int | str]]:
    """Rows layer, metric, value of one start: deep neural collapse at the input of every layer 1 … L, for labels y (N).

    `dnc1` = tr Σ_W/tr Σ_B; `dnc2`, the condition number of the class means (K×d) after σ, 1 where they are orthogonal with equal
    norms, and `dnc2_before`, of those before it; `dnc3`, the share of the layer's ‖W‖²_F in rows that do not point along a
    class mean: 1 − Σ_r ‖w_r‖² max_c |cos(w_r, μ_c)| / ‖W‖²_F. NaN where there is nothing.
    """
    after, before = layer_inputs(parameters)
    for layer, (points, unrectified, weight) in enumerate(zip(after, before, parameters[1:], strict=True), start=1):
        spread = scatter(points.T, y)
        means = spread.means
        size = weight.square().sum()
        directions = torch.nn.functional.normalize(means, eps=1e-300)
        along = ((weight @ directions.T).abs().amax(1) * torch.linalg.vector_norm(weight, dim=1)).sum()
        measured = {
            "dnc1": spread.trace_within / spread.trace_between if spread.trace_between > 0 else float("nan"),
            "dnc2": _condition(means),
            "dnc2_before": _condition(scatter(unrectified.T, y).means),
            "dnc3": float(1 - along / size) if size > 0 else float("nan"),
        }
        for metric, value in measured.items():
            yield {"layer": layer, "metric": metric, "value": value}


def rank(matrix: Tensor, share: float = 1e-2) -> int:
    """Singular values above a share of the largest; 0 for a matrix that has all but vanished (norm below 1e-4)."""
    values = torch.linalg.svdvals(matrix)
    return int((values > share * values[0]).sum()) if float(values[0]) > 1e-4 else 0


def _condition(means: Tensor) -> float:
    values = torch.linalg.svdvals(means)
    return float(values[0] / values[-1]) if float(values[-1]) > 0 else float("nan")
