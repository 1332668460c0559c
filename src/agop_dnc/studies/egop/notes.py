"""Names, tables and sentences of Figure R2's notebook."""

from __future__ import annotations

from typing import cast

import numpy as np
import pandas as pd

from ..sentences import change, counted, estimate, thousandths
from .titles import title

METRICS = {
    "relative_error": r"$\|G - \mathrm{EGOP}\|_F / \|\mathrm{EGOP}\|_F$",
    "cosine": "1 − cosine similarity",
    "sin_theta": r"$\sin\Theta$ of leading spaces",
}


def drawn_models(table: pd.DataFrame) -> list[tuple[str, int, str]]:
    """Return what is drawn as (model, iteration, gradients): the target, the kernel, RFM's last iteration; and that, centred."""
    last = int(table[table.model == "rfm"].iteration.max())
    return [("target", 0, "raw"), ("laplace", 0, "raw"), ("rfm", last, "raw"), ("rfm", last, "centred")]


def model_title(model: str, iteration: int, gradients: str) -> str:
    """Return a model of egop.csv as readers know it."""
    if model == "target":
        return "the target's own gradients"
    name = "Laplace kernel" if model == "laplace" else f"RFM, {counted(iteration, 'update')}"
    return f"{name}, centred" if gradients == "centred" else name


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Return the means over seeds at the largest n: a row per target, noise, model and kind of gradients."""
    largest = table[table.n == table.n.max()]
    keys = ["target", "noise", "model", "iteration", "gradients"]
    wide = largest.groupby([*keys, "metric"], sort=False).value.mean().unstack("metric").reset_index()
    names = [model_title(*key) for key in zip(wide.model, wide.iteration, wide.gradients, strict=True)]
    titles = [title(*key) for key in zip(wide.target, wide.noise, strict=True)]
    wide = wide.assign(target=titles, model=names)
    shown = wide[["target", "model", "gradients", "relative_error", "scaled_error", "cosine", "sin_theta", "scale"]]
    renamed: pd.DataFrame = shown.rename(columns=lambda name: str(name).replace("_", " "))
    return renamed


def rates(table: pd.DataFrame) -> pd.DataFrame:
    """Return by which factor the mean relative error falls from the smallest n to the largest, by target, noise and model."""
    rows = []
    errors = table[(table.metric == "relative_error") & (table.gradients == "raw")]
    first, last = errors.n.min(), errors.n.max()
    for key, own in errors.groupby(["target", "noise"], sort=False):
        row: dict[str, object] = {"target": title(*cast(tuple[str, float], key))}
        for model, iteration, gradients in drawn_models(table)[:3]:
            curve = own[(own.model == model) & (own.iteration == iteration)].groupby("n").value.mean()
            row[model_title(model, iteration, gradients)] = curve[first] / curve[last] if curve[last] else np.nan
        rows.append(row)
    return pd.DataFrame(rows)


def found_sentences(table: pd.DataFrame) -> str:
    """Return for each target how near the AGOPs come to the EGOP, next to the target's own gradients, from the numbers alone.

    Args:
        table: Rows of egop.csv.
    """
    lines = []
    for key, own in table.groupby(["target", "noise"], sort=False):
        said = [
            _sentence(model_title(*model), rows)
            for model in drawn_models(table)
            if len(rows := own[(own.model == model[0]) & (own.iteration == model[1]) & (own.gradients == model[2])])
        ]
        lines.append(
            f"- {title(*cast(tuple[str, float], key))}, from n = {own.n.min():,} to {own.n.max():,}: the relative error of "
            f"{'; that of '.join(said)}."
        )
    return "\n".join(lines)


def _sentence(name: str, rows: pd.DataFrame) -> str:
    """Return how the relative error goes with n, and the cosine similarity at the largest n."""
    errors = rows[rows.metric == "relative_error"].pivot(index="n", columns="seed", values="value").sort_index()
    cosine = rows[(rows.metric == "cosine") & (rows.n == rows.n.max())].value
    text = f"{'the ' if name.startswith('Laplace') else ''}{name} {change(errors.iloc[0], errors.iloc[-1])}"
    if len(errors) > 1 and (errors > 0).all(axis=None):  # gradients of one length alone have no error at any n
        slopes = np.polyfit(np.log(errors.index.to_numpy(float)), np.log(errors.to_numpy()), 1)[0]
        text += f", as $n$ to the power {estimate(slopes)}"
    return f"{text} (cosine similarity in the end {estimate(cosine, thousandths)})"
