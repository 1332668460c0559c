"""Where patches, and windows of patches, lie in images that are kept flat.

Images keep rows of their full width in every layer, so that the window at p is p + width·row + column. A flat index whose
window runs over the end of a row belongs to no position; it counts with weight 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Geometry:
    """Where the windows of each layer lie in flat images whose rows are `width` long.

    height, width: of the images. filter_size: q. depth: number of convolutions.
    """

    height: int
    width: int
    filter_size: int
    depth: int

    @property
    def lengths(self) -> tuple[int, ...]:
        """Flat lengths of the images (first) and of every layer's positions."""
        shrink = (self.filter_size - 1) * (self.width + 1)
        return tuple(self.height * self.width - layer * shrink for layer in range(self.depth + 1))

    def weights(self, layer: int) -> Tensor:
        """1/P at each of the P positions of a layer and 0 at flat indices that belong to none, in float64."""
        lost = layer * (self.filter_size - 1)
        rows, columns = self.height - lost, self.width - lost
        weights = torch.zeros(rows, self.width, dtype=torch.float64)
        weights[:, :columns] = 1 / (rows * columns)
        return weights.flatten()[: self.lengths[layer]]

    def box(self, A: Tensor) -> Tensor:
        """Sums over the q×q window at each flat index of the last dimension."""
        return self._box_along(self._box_along(A, 1), self.width)

    def box_transpose(self, A: Tensor) -> Tensor:
        """Return the adjoint of :meth:`box`: each index of A is added to all indices in its window."""
        shrink = (self.filter_size - 1) * (self.width + 1)
        return self.box(torch.nn.functional.pad(A, (shrink, shrink)))

    def _box_along(self, A: Tensor, stride: int) -> Tensor:
        length = A.shape[-1] - (self.filter_size - 1) * stride
        total = A[..., :length].clone()
        for step in range(1, self.filter_size):
            total += A[..., step * stride : step * stride + length]
        return total

    def patches(self, images: Tensor) -> Tensor:
        """Patches n×d×L of flat images (n×C×HW), d = Cq² in (channel, row, column) order, L = lengths[1]."""
        n, channels, _ = images.shape
        length, q = self.lengths[1], self.filter_size
        starts = [row * self.width + column for row in range(q) for column in range(q)]
        shifted = torch.stack([images[:, :, start : start + length] for start in starts], dim=2)
        return shifted.reshape(n, channels * q * q, length)
