"""Datasets: from scikit-learn, torchvision or a user's npz to standardised, class-ordered arrays.

A dataset is prepared once (:func:`prepare`, :func:`save`) and kept as the images it came with, uint8 where they are, beside
the mean and standard deviation of its training pixels; :meth:`Dataset.arrays` standardises, in float64.
"""

from __future__ import annotations

import os
import struct
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import UserError
from ..randomness import generator
from .sources import READERS, Images, Labels

SKLEARN_POINTS = 1500  # of the digits' 1,797, by default; the others are for testing
TORCHVISION_POINTS = 50_000  # the paper's "first 50,000 training points"


@dataclass(frozen=True)
class Arrays:
    """What models are given: points, standardised, flattened channels first, and integer labels 0 … K−1.

    x_train: N×d ordered by class (stable); y_train: N; x_test, y_test: the test points in their own order, M×d and M, M
    may be 0. image_shape: (channels, height, width), with product d.
    """

    x_train: Tensor
    y_train: Tensor
    x_test: Tensor
    y_test: Tensor
    image_shape: tuple[int, int, int]

    def to(self, device: torch.device) -> Arrays:
        """The same on another device."""
        x_train, y_train = self.x_train.to(device), self.y_train.to(device)
        return Arrays(x_train, y_train, self.x_test.to(device), self.y_test.to(device), self.image_shape)


@dataclass(frozen=True)
class Dataset:
    """Images N×C×H×W with labels 0 … K−1, ordered by class, and the training pixels' mean and unbiased standard deviation."""

    x_train: Images
    y_train: Labels
    x_test: Images
    y_test: Labels
    mean: NDArray[np.float64]
    std: NDArray[np.float64]

    def arrays(self, dtype: torch.dtype = torch.float64) -> Arrays:
        """Standardised per pixel with the training statistics (paper, Appendix D); constant pixels become 0.

        That is done in float64 and rounded to dtype, a thousand images at a time: memory is what is returned.
        """
        _, channels, height, width = self.x_train.shape
        return Arrays(
            self._standardised(self.x_train, dtype),
            torch.tensor(self.y_train),
            self._standardised(self.x_test, dtype),
            torch.tensor(self.y_test),
            (channels, height, width),
        )

    def with_random_labels(self, seed: int) -> Dataset:
        """The same points with labels drawn afresh: the dataset's own labels in random order, so class sizes stay.

        Test labels are drawn likewise. The points are put in order of their new classes.
        """
        drawn = [
            y[torch.randperm(len(y), generator=generator(seed, "random labels", part)).numpy()]
            for part, y in (("train", self.y_train), ("test", self.y_test))
        ]
        order = np.argsort(drawn[0], kind="stable")
        return Dataset(self.x_train[order], drawn[0][order], self.x_test, drawn[1], self.mean, self.std)

    def _standardised(self, images: Images, dtype: torch.dtype) -> Tensor:
        scale = np.divide(1.0, self.std, out=np.zeros_like(self.std), where=self.std > 0)
        result = torch.empty(len(images), self.mean.size, dtype=dtype)
        for some in _chunks(len(images)):
            result[some] = torch.from_numpy(((images[some] - self.mean) * scale).reshape(-1, self.mean.size))
        return result


def prepare(name: str, settings: Mapping[str, Any], root: str | Path = "data", download: bool = False) -> Dataset:
    """Read one dataset as its settings say: the first n training points, those of a subset if wanted, ordered by class.

    name: what the configuration calls it. settings: its entry there, `source` and what goes with it (the configuration's
    schema describes each key). root, download: where torchvision's datasets are, and whether to fetch one that is not.
    Raises UserError for anything wrong with the data, naming dataset and remedy.
    """
    raw = READERS[settings["source"]](name, settings, Path(root), download)
    x_train, x_test = _images(name, "x_train", raw["x_train"]), _images(name, "x_test", raw["x_test"])
    y_train, y_test = (_labels(name, part, raw[part]) for part in ("y_train", "y_test"))
    for part, x, y in (("train", x_train, y_train), ("test", x_test, y_test)):
        if len(x) != len(y):
            raise UserError(
                f"dataset {name}: x_{part} has {len(x):,} points but y_{part} has {len(y):,}; give one label a point"
            )
    if len(x_test) and x_test.shape[1:] != x_train.shape[1:]:
        raise UserError(
            f"dataset {name}: test images are {x_test.shape[1:]} but training images {x_train.shape[1:]}; make them alike"
        )
    n = settings.get("n") or default_points(settings["source"], len(x_train))
    if n > len(x_train):
        raise UserError(f"dataset {name}: n is {n:,} but it has {len(x_train):,} training points; lower n")
    if settings["source"] == "sklearn":  # has no split of its own
        x_test, y_test = x_train[n:], y_train[n:]
    kept = _chosen(name, y_train[:n], settings.get("per_class"))
    x_train, y_train = x_train[kept], y_train[kept]
    classes = _classes(name, y_train)
    known = np.isin(y_test, classes)
    n_test = min(n, int(known.sum())) if settings.get("n_test") is None else settings["n_test"]
    if n_test > known.sum():
        raise UserError(
            f"dataset {name}: n_test is {n_test:,} but it has {int(known.sum()):,} test points; lower n_test"
        )
    x_test, y_test = x_test[known][:n_test], np.searchsorted(classes, y_test[known][:n_test])
    mean = x_train.mean(0, dtype=np.float64)
    return Dataset(x_train, np.searchsorted(classes, y_train), x_test, y_test, mean, _standard_deviation(x_train, mean))


def default_points(source: str, available: int) -> int:
    """How many training points are used where the configuration does not say."""
    return {"sklearn": SKLEARN_POINTS, "torchvision": TORCHVISION_POINTS}.get(source, available)


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
    """What :func:`save` wrote, mapped from the file: pages are read as they are used, and jobs of one machine share them."""
    arrays = _mapped(Path(path))
    return Dataset(**{field.name: arrays[field.name] for field in fields(Dataset)})


def _mapped(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of an npz that was not compressed; numpy itself would read each as a whole."""
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
    """Read what :func:`save` wrote, with its `original` labels or with `random` ones of this seed."""
    dataset = load(path)
    return dataset.with_random_labels(seed) if labels == "random" else dataset


def _images(name: str, part: str, x: Images) -> Images:
    """N×H×W[×C] images, or N×d vectors, as N×C×H×W."""
    if x.dtype != np.uint8 and not np.issubdtype(x.dtype, np.floating):
        raise UserError(f"dataset {name}: {part} holds {x.dtype}; give uint8 or floating-point numbers")
    if np.issubdtype(x.dtype, np.floating) and not np.isfinite(x).all():
        raise UserError(f"dataset {name}: {part} holds NaN or infinite values; remove or replace them")
    shapes = {2: lambda: x[:, None, None, :], 3: lambda: x[:, None], 4: lambda: x.transpose(0, 3, 1, 2)}
    if x.ndim not in shapes or 0 in x.shape[1:]:
        raise UserError(f"dataset {name}: {part} has shape {x.shape}; give N×H×W, N×H×W×C or N×d")
    return shapes[x.ndim]()


def _labels(name: str, part: str, y: NDArray[Any]) -> Labels:
    whole = y.ndim == 1 and (
        np.issubdtype(y.dtype, np.integer) or (np.issubdtype(y.dtype, np.floating) and (y == np.round(y)).all())
    )
    if not whole:
        raise UserError(f"dataset {name}: {part} must be one whole number a point, not {y.dtype} of shape {y.shape}")
    return y.astype(np.int64)


def _chosen(name: str, y: Labels, per_class: list[int] | None) -> NDArray[np.int64]:
    """Indices of the points to keep, ordered by class: all, or the first so many of each class."""
    order = np.argsort(y, kind="stable")
    if per_class is None:
        return order
    classes, counts = np.unique(y, return_counts=True)
    if len(per_class) != len(classes):
        raise UserError(
            f"dataset {name}: per_class gives {len(per_class)} counts for {len(classes)} classes; give one a class"
        )
    for label, wanted, there in zip(classes, per_class, counts, strict=True):
        if wanted > there:
            raise UserError(
                f"dataset {name}: per_class wants {wanted} points of class {label}, which has {there}; lower it"
            )
    return np.concatenate([order[y[order] == label][:wanted] for label, wanted in zip(classes, per_class, strict=True)])


def _classes(name: str, y: Labels) -> Labels:
    classes, counts = np.unique(y, return_counts=True)
    if len(classes) < 2:
        raise UserError(f"dataset {name}: its training points are all of one class; neural collapse needs at least 2")
    if counts.min() < 2:
        rare = classes[counts.argmin()]
        raise UserError(
            f"dataset {name}: class {rare} has {counts.min()} training point; give it at least 2, or raise n"
        )
    return classes


def _standard_deviation(x: Images, mean: NDArray[np.float64]) -> NDArray[np.float64]:
    """Per pixel, with N − 1, a few images at a time so that 50,000 stay uint8; exactly 0 for a constant pixel."""
    total = np.zeros_like(mean)
    for some in _chunks(len(x)):
        total += np.square(x[some] - mean).sum(0)
    return np.where((x == x[0]).all(0), 0.0, np.sqrt(total / (len(x) - 1)))


def _chunks(n: int) -> Iterator[slice]:
    """A thousand images at a time, so that what is float64 of them is small."""
    return (slice(start, start + 1000) for start in range(0, n, 1000))
