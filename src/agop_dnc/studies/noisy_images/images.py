r"""The two sets of noisy images of the ConvRFM experiments (Radhakrishnan et al., *Science* 2024, released notebooks)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

# Columns of the star in each row of its box, for a box at the top left; rows are 3 to 9.
STAR = {
    3: [10],
    4: [9, 10, 11],
    5: [7, 8, 9, 10, 11, 12, 13],
    6: [8, 9, 10, 11, 12],
    7: [9, 10, 11],
    8: [8, 9, 10, 11, 12],
    9: [8, 9, 11, 12],
}
_SIDE, _NOISE, _OFFSETS = 32, 0.3, 18


def stars_in_noise(n: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Draw images of noise, half of them with a star, in random order.

    Pixels are N(0, 0.3²). Those of class 1 have one star, 28 pixels of a 7×7 box that are 1 in channels 0 and 1; row and
    column of the box are uniform on 18 places each.

    Args:
        n: Number of images; if it is odd, there is one star less.
        generator: On the CPU.

    Returns:
        Images n×3×32×32 in float64, and labels (n).

    Raises:
        ValueError: If n is less than 2.

    >>> X, y = stars_in_noise(4, torch.Generator().manual_seed(0))
    >>> X.shape, y.sum(), (X == 1).sum(dim=(1, 2, 3))[y == 1]
    (torch.Size([4, 3, 32, 32]), tensor(2), tensor([56, 56]))
    """
    if n < 2:
        raise ValueError(f"two classes need two images or more, not {n}")
    X = torch.randn(n, 3, _SIDE, _SIDE, dtype=torch.float64, generator=generator) * _NOISE
    y = (torch.randperm(n, generator=generator) < n // 2).long()
    offsets = torch.randint(_OFFSETS, (n, 2), generator=generator)
    rows = torch.tensor([row for row, columns in STAR.items() for _ in columns])
    columns = torch.tensor([column for columns in STAR.values() for column in columns])
    for image in y.nonzero().flatten():
        X[image, :2, rows + offsets[image, 0], columns + offsets[image, 1]] = 1.0
    return X, y


def embed_in_noise(digits: Tensor, generator: torch.Generator, side: int = 42, sigma: float = 1.0) -> Tensor:
    """Draw images of noise and overwrite a window of each with a digit.

    Pixels are 0.5·√sigma·N(0, 1). The window's corner is uniform on all but the last of the places in either direction:
    {0 … side − 29}² for digits of 28×28 pixels, as in the released notebook.

    Args:
        digits: n×h×w or n×1×h×w, in [0, 1].
        generator: On the CPU.
        side: Side of the images drawn, larger than h and w.
        sigma: σ, the scale of the noise.

    Returns:
        Images n×1×side×side in float64.

    Raises:
        ValueError: If digits have another shape, are not in [0, 1], or do not fit.
    """
    digits = digits[:, 0] if digits.ndim == 4 and digits.shape[1] == 1 else digits
    if digits.ndim != 3 or not digits.is_floating_point():
        raise ValueError(
            f"digits must be n×h×w or n×1×h×w numbers in [0, 1], not of shape {tuple(digits.shape)}, {digits.dtype}"
        )
    if digits.numel() and not (float(digits.min()) >= 0 and float(digits.max()) <= 1):
        raise ValueError("digits must lie in [0, 1]; divide by the largest pixel value first")
    n, height, width = digits.shape
    if side <= max(height, width):
        raise ValueError(f"side must be larger than the digits, which are {height}×{width}, not {side}")
    if not 0 <= sigma < math.inf:
        raise ValueError(f"sigma must be 0 or more, not {sigma}")
    X = torch.randn(n, 1, side, side, dtype=torch.float64, generator=generator) * (0.5 * math.sqrt(sigma))
    tops = torch.randint(side - height, (n,), generator=generator)
    lefts = torch.randint(side - width, (n,), generator=generator)
    for image, top, left, digit in zip(X, tops, lefts, digits, strict=True):
        image[0, top : top + height, left : left + width] = digit
    return X
