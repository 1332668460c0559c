"""Which inputs are kept: those with the largest scores, and shares of a diagonal's sum."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ...randomness import generator

# How the inputs of each kind of model are ranked; `random` is the chance level.
CRITERIA = {"rfm": ("agop", "variance", "random"), "network": ("agop", "nfm", "variance", "random")}


def number_kept(inputs: int, share: float) -> int:
    """Return how many inputs a share of them is, rounded, one at least.

    >>> number_kept(64, 0.1), number_kept(64, 0.001)
    (6, 1)
    """
    return max(1, math.floor(share * inputs + 0.5))


def keep_largest(scores: Tensor, number: int) -> Tensor:
    """Return the indices, in order, of the largest scores (d); of equal ones those of the first inputs.

    >>> keep_largest(torch.tensor([1.0, 3.0, 2.0, 3.0]), 2)
    tensor([1, 3])
    """
    return scores.argsort(descending=True, stable=True)[:number].sort().values


def number_above(diagonal: Tensor, threshold: float) -> int:
    """Return how many entries of a diagonal exceed the threshold times its largest; one at least.

    >>> number_above(torch.tensor([4.0, 1.0, 0.1]), 0.05)
    2
    """
    return max(1, int((diagonal > threshold * diagonal.max()).sum()))


def scores(criterion: str, diagonals: dict[str, Tensor], X: Tensor, seed: int) -> Tensor:
    """Return a score per input (d).

    Args:
        criterion: `agop` and `nfm` are the diagonals of the model that was fitted with all inputs, `variance` is that of the training
            points, and `random` a draw for the seed, the same for all numbers of inputs kept.
        diagonals: `agop` and perhaps `nfm`.
        X: Training points (n×d).
        seed: Of the draw.
    """
    if criterion == "random":
        return torch.rand(X.shape[1], dtype=torch.float64, generator=generator(seed, "random pruning"))
    return X.var(0).cpu() if criterion == "variance" else diagonals[criterion]


def share_of(diagonal: Tensor, mask: Tensor) -> float:
    """Return the share of a diagonal's sum (the trace) that lies under a mask; both have d entries. NaN if the trace is 0.

    >>> share_of(torch.tensor([3.0, 1.0]), torch.tensor([True, False]))
    0.75
    """
    return float(diagonal[mask.flatten()].sum() / diagonal.sum())
