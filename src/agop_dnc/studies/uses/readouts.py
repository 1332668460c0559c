"""Train MLPs with a learned readout and with one that is fixed to a simplex: rows of readouts.csv.

Between the last ReLU and the readout lies a linear layer of d features (see :func:`agop_dnc.models.heads.with_features`). Both
networks of a pair have the same weights but for the readout at first, and the same batches. A simplex's vertices sum to 0, and so do
its outputs; for the squared error the targets ±1 are therefore less their mean over the classes, for both readouts.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from ...collapse.metrics import class_means, collapse, nc3, nc4
from ...data.prepared import Arrays
from ...models.heads import with_features, with_fixed_simplex
from ...models.networks import Network, build
from ...models.objectives import LOSSES, descend, targets_of
from ...models.settings import LossName, ObjectiveSettings
from ...models.sgd import trained
from ...pipeline.tables import Row
from .settings import ReadoutJobSettings

READOUTS = ("learned", "fixed")
FITTED = 0.99


def readout_rows(arrays: Arrays, settings: ReadoutJobSettings, seed: int) -> Iterator[list[Row]]:
    """Yield the rows of one network after another: for each loss, number of features d (K−1, K, larger) and readout.

    Args:
        arrays: Training and test points, in the networks' precision.
        settings: The networks', and how they are trained.
        seed: Of initialisation, simplex and batches.

    Yields:
        Rows with the columns loss, dimension, readout, metric, value. Metrics: `train_accuracy`, `test_accuracy`, `train_loss`,
        `test_loss`, `nc1` to `nc4` of the features, each also `untrained_…`; `parameters`, those that are trained; `operations`,
        multiply-adds of a training step per point; `epochs`, after which the training accuracy was first 0.99 (left out if never).
    """
    K = int(arrays.y_train.max()) + 1
    for loss in settings.losses:
        for d in dict.fromkeys((K - 1, K, settings.larger)):
            for readout in READOUTS:
                about = {"loss": loss, "dimension": d, "readout": readout}
                network = build_with(readout, arrays, d, settings, seed)
                found = trained_and_measured(network, arrays, loss, settings, seed)
                yield [about | {"metric": metric, "value": value} for metric, value in found.items()]


def build_with(readout: str, arrays: Arrays, d: int, settings: ReadoutJobSettings, seed: int) -> Network:
    """Return an untrained network with d features and a readout, `learned` or `fixed`."""
    head = {"hidden_layers": settings.hidden_layers, "width": settings.width, "init_scale": settings.init_scale}
    network = build("mlp", arrays.image_shape, int(arrays.y_train.max()) + 1, seed=seed, **head)
    network = with_features(network, d, seed)
    return (with_fixed_simplex(network, seed) if readout == "fixed" else network).to(arrays.x_train)


def trained_and_measured(
    network: Network, arrays: Arrays, loss: LossName, settings: ReadoutJobSettings, seed: int
) -> dict[str, float]:
    """Train a network, and return what it is measured by, by metric."""
    x, y = arrays.x_train.reshape(-1, *arrays.image_shape), arrays.y_train
    found = {f"untrained_{name}": value for name, value in measured(network, arrays, loss).items()}
    targets = centred_targets(y, int(y.max()) + 1, loss).to(x)
    for epoch, _ in enumerate(descend(network, x, targets, settings, seed, ObjectiveSettings(loss=loss)), start=1):
        if "epochs" not in found and _accuracy(network, x, y) >= FITTED:
            found["epochs"] = float(epoch)
    found |= measured(network, arrays, loss)
    return found | {"parameters": float(sum(p.numel() for p in trained(network))), "operations": operations(network)}


def centred_targets(y: Tensor, K: int, loss: LossName) -> Tensor:
    """Return the targets of a loss (n×K); for the squared error less their mean over the classes."""
    targets = targets_of(y, K, loss)
    return targets - targets.mean(1, keepdim=True) if loss == "squared_error" else targets


@torch.no_grad()
def measured(network: Network, arrays: Arrays, loss: LossName) -> dict[str, float]:
    """Return accuracies and losses at training and test points, and NC1 to NC4 of the training points' features."""
    K, readout = int(arrays.y_train.max()) + 1, network.head[-1]
    assert isinstance(readout, nn.Linear)
    found = {}
    for name, X, y in (("train", arrays.x_train, arrays.y_train), ("test", arrays.x_test, arrays.y_test)):
        if not len(X):
            continue
        features = network.eval().head[:-1](network.backbone(X.reshape(-1, *arrays.image_shape)))
        outputs = readout(features)
        found[f"{name}_accuracy"] = float((outputs.argmax(1) == y).double().mean())
        found[f"{name}_loss"] = float(LOSSES[loss](outputs, centred_targets(y, K, loss).to(outputs)))
        if name == "train":
            means, collapsed = class_means(features, y), collapse(features, y)
            found |= {"nc1": collapsed["nc1"], "nc2": collapsed["nc2"]}
            found |= {"nc3": nc3(readout.weight, means), "nc4": nc4(outputs, features, means)}
    return found


def operations(network: Network) -> float:
    """Return the multiply-adds of a step's matrix products per point: forward, to each layer's input, and to trained weights.

    The gradient at the first layer's input is not needed, nor that of a fixed layer's weights.
    """
    linear = [module for module in network.head if isinstance(module, nn.Linear)]
    return float(
        sum(layer.weight.numel() * (1 + (index > 0) + layer.weight.requires_grad) for index, layer in enumerate(linear))
    )


@torch.no_grad()
def _accuracy(network: Network, x: Tensor, y: Tensor) -> float:
    return float((network.eval()(x).argmax(1) == y).double().mean())
