"""Captions, short tables and sentences of the notebook on the number of training points."""

from __future__ import annotations

import pandas as pd

from ...notes import short
from ..deep_rfm.notes import ACTIVATIONS
from .trends import LEAST_SIZES, trend

_WORDS = {
    "rate": "the fall of NC1 per layer in decades",
    "layers": "the number of layers before NC1 is rounding",
    "nc1": "the last layer's NC1",
    "nc2": "the last layer's NC2",
    "last_accuracy": "the final predictor's test accuracy",
}


def panels(found: pd.DataFrame) -> list[tuple[str, str]]:
    """Return the (series, activation) pairs of a summary, in its order."""
    return [(str(series), str(kind)) for series, kind in found[["series", "activation"]].drop_duplicates().to_numpy()]


def caption(found: pd.DataFrame, target: int) -> str:
    """Return which sizes and seeds are shown, and what lines are."""
    sizes = ", ".join(f"{n:,}" for n in sorted(found.n.unique()))
    seeds = found.groupby("n").seed.nunique()
    least, most = seeds.min(), seeds.max()
    counted = f"{most} seeds" if least == most else f"{least} to {most} seeds"
    unfinished = ", ".join(f"{n:,}" for n in _unfinished(found))
    shown = "one seed" if most == 1 else f"means over {counted} with one standard deviation"
    return (
        f"Deep RFMs on the first n = {sizes} training points; {shown}. Dashed: the line "
        f"through the values against log n (NC1, NC2 and shares of errors: through their logarithms), drawn on to n = {target:,} (vertical line). "
        "Dotted: NC2 of random directions (median)."
        + (f" At n = {unfinished} NC1 is not yet rounding at the last layer." if unfinished else "")
    )


def _unfinished(own: pd.DataFrame) -> list[int]:
    """Return the n at which NC1 is not rounding at the last layer, if it is so at others."""
    ends = own.groupby("quantity").n.unique()
    return sorted(int(n) for n in ends["nc1"]) if {"nc1", "layers"} <= set(ends.index) else []


def by_size(found: pd.DataFrame) -> pd.DataFrame:
    """Return the means over seeds, a row per series, activation and n."""
    wide = found.pivot_table(index=["series", "activation", "n"], columns="quantity", values="value", sort=False)
    wide = wide.reset_index().replace({"activation": ACTIVATIONS})
    return wide.rename(
        columns={
            "activation": "features",
            "rate": "decades of NC1 per layer",
            "layers": "layers above rounding",
            "nc1": "last NC1",
            "nc2": "last NC2",
            "first_accuracy": "accuracy, layer 1",
            "best_accuracy": "accuracy, best layer",
            "last_accuracy": "accuracy, final",
        }
    ).rename_axis(columns=None)


def found_sentences(found: pd.DataFrame, target: int) -> str:
    """Return what changes with n, one sentence per series, activation and quantity, from the numbers alone."""
    lines = []
    for series, activation in panels(found):
        own = found[(found.series == series) & (found.activation == activation)]
        said = [_sentence(own[own.quantity == quantity], words, target) for quantity, words in _WORDS.items()]
        unfinished = "".join(f" At n = {n:,} NC1 is not yet rounding at the last layer." for n in _unfinished(own))
        told = "; ".join(filter(None, said))
        lines.append(f"- {series}, {ACTIVATIONS[activation]}: {told}.{unfinished}{_together(own, target)}")
    return "\n".join(lines)


def _sentence(rows: pd.DataFrame, words: str, target: int) -> str:
    if rows.empty:
        return ""
    means = rows.groupby("n").value.mean()
    low, high = means.index.min(), means.index.max()
    if low == high:
        return f"{words} is {short(means[low])} at n = {low:,}"
    text = f"{words} goes from {short(means[low])} at n = {low:,} to {short(means[high])} at n = {high:,}"
    if not _has_trend(rows):
        return text
    (value,) = trend(rows, [target])
    return f"{text} (a straight line gives {short(value)} at n = {target:,})"


def _has_trend(rows: pd.DataFrame) -> bool:
    """Return whether a seed has enough sizes for a line through them."""
    return not rows.empty and bool(rows.groupby("seed").n.nunique().max() >= LEAST_SIZES)


def _together(own: pd.DataFrame, target: int) -> str:
    """Return how far NC1 falls before it is rounding: at the largest n, and at the target if both straight lines held."""
    counted = own[own.quantity == "layers"]
    if not _has_trend(counted) or not _has_trend(own[own.quantity == "rate"]):
        return ""
    n = counted.n.max()
    largest = own[own.n == n].groupby("quantity").value.mean()
    lines = {quantity: trend(own[own.quantity == quantity], [target])[0] for quantity in ("layers", "rate")}
    return (
        f" Layers times fall per layer give {largest['layers'] * largest['rate']:.1f} decades from the start to rounding at n = {n:,}, and the "
        f"two straight lines give {lines['layers'] * lines['rate']:.1f} at n = {target:,}. Rounding is as far away there, so that both lines can "
        "hold only if these two numbers are alike."
    )
