"""Torchvision's datasets as arrays: grey and colour images, resized if asked for.

Datasets of one array are read as a whole. GTSRB and CelebA are folders of files, of which only the wanted ones are decoded.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from ..errors import UserError, did_you_mean
from ..randomness import generator
from . import downloads
from .sources import TORCHVISION_POINTS, Raw, draw_order

HELD_OUT = 0.2  # share of EMNIST's letters that are test points
_TRAIN: tuple[Mapping[str, Any], ...] = ({"train": True}, {"train": False})
_SPLIT: tuple[Mapping[str, Any], ...] = ({"split": "train"}, {"split": "test"})


@dataclass(frozen=True)
class Kind:
    """One of torchvision's datasets: its class there, the parts to read, and the side in pixels its images are resized to."""

    name: str
    parts: tuple[Mapping[str, Any], ...]
    image_size: int | None = None
    is_folder: bool = False


KINDS = {
    "mnist": Kind("MNIST", _TRAIN),
    "fashion_mnist": Kind("FashionMNIST", _TRAIN),
    "emnist": Kind("EMNIST", ({"split": "letters", "train": True},)),
    "cifar10": Kind("CIFAR10", _TRAIN),
    "cifar100": Kind("CIFAR100", _TRAIN),
    "svhn": Kind("SVHN", _SPLIT),
    "gtsrb": Kind("GTSRB", _SPLIT, image_size=32, is_folder=True),
    "celeba": Kind("CelebA", _SPLIT, image_size=96, is_folder=True),
}


def read(name: str, settings: Mapping[str, Any], root: Path, download: bool) -> Raw:
    """Return one of torchvision's datasets.

    Args:
        name: What the configuration calls it.
        settings: Its entry there: `dataset` (one of :data:`KINDS`; the name if not given), `image_size` (side in pixels),
            `attribute` (of CelebA, the one that is the label), and `n`, `n_test`, `shuffle`.
        root: The folder of torchvision's datasets.
        download: Whether to fetch what is not there.

    Raises:
        UserError: If the dataset is unknown, not there, damaged or cannot be fetched.
    """
    import torchvision.datasets

    known = settings.get("dataset") or name
    if known not in KINDS:
        raise UserError(
            f"dataset {name}: torchvision's '{known}' is not among the datasets known here{did_you_mean(known, KINDS)}"
        )
    kind = KINDS[known]
    loader = getattr(torchvision.datasets, kind.name)
    root = root.expanduser()  # torchvision does so when it downloads, but not when it reads
    get = downloads.read_or_fetch if download else downloads.read
    try:
        parts = get(loader, kind.parts, root)
    except Exception as error:  # torchvision raises whatever its readers and the network do
        raise UserError(_trouble(name, loader, root, download, error)) from error
    size = settings.get("image_size") or kind.image_size
    if kind.is_folder and size is not None:
        return _decode_folder(name, known, parts, size, settings)
    if known == "emnist":
        return _split_letters(parts[0], size)
    (x_train, y_train), (x_test, y_test) = (_arrays(known, part) for part in parts)
    return Raw(_resized(x_train, size), y_train, _resized(x_test, size), y_test, _class_names(known, parts[0]))


def _arrays(known: str, part: Any) -> tuple[NDArray[Any], NDArray[Any]]:
    x = np.asarray(part.data)
    labels = np.asarray(getattr(part, "targets", getattr(part, "labels", None)))
    return (x.transpose(0, 2, 3, 1) if known == "svhn" else x), labels  # SVHN comes channels first


def _class_names(known: str, part: Any) -> list[str] | None:
    """Names by label; of digits, the digit says it all."""
    return None if known in ("mnist", "svhn") else list(part.classes)


def _split_letters(part: Any, size: int | None) -> Raw:
    """EMNIST's training letters, upright, split at random into 80 % for training and 20 % for testing.

    The files hold each image with rows and columns exchanged.
    """
    x, y = np.asarray(part.data).transpose(0, 2, 1), np.asarray(part.targets)
    order = torch.randperm(len(x), generator=generator(0, "EMNIST letters")).numpy()
    train, test = np.split(order, [len(x) - int(HELD_OUT * len(x))])
    x = _resized(x, size)
    return Raw(x[train], y[train], x[test], y[test], list(part.classes))


def _decode_folder(name: str, known: str, parts: list[Any], size: int, settings: Mapping[str, Any]) -> Raw:
    """Decode the wanted images of a folder: the first n of the training part, and as many of the test part or n_test."""
    train, test = parts
    n = settings.get("n") or TORCHVISION_POINTS
    n_test = n if settings.get("n_test") is None else settings["n_test"]
    order = draw_order(len(train)) if settings.get("shuffle") else np.arange(len(train))
    column, names = None, None
    if known == "celeba":
        attribute = _attribute(name, train.attr_names, settings.get("attribute"))
        column, names = train.attr_names.index(attribute), [f"not {attribute}", attribute]
    try:
        x_train, y_train = _decode(train, order[:n], size, column)
        x_test, y_test = _decode(test, np.arange(min(n_test, len(test))), size, column)
    except OSError as error:
        raise UserError(
            f"dataset {name}: an image cannot be read ({error}); remove the folder and set data.download: true to fetch it again"
        ) from error
    return Raw(x_train, y_train, x_test, y_test, names, shuffled=True)


def _decode(part: Any, indices: NDArray[np.int64], size: int, column: int | None) -> tuple[NDArray[Any], NDArray[Any]]:
    """Images N×size×size×3 and labels; of a row of attributes, the label is the one in the column."""
    x, y = np.empty((len(indices), size, size, 3), np.uint8), np.empty(len(indices), np.int64)
    for i, index in enumerate(indices):
        image, target = part[int(index)]
        x[i] = np.asarray(_square(image.convert("RGB"), size))
        y[i] = target if column is None else target[column]
    return x, y


def _attribute(name: str, names: list[str], attribute: str | None) -> str:
    known = [known for known in names if known]  # the file's header ends in a blank
    if attribute is None:
        raise UserError(f"dataset {name}: it has {len(known)} attributes; set attribute to one of {', '.join(known)}")
    if attribute not in known:
        raise UserError(f"dataset {name}: '{attribute}' is not one of its attributes{did_you_mean(attribute, known)}")
    return attribute


def _square(image: Image.Image, size: int) -> Image.Image:
    return image.resize((size, size), Image.Resampling.BILINEAR)


def _resized(x: NDArray[Any], size: int | None) -> NDArray[Any]:
    """Images N×H×W[×C] of uint8, each size×size; as they are if size is None or theirs already."""
    if size is None or x.shape[1:3] == (size, size):
        return x
    return np.stack([np.asarray(_square(Image.fromarray(image), size)) for image in x])


def _trouble(name: str, loader: Any, root: Path, download: bool, error: Exception) -> str:
    said = textwrap.shorten(str(error), 400, placeholder=" …").rstrip(".:") or "no reason given"
    reason = f"{type(error).__name__}: {said}"
    if download:
        return (
            f"dataset {name}: downloading to {root} failed ({reason}); check the network and the disk and start again, "
            "or put the files there"
        )
    files = downloads.unreadable(loader, root)
    return (
        f"dataset {name}: no whole copy of it is under {root} "
        f"({'missing or damaged: ' + ', '.join(files) if files else reason}); "
        "set data.root to where it is, or data.download: true to fetch it"
    )
