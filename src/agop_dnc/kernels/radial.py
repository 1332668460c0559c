r"""Radial kernels k(x, z) = φ(‖x − z‖₂), and distances that do not cancel.

A radial kernel is φ together with its *slope* w(r) = −φ'(r)/r, which is all that a gradient needs: ∇_x k(x, z) = −w(‖x − z‖) (x − z). At
r = 0 the slope does not matter, as x − z = 0, and is taken as 0, so that no product has large terms of it to cancel. Both overwrite the
distances they are given, as N×N matrices are what memory goes to.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from .agop import kernel_agop
from .blocks import cache_chunks, mirror_
from .blocks import gram as gram
from .blocks import row_chunks as row_chunks

# Squared distances from ‖x‖² + ‖z‖² − 2xᵀz carry an absolute error of a few eps·(‖x‖² + ‖z‖²). Pairs nearer than this
# share of ‖x‖² + ‖z‖² are measured again from their differences; the others keep a relative error of some 1e-8.
_CLOSE = 1e-8
_CLOSE_ROWS = 64
# Blocks of rows in which a symmetric matrix is half computed, half copied: large enough for a product to run at full rate.
_SYMMETRIC_ROWS = 256


class RadialKernel(ABC):
    """A kernel φ(‖x − z‖₂), given by φ and its slope w(r) = −φ'(r)/r."""

    translation_invariant = True

    @abstractmethod
    def value_(self, pairs: Tensor) -> Tensor:
        """Return φ(r), in place of the distances r."""

    @abstractmethod
    def slope_(self, pairs: Tensor) -> Tensor:
        """Return w(r), in place of the distances r; 0 at r = 0."""

    def pairs(self, X: Tensor, Z: Tensor | None = None) -> Tensor:
        """Return the distances ‖x_i − z_j‖₂, n×m."""
        return distances(X, Z)

    def matrix(self, X: Tensor, Z: Tensor | None = None) -> Tensor:
        """Return φ(‖x_i − z_j‖₂), n×m."""
        return self.value_(distances(X, Z))

    def agop(self, X: Tensor, alpha: Tensor) -> Tensor:
        """Return the AGOP (d×d) at X (n×d) of k(·, X) α; see :func:`.agop.kernel_agop`."""
        return kernel_agop(self, X, alpha)


@dataclass(frozen=True)
class Laplace(RadialKernel):
    """k(x, z) = exp(−‖x − z‖₂ / L); the gradient at x = z is taken as 0 (paper, Section 5).

    >>> Laplace(2.0).value_(torch.tensor([0.0, 2.0]))
    tensor([1.0000, 0.3679])
    """

    bandwidth: float = 2.0

    def value_(self, pairs: Tensor) -> Tensor:
        """Return φ(r), in place of the distances r."""
        for part in cache_chunks(pairs):
            part.mul_(-1 / self.bandwidth).exp_()
        return pairs

    def slope_(self, pairs: Tensor) -> Tensor:
        """Return w(r), in place of the distances r; 0 at r = 0."""
        for part in cache_chunks(pairs):
            coincident, inverse = part == 0, part.reciprocal()
            self.value_(part).mul_(inverse).mul_(1 / self.bandwidth).masked_fill_(coincident, 0.0)
        return pairs


@dataclass(frozen=True)
class Gaussian(RadialKernel):
    """k(x, z) = exp(−‖x − z‖₂² / (2L²)).

    >>> Gaussian(1.0).value_(torch.tensor([0.0, 2.0**0.5]))
    tensor([1.0000, 0.3679])
    """

    bandwidth: float = 2.0

    def value_(self, pairs: Tensor) -> Tensor:
        """Return φ(r), in place of the distances r."""
        for part in cache_chunks(pairs):
            part.square_().mul_(-0.5 / self.bandwidth**2).exp_()
        return pairs

    def slope_(self, pairs: Tensor) -> Tensor:
        """Return w(r), in place of the distances r; 0 at r = 0."""
        for part in cache_chunks(pairs):
            coincident = part == 0
            self.value_(part).mul_(1 / self.bandwidth**2).masked_fill_(coincident, 0.0)
        return pairs


KERNELS: dict[str, Callable[[float], RadialKernel]] = {"laplace": Laplace, "gaussian": Gaussian}


def distances(X: Tensor, Z: Tensor | None = None) -> Tensor:
    """Return ‖x_i − z_j‖₂ for the rows of X (n×d) and Z (m×d, X itself if not given): n×m, in X's precision.

    ‖x‖² + ‖z‖² − 2xᵀz is one matrix product, but for points that have all but collapsed it is a difference of nearly equal
    numbers: in float32 it puts a floor of some 1e-3 under the distance of unit vectors. Here the product is taken in
    float64 also for float32 points, a chunk of rows at a time, and pairs whose squared distance is below 1e-8 of
    ‖x‖² + ‖z‖² are measured again from their differences. So the relative error stays below 1e-7 for float64 points and
    at rounding for float32 ones (1e-15 and rounding if ‖x − z‖ is of the order of ‖x‖), and coincident points are
    at distance 0 exactly. The cost is one float64 product of n·m·d multiply-adds; a pair measured again costs some
    thirty times its share of that, and in the paper's runs few or none are until whole classes have collapsed to 1e-4
    of their distance.

    Of the distances of X to itself half are copied from the other side. Peak memory besides the result: one chunk, and X in
    float64.
    """
    if X.ndim != 2 or (Z is not None and (Z.ndim != 2 or Z.shape[1] != X.shape[1])):
        raise ValueError(
            f"points must be n×d and m×d, not {tuple(X.shape)} and {tuple(Z.shape) if Z is not None else None}"
        )
    X64, Z64 = X.double(), None if Z is None else Z.double()
    result = X.new_empty(len(X), len(X if Z is None else Z))
    if Z64 is not None:
        for rows in row_chunks(len(X64), 8 * len(Z64)):
            result[rows] = _distances(X64[rows], Z64)
        return result
    blocks = row_chunks(len(X64), 8 * len(X64), at_most=_SYMMETRIC_ROWS)
    for rows in blocks:
        result[rows, rows.start :] = _distances(X64[rows], X64[rows.start :], to_itself=True)
    return mirror_(result, blocks)


def _distances(X: Tensor, Z: Tensor, to_itself: bool = False) -> Tensor:
    """Return a chunk of distances in float64; with `to_itself` the rows of X are the first of Z."""
    x, z = X.square().sum(1), Z.square().sum(1)
    r = (x[:, None] + z).addmm_(X, Z.T, alpha=-2.0)
    if to_itself:
        r.fill_diagonal_(torch.inf)
    # One pass tells of most blocks that no pair in them is close, nor negative.
    some_are_close = bool(r.amin() <= _CLOSE * (x.max() + z.max()))
    close = r <= (x[:, None] + z).mul_(_CLOSE) if some_are_close else None
    if to_itself:
        r.fill_diagonal_(0.0)
    if close is None:
        return r.sqrt_()
    r.clamp_(min=0.0).sqrt_()
    _measure_close_pairs_again(X, Z, close, r)
    return r


def _measure_close_pairs_again(X: Tensor, Z: Tensor, close: Tensor, r: Tensor) -> None:
    """Overwrite the distances r (n×m) of close pairs, and of some next to them, by distances from differences."""
    lines = close.any(1).nonzero().flatten()
    # Rows that are close to the same point stand together, so that a block of them has few columns to measure.
    lines = lines[close[lines].int().argmax(1).argsort(stable=True)]
    for block in torch.split(lines, _CLOSE_ROWS):
        columns = close[block].any(0).nonzero().flatten()
        r[block[:, None], columns] = torch.cdist(X[block], Z[columns], compute_mode="donot_use_mm_for_euclid_dist")
