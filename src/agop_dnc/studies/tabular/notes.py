"""What is compared over sets: ranks, shares of the best accuracy, which methods chance does not tell apart, and sentences on it."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from scipy import stats

from ..judging import LEAST_SEEDS, interval
from ..sentences import listed
from .sets import METHOD_TITLES

PROTOCOLS = {
    "published": "tuned, M learned on the tuning half",
    "within": "tuned on the tuning split, M learned within folds",
    "clean": "all within folds",
}


def accuracies(table: pd.DataFrame, protocol: str = "clean") -> pd.DataFrame:
    """Return the mean accuracy over folds: a row per set, a column per method."""
    chosen = table[(table.protocol == protocol) & (table.metric == "accuracy")]
    wide = chosen.groupby(["dataset", "method"]).value.mean().unstack("method")
    return wide[[name for name in METHOD_TITLES if name in wide]]


def ranks(accuracy: pd.DataFrame) -> pd.DataFrame:
    """Return the methods' ranks in every set (a row each), 1 for the best; equals share the mean of their ranks.

    Accuracies are rounded to 1e-9 first, so that equal counts of right rows are equal.
    """
    return accuracy.round(9).rank(axis=1, ascending=False, method="average")


def comparison(accuracy: pd.DataFrame) -> pd.DataFrame:
    """Return a row per method, best rank first: mean accuracy, Friedman rank, P90, P95 and PMA, all but the rank in percent.

    P90 and P95 are the shares of sets in which a method reaches 90 and 95 % of the best method's accuracy; PMA is the mean share of it.
    """
    share = accuracy.div(accuracy.max(axis=1), axis=0).fillna(1.0)
    found = pd.DataFrame(
        {
            "method": [METHOD_TITLES[str(name)] for name in accuracy],
            "mean accuracy": 100 * accuracy.mean().to_numpy(),
            "mean rank": ranks(accuracy).mean().to_numpy(),
            "P90": 100 * (share >= 0.9 - 1e-9).mean().to_numpy(),
            "P95": 100 * (share >= 0.95 - 1e-9).mean().to_numpy(),
            "PMA": 100 * share.mean().to_numpy(),
        }
    )
    return found.sort_values("mean rank", ignore_index=True)


def critical_difference(methods: int, sets: int, level: float = 0.05) -> float:
    """Return the difference of mean ranks beyond which two of several methods differ (Nemenyi's test; Demšar, JMLR 2006).

    It is q/√2·√(k(k+1)/(6N)) for k methods and N sets, with the quantile q of the studentised range.

    >>> round(critical_difference(4, 14), 2)  # the example in Demšar's paper
    1.25
    """
    q = float(stats.studentized_range.ppf(1 - level, methods, math.inf)) / math.sqrt(2)
    return q * math.sqrt(methods * (methods + 1) / (6 * sets))


def cliques(mean_ranks: pd.Series, difference: float) -> list[tuple[float, float]]:
    """Return the least and the largest mean rank of every largest group of two or more methods within the critical difference."""
    values = np.sort(mean_ranks.to_numpy(float))
    groups: list[tuple[int, int]] = []
    for start in range(len(values)):
        end = int(np.searchsorted(values, values[start] + difference, side="right")) - 1
        if end > start and (not groups or end > groups[-1][1]):
            groups.append((start, end))
    return [(float(values[start]), float(values[end])) for start, end in groups]


def against_laplace(table: pd.DataFrame) -> pd.DataFrame:
    """Return RFM against the Laplace kernel under each protocol: mean accuracies in percent, and in how many sets which is better."""
    rows = []
    for protocol, title in PROTOCOLS.items():
        accuracy = accuracies(table, protocol)
        difference = (accuracy.rfm - accuracy.laplace).round(9)
        rows.append(
            {
                "protocol": title,
                "RFM": 100 * accuracy.rfm.mean(),
                "Laplace kernel": 100 * accuracy.laplace.mean(),
                "difference": 100 * difference.mean(),
                "RFM better": int((difference > 0).sum()),
                "equal": int((difference == 0).sum()),
                "Laplace better": int((difference < 0).sum()),
            }
        )
    return pd.DataFrame(rows)


def found_sentences(table: pd.DataFrame) -> str:
    """Return RFM's accuracy less the Laplace kernel's, and the mean ranks, a bullet per panel, from the numbers alone.

    Args:
        table: Rows of tabular.csv.
    """
    rows = against_laplace(table)
    said = [
        f"{row['difference']:+z.2f} points{_interval_of(table, protocol)} with M {_LEARNED[protocol]} (better in {row['RFM better']}, "
        "equal in "
        f"{row['equal']}, worse in {row['Laplace better']})"
        for protocol, (_, row) in zip(PROTOCOLS, rows.iterrows(), strict=True)
    ]
    accuracy = accuracies(table)
    mean = ranks(accuracy).mean().sort_values()
    difference = critical_difference(len(mean), len(accuracy))
    order = [f"{METHOD_TITLES[str(name)]} {rank:.2f}" for name, rank in mean.items()]
    near = [
        METHOD_TITLES[str(name)] for name, rank in mean.items() if name != "rfm" and abs(rank - mean.rfm) < difference
    ]
    apart = (
        f"the ranks of {listed(near)} differ from RFM's by less"
        if near
        else "every other rank differs from RFM's by more"
    )
    return (
        f"- Set by set: over {len(accuracy)} sets the mean accuracy of RFM less that of the Laplace kernel is {'; '.join(said)}. All "
        "tuned "
        f"within folds, the means are {100 * accuracy.rfm.mean():.2f} % and {100 * accuracy.laplace.mean():.2f} %.\n"
        f"- Mean ranks, the best first: {listed(order)}. The critical difference is {difference:.2f}; {apart}."
    )


_LEARNED = {
    "published": "learned on the tuning half, which holds test rows",
    "within": "learned within folds but tuned on the tuning split",
    "clean": "learned and tuned within folds",
}


def _interval_of(table: pd.DataFrame, protocol: str) -> str:
    """Return the 95 % interval of the mean difference over sets, in percentage points."""
    accuracy = accuracies(table, protocol)
    if len(accuracy) < LEAST_SEEDS:
        return ""
    found = interval(100 * (accuracy.rfm - accuracy.laplace))
    return f" (95 % interval over sets {found.low:+z.2f} to {found.high:+z.2f})"
