r"""Block-circulant features of modular arithmetic, and how near a matrix is to them (Mallinar et al., arXiv 2407.20199).

Inputs are two one-hot codes next to each other, and M = [[A, Cᵀ], [C, A]], C_{ba} being the entry of b's and a's coordinates. If C_{ba} depends
on b − a alone, the quadratic kernel's products C_{ba'}C_{b'a} are, frequency by frequency, functions of (a + b) − (a' + b'), so that such a C
serves addition; if it depends on a + b alone, subtraction. Modulo a prime, multiplication and division of numbers other than 0 are addition
and subtraction of their discrete logarithms.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ...randomness import generator

# Whether C depends on b − a (else on a + b), and whether the numbers are put in the order of their logarithms.
OF_DIFFERENCES = {"add": True, "subtract": False, "multiply": True, "divide": False}
BY_LOGARITHM = {"add": False, "subtract": False, "multiply": True, "divide": True}


def primitive_root(p: int) -> int:
    """Return the least primitive root modulo a prime p: a number whose powers are all numbers but 0.

    >>> primitive_root(61), primitive_root(7)
    (2, 3)
    """
    return next(g for g in range(1, p) if len({pow(g, k, p) for k in range(p - 1)}) == p - 1)


def order(operation: str, p: int) -> Tensor:
    """Return the numbers in the order in which C is circulant: 0 … p−1, or g⁰, g¹, … modulo p for a primitive root g.

    >>> order("multiply", 7)
    tensor([1, 3, 2, 6, 4, 5])
    """
    if not BY_LOGARITHM[operation]:
        return torch.arange(p)
    g = primitive_root(p)
    return torch.tensor([pow(g, k, p) for k in range(p - 1)])


def off_diagonal_block(M: Tensor, operation: str) -> Tensor:
    """Return the block C of M (2p×2p), rows b and columns a, in the order in which it is circulant; without 0 for × and ÷."""
    p = len(M) // 2
    numbers = order(operation, p)
    return M[p + numbers[:, None], numbers]


def ordered(M: Tensor, operation: str) -> Tensor:
    """Return M with the numbers of both halves in the order in which its blocks are circulant."""
    p = len(M) // 2
    numbers = order(operation, p)
    both = torch.cat([numbers, p + numbers])
    return M[both[:, None], both]


def circulant_deviation(C: Tensor, of_differences: bool = True) -> float:
    """Return ‖C − C̄‖²/‖C‖², with every entry of C̄ the mean of C over the wrapped diagonal that it lies on.

    It is 0 for a circulant matrix, 1 − 1/m in the mean for an m×m matrix of independent entries of mean 0, and NaN for 0.

    Args:
        C: m×m, rows b and columns a.
        of_differences: Whether the diagonals are those of equal b − a modulo m, or those of equal a + b.

    >>> circulant_deviation(torch.tensor([[1.0, 2.0], [2.0, 1.0]])), circulant_deviation(torch.tensor([[1.0, 0.0], [0.0, -1.0]]))
    (0.0, 1.0)
    """
    m = len(C)
    index = torch.arange(m, device=C.device)
    # Row k holds the entries of the k-th diagonal.
    rows = (index[:, None] + index) % m if of_differences else (index[:, None] - index) % m
    diagonals = C[rows, index]
    return float((diagonals - diagonals.mean(1, keepdim=True)).square().sum() / C.square().sum())


def random_circulant_metric(operation: str, p: int, seed: int) -> Tensor:
    """Return M = [[cI, Cᵀ], [C, cI]] (2p×2p) with a random circulant C and c its largest singular value, so that M ⪰ 0.

    The first column of C is drawn from N(0, 1); where C depends on a + b, and for × and ÷, it is arranged accordingly, with 0 alone.
    """
    numbers = order(operation, p)
    m = len(numbers)
    column = torch.randn(m, dtype=torch.float64, generator=generator(seed, "circulant features", operation, p))
    index = torch.arange(m)
    arguments = index[:, None] - index if OF_DIFFERENCES[operation] else index[:, None] + index
    C = torch.zeros(p, p, dtype=torch.float64)
    C[numbers[:, None], numbers] = column[arguments % m]
    scale = torch.linalg.matrix_norm(C, 2) * torch.eye(p, dtype=torch.float64)
    return torch.cat([torch.cat([scale, C.T], 1), torch.cat([C, scale], 1)])
