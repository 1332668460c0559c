"""Captions, short tables and sentences of the notebook on other training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from ...notes import Facts, short, title
from ..judging import LEAST_SEEDS, interval
from .quantities import DRAWN

_NAMED = {
    "nc1": "NC1",
    "nc2": "NC2",
    "nc3": "NC3",
    "nc4": "NC4",
    "excess": "NFA less null",
    "svd_share": "share of SVᵀ",
}


def caption(facts_of: Mapping[str, Facts], settings: Mapping[str, Any], seeds: Sequence[int]) -> str:
    """Return what was trained, and what points and dashes are."""
    runs = [
        f"{title(dataset)}: n = {fact['points']:,}, {len(fact['class_sizes'])} classes"
        for dataset, fact in facts_of.items()
    ]
    return (
        f"MLP with {settings['hidden_layers']} hidden layers of {settings['width']}. {'. '.join(runs)}. {settings['epochs']} epochs, "
        f"learning rate {settings['learning_rate']:g}, momentum {settings['momentum']:g}, batches of {settings['batch_size']}, initialisation scale "
        f"{settings['init_scale']:g}, in all ways of training. One point per seed ({len(seeds)}), dashes at their means; hollow if the "
        "training accuracy is below 0.99, or untrained. Label noise: so large a share of labels is drawn again from all classes."
    )


def ways_summary(found: pd.DataFrame) -> pd.DataFrame:
    """Return every quantity per dataset and way of training, means over seeds.

    Args:
        found: One row per network (:func:`.quantities.quantities`).
    """
    columns = {"accuracy": "training accuracy", "test_accuracy": "test accuracy"}
    columns |= {name: label for quantity in DRAWN for name, label in _with_untrained(quantity)}
    columns["nc1_true"] = "NC1, labels without noise"
    means = found.groupby(["dataset", "way"], sort=False)[list(columns)].mean().rename(columns=columns).reset_index()
    named: pd.DataFrame = means.assign(dataset=means.dataset.map(title))
    return named.rename(columns={"way": "training"})


def _with_untrained(quantity: str) -> list[tuple[str, str]]:
    return [(quantity, _NAMED[quantity]), (f"untrained_{quantity}", f"{_NAMED[quantity]}, untrained")]


def found_sentences(found: pd.DataFrame) -> str:
    """Return for each dataset and way what it changes of the first way's numbers, seed by seed, from the numbers."""
    lines = []
    for dataset, own in found.groupby("dataset", sort=False):
        ways = list(dict.fromkeys(own.way))
        first = own[own.way == ways[0]].set_index("seed")
        values = "; ".join(f"{_NAMED[name]} {short(float(first[name].mean()))}" for name in DRAWN)
        lines.append(f"- {title(str(dataset))}, {ways[0]}: {values}.")
        for way in ways[1:]:
            rows = own[own.way == way].set_index("seed")
            fitted = (
                f"{int(rows.fitted.sum())} of {len(rows)} networks have fitted their labels"
                if not rows.fitted.all()
                else ""
            )
            changes = "; ".join(text for name in DRAWN if (text := _change(name, rows[name], first[name])))
            said = "; ".join(part for part in (changes or "no change that seeds agree on", fitted) if part)
            lines.append(f"- {title(str(dataset))}, {way}: {said}.")
    return "\n".join(lines)


def _change(name: str, values: pd.Series, first: pd.Series) -> str:
    """Return where a quantity goes, if the 95 % interval of its change over seeds is on one side of 0; empty if not."""
    change = (values - first).dropna()
    if len(change) < LEAST_SEEDS:
        return ""
    low, _, high = interval(change)
    if low <= 0 <= high:
        return ""
    return f"{_NAMED[name]} {'rises' if low > 0 else 'falls'} from {short(float(first.mean()))} to {short(float(values.mean()))}"
