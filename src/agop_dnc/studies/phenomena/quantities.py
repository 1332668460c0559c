"""Means over seeds with their 95 % intervals, of the study's tables."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from ...notes import short
from ..judging import LEAST_SEEDS, interval

KINDS = {"rfm": "RFM", "network": "network"}
CRITERIA = {
    "agop": "largest AGOP",
    "nfm": "largest NFM (weights)",
    "variance": "largest variance",
    "random": "random",
}


def last_stages(table: pd.DataFrame, training: str) -> pd.DataFrame:
    """Return the rows of the end of every training; the column `training` tells trainings of a model apart."""
    last = table.groupby(["dataset", "model", training], dropna=False).stage.transform("max")
    rows: pd.DataFrame = table[table.stage == last]
    return rows


def intervals(table: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Return `mean`, `low` and `high` of the column value over seeds for each group, and how many `seeds` there are.

    The ends are those of the 95 % interval mean ± t(0.975, s − 1)·sd/√s over s ≥ 3 seeds, and missing for fewer.
    """
    records = []
    for key, rows in table.groupby(list(by), sort=False):
        record = dict(zip(by, key, strict=True)) | {"mean": rows.value.mean(), "low": float("nan")}
        record |= {"high": float("nan"), "seeds": len(rows)}
        if len(rows) >= LEAST_SEEDS:
            found = interval(rows.value)
            record |= {"mean": found.mean, "low": found.low, "high": found.high}
        records.append(record)
    return pd.DataFrame(records, columns=[*by, "mean", "low", "high", "seeds"])


def said(values: pd.Series) -> str:
    """Return the mean of some seeds' values with its interval, if there are enough.

    >>> said(pd.Series([0.5, 0.5, 0.5])), said(pd.Series([0.25]))
    ('0.5 (0.5 to 0.5)', '0.25')
    """
    if len(values) < LEAST_SEEDS:
        return short(float(values.mean()))
    found = interval(values)
    return f"{short(found.mean)} ({short(found.low)} to {short(found.high)})"
