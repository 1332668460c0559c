"""Sentences of the notebook on Theorem 5.3."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from ...notes import short
from ..sentences import counted, listed, span

_FLOORS = {
    "floor (κ printed)": "with the printed $\\kappa$",
    "floor (κ first order)": "with the lemma's to first order",
}
_RATE = "rate of the distance"
_BOUND = "rate of the distance, at most (the theorem's 1 − ε)"


def found_sentences(curves: pd.DataFrame, predictions: pd.DataFrame, titles: Mapping[str, str]) -> str:
    """Return for each kind of data how near floors and rates are to the predictions, from the numbers alone.

    Args:
        curves: Rows of collapse_iteration.csv.
        predictions: Rows of predictions.csv of this study.
        titles: The names of the data for readers.
    """
    lines = []
    for data, rows in predictions.groupby("data", sort=False):
        ends = (
            curves[(curves.data == data) & (curves.kappa == "exact")].sort_values("layer").groupby("ratio").value.last()
        )
        said = [f"{words} at {_floors(rows[rows.quantity == name])}" for name, words in _FLOORS.items()]
        lines.append(
            f"- {titles[str(data)]}, over the ratios of the two ridges: the distance to the collapsed matrix stops {listed(said)}. With "
            "the "
            f"exact $\\kappa$, for which no floor is predicted, it ends at {span(ends)}. {_rates(rows)}"
        )
    return "\n".join(lines)


def _floors(rows: pd.DataFrame) -> str:
    return f"{span(rows.measured)} (off the predicted floor by at most {short(100 * rows.relative_error.max())} %)"


def _rates(rows: pd.DataFrame) -> str:
    rates = rows[rows.quantity == _RATE]
    worst = str(rates.sort_values("relative_error").setting.iloc[-1]).removeprefix("λ̂/λ_map = ")
    bounds = rows[rows.quantity == _BOUND]
    told = bounds[bounds.predicted < 1]
    return (
        f"The factor per layer is off its prediction by {span(100 * rates.relative_error)} %, by most at the ratio {worst}. The "
        "theorem's "
        f"condition holds at {len(told)} of {counted(len(bounds), 'ratio')}; there the factor is at most its $1 - \\varepsilon$ in "
        f"{(told.measured <= told.predicted).sum()} of {len(told)}."
    )
