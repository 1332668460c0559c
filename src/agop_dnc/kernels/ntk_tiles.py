"""How many images of a convolutional tangent kernel are taken at a time, so that its memory is bounded."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from .patches import Geometry

# Memory of a tile of pairs and of what its images bring along. A GPU needs many pairs at a time to be busy.
TILE_BYTES = {"cpu": 2**27, "cuda": 2**30}


def slices(count: int, side: int) -> list[slice]:
    """Return slices of `side` consecutive images that cover `count`."""
    return [slice(start, min(start + side, count)) for start in range(0, count, side)]


def image_bytes(geometry: Geometry, numbers: int, size: int) -> int:
    """Return what one image brings along: U of so many numbers of `size` bytes, and √N of every layer."""
    return numbers * size + 8 * sum(geometry.lengths[1:])


def tile_memory(device: torch.device) -> int:
    """Return the bytes that one tile may take on a device."""
    return TILE_BYTES.get(device.type, TILE_BYTES["cpu"])


def tile_side(geometry: Geometry, X: Tensor, root: Tensor | None, fused: bool) -> int:
    """Return how many images make a side of a tile of pairs within the memory for it."""
    memory = tile_memory(X.device)
    numbers = math.prod(X.shape[1:]) if root is None else len(root) * geometry.lengths[1]
    image = image_bytes(geometry, numbers, X.element_size())
    # PyTorch has some eight arrays of one number per pair and pixel at a time, where the fused loops have none.
    by_pairs = memory if fused else math.isqrt(memory // (8 * 8 * geometry.lengths[0]))
    return max(1, min(memory // (2 * image), by_pairs))


def sweep_images(geometry: Geometry, agop: Tensor, classes: int) -> int:
    """Return how many images a tile of the backward sweep has: three U, gradients of each class, eight numbers per pixel."""
    image = image_bytes(geometry, ((3 + classes) * len(agop) + 8) * geometry.lengths[1], 8)
    return max(1, tile_memory(agop.device) // image)
