"""Prepared datasets and the files in which they are kept, standardised when they are asked for.

A dataset is kept as the images it came with, uint8 if they are, with the mean and standard deviation of its training
pixels; :meth:`Dataset.arrays` standardises, in float64. Nothing here knows where datasets come from, so that a job that only
loads one does not depend on the readers.
"""

from __future__ import annotations

import os
import struct
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import UserError
from ..randomness import generator

Images = NDArray[Any]
Labels = NDArray[np.int64]

SMALLEST_SIDE = 8  # of an image for a convolutional network


@dataclass(frozen=True)
class Arrays:
    """What models are given: points, standardised, flattened channels first, and integer labels 0 … K−1.

    Attributes:
        x_train: N×d, ordered by class (stable).
        y_train: N.
        x_test: M×d, the test points in their own order; M may be 0.
        y_test: M.
        image_shape: (channels, height, width), with product d; a vector is an image of height 1.
    """

    x_train: Tensor
    y_train: Tensor
    x_test: Tensor
    y_test: Tensor
    image_shape: tuple[int, int, int]

    def to(self, device: torch.device) -> Arrays:
        """Return the same arrays on another device."""
        x_train, y_train = self.x_train.to(device), self.y_train.to(device)
        return Arrays(x_train, y_train, self.x_test.to(device), self.y_test.to(device), self.image_shape)


@dataclass(frozen=True)
class Dataset:
    """Images with labels.

    Attributes:
        x_train: N×C×H×W, ordered by class.
        y_train: N labels 0 … K−1.
        x_test: M×C×H×W.
        y_test: M labels.
        mean: C×H×W, of the training pixels.
        std: C×H×W, their unbiased standard deviation.
        classes: K names: the labels as they came, or the source's own names for them.
        dropped_test_points: How many test points were left out because no training point is of their class.
    """

    x_train: Images
    y_train: Labels
    x_test: Images
    y_test: Labels
    mean: NDArray[np.float64]
    std: NDArray[np.float64]
    classes: NDArray[np.str_] = field(default_factory=lambda: np.empty(0, np.str_))
    dropped_test_points: int = 0

    def __post_init__(self) -> None:
        if not len(self.classes):
            object.__setattr__(self, "classes", np.unique(self.y_train).astype(np.str_))

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(channels, height, width); a vector is an image of height 1."""
        _, channels, height, width = self.x_train.shape
        return channels, height, width

    @property
    def is_image(self) -> bool:
        """Return whether the points have a height and a width, as vectors have not."""
        return min(self.image_shape[1:]) > 1

    def facts(self) -> dict[str, Any]:
        """Return what captions and logs state about the dataset, ready for JSON."""
        return {
            "points": len(self.x_train),
            "test_points": len(self.x_test),
            "image_shape": self.image_shape,
            "is_image": self.is_image,
            "classes": self.classes.tolist(),
            "class_sizes": np.bincount(self.y_train).tolist(),
            "dropped_test_points": int(self.dropped_test_points),
        }

    def arrays(self, dtype: torch.dtype = torch.float64) -> Arrays:
        """Return the points standardised per pixel with the training statistics (paper, Appendix D).

        Constant pixels become 0. The arithmetic is float64 and its result is rounded to dtype, a thousand images at a time,
        so that it needs hardly more memory than what it returns.
        """
        return Arrays(
            self._standardised(self.x_train, dtype),
            torch.tensor(self.y_train),
            self._standardised(self.x_test, dtype),
            torch.tensor(self.y_test),
            self.image_shape,
        )

    def with_random_labels(self, seed: int) -> Dataset:
        """Return the same points with the dataset's own labels in random order, so that class sizes stay.

        Test labels are drawn likewise. The points are put in order of their new classes.
        """
        drawn = [
            y[torch.randperm(len(y), generator=generator(seed, "random labels", part)).numpy()]
            for part, y in (("train", self.y_train), ("test", self.y_test))
        ]
        order = np.argsort(drawn[0], kind="stable")
        return replace(self, x_train=self.x_train[order], y_train=drawn[0][order], y_test=drawn[1])

    def _standardised(self, images: Images, dtype: torch.dtype) -> Tensor:
        scale = np.divide(1.0, self.std, out=np.zeros_like(self.std), where=self.std > 0)
        result = torch.empty(len(images), self.mean.size, dtype=dtype)
        for some in chunks(len(images)):
            result[some] = torch.from_numpy(((images[some] - self.mean) * scale).reshape(-1, self.mean.size))
        return result


def save(dataset: Dataset, path: str | Path) -> None:
    """Write a dataset as an npz; equal datasets give equal bytes, and the file is whole or not there."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".npz")
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez(file, **vars(dataset))
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def load(path: str | Path) -> Dataset:
    """Return what :func:`save` wrote, mapped from the file: pages are read as they are used, and jobs share them."""
    arrays = _mapped(Path(path))
    dropped = int(arrays.pop("dropped_test_points", np.int64(0)))
    known = {part.name: arrays[part.name] for part in fields(Dataset) if part.name in arrays}
    return Dataset(**known, dropped_test_points=dropped)


def _mapped(path: Path) -> dict[str, NDArray[Any]]:
    """Return the arrays of an npz that was not compressed; numpy itself would read each as a whole."""
    arrays: dict[str, NDArray[Any]] = {}
    with zipfile.ZipFile(path) as archive, path.open("rb") as file:
        for member in archive.infolist():
            # A member is a header of 30 bytes, its name, what else is said of it, and an npy: a header and the numbers.
            file.seek(member.header_offset + 26)
            name, extra = struct.unpack("<HH", file.read(4))
            file.seek(name + extra, os.SEEK_CUR)
            np.lib.format.read_magic(file)
            shape, by_columns, dtype = np.lib.format.read_array_header_1_0(file)
            order: Literal["F", "C"] = "F" if by_columns else "C"
            empty = 0 in shape  # nothing that could be mapped
            mapped = np.empty(shape, dtype) if empty else np.memmap(path, dtype, "r", file.tell(), shape, order)
            arrays[member.filename.removesuffix(".npy")] = mapped
    return arrays


def load_labelled(path: str | Path, labels: str, seed: int) -> Dataset:
    """Return what :func:`save` wrote, with its `original` labels or with `random` ones of this seed."""
    dataset = load(path)
    return dataset.with_random_labels(seed) if labels == "random" else dataset


def chunks(n: int) -> Iterator[slice]:
    """Return slices of a thousand images, so that what is float64 of them is small."""
    return (slice(start, start + 1000) for start in range(0, n, 1000))


def check_convnet(name: str, architecture: str, image_shape: tuple[int, int, int]) -> None:
    """Raise UserError if a convolutional network cannot be meant for points of this shape.

    Args:
        name: The dataset's name.
        architecture: The network's name.
        image_shape: (channels, height, width).
    """
    _, height, width = image_shape
    if min(height, width) >= SMALLEST_SIDE:
        return
    points = f"vectors of {width} numbers" if height == 1 else f"images of {height}×{width} pixels"
    raise UserError(
        f"dataset {name}: {architecture} needs images of at least {SMALLEST_SIDE}×{SMALLEST_SIDE} pixels, but the points "
        f"are {points}; train mlp on them instead"
    )
