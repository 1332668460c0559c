r"""The deep unconstrained features model (DUFM), whose optimum is deep neural collapse (Súkeník, Mondelli, Lampert, NeurIPS 2023).

There are K classes of n points, N = Kn. The variables are free features H₁ (d×N) and weights W₁ … W_L (d×d, the last K×d):

    minimise (1/2N)‖W_L σ(W_{L−1} … σ(W₁H₁)) − Y‖²_F + Σ_l (λ_l/2)‖W_l‖²_F + (λ_H/2)‖H₁‖²_F,   σ = ReLU, Y = I_K ⊗ 1ₙᵀ.

*The collapsed solution.* Let all points of a class coincide, let the class means be orthogonal and, after each σ, non-negative,
and let each weight map the K directions of its input to those of its output with singular value s_l; let features have norm η.
Each class is then a chain of numbers with output a = s_L … s₁η; the fit costs (a − 1)²/2 and the penalties
(K/2)(Σ_l λ_l s_l² + nλ_H η²). For fixed a the product of these L + 1 terms is fixed, so their arithmetic mean is least when they
are all equal to their geometric mean:

    F(a) = (a − 1)²/2 + (K/2)(L + 1) c a^{2/(L+1)},   c = (nλ_H λ₁ ⋯ λ_L)^{1/(L+1)}.

All zeros cost 1/2. F falls below 1/2 if c < ((L − 1)/L)^{(L−1)/(L+1)}/(KL): F(a) = 1/2 and F′(a) = 0 together give
a = (L − 1)/L. For K = 2 this is nλ_H λ₁ ⋯ λ_L < (L − 1)^{L−1}/(2^{L+1} L^{2L}), and the better of the two solutions is the global
optimum (their Theorem 3). For more classes it is not, from some depth on (Súkeník, Lampert, Mondelli, NeurIPS 2024).
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

# H₁ (…×d×N), then W₁, …, W_L. All share the leading dimension, which counts several starts, or have none.
Parameters = list[Tensor]


@dataclass(frozen=True)
class Model:
    """A DUFM and its data.

    Attributes:
        classes: The number of classes K.
        per_class: Points per class n.
        layers: The number of layers L.
        width: The width d of features and layers, at least K.
        penalties: λ_H, λ₁, …, λ_L.

    Raises:
        ValueError: If the number of penalties is not L + 1, or the width is less than K.
    """

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
            raise ValueError(
                f"{self.classes} orthogonal class means need a width of at least {self.classes}, not {self.width}"
            )

    @property
    def labels(self) -> Tensor:
        """Return the labels 0 … K−1, each n times, shape (N,)."""
        return torch.arange(self.classes).repeat_interleave(self.per_class)

    @property
    def targets(self) -> Tensor:
        """Return Y = I_K ⊗ 1ₙᵀ, shape (K, N)."""
        return torch.eye(self.classes, dtype=torch.float64).repeat_interleave(self.per_class, dim=1)

    @property
    def shapes(self) -> list[tuple[int, int]]:
        """Return the shapes of H₁, W₁, …, W_L."""
        d = self.width
        return [(d, self.classes * self.per_class), *[(d, d)] * (self.layers - 1), (self.classes, d)]

    @property
    def strength(self) -> float:
        """Return nλ_H λ₁ ⋯ λ_L, the only quantity besides K and L that the optimum depends on."""
        return self.per_class * float(np.prod(self.penalties))


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


def loss_and_gradients(parameters: Parameters, Y: Tensor, penalties: tuple[float, ...]) -> tuple[Tensor, Parameters]:
    """Return the loss and its gradients.

    Args:
        parameters: H₁ and W₁, …, W_L, for one start or, with a leading dimension, for several.
        Y: Targets, shape (K, N).
        penalties: λ_H, λ₁, …, λ_L.

    Returns:
        The loss, one number per start, and its gradients, which have the parameters' shapes.
    """
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
    """Draw parameters with entries from N(0, scale²/d).

    Args:
        model: The model.
        seed: Seed of the draw.
        scale: The factor of the standard deviation.

    Returns:
        The parameters H₁, W₁, …, W_L.
    """
    drawn = generator(seed, "unconstrained features", model.classes, model.layers)
    return [
        torch.randn(shape, dtype=torch.float64, generator=drawn) * (scale * model.width**-0.5) for shape in model.shapes
    ]


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


def stack(starts: list[Parameters]) -> Parameters:
    """Stack several starts along a leading dimension, so that they can descend together."""
    return [torch.stack(parts) for parts in zip(*starts, strict=True)]


def descend(
    parameters: Parameters, model: Model, rate: float, record: list[int]
) -> Iterator[tuple[int, Tensor, Parameters]]:
    """Run gradient descent on the full loss.

    Args:
        parameters: The start, or several stacked ones.
        model: The model.
        rate: The step size.
        record: The steps to yield, in ascending order.

    Yields:
        The step, the loss (one number per start) and the parameters at that step.
    """
    Y = model.targets
    for step in range(record[-1] + 1):
        loss, gradients = loss_and_gradients(parameters, Y, model.penalties)
        if step in record:
            yield step, loss, parameters
        parameters = [values.sub(gradient, alpha=rate) for values, gradient in zip(parameters, gradients, strict=True)]


def polish(parameters: Parameters, model: Model, iterations: int = 3000, fixed: int = 0) -> tuple[float, Parameters]:
    """Minimise the loss from one start by L-BFGS.

    Args:
        parameters: The start.
        model: The model.
        iterations: The most iterations to make.
        fixed: How many of the parameters, from the first on, keep their values.

    Returns:
        The loss reached and the parameters there.
    """
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
    """Return the inputs of the L layers, each d×N, of one start.

    Args:
        parameters: H₁, W₁, …, W_L without a leading dimension.

    Returns:
        The inputs after σ and those before it; both lists begin with H₁ itself.
    """
    H, *W = parameters
    after, before = [H], [H]
    for weight in W[:-1]:
        before.append(weight @ after[-1])
        after.append(before[-1].clamp(min=0))
    return after, before


def collapse(parameters: Parameters, y: Tensor) -> Iterator[dict[str, float | int | str]]:
    """Measure deep neural collapse at the input of every layer 1 … L, of one start.

    The metrics are:

    - `dnc1`: tr Σ_W/tr Σ_B;
    - `dnc2`: the condition number of the class means (K×d) after σ, which is 1 if they are orthogonal with equal norms;
    - `dnc2_before`: the same condition number before σ;
    - `dnc3`: the share of the layer's ‖W‖²_F in rows that do not point along a class mean,
      1 − Σ_r ‖w_r‖² max_c |cos(w_r, μ_c)| / ‖W‖²_F.

    A metric is NaN if its denominator is zero.

    Args:
        parameters: H₁, W₁, …, W_L without a leading dimension.
        y: Labels, shape (N,).

    Yields:
        Rows with the columns layer, metric and value.
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
    """Return the number of singular values above a share of the largest.

    Args:
        matrix: Any matrix.
        share: The share of the largest singular value that counts.

    Returns:
        The rank; 0 for a matrix that has all but vanished (spectral norm below 1e-4).
    """
    values = torch.linalg.svdvals(matrix)
    return int((values > share * values[0]).sum()) if float(values[0]) > 1e-4 else 0


def _condition(means: Tensor) -> float:
    values = torch.linalg.svdvals(means)
    return float(values[0] / values[-1]) if float(values[-1]) > 0 else float("nan")
