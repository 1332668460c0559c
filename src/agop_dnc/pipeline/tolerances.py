"""How far two runs of a table may differ, and why."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Tolerance:
    """Cells of rows that fit `query` agree within a factor, or if they differ by no more than `below`."""

    query: str
    factor: float
    below: float
    why: str


ALL_ROWS = "index == index"
TRAINED = Tolerance(ALL_ROWS, 1.5, 0.1, "training carries rounding on from step to step")
EXACT = Tolerance(ALL_ROWS, 1.0 + 1e-6, 1e-9, "closed forms and sums in float64")
