"""Matrices a block of rows at a time, so that temporary ones stay small."""

from __future__ import annotations

import math
from itertools import product

from torch import Tensor

CHUNK_BYTES = 64 * 2**20
CACHE_BYTES = 2**20
_TILE = 256


def row_chunks(rows: int, bytes_per_row: int, at_most: int | None = None) -> list[slice]:
    """Return slices of consecutive rows that cover `rows`, each within 64 MiB and `at_most` rows.

    >>> row_chunks(5, 32 * 2**20)
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    step = max(1, min(at_most or rows, CHUNK_BYTES // max(1, bytes_per_row)))
    return [slice(start, min(start + step, rows)) for start in range(0, rows, step)]


def cache_chunks(A: Tensor) -> list[Tensor]:
    """Return views of consecutive rows of A, on a CPU each about a megabyte, so that a sequence of operations on one stays in its cache."""
    row_bytes = A.element_size() * math.prod(A.shape[1:])
    at_most = max(1, CACHE_BYTES // max(1, row_bytes)) if A.device.type == "cpu" else None
    return [A[rows] for rows in row_chunks(len(A), row_bytes, at_most)]


def mirror_(A: Tensor, blocks: list[slice]) -> Tensor:
    """Copy what is above the diagonal blocks of A (m×m) below them, in place. Tile by tile, as a transposed copy of long rows is slow."""
    for block in blocks:
        below = range(block.stop, len(A), _TILE)
        for start, row in product(range(block.start, block.stop, _TILE), below):
            columns, rows = slice(start, min(start + _TILE, block.stop)), slice(row, row + _TILE)
            A[rows, columns] = A[columns, rows].T
    return A


def gram(A: Tensor) -> Tensor:
    """Return AᵀA (m×m for A n×m), half of it by multiplication and half by symmetry."""
    m = A.shape[1]
    result = A.new_empty(m, m)
    blocks = row_chunks(m, A.element_size() * m, at_most=max(128, m // 8))
    for columns in blocks:
        result[columns, columns.start :] = A[:, columns].T @ A[:, columns.start :]
    return mirror_(result, blocks)
