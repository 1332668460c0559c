"""Images with a star in the corner of one class, and two images side by side: what the study of phenomena is run on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ...data.prepared import Dataset, Images
from ...errors import UserError
from ...randomness import generator
from ..noisy_images.images import STAR

# The side of the star's box, and of the smallest image on which the star itself is drawn; smaller ones get a square of a quarter of their side.
_BOX, _LEAST_SIDE = 7, 21
# Channels of the star, as in the released notebook: it is yellow on colour images.
_CHANNELS = 2


@dataclass(frozen=True)
class Labelled:
    """Images n×C×H×W in [0, 1], float64, with labels (n)."""

    x: Tensor
    y: Tensor

    def __len__(self) -> int:
        return len(self.y)

    def __getitem__(self, chosen: Tensor) -> Labelled:
        """Return some of the images, by their indices or by a mask."""
        return Labelled(self.x[chosen], self.y[chosen])


def pixels(dataset: Dataset) -> tuple[Labelled, Labelled]:
    """Return a dataset's training and test images, scaled to [0, 1] by the least and largest training values and clipped.

    Images are not standardised per pixel, as a corner that is empty in all of them would be 0 whatever is drawn there.
    """
    least, largest = float(np.min(dataset.x_train)), float(np.max(dataset.x_train))

    def scaled(images: Images) -> Tensor:
        return torch.tensor((np.asarray(images, np.float64) - least) / ((largest - least) or 1.0)).clamp_(0, 1)

    train = Labelled(scaled(dataset.x_train), torch.tensor(dataset.y_train))
    return train, Labelled(scaled(dataset.x_test), torch.tensor(dataset.y_test))


def draw_points(images: Labelled, points: int, seed: int, purpose: str) -> Labelled:
    """Return so many images without repetition, drawn for the seed and the purpose, in random order; all if there are no more."""
    order = torch.randperm(len(images), generator=generator(seed, "phenomena", purpose))
    return images[order[:points]]


def star_mask(image_shape: tuple[int, int, int]) -> Tensor:
    """Return which inputs (C×H×W, boolean) the star covers: a mark in the upper left corner, in the first two channels at most.

    It has 28 pixels of a 7×7 box (Radhakrishnan et al., *Science* 2024, released notebook). On images with a side below 21 pixels, where that
    would cover most of what is shown, it is a full square with a quarter of the shorter side, rounded; 2×2 on 8×8.

    Raises:
        UserError: If the images have a side of less than two pixels, as vectors have.

    >>> star_mask((1, 28, 28)).sum(), star_mask((3, 32, 32)).sum(), star_mask((1, 8, 8)).sum()
    (tensor(28), tensor(56), tensor(4))
    """
    height, width = image_shape[1:]
    side = min(height, width)
    if side < 2:
        raise UserError(f"a star needs images, and the points are of shape {height}×{width}; leave the dataset out")
    mask = torch.zeros(image_shape, dtype=torch.bool)
    if side < _LEAST_SIDE:
        box = max(1, round(side * _BOX / 28))
        mask[:_CHANNELS, :box, :box] = True
        return mask
    top, left = min(STAR), min(column for columns in STAR.values() for column in columns)
    for row, columns in STAR.items():
        mask[:_CHANNELS, row - top, [column - left for column in columns]] = True
    return mask


def with_star(images: Labelled, mask: Tensor, starred: Tensor) -> Tensor:
    """Return a copy of the images (n×C×H×W) whose inputs under the mask (C×H×W) are 1 in those with `starred` (n) true."""
    return torch.where(starred[:, None, None, None] & mask, 1.0, images.x)


def only_classes(images: Labelled, classes: list[int]) -> Labelled:
    """Return the images of some classes, with their places in the list as labels.

    Raises:
        UserError: If a class has no image.
    """
    places = images.y.new_full((max([*classes, int(images.y.max())]) + 1,), -1)
    places[classes] = torch.arange(len(classes))
    y = places[images.y]
    for place, name in enumerate(classes):
        if not bool((y == place).any()):
            raise UserError(f"there is no image of class {name}; change phenomena.star_classes or take more points")
    return Labelled(images.x, y)[y >= 0]


def side_by_side(hard: Tensor, easy: Tensor) -> Tensor:
    """Return pairs of images n×C×H×2W, the hard one on the left.

    Both are framed by zeros to the larger height and width, and grey images are repeated over the channels of coloured ones.
    """
    height, width = (max(hard.shape[axis], easy.shape[axis]) for axis in (2, 3))
    channels = max(hard.shape[1], easy.shape[1])
    return torch.cat([_framed(images, channels, height, width) for images in (hard, easy)], 3)


def easy_half(image_shape: tuple[int, int, int]) -> Tensor:
    """Return which inputs (C×H×W, boolean) of a pair are those of the easy image: the right half."""
    mask = torch.zeros(image_shape, dtype=torch.bool)
    mask[:, :, image_shape[2] // 2 :] = True
    return mask


def partners(y: Tensor, pool: Tensor, draws: torch.Generator) -> Tensor:
    """Return for each label of y (n) the index of a point of the pool (m labels) of the same class.

    Those of a class are dealt out in random order, again from the first when all were taken.

    Raises:
        UserError: If the pool has no point of a class.
    """
    found = torch.empty_like(y)
    for label in torch.unique(y):
        wanted, there = (y == label).nonzero()[:, 0], (pool == label).nonzero()[:, 0]
        if not len(there):
            raise UserError(f"no image of class {int(label)} to stand next to; take more points or another dataset")
        order = there[torch.randperm(len(there), generator=draws)]
        found[wanted] = order[torch.arange(len(wanted)) % len(there)]
    return found


def of_another_class(y: Tensor, draws: torch.Generator) -> Tensor:
    """Return for each point (n labels) the index of a random point with another label.

    Raises:
        UserError: If all labels are equal.
    """
    found = torch.empty_like(y)
    for label in torch.unique(y):
        own, others = (y == label).nonzero()[:, 0], (y != label).nonzero()[:, 0]
        if not len(others):
            raise UserError("halves can be swapped between two classes or more; take more test points")
        found[own] = others[torch.randint(len(others), (len(own),), generator=draws)]
    return found


def in_noise(images: Tensor, deviation: float, draws: torch.Generator) -> Tensor:
    """Return images plus noise N(0, deviation²) at every input."""
    return images + deviation * torch.randn(images.shape, dtype=images.dtype, generator=draws)


def _framed(images: Tensor, channels: int, height: int, width: int) -> Tensor:
    n, own, h, w = images.shape
    if own not in (1, channels):
        raise UserError(f"images of {own} and {channels} channels cannot stand side by side; choose another dataset")
    framed = images.new_zeros(n, channels, height, width)
    top, left = (height - h) // 2, (width - w) // 2
    framed[:, :, top : top + h, left : left + w] = images
    return framed
