"""Make points of another distribution for a dataset: classes that no model has seen, noise, rotated images, photographs, other datasets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...data.prepared import Arrays, Dataset
from ...errors import UserError
from ...randomness import generator

Images = NDArray[Any]


@dataclass(frozen=True)
class Split:
    """A dataset without some classes, and points of other distributions.

    Attributes:
        arrays: Training and test points of the classes that are kept, which are numbered from 0 again.
        others: By kind, points that no class of these is right for (n×d). All points are standardised with the training points'
            mean and deviation, those of the classes that are kept.
    """

    arrays: Arrays
    others: Mapping[str, Tensor]


def split(dataset: Dataset, held_out: int, seed: int, datasets: Mapping[str, Dataset] | None = None) -> Split:
    """Hold classes out of a dataset, and make points of other distributions.

    Each kind has as many points as the kept classes have test points, except for held-out classes and other datasets, whose own test
    points are taken.

    - `held_out`: test points of the classes seed·held_out, … (modulo K);
    - `noise`: independent normal pixels with each pixel's mean and deviation over the training points;
    - `rotated`: the test images, turned by 90°, if images are square;
    - `photographs`: grey or coloured patches of scikit-learn's two photographs, scaled to the training points' range, if the points
      are images of one channel or three;
    - other datasets by their names.

    Args:
        dataset: The dataset.
        held_out: How many classes are held out.
        seed: Of the choice of classes, the noise and the patches.
        datasets: Other datasets by name.

    Raises:
        UserError: If fewer than two classes would be left, if there are no test points on one of the sides, or if another dataset's
            points have another shape.
    """
    K = len(dataset.classes)
    if K - held_out < 2:
        raise UserError(f"uses.held_out is {held_out}, but there are {K} classes and two must be left; lower it")
    out = sorted((seed * held_out + i) % K for i in range(held_out))
    kept = _of_classes(dataset, [c for c in range(K) if c not in out])
    found = {"held_out": dataset.x_test[np.isin(dataset.y_test, out)]}
    if not len(kept.x_test) or not len(found["held_out"]):
        raise UserError(
            "the dataset has too few test points to hold classes out; remove it from uses.datasets, or give it more"
        )
    found["noise"] = _noise(kept, seed)
    if kept.is_image and kept.image_shape[1] == kept.image_shape[2]:
        found["rotated"] = np.rot90(kept.x_test, axes=(2, 3))
    if kept.is_image and kept.image_shape[0] in (1, 3):
        found["photographs"] = _photographs(kept, seed)
    for name, other in (datasets or {}).items():
        if other.image_shape != kept.image_shape:
            shapes = " and ".join("×".join(map(str, shape)) for shape in (other.image_shape, kept.image_shape))
            raise UserError(f"uses.others names '{name}', whose points have another shape ({shapes}); remove it there")
        found[name] = other.x_test
    sizes = [len(kept.x_test), *map(len, found.values())]
    together = np.concatenate([np.asarray(points, dtype=np.float64) for points in (kept.x_test, *found.values())])
    arrays = replace(kept, x_test=together, y_test=np.zeros(len(together), dtype=np.int64)).arrays()
    own, *rest = torch.split(arrays.x_test, sizes)
    return Split(replace(arrays, x_test=own, y_test=torch.tensor(kept.y_test)), dict(zip(found, rest, strict=True)))


def _of_classes(dataset: Dataset, classes: list[int]) -> Dataset:
    """Return the points of some classes alone, numbered from 0 again, with their own mean and deviation."""
    train, test = (np.isin(y, classes) for y in (dataset.y_train, dataset.y_test))
    x = dataset.x_train[train]
    deviation = np.where((x == x[0]).all(0), 0.0, x.std(0, ddof=1, dtype=np.float64))
    return Dataset(
        x,
        np.searchsorted(classes, dataset.y_train[train]),
        dataset.x_test[test],
        np.searchsorted(classes, dataset.y_test[test]),
        x.mean(0, dtype=np.float64),
        deviation,
        dataset.classes[classes],
    )


def _noise(dataset: Dataset, seed: int) -> Images:
    drawn = torch.randn(dataset.x_test.shape, dtype=torch.float64, generator=generator(seed, "uses", "noise"))
    noise: Images = dataset.mean + dataset.std * drawn.numpy()
    return noise


def _photographs(dataset: Dataset, seed: int) -> Images:
    """Return patches of the images' size from random places of scikit-learn's photographs."""
    from sklearn.datasets import load_sample_images

    channels, height, width = dataset.image_shape
    source = generator(seed, "uses", "photographs")
    photographs = [image.transpose(2, 0, 1) / 255 for image in load_sample_images().images]
    if channels == 1:
        photographs = [image.mean(0, keepdims=True) for image in photographs]
    low, high = float(dataset.x_train.min()), float(dataset.x_train.max())
    patches = []
    for i in range(len(dataset.x_test)):
        image = photographs[i % len(photographs)]
        top, left = (
            int(torch.randint(length - size + 1, (), generator=source))
            for length, size in zip(image.shape[1:], (height, width), strict=True)
        )
        patches.append(low + (high - low) * image[:, top : top + height, left : left + width])
    return np.stack(patches)
