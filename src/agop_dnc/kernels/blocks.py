"""Matrices a block of rows at a time, so that temporary ones stay small."""

from __future__ import annotations

from torch import Tensor

CHUNK_BYTES = 64 * 2**20


def row_chunks(rows: int, bytes_per_row: int, at_most: int | None = None) -> list[slice]:
    """Return slices of consecutive rows that cover `rows`, each within 64 MiB and `at_most` rows.

    >>> row_chunks(5, 32 * 2**20)
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    step = max(1, min(at_most or rows, CHUNK_BYTES // max(1, bytes_per_row)))
    return [slice(start, min(start + step, rows)) for start in range(0, rows, step)]


def gram(A: Tensor) -> Tensor:
    """Return AᵀA (m×m for A n×m), half of it by multiplication and half by symmetry."""
    m = A.shape[1]
    result = A.new_empty(m, m)
    for columns in row_chunks(m, A.element_size() * m, at_most=max(128, m // 8)):
        block = A[:, columns].T @ A[:, columns.start :]
        result[columns, columns.start :] = block
        result[columns.stop :, columns] = block[:, columns.stop - columns.start :].T
    return result
