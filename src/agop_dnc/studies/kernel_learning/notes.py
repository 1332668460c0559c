"""Sentences of the notebook on Theorem 5.4."""

from __future__ import annotations

import pandas as pd

from ...notes import short
from ..sentences import counted, span


def found_sentences(curves: pd.DataFrame) -> str:
    """Return how near objective, certificate and kernel matrix come to the predicted optimum, from the numbers alone.

    Args:
        curves: Rows of kernel_learning.csv.
    """
    lines = []
    for problem, rows in curves.groupby("problem", sort=False):
        ordered = rows.sort_values("step").groupby(["metric", "start"]).value
        first, last = ordered.first(), ordered.last()
        bound, objective = ((last[name] - 1).abs().max() for name in ("bound", "objective"))
        lines.append(
            f"- {str(problem).replace('=', ' = ').replace(' n', ', n').replace(' μ', ', μ')}, from "
            f"{counted(rows.start.nunique(), 'start')}, as "
            f"shares of the predicted optimum: the objective is {span(first['objective'])} at the start, and after "
            f"{counted(int(rows.step.max()), 'step')} off 1 by at most {short(objective)}; the certified upper bound is "
            f"{span(first['bound'])} and "
            f"then off 1 by at most {short(bound)}. The distance to $k^*$, relative to its norm, is {span(first['distance'])} and then "
            "at most "
            f"{short(last['distance'].max())}."
        )
    return "\n".join(lines)
