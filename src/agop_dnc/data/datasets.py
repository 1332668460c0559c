"""Datasets for the workflow, read from any source and prepared for the models.

:func:`prepare` reads one, and :mod:`prepared`, whose names are also here, keeps and standardises it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError
from . import sources
from .checks import as_images, as_labels, check_alike, choose_points, find_classes
from .prepared import Arrays, Dataset, Images, check_convnet, chunks, load, load_labelled, save
from .sources import ONE_POOL, TORCHVISION_POINTS, draw_order

__all__ = ["Arrays", "Dataset", "check_convnet", "default_points", "load", "load_labelled", "prepare", "save"]

SKLEARN_POINTS = 1500  # of the digits' 1,797, by default; the others are for testing

log = logging.getLogger(__name__)


def prepare(name: str, settings: Mapping[str, Any], root: str | Path = "data", download: bool = False) -> Dataset:
    """Read one dataset as its settings say: the first n training points, ordered by class.

    Test points of classes without a training point are left out, which is logged and counted in the dataset.

    Args:
        name: What the configuration calls the dataset.
        settings: Its entry there, `source` and the keys that go with it (docs/configuration.md describes each).
        root: The folder of torchvision's datasets.
        download: Whether to fetch one of torchvision's datasets that is not there.

    Raises:
        UserError: If anything is wrong with the data; the sentence names the dataset and the remedy.
    """
    source = settings["source"]
    raw = sources.read(name, settings, Path(root), download)
    axes = settings.get("axes") if source == "npz" else "channels_last"
    x_train, x_test = (as_images(name, part, getattr(raw, part), axes) for part in ("x_train", "x_test"))
    y_train, y_test = (as_labels(name, part, getattr(raw, part)) for part in ("y_train", "y_test"))
    check_alike(name, x_train, y_train, x_test, y_test)
    if settings.get("shuffle") and not raw.shuffled:
        order = draw_order(len(x_train))
        x_train, y_train = x_train[order], y_train[order]
    n = settings.get("n") or default_points(source, len(x_train))
    if n > len(x_train):
        raise UserError(f"dataset {name}: n is {n:,} but it has {len(x_train):,} training points; lower n")
    if source in ONE_POOL:
        x_test, y_test = x_train[n:], y_train[n:]
    kept = choose_points(name, y_train[:n], settings.get("per_class"))
    x_train, y_train = x_train[kept], y_train[kept]
    labels = find_classes(name, y_train)
    classes = np.array([str(label) if raw.names is None else raw.names[label] for label in labels])
    known = np.isin(y_test, labels)
    n_test = min(n, int(known.sum())) if settings.get("n_test") is None else settings["n_test"]
    if n_test > known.sum():
        raise UserError(
            f"dataset {name}: n_test is {n_test:,} but it has {int(known.sum()):,} test points; lower n_test"
        )
    dropped = _count_dropped(name, y_test, known)
    x_test, y_test = x_test[known][:n_test], np.searchsorted(labels, y_test[known][:n_test])
    mean = x_train.mean(0, dtype=np.float64)
    std = _standard_deviation(x_train, mean)
    return Dataset(x_train, np.searchsorted(labels, y_train), x_test, y_test, mean, std, classes, dropped)


def default_points(source: str, available: int) -> int:
    """Return how many training points are used if the configuration does not say."""
    return min({"sklearn": SKLEARN_POINTS, "torchvision": TORCHVISION_POINTS}.get(source, available), available)


def _count_dropped(name: str, y_test: NDArray[Any], known: NDArray[np.bool_]) -> int:
    dropped = int((~known).sum())
    if dropped:
        unseen = np.unique(y_test[~known])
        shown = ", ".join(map(str, unseen[:5])) + (", …" if len(unseen) > 5 else "")
        log.warning(
            "dataset %s: left out %s of %s test points, whose classes have no training point: %s",
            *(name, f"{dropped:,}", f"{len(y_test):,}", shown),
        )
    return dropped


def _standard_deviation(x: Images, mean: NDArray[np.float64]) -> NDArray[np.float64]:
    """Per pixel, with N − 1, a few images at a time so that 50,000 stay uint8; exactly 0 for a constant pixel."""
    total = np.zeros_like(mean)
    for some in chunks(len(x)):
        total += np.square(x[some] - mean).sum(0)
    return np.where((x == x[0]).all(0), 0.0, np.sqrt(total / (len(x) - 1)))
