"""Class labels as the targets of least squares."""

from __future__ import annotations

import torch
from torch import Tensor


def signed_one_hot(y: Tensor) -> Tensor:
    """N×K targets in float64: +1 for the class, −1 elsewhere (paper, Section 3.1).

    >>> signed_one_hot(torch.tensor([0, 1]))
    tensor([[ 1., -1.],
            [-1.,  1.]], dtype=torch.float64)
    """
    return torch.nn.functional.one_hot(y).double().mul_(2).sub_(1)
