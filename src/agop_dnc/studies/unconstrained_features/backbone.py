r"""Networks that recover unconstrained features: a backbone in place of H₁, trained end to end with a DUFM head.

minimise (1/2N)‖W_L σ(… σ(W₁H₁)) − Y‖²_F + Σ_l (λ_l/2)‖W_l‖²_F + (λ_H/2)‖H₁‖²_F with H₁ = backbone(X): the regularisation of the
free features is carried over to the backbone's output, and its own weights have none. What a backbone can express is no more
than free features can, so that the DUFM's optimum is a lower bound of the loss for two classes, and is reached where the backbone
can place its features freely on the training points.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from ...models.dufm import Model, Parameters, loss_and_gradients, random_start
from ...randomness import generator


def two_classes(X: Tensor, y: Tensor, first: int, second: int) -> tuple[Tensor, int]:
    """The points (N×d) of two classes one after the other, the first n of each, and n: as many as the smaller has.

    Raises ValueError where a class has fewer than two points.
    """
    n = min(int((y == label).sum()) for label in (first, second))
    if n < 2:
        raise ValueError(f"classes {first} and {second} must have two points or more each")
    return torch.cat([X[y == label][:n] for label in (first, second)]), n


def backbone(d: int, hidden: int, width: int, seed: int) -> nn.Sequential:
    """D → hidden → hidden → width with ReLUs between, in float64, no biases.

    Weights are N(0, 2/fan-out), the last N(0, 1/fan-out), which keeps norms in the mean: points of norm 1 start as features with
    entries N(0, 1/width), as :func:`.random_start`'s.
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
    """Full gradient descent on backbone and head together, yielding (step, loss, [H₁, W₁ … W_L]) at the steps of `record`.

    X: N×d, class by class.
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
