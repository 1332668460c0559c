"""Forecast what a job needs from its settings alone, without PyTorch, so that a scheduler can be asked for it in advance."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from ..errors import UserError

# Memory of Python with PyTorch and the library's other packages imported.
BASE_BYTES = 1200 * 2**20
# Memory of the chunk of rows that is worked on at a time.
CHUNK_BYTES = 64 * 2**20
# Multiply-adds per second, low enough that no job is ended before it is done: one thread of a slow processor in float64 (a half
# to a tenth of what is measured), and a data centre's GPU (a fifth or less of what its maker states).
RATE, GPU_RATE = 5e9, 2e12
# Multiply-adds per pixel of a forward pass through torchvision's ResNet-18 and VGG-11's features; a backward pass costs twice as many.
CONVOLUTIONS = {"resnet18": 3.6e4, "vgg11": 1.2e5}
ITEMSIZES = {"float64": 8, "float32": 4}

Shape = tuple[int, int, int]  # channels, height, width


@dataclass(frozen=True)
class Forecast:
    """The resources that a job needs.

    Attributes:
        bytes: Peak memory in bytes.
        seconds: Run time in seconds, on one thread of a slow processor or on a GPU.
    """

    bytes: float
    seconds: float


def deep_rfm_bytes(n: int, d: int, n_test: int, width: int, precision: str) -> int:
    """Return the peak memory of fitting a Deep RFM layer by layer, in bytes.

    It is the larger of two peaks. While a layer is fitted, there are two n×n buffers at the working precision (distances and kernel
    matrix, or slopes and their product), and float32 points are also held in float64. While a layer is measured, there are copies of
    the points in float64 and a few matrices of the AGOP's size. In both cases the points of a layer and of the previous one are held:
    inputs, X M^{1/2} and features.

    Args:
        n: Training points.
        d: Dimensions of the inputs.
        n_test: Test points, which pass through the layers as well.
        width: Random features per layer.
        precision: `float64` or `float32`.

    Returns:
        The peak memory in bytes.
    """
    widest, itemsize = max(d, width), ITEMSIZES[precision]
    held = 4 * (n + n_test) * widest * itemsize
    fitting = 2 * n * n * itemsize + (8 - itemsize) * 2 * n * widest
    measuring = 3 * n * widest * 8 + 10 * widest * widest * 8
    return held + max(fitting, measuring) + CHUNK_BYTES


def deep_rfm(n: int, shape: Shape, settings: Mapping[str, Any], rate: float = RATE) -> Forecast:
    """Forecast a Deep RFM with as many test points as training points.

    Args:
        n: Training points.
        shape: Channels, height and width of an image.
        settings: The settings as in the configuration.
        rate: Multiply-adds per second.

    Returns:
        The forecast.
    """
    d, width = prod(shape), settings["width"]
    layer = n**3 / 3 + n * n * (2 * width + 20) + 30 * max(d, width) ** 3
    needed = BASE_BYTES + deep_rfm_bytes(n, d, n, width, settings["precision"])
    return Forecast(needed, 10 + (settings["depth"] + 1) * layer / rate)


def training(architecture: str, n: int, shape: Shape, settings: Mapping[str, Any], rate: float = RATE) -> Forecast:
    """Forecast the training of a network for all its epochs, with data and weights in memory.

    Args:
        architecture: `mlp`, `resnet18` or `vgg11`.
        n: Training points.
        shape: Channels, height and width of an image.
        settings: The settings as in the configuration.
        rate: Multiply-adds per second.

    Returns:
        The forecast.
    """
    _, height, wide = shape
    inputs = {"mlp": prod(shape), "resnet18": 512, "vgg11": 8192}[architecture]
    head = inputs * settings["width"] + (settings["hidden_layers"] - 1) * settings["width"] ** 2
    operations = 3 * (CONVOLUTIONS.get(architecture, 0.0) * height * wide + head)
    # Weights, gradients, velocities and the snapshot being written; convolutions have up to twenty million weights.
    needed = BASE_BYTES + 12 * n * prod(shape) + 4 * 4 * (head + 2e7) + 2**30
    return Forecast(needed, 30 + settings["epochs"] * n * operations / rate)


def measuring(architecture: str, n: int, shape: Shape, settings: Mapping[str, Any], rate: float = RATE) -> Forecast:
    """Forecast the measurement of all of a network's snapshots.

    Each takes forward passes, K = 10 backward passes for the AGOPs, and an SVD per layer.

    Args:
        architecture: `mlp`, `resnet18` or `vgg11`.
        n: Training points.
        shape: Channels, height and width of an image.
        settings: The settings as in the configuration.
        rate: Multiply-adds per second.

    Returns:
        The forecast.
    """
    snapshots = settings["epochs"] / settings["measure_every"] + 2
    one = training(architecture, n, shape, {**settings, "epochs": 12}, rate)
    return Forecast(one.bytes + 2**30, 30 + snapshots * (one.seconds - 30))


def gpus_here() -> int:
    """Return the number of GPUs that a job on this machine sees: those that CUDA_VISIBLE_DEVICES names, or all if it is not set."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return len([name for name in visible.split(",") if name.strip() not in ("", "-1")])
    # The driver's device files are quick to count, and every job asks. Under Windows' Linux (WSL) one file stands for all GPUs.
    return len(list(Path("/dev").glob("nvidia[0-9]*"))) or int(Path("/dev/dxg").exists())


def check_memory(needed: int, available: int, n: int, precision: str) -> None:
    """Check that a Deep RFM fits into memory.

    Args:
        needed: The memory it needs, in bytes.
        available: The memory available, in bytes.
        n: Training points.
        precision: `float64` or `float32`.

    Raises:
        UserError: If it does not fit; the message has the numbers and the remedies.
    """
    if needed > available:
        remedies = f"a smaller n than {n:,}" + (" or precision: float32" if precision == "float64" else "")
        raise UserError(
            f"a Deep RFM on {n:,} points needs about {needed / 2**30:.1f} GiB of memory and {available / 2**30:.1f} GiB "
            f"are available; use {remedies}"
        )
