"""Captions, short tables and sentences of the notebook on initialisation scales."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from ...notes import Facts, short, title
from ..judging import LEAST_SEEDS, interval

# Quantities of the sentences: what they are called.
_NAMED = {
    "excess": "the correlation of the Neural Feature Ansatz less its null, mean over layers,",
    "svd_share": "the share of $SV^\\top$ in the fall of log NC1",
    "nc1": "NC1 of the last hidden layer",
    "nc2": "NC2 of the last hidden layer",
    "epochs": "the number of epochs",
}


def caption(facts_of: Mapping[str, Facts], settings: Mapping[str, Any], seeds: Sequence[int]) -> str:
    """Return what was trained, and until when."""
    runs = [
        f"{title(dataset)}: n = {fact['points']:,}, {len(fact['class_sizes'])} classes"
        for dataset, fact in facts_of.items()
    ]
    return (
        f"MLP with {settings['hidden_layers']} hidden layers of {settings['width']}. {'. '.join(runs)}. Trained until the mean squared error "
        f"of all training points is below {settings['loss']:g}, at most {settings['epochs']} epochs; learning rate "
        f"{settings['learning_rate']:g}, momentum {settings['momentum']:g}, batches of {settings['batch_size']}. One point per seed "
        f"({len(seeds)}), lines through their means."
    )


def scale_summary(found: pd.DataFrame) -> pd.DataFrame:
    """Return every quantity per dataset and scale, means over the seeds that have reached the loss.

    Args:
        found: One row per network (:func:`.quantities.quantities`).
    """
    columns = {
        "epochs": "epochs",
        "accuracy": "training accuracy",
        "test_accuracy": "test accuracy",
        "excess": "NFA less null",
        "untrained_excess": "NFA less null, untrained",
        "svd_share": "share of SVᵀ",
        "nc1": "NC1",
        "untrained_nc1": "NC1, untrained",
        "nc2": "NC2",
        "untrained_nc2": "NC2, untrained",
    }
    records = []
    for (dataset, scale), rows in found.groupby(["dataset", "scale"]):
        reached = rows[rows.reached]
        record: dict[str, Any] = {"dataset": title(str(dataset)), "scale": scale}
        record["loss reached"] = f"{len(reached)} of {len(rows)}"
        records.append(record | {label: float(reached[name].mean()) for name, label in columns.items()})
    return pd.DataFrame(records)


def found_sentences(found: pd.DataFrame) -> str:
    """Return how each quantity goes from the smallest scale that reaches the loss to the largest, from the numbers alone."""
    lines = []
    for dataset, rows in found.groupby("dataset", sort=False):
        reached, name = rows[rows.reached], title(str(dataset))
        missing = rows[~rows.reached].groupby("scale").size()
        said = ", ".join(f"{count} at scale {scale:g}" for scale, count in missing.items())
        lines.append(
            f"- {name}: {len(reached)} of {len(rows)} networks have reached the loss{f' (not: {said})' if said else ''}."
        )
        if reached.scale.nunique() < 2:
            lines.append(f"- {name}: that is at {reached.scale.nunique()} of the scales, too few to compare.")
            continue
        lines += [f"- {name}: {_sentence(reached, quantity)}" for quantity in _NAMED]
    return "\n".join(lines)


def _sentence(reached: pd.DataFrame, quantity: str) -> str:
    kept = reached[reached[quantity].notna()]
    if kept.scale.nunique() < 2:
        return f"{_NAMED[quantity]} is there at fewer than two scales."
    low, high = kept.scale.min(), kept.scale.max()
    small, large = (kept[kept.scale == scale][quantity] for scale in (low, high))
    text = f"{_NAMED[quantity]} is {_shown(small)} at scale {low:g} and {_shown(large)} at scale {high:g}"
    if quantity == "excess":
        untrained = [short(float(kept[kept.scale == scale].untrained_excess.mean())) for scale in (low, high)]
        text += f" (untrained: {untrained[0]} and {untrained[1]})"
    if min(len(small), len(large)) >= LEAST_SEEDS:
        first, last = interval(small), interval(large)
        apart = first.high < last.low or last.high < first.low
        text += f"; the 95 % intervals over seeds {'are apart' if apart else 'overlap'}"
    means = kept.groupby("scale")[quantity].mean()
    return f"{text}. The largest mean is {short(means.max())} at scale {means.idxmax():g}, the smallest {short(means.min())} at {means.idxmin():g}."


def _shown(values: pd.Series) -> str:
    if len(values) < LEAST_SEEDS:
        return short(float(values.mean()))
    found = interval(values)
    return f"{short(found.mean)} ({short(found.low)} to {short(found.high)})"
