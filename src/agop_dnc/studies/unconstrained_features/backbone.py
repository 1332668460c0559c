r"""Networks that recover unconstrained features: a backbone in place of H₁, trained end to end with a DUFM head.

The problem is to minimise (1/2N)‖W_L σ(… σ(W₁H₁)) − Y‖²_F + Σ_l (λ_l/2)‖W_l‖²_F + (λ_H/2)‖H₁‖²_F with H₁ = backbone(X): the
regularisation of the free features applies to the backbone's output, while its weights have none. A backbone can express no more
than free features can, so for two classes the DUFM's optimum is a lower bound of the loss. It is attained if the backbone can place
its features freely on the training points.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from ...models.dufm import Model, Parameters, loss_and_gradients, random_start
from ...randomness import generator


def two_classes(X: Tensor, y: Tensor, first: int, second: int) -> tuple[Tensor, int]:
    """Return the first n points of one class followed by the first n of another, with n the size of the smaller class.

    Args:
        X: Points, shape (N, d).
        y: Labels, shape (N,).
        first: The label of the first class.
        second: The label of the second class.

    Returns:
        The points, shape (2n, d), and n.

    Raises:
        ValueError: If a class has fewer than two points.
    """
    n = min(int((y == label).sum()) for label in (first, second))
    if n < 2:
        raise ValueError(f"classes {first} and {second} must have two points or more each; choose larger classes")
    return torch.cat([X[y == label][:n] for label in (first, second)]), n


def backbone(d: int, hidden: int, width: int, seed: int) -> nn.Sequential:
    """Return a network d → hidden → hidden → width with ReLUs in between, in float64, without biases.

    Weights are drawn from N(0, 2/fan-out), those of the last layer from N(0, 1/fan-out), which preserves squared norms in expectation.
    Points of norm 1 thus start as features with entries of variance 1/width, like those of :func:`.random_start`.

    Args:
        d: The dimension of the inputs.
        hidden: The width of the two hidden layers.
        width: The dimension of the features.
        seed: Seed of the weights.

    Returns:
        The backbone.
    """
    drawn = generator(seed, "dufm backbone")
    layers: list[nn.Module] = []
    for fan_in, fan_out, gain in ((d, hidden, 2), (hidden, hidden, 2), (hidden, width, 1)):
        linear = nn.Linear(fan_in, fan_out, bias=False, dtype=torch.float64)
        nn.init.normal_(linear.weight, std=(gain / fan_out) ** 0.5, generator=drawn)
        layers += [linear, nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def train(
    network: nn.Sequential, X: Tensor, model: Model, seed: int, rate: float, record: list[int]
) -> Iterator[tuple[int, float, Parameters]]:
    """Train backbone and head together by gradient descent on the full loss.

    Args:
        network: The backbone, whose weights are changed.
        X: Points, shape (N, d), one class after the other.
        model: The DUFM whose head is trained.
        seed: Seed of the head.
        rate: The step size.
        record: The steps to yield, in ascending order.

    Yields:
        The step, the loss and the parameters [H₁, W₁, …, W_L] at that step.
    """
    Y, head = model.targets, random_start(model, seed)[1:]
    for step in range(record[-1] + 1):
        features: Tensor = network(X).T
        loss, gradients = loss_and_gradients([features.detach(), *head], Y, model.penalties)
        if step in record:
            yield step, float(loss), [features.detach(), *head]
        torch.autograd.backward(features, gradients[0])
        with torch.no_grad():
            for values in network.parameters():
                assert values.grad is not None
                values.sub_(values.grad, alpha=rate)
                values.grad = None
            head = [weight.sub(gradient, alpha=rate) for weight, gradient in zip(head, gradients[1:], strict=True)]
