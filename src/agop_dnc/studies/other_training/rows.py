"""Train an MLP in other ways than the paper's, and measure it before and after: rows of other_training.csv."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from ...collapse.metrics import nc1
from ...collapse.network import loss_and_accuracy
from ...collapse.network import measure as measured
from ...data.prepared import Arrays
from ...models.heads import with_batch_norm
from ...models.networks import Network, build, hidden_names
from ...models.objectives import descend, noisy_labels, targets_of
from ...models.settings import ObjectiveSettings
from ...pipeline.tables import Row
from ..generalisation.rows import hidden_outputs
from .settings import Training, WaysSettings

_COLLAPSE = ("nc1", "nc2")
# What is kept of a measurement, by component.
KEPT = {
    "input": _COLLAPSE,
    "right": _COLLAPSE,
    "output": _COLLAPSE,
    "nfa": ("sqrt_agop", "sqrt_agop_null"),
    "network": ("accuracy", "nc3", "nc4"),
}


def rows(arrays: Arrays, settings: WaysSettings, seed: int) -> Iterator[list[Row]]:
    """Yield the rows of one way of training after another.

    Args:
        arrays: Training and test points, in the network's precision.
        settings: The MLP, its optimiser and the ways.
        seed: Of initialisation, batches, label noise and the nulls' rotations.

    Yields:
        Rows with the columns loss, weight_decay, label_noise, batch_norm, epoch, layer, component, metric, value.
    """
    for way in settings.ways():
        yield [way.model_dump() | row for row in measure(arrays, way, settings, seed)]


def measure(arrays: Arrays, way: Training, settings: WaysSettings, seed: int) -> Iterator[Row]:
    """Yield the rows of an MLP before and after it is trained in one way, by the labels that it is trained with.

    `nc1_true` is NC1 of the last hidden layer's output by the labels without noise.
    """
    K = int(arrays.y_train.max()) + 1
    y, _ = noisy_labels(arrays.y_train, way.label_noise, K, seed)
    head = {"hidden_layers": settings.hidden_layers, "width": settings.width, "init_scale": settings.init_scale}
    network = build("mlp", arrays.image_shape, K, seed=seed, **head)
    network = (with_batch_norm(network) if way.batch_norm else network).to(arrays.x_train)
    yield from _measured(network, arrays, y, seed, 0)
    x, objective = _images(arrays, arrays.x_train), ObjectiveSettings(loss=way.loss, weight_decay=way.weight_decay)
    for _ in descend(network, x, targets_of(y, K, way.loss).to(x), settings, seed, objective):
        pass
    yield from _measured(network, arrays, y, seed, settings.epochs)


def _measured(network: Network, arrays: Arrays, y: Tensor, seed: int, epoch: int) -> Iterator[Row]:
    network.eval()
    K = int(arrays.y_train.max()) + 1
    # The labels are codes of all K classes, of which noise may leave one without a point.
    table = measured(
        network, _images(arrays, arrays.x_train), y, hidden_names(network), seed=seed, classes=list(range(K))
    ).table
    for found in table.to_dict("records"):
        if found["metric"] in KEPT.get(found["component"], ()):
            yield _row(epoch, found["layer"], found["component"], found["metric"], found["value"])
    with torch.no_grad():
        *_, last = hidden_outputs(network, arrays.x_train, arrays.image_shape)
    yield _row(epoch, int(table.layer.max()), "output", "nc1_true", nc1(last, arrays.y_train))
    if len(arrays.x_test):
        tested = loss_and_accuracy(network, _images(arrays, arrays.x_test), arrays.y_test, K)
        yield _row(epoch, 0, "network", "test_accuracy", tested["accuracy"])


def _images(arrays: Arrays, points: Tensor) -> Tensor:
    return points.reshape(-1, *arrays.image_shape)


def _row(epoch: int, layer: int, component: str, metric: str, value: float) -> Row:
    return {"epoch": epoch, "layer": layer, "component": component, "metric": metric, "value": value}
