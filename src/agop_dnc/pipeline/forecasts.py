"""What a job will need, from its settings alone and without PyTorch: the workflow asks a scheduler for it before anything runs."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from ..errors import UserError

# Python with PyTorch and the library's other packages imported.
BASE_BYTES = 1200 * 2**20
# A chunk of rows at a time.
CHUNK_BYTES = 64 * 2**20
# Multiply-adds a second: of one thread of a slow processor in float64, a half to a tenth of what is measured, and of a data centre's
# GPU, a fifth or less of what their makers state, so that a job is not ended before it is done.
RATE, GPU_RATE = 5e9, 2e12
# Multiply-adds of a forward pass for each pixel, of torchvision's ResNet-18 and of the VGG-11's features; a backward pass is two more.
CONVOLUTIONS = {"resnet18": 3.6e4, "vgg11": 1.2e5}
ITEMSIZES = {"float64": 8, "float32": 4}

Shape = tuple[int, int, int]  # channels, height, width


@dataclass(frozen=True)
class Forecast:
    """Bytes of memory at the peak, and seconds: on one thread of a slow processor, or on a GPU."""

    bytes: float
    seconds: float


def deep_rfm_bytes(n: int, d: int, n_test: int, width: int, precision: str) -> int:
    """Peak memory of fitting a Deep RFM layer by layer to n points in d dimensions, n_test test points carried along.

    The larger of two: while a layer is fitted, two n×n buffers at the working precision (distances beside the kernel matrix, or
    slopes beside their product), and float32 points in float64; while it is measured, copies of the points in float64 and a few
    matrices as large as the AGOP. All the while, the points of a layer and of the one before: inputs, X M^{1/2} and features.
    """
    widest, itemsize = max(d, width), ITEMSIZES[precision]
    held = 4 * (n + n_test) * widest * itemsize
    fitting = 2 * n * n * itemsize + (8 - itemsize) * 2 * n * widest
    measuring = 3 * n * widest * 8 + 10 * widest * widest * 8
    return held + max(fitting, measuring) + CHUNK_BYTES


def deep_rfm(n: int, shape: Shape, settings: Mapping[str, Any], rate: float = RATE) -> Forecast:
    """A Deep RFM with as many test points as training points; settings as in the configuration."""
    d, width = prod(shape), settings["width"]
    layer = n**3 / 3 + n * n * (2 * width + 20) + 30 * max(d, width) ** 3
    needed = BASE_BYTES + deep_rfm_bytes(n, d, n, width, settings["precision"])
    return Forecast(needed, 10 + (settings["depth"] + 1) * layer / rate)


def training(architecture: str, n: int, shape: Shape, settings: Mapping[str, Any], rate: float = RATE) -> Forecast:
    """Training a network for all its epochs, data and weights in memory; settings as in the configuration."""
    _, height, wide = shape
    inputs = {"mlp": prod(shape), "resnet18": 512, "vgg11": 8192}[architecture]
    head = inputs * settings["width"] + (settings["hidden_layers"] - 1) * settings["width"] ** 2
    operations = 3 * (CONVOLUTIONS.get(architecture, 0.0) * height * wide + head)
    # Weights, gradients, velocity and the snapshot being written, with up to twenty million weights of convolutions.
    needed = BASE_BYTES + 12 * n * prod(shape) + 4 * 4 * (head + 2e7) + 2**30
    return Forecast(needed, 30 + settings["epochs"] * n * operations / rate)


def measuring(architecture: str, n: int, shape: Shape, settings: Mapping[str, Any], rate: float = RATE) -> Forecast:
    """Measuring all of a network's snapshots: for each, passes forward and K = 10 backward ones for the AGOPs, and an SVD per layer."""
    snapshots = settings["epochs"] / settings["measure_every"] + 2
    one = training(architecture, n, shape, {**settings, "epochs": 12}, rate)
    return Forecast(one.bytes + 2**30, 30 + snapshots * (one.seconds - 30))


def gpus_here() -> int:
    """How many GPUs a job started on this machine may see: those that CUDA_VISIBLE_DEVICES names, or all that there are."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return len([name for name in visible.split(",") if name.strip() not in ("", "-1")])
    # What the driver made, as every job asks; under Windows' Linux one device stands for them all.
    return len(list(Path("/dev").glob("nvidia[0-9]*"))) or int(Path("/dev/dxg").exists())


def check_memory(needed: int, available: int, n: int, precision: str) -> None:
    """Raise UserError where a Deep RFM will not fit, with the numbers and the remedies."""
    if needed > available:
        remedies = f"a smaller n than {n:,}" + (" or precision: float32" if precision == "float64" else "")
        raise UserError(
            f"a Deep RFM on {n:,} points needs about {needed / 2**30:.1f} GiB of memory and {available / 2**30:.1f} GiB "
            f"are available; use {remedies}"
        )
