"""A ReLU network with one hidden layer and small first weights, trained by stochastic gradient descent."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from ...randomness import generator


def train(
    X: Tensor,
    y: Tensor,
    seed: int,
    *,
    width: int,
    epochs: int,
    learning_rate: float,
    batch_size: int,
    init_scale: float,
) -> Callable[[Tensor], Tensor]:
    """Train f(x) = aᵀReLU(Wx) by SGD on the mean squared error, and return it.

    The entries of W (width×d) start as N(0, init_scale²), those of a uniform on ±1/√width. There are no biases.

    Args:
        X: Points (n×d).
        y: Targets (n).
        seed: The seed of the weights and of the order of the points.
        width: Neurons in the hidden layer.
        epochs: Passes through the points.
        learning_rate: Length of a step, as a multiple of the gradient.
        batch_size: Points per step.
        init_scale: Standard deviation of W's entries at the start.

    Returns:
        The trained network: points (m×d) ↦ outputs (m).
    """
    n, d = X.shape
    # In float32, as networks are trained.
    X, y = X.float(), y.float()
    weights = generator(seed, "polynomial network")
    W = (init_scale * torch.randn(width, d, generator=weights)).to(X)
    a = ((2 * torch.rand(width, generator=weights) - 1) / math.sqrt(width)).to(X)
    for epoch in range(epochs):
        order = torch.randperm(n, generator=generator(seed, "polynomial network order", epoch)).to(X.device)
        for batch in torch.split(order, batch_size):
            x = X[batch]
            hidden = (x @ W.T).relu_()
            error = hidden @ a - y[batch]
            slope = 2 / len(batch) * error  # of the mean squared error, by output
            back = torch.outer(slope, a) * (hidden > 0)
            a = a - learning_rate * (hidden.T @ slope)
            W = W - learning_rate * (back.T @ x)
    return lambda points: ((points.to(X) @ W.T).relu() @ a).to(points)
