r"""Convolutional Recursive Feature Machines (Radhakrishnan, Beaglehole, Pandit, Belkin, *Science* 2024; arXiv 2309.00570).

Start from M = I, d×d for patches of d = Cq² pixels. Each round: K = CNTK(X, X | M), divided by its largest entry; solve
α = (K + λI)⁻¹Y with one-hot Y; M ← G / tr G, G the AGOP over patches of f = K(·, X)α at the first images of X. T rounds
are T solves and T − 1 updates of M.

The released code takes the ridge and the round that are best on the *test* data, round 0 (M = I) included. Here they are
taken on data that the caller names: validation data, or the test data to repeat that choice.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..kernels.ntk import ConvolutionalNTK


@dataclass(frozen=True)
class Settings:
    """What defines a ConvRFM.

    Attributes:
        filter_size: q, the side of the patches and of all filters of the kernel.
        depth: Number of the kernel's convolutions.
        ridge: λ, added to the diagonal of K with its largest entry at 1.
        rounds: Number of solves T, one more than updates of M.
        agop_images: How many images, the first of the training set, the AGOP is averaged over; all if None.
        backend: Of the kernel: `auto`, `numba` or `torch`.
    """

    filter_size: int = 3
    depth: int = 3
    ridge: float = 1e-3
    rounds: int = 4
    agop_images: int | None = 20
    backend: str = "auto"

    def __post_init__(self) -> None:
        ConvolutionalNTK(self.filter_size, self.depth, self.backend)  # checks these
        if not (0 <= self.ridge < math.inf):
            raise ValueError(f"ridge must be a finite number of 0 or more, not {self.ridge}")
        for name in ("rounds", "agop_images"):
            value = getattr(self, name)
            if value is None and name == "agop_images":
                continue
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"{name} must be an integer of 1 or more, not {value!r}")

    @property
    def kernel(self) -> ConvolutionalNTK:
        """Return the kernel of these settings."""
        return ConvolutionalNTK(self.filter_size, self.depth, self.backend)


@dataclass(frozen=True)
class Round:
    """The predictor of one round, f(x) = K(x, X | M) α / scale.

    Attributes:
        index: Of the round, from 0: the number of updates of M.
        settings: Of the ConvRFM.
        X: Centres, N×C×H×W.
        M: d×d with trace 1, None for the identity of round 0.
        alpha: Coefficients, N×K.
        scale: The largest entry of K(X, X | M).
        ridge_used: λ, or the least ridge with which K could be factorised.
    """

    index: int
    settings: Settings
    X: Tensor
    M: Tensor | None
    alpha: Tensor
    scale: float
    ridge_used: float

    def __call__(self, X_new: Tensor) -> Tensor:
        """Return the outputs, n×K, for images n×C×H×W."""
        outputs: Tensor = self.settings.kernel.matrix(X_new, self.X, self.M) @ (self.alpha / self.scale)
        return outputs

    def agop(self) -> Tensor:
        """Return M for the next round: the predictor's AGOP over patches (d×d), with trace 1.

        Raises:
            ValueError: If all gradients vanish.
        """
        images = self.X[: self.settings.agop_images]
        G = self.settings.kernel.patch_agop(self.X, self.alpha, images, self.M)
        trace = float(G.trace())
        if not trace > 0:
            raise ValueError(
                "the predictor does not depend on its images, so there is no AGOP; are all images the same?"
            )
        return G / trace


@dataclass(frozen=True)
class Score:
    """The accuracy, between 0 and 1, of one round with one ridge."""

    ridge: float
    round: int
    accuracy: float


def rounds(X: Tensor, Y: Tensor, settings: Settings) -> Iterator[Round]:
    """Fit a ConvRFM, yielding each round's predictor once it is there.

    Args:
        X: Images, N×C×H×W, in float32 or float64: the precision of kernel and AGOP. Systems are solved in float64.
        Y: Targets, N×K (one-hot).
        settings: Of the ConvRFM.

    Yields:
        The rounds, from 0.

    Raises:
        ValueError: On mismatched shapes, images that are all zero, or values that are not finite.
    """
    if Y.ndim != 2 or len(X) != len(Y) or not bool(Y.isfinite().all()):
        raise ValueError(
            f"targets must be {len(X)} rows of finite numbers, one per image, not of shape {tuple(Y.shape)}"
        )
    M = None
    for index in range(settings.rounds):
        K = settings.kernel.matrix(X, X, M)
        scale = float(K.max())
        if not scale > 0:
            raise ValueError("all images are zero, so that their kernel is; is the scale of the pixels right?")
        alpha, ridge_used = _solve(K.double().div_(scale), Y.to(K.device, torch.float64), settings.ridge)
        del K
        fitted = Round(index, settings, X, M, alpha.to(X.dtype), scale, ridge_used)
        yield fitted
        if index + 1 < settings.rounds:
            M = fitted.agop()


def accuracy(predictor: Round, X: Tensor, y: Tensor) -> float:
    """Return the share of images (n×C×H×W) whose largest output is that of their label (n integers)."""
    return float((predictor(X).argmax(1) == y).double().mean())


def choose(
    X: Tensor, Y: Tensor, X_held_out: Tensor, y_held_out: Tensor, settings: Settings, ridges: Sequence[float]
) -> tuple[Round, list[Score]]:
    """Fit a ConvRFM for each ridge and return the round that is most accurate on data held out, and all scores.

    Held-out data are validation data, or test data for the choice of the released code: its accuracy is then the largest
    of many on the test data, and no estimate for new data. Of equally accurate rounds the first of the first ridge wins.

    Args:
        X: Training images, N×C×H×W.
        Y: Their targets, N×K.
        X_held_out: Images that choose.
        y_held_out: Their labels, integers 0 … K − 1.
        settings: Of the ConvRFM; their ridge does not matter.
        ridges: The ridges to try, one or more.

    Returns:
        The round chosen, and the score of every ridge and round.

    Raises:
        ValueError: As :func:`rounds`, or if no ridge is given or no image held out.
    """
    if len(ridges) == 0 or len(X_held_out) == 0 or len(X_held_out) != len(y_held_out):
        raise ValueError("choosing needs one ridge or more, and one image or more held out, each with its label")
    best, highest, scores = None, -1.0, []
    for ridge in ridges:
        for fitted in rounds(X, Y, replace(settings, ridge=ridge)):
            score = Score(ridge, fitted.index, accuracy(fitted, X_held_out, y_held_out))
            scores.append(score)
            if score.accuracy > highest:
                best, highest = fitted, score.accuracy
    assert best is not None
    return best, scores


def split(y: Tensor, fraction: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return the indices, in order, of training and validation data, drawn in each class by itself.

    Each class gives `fraction` of its points, rounded, but one or more, and keeps one or more.

    Args:
        y: Labels, N integers.
        fraction: Share of the validation data, between 0 and 1.
        generator: Of the draw, on the CPU.

    Returns:
        Two vectors of indices.

    Raises:
        ValueError: If the fraction is not between 0 and 1, or a class has one point only.
    """
    if not 0 < fraction < 1:
        raise ValueError(f"the share of validation data must be between 0 and 1, not {fraction}")
    held_out = torch.zeros(len(y), dtype=torch.bool)
    for label in torch.unique(y).tolist():
        members = (y == label).nonzero().flatten().cpu()
        if len(members) < 2:
            raise ValueError(
                "a class has one image only, so that none can be held out; give validation data or more images"
            )
        count = min(max(1, round(fraction * len(members))), len(members) - 1)
        held_out[members[torch.randperm(len(members), generator=generator)[:count]]] = True
    return (~held_out).nonzero().flatten(), held_out.nonzero().flatten()


def _solve(K: Tensor, Y: Tensor, ridge: float) -> tuple[Tensor, float]:
    """α = (K + ridge·I)⁻¹Y by Cholesky, with the ridge or, if K then has no factor, N·eps times a power of ten."""
    diagonal = K.diagonal().clone()
    smallest = len(K) * torch.finfo(K.dtype).eps
    for tried in (ridge, *(s for s in (smallest * 10**power for power in range(16)) if s > ridge)):
        K.diagonal().copy_(diagonal + tried)
        factor, info = torch.linalg.cholesky_ex(K)
        if info == 0:
            return torch.cholesky_solve(Y, factor), tried
    raise ValueError("the kernel matrix cannot be factorised; are the images finite?")
