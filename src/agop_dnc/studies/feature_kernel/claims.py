"""Check the code against Proposition A.1, a theorem: what would fail here is the code, not the paper."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ..judging import (
    Bounds,
    Claim,
    Context,
    Finding,
    Findings,
    Quantity,
    Source,
    Tables,
    by_seed,
    table_of,
)

DEVIATION = "largest deviation of a mean, in standard errors"
SLOPE = "slope of log variance against log D"
CLAIMS: tuple[Claim, ...] = (
    Claim(
        "check-a1",
        "Beaglehole et al., NeurIPS 2024",
        "E[ReLU(Wx)ᵀReLU(Wy)] = (sin θ + (π − θ) cos θ)/π for unit x, y at angle θ and W with entries N(0, 2/D), with variance "
        "of order 1/D.",
        "Kernel of ReLU features",
        "Proposition A.1 (Cho and Saul)",
        (
            Quantity(
                DEVIATION,
                Bounds(at_most=4.5, why="chance exceeds it once in 150,000 means, and some dozens are looked at"),
            ),
            Quantity(
                SLOPE,
                Bounds(-1.1, -0.9, "order 1/D is a slope of −1; a tenth is what the sampled variances leave uncertain"),
            ),
        ),
        theorem=True,
    ),
)


def findings(tables: Tables, context: Context) -> Findings:
    """Yield what feature_kernel.csv says of Proposition A.1.

    Args:
        tables: The run's tables, of which only `feature_kernel` is used.
        context: Not used: the proposition is about no dataset.

    Yields:
        The check's id and a finding.
    """
    table = table_of(tables, "feature_kernel")
    largest = deviations(table).groupby("seed").max()
    yield "check-a1", Finding("", "ReLU features", {DEVIATION: by_seed(largest), SLOPE: by_seed(slopes(table))})


def deviations(table: pd.DataFrame) -> pd.Series[Any]:
    """Return by seed, width and angle how far the mean over draws is from the formula, in standard errors."""
    wide = _wide(table)
    # At θ = π the two features are never on together: the product is 0, up to rounding, and has no variance.
    error = (wide.variance / wide.draws).pow(0.5).clip(lower=1e-12)
    return (wide["mean"] - wide.expected).abs() / error


def slopes(table: pd.DataFrame) -> pd.Series[Any]:
    """Return by seed the slope of log variance against log D, common to all angles."""
    wide = _wide(table)
    varying = wide[wide.variance > 1e-20].variance
    slope: pd.Series[Any] = varying.groupby("seed").apply(_slope_against_width)
    return slope


def _wide(table: pd.DataFrame) -> pd.DataFrame:
    return table.pivot(index=["seed", "width", "angle"], columns="metric", values="value")


def _slope_against_width(variance: pd.Series[Any]) -> float:
    """Return the slope common to all angles: that of the mean over angles of log variance."""
    mean = np.log(variance).groupby("width").mean()
    return float(np.polyfit(np.log(mean.index.to_numpy(float)), mean.to_numpy(), 1)[0])


SOURCE = Source(CLAIMS, findings)
