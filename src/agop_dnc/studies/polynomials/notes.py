"""The tables and sentences of Figure R1's notebook."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from ..sentences import estimate, listed, thousandths
from .claims import POINTS, PUBLISHED

MODELS = {
    "laplace": "Laplace kernel",
    "rfm": "RFM",
    "rfm_centred": "RFM, centred",
    "network": "ReLU network",
    "laplace_true": "Laplace kernel, true directions",
}

_WORDS = {
    "laplace": "the Laplace kernel",
    "rfm": "RFM",
    "rfm_centred": "RFM with centred gradients",
    "network": "the ReLU network",
    "laplace_true": "the Laplace kernel given the true directions",
}


def last_iterations(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of every model's last iteration."""
    last = table.groupby("model").iteration.transform("max")
    rows: pd.DataFrame = table[table.iteration == last]
    return rows


def against_published(table: pd.DataFrame) -> pd.DataFrame:
    """Return the published R² for x₁x₂ and 2,000 points next to the run's, as mean, least and largest over seeds.

    What the run does not have is empty.
    """
    rows = table[(table.target == "product") & (table.n == POINTS) & (table.metric == "r2")]
    found = []
    for model, iteration, r2 in PUBLISHED:
        values = rows[(rows.model == model) & (rows.iteration == iteration)].value
        found.append(
            {
                "model": MODELS[model],
                "iterations": iteration,
                "published": r2,
                "here": values.mean(),
                "least": values.min(),
                "largest": values.max(),
                "seeds": len(values),
            }
        )
    return pd.DataFrame(found)


def summary(table: pd.DataFrame, target: str) -> pd.DataFrame:
    """Return the median test R² over seeds of every model's last iteration: a row per model, a column per n."""
    rows = last_iterations(table[(table.target == target) & (table.metric == "r2")])
    medians = rows.pivot_table(index="model", columns="n", values="value", aggfunc="median").reindex(list(MODELS))
    shown = medians.dropna(how="all").rename(index=MODELS, columns=lambda n: f"n = {n:,}")
    shown.columns.name = None
    return shown.reset_index()


def points_saved(table: pd.DataFrame, target: str, share: float = 0.5) -> str:
    """Return in a sentence from how many points on RFM and the Laplace kernel explain a share of the variance (medians)."""
    rows = last_iterations(table[(table.target == target) & (table.metric == "r2")])
    medians = rows.groupby(["model", "n"]).value.median()
    said = []
    for model in ("laplace", "rfm", "rfm_centred", "network"):
        enough = medians[model][medians[model] >= share].index
        said.append(
            f"{MODELS[model]} from n = {enough[0]:,} on" if len(enough) else f"{MODELS[model]} for no n of this run"
        )
    return f"{share:.0%} of the variance is explained by: " + "; ".join(said) + "."


def found_sentences(table: pd.DataFrame, titles: Mapping[str, str]) -> str:
    """Return for each target the test R² of all models at the largest n, and from how many points on half is explained.

    Args:
        table: Rows of polynomials.csv.
        titles: The targets' names for readers.
    """
    lines = []
    for target, name in titles.items():
        rows = last_iterations(table[(table.target == target) & (table.metric == "r2")])
        largest = rows[rows.n == rows.n.max()]
        said = [
            f"{estimate(own.value, thousandths)} for {words}"
            for model, words in _WORDS.items()
            if len(own := largest[largest.model == model])
        ]
        lines.append(
            f"- {name}: at n = {rows.n.max():,} the test $R^2$ is {listed(said)}. {points_saved(table, target)}"
        )
    return "\n".join(lines)
