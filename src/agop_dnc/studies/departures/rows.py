"""Measure the departures of :mod:`.departures`: each function switches one thing and yields rows."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn

from ...collapse.metrics import class_means, nc1
from ...collapse.network import loss_and_accuracy
from ...data.prepared import Arrays, Dataset
from ...kernels.agop import kernel_agop, matrix_sqrt
from ...kernels.blocks import row_chunks
from ...kernels.features import feature_map, to
from ...kernels.radial import KERNELS
from ...kernels.regression import fit_predictor, normalised
from ...labels import signed_one_hot
from ...models.deep_rfm import PRECISIONS, Settings, layers
from ...models.networks import Network, build
from ...models.settings import TrainingSettings
from ...models.training import load_snapshot, snapshots, train
from ...randomness import generator
from ..collapse_iteration.theorem import collapsed_gram, distance, iterate, kappa
from .departures import COLUMNS

RELEASED_RIDGE = 1e-3
NC1 = "NC1 of M½X"
Row = dict[str, Any]


def definition_rows(deep_rfm: pd.DataFrame, K: int) -> Iterator[Row]:
    """Yield departures 1 and 4, and the paper's variant of the other Deep RFM departures.

    Args:
        deep_rfm: Rows of deep_rfm.csv for one dataset and seed.
        K: The number of classes.

    Yields:
        Rows of departures.csv without the dataset.
    """
    agop = deep_rfm[deep_rfm.component == "agop"]
    for activation, rows in agop.groupby("activation", sort=False):
        by_metric = {metric: part.set_index("layer").value for metric, part in rows.groupby("metric")}
        name = _named(activation)
        yield from _curve(1, "paper", f"{NC1}, {name}", by_metric["nc1"])
        yield from _curve(1, "released", f"{NC1}, {name}", by_metric["nc1"] / K)
        yield from _curve(4, "paper", f"NC2 of M½X, {name}", by_metric["nc2"])
        yield from _curve(4, "released", f"NC2 of M½X, {name}", by_metric["nc2_mse"])
        for number in {"relu": (2, 3), "cos": (5, 8)}[str(activation)]:
            yield from _curve(number, "paper", f"{NC1}, {name}", by_metric["nc1"])


def _named(activation: object) -> str:
    return {"relu": "ReLU", "cos": "cosines"}[str(activation)]


def _curve(number: int, variant: str, quantity: str, values: pd.Series[Any]) -> Iterator[Row]:
    for step, value in values.items():
        yield _row(number, variant, quantity, int(str(step)), float(value))


def _row(number: int, variant: str, quantity: str, step: int, value: float) -> Row:
    return {"departure": number, "variant": variant, "quantity": quantity, "step": step, "value": value}


def ridge_rows(arrays: Arrays, settings: Settings, seed: int) -> Iterator[Row]:
    """Yield departure 2, for the run's own kernel and, in its first ten layers, for the Gaussian kernel.

    Args:
        arrays: The training points, with their labels.
        settings: What defines the Deep RFM.
        seed: Seed of the random features.

    Yields:
        Rows of departures.csv without the dataset.
    """
    yield from _deep_rfm(2, "released", arrays, settings.replace(ridge=RELEASED_RIDGE), seed)
    gaussian = settings.replace(kernel="gaussian", depth=min(10, settings.depth))
    for variant, ridge in (("paper", 0.0), ("released", RELEASED_RIDGE)):
        for row in _deep_rfm(2, variant, arrays, gaussian.replace(ridge=ridge), seed):
            yield row | {"quantity": f"{NC1}, {_named(settings.activation)}, Gaussian kernel"}


def precision_rows(arrays: Arrays, settings: Settings, seed: int) -> Iterator[Row]:
    """Yield departure 3: float32 with the distances computed as they are here, and as in the released code.

    Args:
        arrays: The training points, with their labels.
        settings: What defines the Deep RFM.
        seed: Seed of the random features.

    Yields:
        Rows of departures.csv without the dataset.
    """
    yield from _deep_rfm(3, "float32", arrays, settings.replace(precision="float32"), seed)
    quantity = f"{NC1}, {_named(settings.activation)}"
    released = expanded_deep_rfm(
        arrays.x_train, signed_one_hot(arrays.y_train), settings.replace(precision="float32"), seed
    )
    for layer, projected in enumerate(released, start=1):
        yield _row(3, "released", quantity, layer, nc1(projected, arrays.y_train))


def width_rows(arrays: Arrays, settings: Settings, seed: int) -> Iterator[Row]:
    """Yield departure 5: as many random features as the inputs have dimensions.

    Args:
        arrays: The training points, with their labels.
        settings: What defines the Deep RFM.
        seed: Seed of the random features.

    Yields:
        Rows of departures.csv without the dataset.
    """
    yield from _deep_rfm(5, "released", arrays, settings.replace(width=arrays.x_train.shape[1]), seed)


def agop_scale_rows(arrays: Arrays, settings: Settings, seed: int) -> Iterator[Row]:
    """Yield departure 8: the AGOP scaled to a largest entry of 1, and as a sum over points.

    Args:
        arrays: The training points, with their labels.
        settings: What defines the Deep RFM.
        seed: Seed of the random features.

    Yields:
        Rows of departures.csv without the dataset.
    """
    for variant, scale in (("released", "max"), ("Algorithm 1", "sum")):
        yield from _deep_rfm(8, variant, arrays, settings.replace(agop_scale=scale), seed)


def _deep_rfm(number: int, variant: str, arrays: Arrays, settings: Settings, seed: int) -> Iterator[Row]:
    """Yield NC1 of M½X at every layer of a Deep RFM with these settings."""
    fitted = layers(arrays.x_train, signed_one_hot(arrays.y_train), settings, seed)
    for layer, (_, projected, _) in enumerate(fitted, start=1):
        yield _row(number, variant, f"{NC1}, {_named(settings.activation)}", layer, nc1(projected, arrays.y_train))


def expanded_distances(X: Tensor) -> Tensor:
    """Return pairwise distances computed as in the released code, in X's own precision, which cancels for nearby points.

    The distances are ‖x_i − x_j‖₂ = (‖x_i‖² + ‖x_j‖² − 2x_iᵀx_j)^{1/2}.

    Args:
        X: Points, shape (N, d).

    Returns:
        Distances, shape (N, N), with a zero diagonal.
    """
    sizes = X.square().sum(1)
    r = torch.addmm(sizes[:, None] + sizes, X, X.T, alpha=-2.0)
    return r.clamp_(min=0.0).sqrt_().fill_diagonal_(0.0)


def expanded_deep_rfm(X: Tensor, Y: Tensor, settings: Settings, seed: int) -> Iterator[Tensor]:
    """Fit a Deep RFM whose distances are computed by :func:`expanded_distances`.

    Everything else is as in :func:`.deep_rfm.layers`, with the same random features. `agop_scale`, which does not affect ReLU's NC1, is
    `mean`.

    Args:
        X: Training points, shape (N, d).
        Y: Targets, shape (N, K).
        settings: What defines the Deep RFM.
        seed: Seed of the random features.

    Yields:
        X M½ of every layer, shape (N, d).
    """
    precision, kernel = PRECISIONS[settings.precision], KERNELS[settings.kernel](settings.bandwidth)
    X, Y = X.to(precision), Y.to(precision)
    for layer in range(1, settings.depth + 1):
        X = normalised(X)
        predictor, r = fit_predictor(kernel, X, Y, settings.ridge, expanded_distances(X))
        projected = X @ matrix_sqrt(kernel_agop(kernel, X, predictor.alpha, r))
        drawn = generator(seed, "deep_rfm", settings.activation, layer)
        features = feature_map(settings.activation, X.shape[1], settings.width, drawn, settings.feature_bandwidth)
        X = to(features, X.device, precision)(projected)
        yield projected


def mlp_rows(
    dataset: Dataset, training: Mapping[str, Any], network: Mapping[str, Any], seed: int, folder: Path
) -> Iterator[Row]:
    """Yield departures 6, 9 and 10, for an MLP.

    Args:
        dataset: The dataset, with its test points.
        training: The settings of the training.
        network: The settings of the MLP.
        seed: Seed of weights and batches.
        folder: Where snapshots are kept while the MLPs are trained.

    Yields:
        Rows of departures.csv without the dataset.
    """
    arrays, settings = dataset.arrays(), TrainingSettings(**training)
    x, y, K = arrays.x_train.float().reshape(-1, *arrays.image_shape), arrays.y_train, int(arrays.y_train.max()) + 1
    Y = signed_one_hot(y).float()

    def untrained() -> Network:
        return build("mlp", arrays.image_shape, K, seed=seed, **network)

    longer = settings.replace(epochs=settings.epochs + 1, measure_every=settings.epochs)
    losses = train(untrained(), x, Y, longer, seed, folder / "whole")
    found = {epoch: load_snapshot(untrained(), path) for epoch, path in snapshots(folder / "whole").items()}
    found[1] = untrained()
    train(found[1], x, Y, settings.replace(epochs=1), seed, folder / "first")
    quantity = "NC1 of the last layer's output, MLP"
    for variant, first, last in (("paper", 0, settings.epochs), ("released", 1, settings.epochs + 1)):
        for epoch in (first, last):
            yield _row(6, variant, quantity, epoch, _last_nc1(found[epoch], x, y))
    # The same rate over many steps, which is that of a step over 1 − momentum.
    rate = settings.learning_rate * (1 - 0.9) / (1 - settings.momentum)
    heavy = settings.replace(momentum=0.9, learning_rate=rate, measure_every=settings.epochs)
    for variant, resets in (("paper", False), ("released", True)):
        ended = untrained()
        train(ended, x, Y, heavy, seed, folder / variant, reset_velocity=resets)
        name = f"{quantity} (momentum 0.9, learning rate {heavy.learning_rate:g})"
        yield _row(9, variant, name, settings.epochs, _last_nc1(ended, x, y))
    trained = found[settings.epochs]
    evaluated = loss_and_accuracy(trained, x, y, K)["loss"]
    for variant, loss in (("paper", evaluated), ("released", losses[settings.epochs - 1])):
        yield _row(10, variant, "training loss, MLP", settings.epochs, loss)
    if len(dataset.x_test):
        own = replace(dataset, mean=dataset.x_test.mean(0), std=dataset.x_test.std(0, ddof=1))
        for variant, tested in (("paper", arrays), ("released", own.arrays())):
            x_test = tested.x_test.float().reshape(-1, *arrays.image_shape)
            accuracy = loss_and_accuracy(trained, x_test, arrays.y_test, K)["accuracy"]
            yield _row(10, variant, "test accuracy, MLP", settings.epochs, accuracy)


def resnet_rows(
    arrays: Arrays, training: Mapping[str, Any], network: Mapping[str, Any], seed: int, folder: Path
) -> Iterator[Row]:
    """Yield departure 12: ResNet-18 with either initialisation of its first convolution.

    Args:
        arrays: The training points, with their labels.
        training: The settings of the training.
        network: The settings of the ResNet.
        seed: Seed of weights and batches.
        folder: Where snapshots are kept while the networks are trained.

    Yields:
        Rows of departures.csv without the dataset.
    """
    x, K = arrays.x_train.float().reshape(-1, *arrays.image_shape), int(arrays.y_train.max()) + 1
    for variant in ("paper", "released"):
        built = build("resnet18", arrays.image_shape, K, seed=seed, **network)
        if variant == "released":
            first = built.backbone.conv1
            assert isinstance(first, nn.Conv2d)
            bound = 1 / math.sqrt(first.weight[0].numel())  # PyTorch's default
            nn.init.uniform_(first.weight, -bound, bound, generator=generator(seed, "default initialisation"))
        train(built, x, signed_one_hot(arrays.y_train).float(), TrainingSettings(**training), seed, folder / variant)
        value = _last_nc1(built, x, arrays.y_train)
        yield _row(12, variant, "NC1 of the last layer's output, ResNet-18", training["epochs"], value)


@torch.no_grad()
def _last_nc1(network: nn.Module, x: Tensor, y: Tensor) -> float:
    """Return NC1 of the last hidden layer's output, in evaluation mode."""
    assert isinstance(network, Network)
    network.eval()
    return nc1(torch.cat([network.head[:-1](network.backbone(part)) for part in torch.split(x, 500)]), y)


def centre_rows(arrays: Arrays, settings: Settings, seed: int) -> Iterator[Row]:
    """Yield departure 11, for M½X of the first layer, on the data and on an imbalanced subset.

    Class c keeps 1 − c/(2K) of its points in the subset.

    Args:
        arrays: The training points, with their labels.
        settings: What defines the Deep RFM.
        seed: Seed of the random features.

    Yields:
        Rows of departures.csv without the dataset.
    """
    X, y = arrays.x_train, arrays.y_train
    K, place = int(y.max()) + 1, torch.zeros_like(y)
    for label in range(K):
        place[y == label] = torch.arange(int((y == label).sum()))
    kept = place < (1 - y / (2 * K)) * torch.bincount(y)[y]
    for name, rows in (("as it is", slice(None)), ("imbalanced subset", kept)):
        labels = y[rows]
        _, points, _ = next(layers(X[rows], signed_one_hot(labels), settings.replace(depth=1), seed))
        centres = class_means(points, labels).mean(0), points.double().mean(0)
        by_class, by_sample = (normalised(points.double() - centre) for centre in centres)
        difference = max(
            float((by_class[part] @ by_class.T - by_sample[part] @ by_sample.T).abs().max())
            for part in row_chunks(len(points), 16 * len(points))
        )
        yield _row(11, "paper", f"largest difference of a cosine, {name}", 0, 0.0)
        yield _row(11, "released", f"largest difference of a cosine, {name}", 0, difference)


def kappa_rows(n: int = 20, map_ridge: float = 1.0, ridge: float = 1e-3, steps: int = 12) -> Iterator[Row]:
    """Yield departure 13: the distance to YᵀY in the iteration of :mod:`.collapse_iteration`, for each κ, from Gaussian data.

    Args:
        n: Points in each of the two classes.
        map_ridge: λ_map.
        ridge: λ̂.
        steps: The number of iterations.

    Yields:
        Rows of departures.csv without the dataset.
    """
    y = torch.arange(2).repeat_interleave(n)
    target = collapsed_gram(y)
    X = torch.randn(2 * n, 4 * n, dtype=torch.float64, generator=generator(0, "kappa")) / math.sqrt(4 * n)
    for variant, which in (("paper", "printed"), ("Lemma C.2", "first order"), ("exact", "exact")):
        grams = iterate(X @ X.T, target, ridge, map_ridge, kappa(which, ridge, map_ridge, n), steps)
        for step, G in enumerate(grams, start=1):
            yield _row(13, variant, "‖X̃ᵀX̃ − YᵀY‖", step, distance(G, target))


def labelled(rows: Iterable[Row], dataset: str) -> pd.DataFrame:
    """Return rows as a table with their dataset."""
    return pd.DataFrame([{"dataset": dataset} | row for row in rows], columns=COLUMNS)
