"""Sentences of the notebook on departures."""

from __future__ import annotations

import math

import pandas as pd

from ...notes import short, title
from ..sentences import listed
from .departures import DEPARTURES

_VARIANTS = {"paper": "the paper's", "released": "the released code's", "exact": "the exact one"}


def found_sentences(summarised: pd.DataFrame) -> str:
    """Return which departures change the paper's conclusion, a bullet per dataset and one per such departure, from the numbers alone.

    Args:
        summarised: What :func:`.departures.summary` returned.
    """
    lines = []
    for dataset, rows in summarised.groupby("dataset", sort=False):
        name, changing = title(str(dataset)), list(dict.fromkeys(rows[rows.changes].departure))
        measured = rows[rows.variant != "paper"].departure.nunique()
        said = f": {listed([f'number {number}' for number in changing])}" if changing else ""
        lines.append(
            f"- {name}: {measured} of {len(DEPARTURES)} departures were measured, and {len(changing)} of them "
            f"{'changes' if len(changing) == 1 else 'change'} "
            f"the paper's conclusion{said}."
        )
        lines += [f"- {name}, number {number}: {_sentence(rows[rows.departure == number])}" for number in changing]
    return "\n".join(lines)


def _sentence(rows: pd.DataFrame) -> str:
    """Return for each quantity of a departure whether the conclusion holds for each variant."""
    quantities = []
    for quantity, own in rows.groupby("quantity", sort=False):
        columns = own[["variant", "holds", "first", "last"]].to_numpy().tolist()
        variants = [
            f"{_VARIANTS.get(variant, variant)} {'yes' if holds else 'no'} ({_values(first, last)})"
            for variant, holds, first, last in columns
        ]
        quantities.append(f"{quantity}: {listed(variants)}")
    return f"{rows.title.iloc[0]}; asked: {rows.conclusion.iloc[0]}. {'; '.join(quantities)}."


def _values(first: float, last: float) -> str:
    return short(last) if math.isnan(first) else f"{short(first)} to {short(last)}"
