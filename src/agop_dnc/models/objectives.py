"""Train a network under other objectives than the paper's: cross-entropy, weight decay, and labels with noise."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from ..errors import UserError
from ..labels import signed_one_hot
from ..randomness import generator
from .settings import DescentSettings, LossName, ObjectiveSettings
from .sgd import SQUARED_ERROR, Loss, Velocity, stepper

LOSSES: dict[LossName, Loss] = {"squared_error": SQUARED_ERROR, "cross_entropy": nn.functional.cross_entropy}


def descend(
    network: nn.Module,
    x: Tensor,
    targets: Tensor,
    settings: DescentSettings,
    seed: int,
    objective: ObjectiveSettings,
) -> Iterator[float]:
    """Train a network by SGD, yielding each epoch's running loss, with the network in training mode.

    Batches are those of :func:`.training.train`: each epoch visits the points in a permutation drawn for (seed, epoch).

    Args:
        network: Trained in place.
        x: Images (n×C×H×W) on the network's device.
        targets: n×K (see :func:`targets_of`), in the network's precision.
        settings: Epochs, learning rate, momentum and batch size.
        seed: Of the permutations.
        objective: The loss and the weight decay.

    Raises:
        UserError: If the loss stops being finite, or if batch normalisation would get a batch of a single point.
    """
    _check_batches(network, len(x), settings.batch_size)
    velocity, loss = Velocity(network, settings.momentum), LOSSES[objective.loss]
    step = stepper(
        network, velocity, x, targets, settings.learning_rate, settings.batch_size, loss, objective.weight_decay
    )
    for epoch in range(1, settings.epochs + 1):
        network.train()
        order = torch.randperm(len(x), generator=generator(seed, "batches", epoch)).to(x.device)
        total = torch.zeros((), device=x.device)
        for batch in torch.split(order, settings.batch_size):
            total += len(batch) * step(batch)
        velocity.settle()
        if not math.isfinite(float(total)):
            raise UserError(
                f"training on the {objective.loss.replace('_', ' ')} diverged in epoch {epoch} with learning rate {settings.learning_rate}; lower it"
            )
        yield float(total) / len(x)


def targets_of(y: Tensor, K: int, loss: LossName) -> Tensor:
    """Return what a loss compares the outputs with (n×K, float64): ±1 for the squared error, probabilities 0 and 1 for the cross-entropy.

    >>> targets_of(torch.tensor([1]), 2, "squared_error"), targets_of(torch.tensor([1]), 2, "cross_entropy")
    (tensor([[-1.,  1.]], dtype=torch.float64), tensor([[0., 1.]], dtype=torch.float64))
    """
    signed = signed_one_hot(y, K).double()
    return signed if loss == "squared_error" else (signed + 1) / 2


def noisy_labels(y: Tensor, rate: float, K: int, seed: int) -> tuple[Tensor, Tensor]:
    """Return labels of which a share is drawn again, uniformly over all K classes, and which they are.

    A label that is drawn again keeps its value with probability 1/K, so that at rate 1 labels say nothing of the points. The
    points of a lower rate are among those of a higher one, with the same labels.

    Args:
        y: n labels 0 … K−1.
        rate: The share of points, from 0 to 1: ⌊rate·n + ½⌋ of them.
        K: The number of classes.
        seed: Of which points and which labels.

    Returns:
        The labels (n), and whether each was drawn again (n).

    >>> labels, drawn = noisy_labels(torch.zeros(10, dtype=torch.int64), 0.3, 10, seed=0)
    >>> int(drawn.sum()), bool((labels[~drawn] == 0).all())
    (3, True)
    """
    if not 0 <= rate <= 1:
        raise ValueError(f"the rate of label noise is a share from 0 to 1, not {rate}")
    source = generator(seed, "label noise")
    order, labels = torch.randperm(len(y), generator=source), torch.randint(K, (len(y),), generator=source)
    drawn = torch.zeros(len(y), dtype=torch.bool)
    drawn[order[: math.floor(rate * len(y) + 0.5)]] = True
    drawn, labels = drawn.to(y.device), labels.to(y)
    return torch.where(drawn, labels, y), drawn


def _check_batches(network: nn.Module, n: int, batch_size: int) -> None:
    if n % batch_size == 1 and any(isinstance(module, nn.BatchNorm1d) for module in network.modules()):
        raise UserError(
            f"{n} points in batches of {batch_size} leave a last batch of one point, which batch normalisation cannot handle; "
            "change n or batch_size by one"
        )
