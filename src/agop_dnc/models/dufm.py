r"""The deep unconstrained features model (DUFM), whose optimum is deep neural collapse (Súkeník, Mondelli, Lampert, NeurIPS 2023).

There are K classes of n points, N = Kn. The variables are free features H₁ (d×N) and weights W₁ … W_L (d×d, the last K×d):

    minimise (1/2N)‖W_L σ(W_{L−1} … σ(W₁H₁)) − Y‖²_F + Σ_l (λ_l/2)‖W_l‖²_F + (λ_H/2)‖H₁‖²_F,   σ = ReLU, Y = I_K ⊗ 1ₙᵀ.

Its collapsed solutions are in :mod:`.dufm_collapsed`.
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
