r"""Measure collapse of training and of test points, layer by layer: rows of generalisation.csv.

Class means μ_c and their scatter Σ_B are the training points'. With them a set of n points has

    NC1 = (1/n) Σ_i ‖x_i − μ_{y_i}‖² / tr Σ_B                     (`nc1`),

which for training points is NC1 itself and for test points says how far they are from the means that the training points have
collapsed to. `nc1_own_means` is NC1 with the points' own class means, and `nearest_own_mean` the share of points that are
nearest to their own class's training mean.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from ...collapse.metrics import Scatter, class_means, nc1, nearest_mean
from ...data.prepared import Arrays
from ...errors import UserError
from ...kernels.regression import KernelPredictor
from ...labels import signed_one_hot
from ...models.deep_rfm import PRECISIONS, final_predictor, layers
from ...models.networks import Network
from ...models.settings import DeepRfmSettings
from ...pipeline.tables import Row

_CHUNK = 512  # images that go through a backbone at once


def deep_rfm_rows(arrays: Arrays, settings: DeepRfmSettings, seed: int) -> Iterator[Row]:
    """Yield the rows of a Deep RFM: of the points (layer 0), of X̃ = X M^{1/2} at layers 1 … L, of the final predictor (L + 1).

    Args:
        arrays: Training and test points.
        settings: The Deep RFM's.
        seed: Of its random features.

    Raises:
        UserError: If there are no test points.
    """
    _check_test_points(arrays)
    y, Y, X_test = arrays.y_train, signed_one_hot(arrays.y_train), arrays.x_test.to(PRECISIONS[settings.precision])
    yield from _collapse(0, arrays, arrays.x_train, X_test)
    features = arrays.x_train
    for index, (layer, projected, mapped) in enumerate(layers(arrays.x_train, Y, settings, seed), start=1):
        yield from _accuracies(index, layer.predictor, layer.predictor.X, y, X_test, arrays.y_test)
        X_test = layer.agop_features(X_test)
        yield from _collapse(index, arrays, projected, X_test)
        X_test, features = layer.features(X_test), mapped
    final = final_predictor(features, Y, settings)
    yield from _accuracies(settings.depth + 1, final, final.X, y, X_test, arrays.y_test)


@torch.no_grad()
def network_rows(network: Network, arrays: Arrays) -> Iterator[Row]:
    """Yield the rows of a network: of the points (layer 0), of the outputs of hidden layers 1 … L, of the readout (L + 1).

    Args:
        network: On the arrays' device and in evaluation mode.
        arrays: Training and test points, in the network's precision.

    Raises:
        UserError: If there are no test points.
    """
    _check_test_points(arrays)
    yield from _collapse(0, arrays, arrays.x_train, arrays.x_test)
    hidden = (hidden_outputs(network, points, arrays.image_shape) for points in (arrays.x_train, arrays.x_test))
    index = 0
    for index, (of_training, of_test) in enumerate(zip(*hidden, strict=True), start=1):
        yield from _collapse(index, arrays, of_training, of_test)
    yield from _accuracies(index + 1, network.head[-1], of_training, arrays.y_train, of_test, arrays.y_test)


def hidden_outputs(network: Network, points: Tensor, image_shape: tuple[int, int, int]) -> Iterator[Tensor]:
    """Yield the outputs (n×width) of a network's hidden layers for flattened points (n×d)."""
    images = points.reshape(-1, *image_shape)
    h = torch.cat([network.backbone(some) for some in torch.split(images, _CHUNK)])
    for module in list(network.head)[:-1]:
        h = module(h)
        if isinstance(module, torch.nn.ReLU):
            yield h


def _collapse(layer: int, arrays: Arrays, of_training: Tensor, of_test: Tensor) -> Iterator[Row]:
    means = class_means(of_training, arrays.y_train)
    for points, features, y in (("train", of_training, arrays.y_train), ("test", of_test, arrays.y_test)):
        scatter = Scatter(means)
        scatter.add(features, y)
        yield _row(layer, points, "nc1", scatter.collapse["nc1"])
        if len(torch.unique(y)) == len(means):
            yield _row(layer, points, "nc1_own_means", nc1(features, y))
        yield _row(layer, points, "nearest_own_mean", _share(nearest_mean(features, means), y))


def _accuracies(
    layer: int, predictor: KernelPredictor | torch.nn.Module, X: Tensor, y: Tensor, X_test: Tensor, y_test: Tensor
) -> Iterator[Row]:
    for points, features, labels in (("train", X, y), ("test", X_test, y_test)):
        yield _row(layer, points, "accuracy", _share(predictor(features).argmax(1), labels))


def _share(predicted: Tensor, y: Tensor) -> float:
    return float((predicted == y).double().mean())


def _row(layer: int, points: str, metric: str, value: Any) -> Row:
    return {"layer": layer, "points": points, "metric": metric, "value": value}


def _check_test_points(arrays: Arrays) -> None:
    if not len(arrays.x_test):
        raise UserError("the dataset has no test points; remove it from generalisation.datasets, or give it some")
