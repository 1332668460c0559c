"""What a job will need, from its settings alone and without PyTorch: the workflow asks a scheduler for it before anything runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# Python with PyTorch and the library's other packages imported.
BASE_BYTES = 1200 * 2**20
# One thread of a slow processor, in float64 multiply-adds a second, so that a job is not ended before it is done.
RATE = 5e9
# Multiply-adds for a point and pass through a network, forward and backward, for each pixel of an image and each channel: measured.
NETWORK_OPERATIONS = {"mlp": 6e3, "resnet18": 2.4e6, "vgg11": 1.3e6}


@dataclass(frozen=True)
class Forecast:
    """Bytes of memory at the peak, and seconds on one thread of a slow processor."""

    bytes: float
    seconds: float


def deep_rfm_bytes(n: int, d: int, n_test: int, width: int, itemsize: int) -> int:
    """Peak memory of fitting a Deep RFM layer by layer to n points in d dimensions, n_test test points carried along.

    Two n×n buffers at the working precision (distances beside the kernel matrix, or slopes beside their product), the points
    and their features, the eigendecomposition of the d×d AGOP, and the chunks.
    """
    widest = max(d, width)
    return 2 * n * n * itemsize + 5 * (n + n_test) * widest * 8 + 6 * widest * widest * 8 + 4 * 64 * 2**20


def deep_rfm(n: int, d: int, settings: Mapping[str, Any]) -> Forecast:
    """A Deep RFM with as many test points as training points; settings as in the configuration."""
    itemsize = {"float64": 8, "float32": 4}[settings["precision"]]
    width, depth = settings["width"], settings["depth"]
    layer = n**3 / 3 + n * n * (2 * width + 20) + 30 * max(d, width) ** 3
    return Forecast(BASE_BYTES + deep_rfm_bytes(n, d, n, width, itemsize), 10 + (depth + 1) * layer / RATE)


def training(architecture: str, n: int, d: int, settings: Mapping[str, Any]) -> Forecast:
    """Training a network for all its epochs, data and weights in memory."""
    operations = NETWORK_OPERATIONS[architecture] * d * n * settings["epochs"]
    weights = 4 * (2e7 + d * settings["width"] + settings["hidden_layers"] * settings["width"] ** 2)
    return Forecast(BASE_BYTES + 12 * n * d + 6 * weights + 2**30, 30 + operations / RATE)


def measuring(architecture: str, n: int, d: int, settings: Mapping[str, Any]) -> Forecast:
    """Measuring all of a network's snapshots: a pass over the points for each, and K = 10 backward ones for the AGOPs."""
    snapshots = settings["epochs"] / settings["measure_every"] + 2
    one = training(architecture, n, d, {**settings, "epochs": 12})
    return Forecast(one.bytes + 2**30, 30 + snapshots * one.seconds)
