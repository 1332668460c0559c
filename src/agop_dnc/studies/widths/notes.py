"""Captions, short tables and sentences of the notebook on widths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ...notes import Facts, short, title
from ..deep_rfm.notes import ACTIVATIONS, KERNELS
from .floors import random_directions, slope

LEAST_WIDTHS = 3  # any two floors lie on a power of the width
BEYOND = 1.05  # a floor between two widths that is this many times above or below both ends has turned on the way


def caption(facts_of: Mapping[str, Facts], settings: Sequence[Mapping[str, Any]], seeds: Sequence[int]) -> str:
    """Return what was run: each dataset's points and classes, the kernels, the depth and the seeds."""
    runs = []
    for setting in settings:
        fact = facts_of[setting["dataset"]]
        runs.append(
            f"{title(setting['dataset'])}, {ACTIVATIONS[setting['activation']]}: n = {fact['points']:,}, "
            f"{len(fact['class_sizes'])} classes, {KERNELS[setting['kernel']]} kernel"
        )
    return (
        f"Deep RFMs of {settings[0]['depth']} layers. {'. '.join(runs)}. Left and middle: means over {_count(seeds)} with one standard "
        "deviation. Right: one point per seed; the grey band holds 90 % of random directions."
    )


def _count(seeds: Sequence[int]) -> str:
    return f"{len(seeds)} {'seed' if len(seeds) == 1 else 'seeds'}"


def floor_summary(found: pd.DataFrame, classes: Mapping[str, int]) -> pd.DataFrame:
    """Return the floors per dataset, activation and width, geometric means over seeds, with the level of random directions.

    Args:
        found: Rows of :func:`.floors.floors`.
        classes: Datasets' numbers of classes.
    """
    records = []
    for (dataset, activation, width), rows in found.groupby(["dataset", "activation", "width"], sort=False):
        record: dict[str, Any] = {"dataset": title(str(dataset)), "features": ACTIVATIONS[str(activation)], "D": width}
        for metric in ("nc1", "nc2"):
            own = rows[(rows.metric == metric)]
            reached = own[own.reached]
            record[f"c of {metric.upper()}"] = _geometric_mean(reached.floor)
            record[f"seeds at {metric.upper()}'s floor"] = f"{len(reached)} of {len(own)}"
            record[f"least R², {metric.upper()}"] = own.r_squared.min()
        record["NC2, random directions"] = random_directions(classes[str(dataset)], int(str(width)))[1]
        records.append(record)
    return pd.DataFrame(records)


def found_sentences(found: pd.DataFrame, classes: Mapping[str, int]) -> str:
    """Return what the floors do with the width, one sentence per dataset, activation and metric, from the numbers alone."""
    lines = []
    for (dataset, activation), rows in found.groupby(["dataset", "activation"], sort=False):
        about = f"{title(str(dataset))}, {ACTIVATIONS[str(activation)]}"
        for metric in ("nc1", "nc2"):
            lines.append(f"- {about}: {_sentence(rows[rows.metric == metric], metric, classes[str(dataset)])}")
    return "\n".join(lines)


def _sentence(rows: pd.DataFrame, metric: str, K: int) -> str:
    name, reached = metric.upper(), rows[rows.reached]
    if reached.width.nunique() < LEAST_WIDTHS:
        return f"{name} has reached a floor in {len(reached)} of {len(rows)} curves, at too few widths for a slope."
    low, high = reached.width.min(), reached.width.max()
    means = reached.groupby("width").floor.agg(_geometric_mean)
    ends = [means[low], means[high]]
    text = (
        f"{name} has reached a floor in {len(reached)} of {len(rows)} curves. The floor goes from {short(ends[0])} at $D = {low}$ to "
        f"{short(ends[1])} at $D = {high}$, {_way(means, rows)}"
    )
    if metric != "nc2":
        return f"{text}."
    chance = [random_directions(K, int(width)) for width in (low, high)]
    shares = [end / level[1] for end, level in zip(ends, chance, strict=True)]
    below = [int(width) for width in sorted(reached.width.unique()) if _is_below(reached, int(width), K)]
    text += (
        f". That is {shares[0]:.2f} of the median of random directions at $D = {low}$ and {shares[1]:.2f} of it at $D = {high}$ (their "
        f"exponent: {np.log(chance[1][1] / chance[0][1]) / np.log(high / low):.2f})"
    )
    if below:
        return f"{text}; every seed's floor is below their 5th percentile at $D$ = {', '.join(map(str, below))}."
    return f"{text}; at no width is every seed's floor below their 5th percentile."


def _way(means: pd.Series[float], rows: pd.DataFrame) -> str:
    """Return how a floor goes from one end to the other: along a power of the width, or by way of a value beyond both ends."""
    ends = means.iloc[[0, -1]]
    for place, has_turned in (
        (int(means.argmin()), means.min() * BEYOND < ends.min()),
        (int(means.argmax()), means.max() > ends.max() * BEYOND),
    ):
        if has_turned:
            return f"by way of {short(means.iloc[place])} at $D = {means.index[place]}$: not along a power of $D$"
    fitted = slope(rows)
    text = f"as $D^{{{fitted.mean:.2f}}}$"
    if fitted.exponent is None:
        return text
    return f"{text} (95 % interval of the exponent over {fitted.seeds} seeds: {fitted.exponent.low:.2f} to {fitted.exponent.high:.2f})"


def _is_below(reached: pd.DataFrame, width: int, K: int) -> bool:
    return bool((reached[reached.width == width].floor < random_directions(K, width)[0]).all())


def _geometric_mean(values: Any) -> float:
    return float(np.exp(np.log(values).mean())) if len(values) else float("nan")
