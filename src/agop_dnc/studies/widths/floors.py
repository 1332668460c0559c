r"""Fit floors to curves by layer, and a power law to floors by width.

A curve is fitted by a·r^l + c over layers l (see :func:`agop_dnc.studies.deep_rfm.decay.fit_decay`). The floor c is said to be
*reached* if the fitted curve falls by at least a tenth of a decade, and c is at least half of it at the last layer. Otherwise
there is no fall that could end, or the curve is still on its way and c is whatever is left over, which says nothing.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import pandas as pd

from ...collapse.metrics import random_directions_nc2
from ..deep_rfm.decay import above_rounding, fit_decay
from ..judging import LEAST_SEEDS, Interval, interval

LEAST_FALL = 0.1  # decades


class Slope(NamedTuple):
    """The exponent of a power law in the width, one value per seed.

    Attributes:
        seeds: How many seeds have two reached floors or more.
        exponent: Its interval over seeds; None for fewer than three.
        mean: Its mean; NaN without a seed.
    """

    seeds: int
    exponent: Interval | None
    mean: float


def floors(table: pd.DataFrame) -> pd.DataFrame:
    """Return the fit of a·r^l + c to each curve of widths.csv: one row per curve.

    Columns: dataset, activation, width, seed, metric; `rate` r, `floor` c, `r_squared`, `last` (the value at the last layer) and
    `reached`. A curve with fewer than four layers above rounding has no fit: NaN, and no reached floor.
    """
    by = ["dataset", "activation", "width", "seed", "metric"]
    records = []
    for key, curve in table.groupby(by, sort=False):
        layers, values = above_rounding(curve.layer, curve.value)
        record = dict(zip(by, key, strict=True)) | {"last": float(curve.value.iloc[-1])}
        rate = floor = r_squared = float("nan")
        reached = False
        if len(layers) >= 4:
            a, rate, floor, r_squared = fit_decay(layers, values)
            first, final = a * rate ** layers[0] + floor, a * rate ** layers[-1] + floor
            reached = np.log10(first / final) >= LEAST_FALL and floor >= final / 2
        records.append(record | {"rate": rate, "floor": floor, "r_squared": r_squared, "reached": bool(reached)})
    columns = [*by, "last", "rate", "floor", "r_squared", "reached"]
    return pd.DataFrame(records, columns=columns)


def slope(found: pd.DataFrame) -> Slope:
    """Return the least-squares slope of log c against log D over the reached floors, seed by seed.

    Args:
        found: Rows of :func:`floors` of one dataset, activation and metric.
    """
    exponents = []
    for _, rows in found[found.reached].groupby("seed"):
        if rows.width.nunique() > 1:
            exponents.append(float(np.polyfit(np.log(rows.width), np.log(rows.floor), 1)[0]))
    mean = float(np.mean(exponents)) if exponents else float("nan")
    return Slope(len(exponents), interval(exponents) if len(exponents) >= LEAST_SEEDS else None, mean)


@lru_cache(maxsize=64)
def random_directions(K: int, width: int) -> tuple[float, float, float]:
    """Return the 5th percentile, the median and the 95th percentile of NC2 of K random directions in `width` dimensions."""
    drawn = random_directions_nc2(K, width)
    low, median, high = (float(drawn.quantile(share)) for share in (0.05, 0.5, 0.95))
    return low, median, high
