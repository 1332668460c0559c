"""Measure the Neural Feature Ansatz in every convolution of a network: rows of convolutions.csv."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn

from ...collapse.network import loss_and_accuracy
from ...collapse.network import measure as measured
from ...data.prepared import Arrays
from ...models.networks import Network
from ...pipeline.tables import Row

METRICS = ("sqrt_agop", "agop", "sqrt_agop_null", "agop_null")


def convolutions(network: nn.Module) -> dict[str, nn.Conv2d]:
    """Return a network's convolutions by their names."""
    return {name: layer for name, layer in network.named_modules() if isinstance(layer, nn.Conv2d)}


def measure(network: Network, arrays: Arrays, n: int, seed: int, rotations: int) -> Iterator[Row]:
    r"""Yield the correlations of each convolution's filters with its AGOP over patches.

    With the filters w_k ∈ R^{Cq²} as rows of W, the Gram matrix is WᵀW = Σ_k w_k w_kᵀ. The AGOP is WᵀSW with S the mean outer
    product of the gradients of all outputs with respect to the convolution's output, over points and positions: the patches are those of
    the convolution's own stride and padding, zeros of the padding included.

    Args:
        network: In evaluation mode, on the arrays' device.
        arrays: The training points.
        n: How many of them gradients are averaged over.
        seed: Of the null's rotations.
        rotations: How many the null is a mean of.

    Yields:
        Rows with layer, filters, metric and value; layer 0 has `train_accuracy`, at all training points.
    """
    x = arrays.x_train.reshape(-1, *arrays.image_shape)
    accuracy = loss_and_accuracy(network, x, arrays.y_train, int(arrays.y_train.max()) + 1)["accuracy"]
    yield {"layer": 0, "filters": "all", "metric": "train_accuracy", "value": accuracy}
    layers = convolutions(network)
    table = measured(network, x[evenly_spaced(len(x), n)], None, list(layers), seed=seed, rotations=rotations).table
    for row in table[table.metric.isin(METRICS)].itertuples(index=False):
        filters = filters_of(layers[str(row.name)])
        yield {"layer": row.layer, "filters": filters, "metric": row.metric, "value": row.value}


def evenly_spaced(available: int, n: int) -> torch.Tensor:
    """Return n indices of `available` points at equal distances, or all.

    >>> evenly_spaced(10, 4)
    tensor([0, 2, 5, 7])
    """
    n = min(n, available)
    return torch.arange(n) * available // n


def filters_of(layer: nn.Conv2d) -> str:
    """Return the shape of a convolution's filters as height×width×channels.

    >>> filters_of(nn.Conv2d(64, 128, 3))
    '3×3×64'
    """
    height, width = layer.kernel_size
    return f"{height}×{width}×{layer.in_channels // layer.groups}"
