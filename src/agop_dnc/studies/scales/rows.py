"""Train an MLP until its loss is low enough, and measure it before and after: rows of scales.csv."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from ...collapse.network import loss_and_accuracy
from ...collapse.network import measure as measured
from ...data.prepared import Arrays
from ...errors import UserError
from ...labels import signed_one_hot
from ...models.networks import build, hidden_names
from ...models.sgd import Velocity, stepper
from ...pipeline.tables import Row
from ...randomness import generator
from .settings import TrainToSettings

# What is kept of a measurement, by component.
_COLLAPSE = ("nc1", "nc2")
KEPT = {
    "input": _COLLAPSE,
    "right": _COLLAPSE,
    "output": _COLLAPSE,
    "nfa": ("sqrt_agop", "sqrt_agop_null"),
    "network": ("loss", "accuracy"),
}


def train_to(
    network: nn.Module,
    x: Tensor,
    y: Tensor,
    settings: TrainToSettings,
    seed: int,
    progress: Callable[[int, float], None] = lambda epoch, loss: None,
) -> tuple[int, bool]:
    """Train a network by SGD on the squared error until its loss is below `settings.loss`.

    The loss is that of all training points in evaluation mode, at the end of every epoch; the untrained network is looked at
    too. Batches are those of :func:`agop_dnc.models.training.train`.

    Args:
        network: Trained in place, and left in evaluation mode.
        x: Images (n×C×H×W) on the network's device.
        y: Labels (n).
        settings: How it is trained.
        seed: Of the batches.
        progress: Called with each epoch and its loss.

    Returns:
        How many epochs it took, and whether the loss was reached.

    Raises:
        UserError: If the loss stops being finite.
    """
    classes = int(y.max()) + 1
    velocity = Velocity(network, settings.momentum)
    step = stepper(network, velocity, x, signed_one_hot(y, classes).to(x), settings.learning_rate, settings.batch_size)
    for epoch in range(settings.epochs + 1):
        loss = loss_and_accuracy(network.eval(), x, y, classes)["loss"]
        progress(epoch, loss)
        if not math.isfinite(loss):
            raise UserError(
                f"training diverged in epoch {epoch} with learning rate {settings.learning_rate}; lower scales.learning_rate"
            )
        if loss < settings.loss or epoch == settings.epochs:
            break
        network.train()
        order = torch.randperm(len(x), generator=generator(seed, "batches", epoch + 1)).to(x.device)
        for batch in torch.split(order, settings.batch_size):
            step(batch)
        velocity.settle()
    return epoch, loss < settings.loss


def measure(
    arrays: Arrays,
    scale: float,
    settings: TrainToSettings,
    seed: int,
    progress: Callable[[int, float], None] = lambda epoch, loss: None,
) -> Iterator[Row]:
    """Yield the rows of an MLP of this scale before and after its training, without dataset, scale and seed.

    Args:
        arrays: Training and test points, in the network's precision.
        scale: Gain of the Xavier-uniform initialisation.
        settings: What else defines the network and its training.
        seed: Of initialisation, batches and the nulls' rotations.
        progress: Called with each epoch and its loss.
    """
    y = arrays.y_train
    network = build(
        "mlp",
        arrays.image_shape,
        int(y.max()) + 1,
        seed=seed,
        hidden_layers=settings.hidden_layers,
        width=settings.width,
        init_scale=scale,
    ).to(arrays.x_train.device)
    yield from _rows(network.eval(), arrays, seed, 0)
    x = arrays.x_train.reshape(-1, *arrays.image_shape)
    epoch, reached = train_to(network, x, y, settings, seed, progress)
    # A network that fits without training, as may be with a high loss, has no second measurement.
    if epoch > 0:
        yield from _rows(network, arrays, seed, epoch)
    yield _row(epoch, 0, "network", "reached", float(reached))


def _rows(network: nn.Module, arrays: Arrays, seed: int, epoch: int) -> Iterator[Row]:
    x, x_test = (points.reshape(-1, *arrays.image_shape) for points in (arrays.x_train, arrays.x_test))
    table = measured(network, x, arrays.y_train, hidden_names(network), seed=seed).table  # type: ignore[arg-type]
    for found in table.to_dict("records"):
        if found["metric"] in KEPT.get(found["component"], ()):
            yield _row(epoch, found["layer"], found["component"], found["metric"], found["value"])
    if len(x_test):
        tested = loss_and_accuracy(network, x_test, arrays.y_test, int(arrays.y_train.max()) + 1)
        yield _row(epoch, 0, "network", "test_accuracy", tested["accuracy"])


def _row(epoch: int, layer: int, component: str, metric: str, value: float) -> Row:
    return {"epoch": epoch, "layer": layer, "component": component, "metric": metric, "value": value}
