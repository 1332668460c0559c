"""Sentences of the notebook on the kernel of ReLU features."""

from __future__ import annotations

import pandas as pd
from scipy import stats

from ..sentences import estimate, thousandths
from .claims import deviations, slopes


def found_sentences(table: pd.DataFrame) -> str:
    """Return how far the means are from the formula, and how the variance falls with the width, from the numbers alone.

    Args:
        table: Rows of feature_kernel.csv.
    """
    found, slope = deviations(table), slopes(table)
    falls = "falls" if slope.mean() < 0 else "rises"
    return (
        f"- Means: of {len(found):,} means over draws the one farthest from the formula is {found.max():.2f} of its standard errors "
        "away; of as "
        f"many independent normal numbers the farthest is {_farthest_of(len(found)):.2f} standard deviations away (median).\n"
        f"- Variance: it {falls} with the width as $D$ to the power {estimate(slope, thousandths)}, common to all angles; order $1/D$ is "
        "a "
        "power of -1."
    )


def _farthest_of(count: int) -> float:
    """Return the median of the largest absolute value of independent standard normal numbers."""
    return float(stats.norm.ppf((1 + 0.5 ** (1 / count)) / 2))
