"""How far two runs of a table may differ, and why."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Tolerance:
    """Cells of rows that fit `query` agree within a factor, or if they differ by no more than `below`.

    Attributes:
        query: Which rows of the table, as pandas understands it.
        factor: The largest ratio of two values that agree.
        below: The largest difference of two values that agree.
        why: The reason why they may differ by so much, and not by more.
        as_samples: Whether rows that are further apart agree nevertheless if, of the row's number over all seeds, the two runs are
            as two samples of one distribution: for what a processor's rounding makes another draw.
    """

    query: str
    factor: float
    below: float
    why: str
    as_samples: bool = False


ALL_ROWS = "index == index"
TRAINED = Tolerance(ALL_ROWS, 1.5, 0.1, "training carries rounding on from step to step")
# The pseudo-inverse takes the reciprocal of the smallest eigenvalue of the between-class covariance; and of a truncation to few
# directions, the last one kept may be another one. Training determines neither beyond what seeds do.
SAMPLED = Tolerance(
    ALL_ROWS, 1.5, 0.1, "a smallest eigenvalue's reciprocal, or a single direction: as another seed", as_samples=True
)
EXACT = Tolerance(ALL_ROWS, 1.0 + 1e-6, 1e-9, "closed forms and sums in float64")
