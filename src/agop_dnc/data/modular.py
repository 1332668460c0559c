"""Tables of modular arithmetic (Mallinar et al., arXiv 2407.20199): which c is a ∘ b modulo p?"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from ..errors import did_you_mean
from ..randomness import generator

OPERATIONS = {"add": "+", "subtract": "−", "multiply": "×", "divide": "÷"}


@dataclass(frozen=True)
class ModularTable:
    """All pairs modulo p with the result of one operation.

    Attributes:
        p: The modulus.
        operation: One of :data:`OPERATIONS`.
        a: The first numbers, n.
        b: The second numbers, n; for division none is 0.
        y: The results a ∘ b mod p, n.
        train: The rows to fit on, a drawn half of all.
        test: The other rows.
    """

    p: int
    operation: str
    a: Tensor
    b: Tensor
    y: Tensor
    train: Tensor
    test: Tensor

    @property
    def X(self) -> Tensor:
        """n×2p in float64: the one-hot code of a next to that of b."""
        return torch.cat([one_hot(self.a, self.p), one_hot(self.b, self.p)], 1).double()

    @property
    def Y(self) -> Tensor:
        """n×p in float64: the one-hot code of the result."""
        return one_hot(self.y, self.p).double()


def modular_table(operation: str, p: int, seed: int, train_fraction: float = 0.5) -> ModularTable:
    """Return the table of an operation modulo p, with a drawn half of its rows for training.

    There are p² rows, ordered by a and then b; for division p(p−1), without b = 0.

    Args:
        operation: `add`, `subtract`, `multiply` or `divide`.
        p: The modulus, at least 2; a prime for division.
        seed: The seed of the split.
        train_fraction: The share of rows for training, between 0 and 1; rounded down.

    Raises:
        ValueError: If an argument is out of its range.
    """
    if operation not in OPERATIONS:
        raise ValueError(f"there is no operation '{operation}'{did_you_mean(operation, OPERATIONS)}")
    if p < 2 or (operation == "divide" and not _is_prime(p)):
        raise ValueError(f"p is {p}; it must be {'a prime' if operation == 'divide' else 'at least 2'}")
    if not 0 < train_fraction < 1:
        raise ValueError(f"train_fraction is {train_fraction}; it must be between 0 and 1")
    numbers = torch.arange(p)
    a, b = torch.cartesian_prod(numbers, numbers[1:] if operation == "divide" else numbers).unbind(1)
    y = _results(operation, a, b, p)
    order = torch.randperm(len(y), generator=generator(seed, "modular arithmetic", operation, p))
    half = int(train_fraction * len(y))
    return ModularTable(p, operation, a, b, y, order[:half].sort().values, order[half:].sort().values)


def _results(operation: str, a: Tensor, b: Tensor, p: int) -> Tensor:
    if operation == "add":
        return (a + b) % p
    if operation == "subtract":
        return (a - b) % p
    if operation == "multiply":
        return (a * b) % p
    inverse = torch.tensor([0, *(pow(number, -1, p) for number in range(1, p))])
    return (a * inverse[b]) % p


def _is_prime(p: int) -> bool:
    return p >= 2 and all(p % divisor for divisor in range(2, int(p**0.5) + 1))
