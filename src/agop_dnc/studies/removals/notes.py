"""Sentences of the notebook on removals."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

import pandas as pd

from ...notes import short
from ..deep_rfm.decay import decades_fallen
from ..sentences import fall

# What is done to the Deep RFM in each variant.
WORDS = {
    "identity": "With $I$ in place of $M^{1/2}$",
    "rotated": "with $M^{1/2}$ rotated at random",
    "permuted labels": "with the $M^{1/2}$ of permuted labels",
    "no features": "without the random features",
}


def found_sentences(rows: Sequence[tuple[str, pd.DataFrame]]) -> str:
    """Return by how many decades NC1 falls in each variant, a bullet per dataset and activation, from the numbers alone.

    Args:
        rows: A name and the rows of removals.csv for each.
    """
    return "\n".join(f"- {name}: {_sentence(table)}" for name, table in rows)


def _sentence(table: pd.DataFrame) -> str:
    chosen = table[(table.component == "agop") & (table.metric == "nc1")]
    decades = {str(variant): _decades(rows) for variant, rows in chosen.groupby("variant", sort=False)}
    whole = decades["none"]
    text = f"from layer {chosen.layer.min()} to {chosen.layer.max()} NC1 of $M^{{1/2}}X$ {fall(whole)}."
    variants = [f"{words} it {_compared(decades[name], whole)}" for name, words in WORDS.items() if name in decades]
    return f"{text} {'; '.join(variants)}." if variants else text


def _decades(rows: pd.DataFrame) -> list[float]:
    """Return by how many decades NC1 falls, one value per seed."""
    curves = rows.pivot(index="layer", columns="seed", values="value")
    return [decades_fallen(curves.index, curve) for _, curve in curves.items()]


def _compared(decades: list[float], whole: list[float]) -> str:
    share = statistics.mean(decades) / statistics.mean(whole)
    return f"{fall(decades)}{f', {short(100 * share)} % of that' if share >= 0 else ''}"
