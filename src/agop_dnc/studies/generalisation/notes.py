"""Captions, short tables and sentences of the notebook on test points."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from ...notes import Facts, short, title
from ..deep_rfm.notes import ACTIVATIONS
from ..judging import LEAST_SEEDS, interval
from ..networks.titles import TITLES


def model_title(model: str) -> str:
    """Return a model's name for readers.

    >>> model_title("cos"), model_title("mlp")
    ('Deep RFM, cosine features', 'MLP')
    """
    return f"Deep RFM, {ACTIVATIONS[model]}" if model in ACTIVATIONS else TITLES[model]


def panels(table: pd.DataFrame) -> dict[tuple[str, str], str]:
    """Return the (dataset, model) pairs of a table with their names, in its order."""
    found = table[["dataset", "model"]].drop_duplicates().itertuples(index=False, name=None)
    return {(dataset, model): f"{title(dataset)}, {model_title(model)}" for dataset, model in found}


def caption(facts_of: Mapping[str, Facts], table: pd.DataFrame) -> str:
    """Return the points and classes of each dataset, and what curves and lines are."""
    runs = [
        f"{title(dataset)}: {fact['points']:,} training and {fact['test_points']:,} test points, {len(fact['class_sizes'])} classes"
        for dataset, fact in facts_of.items()
    ]
    seeds = table.groupby(["dataset", "model"]).seed.nunique()
    said = (
        f"{seeds.min()} to {seeds.max()} seeds"
        if seeds.min() < seeds.max()
        else f"{seeds.max()} {'seed' if seeds.max() == 1 else 'seeds'}"
    )
    return (
        f"{'. '.join(runs)}. Means over {said} with one standard deviation. Class means are the training points' unless said otherwise. "
        "Dotted: the best layer's mean at test points. Layer 0: the points themselves."
    )


def layer_summary(table: pd.DataFrame) -> pd.DataFrame:
    """Return each layer's numbers, means over seeds: one row per layer.

    Args:
        table: Rows of generalisation.csv of one dataset and model.
    """
    columns = {
        f"{name}, {points}": ((table.metric == metric) & (table.points == points))
        for metric, name in (("nc1", "NC1"), ("nearest_own_mean", "nearest own mean"), ("accuracy", "accuracy"))
        for points in ("train", "test")
    }
    columns["NC1, test, own means"] = (table.metric == "nc1_own_means") & (table.points == "test")
    return pd.DataFrame(
        {name: table[kept].groupby("layer").value.mean() for name, kept in columns.items()}
    ).reset_index()


def found_sentences(table: pd.DataFrame) -> str:
    """Return for each dataset and model how far both kinds of points collapse and what the test accuracy does, from the numbers."""
    lines = []
    for (dataset, model), name in panels(table).items():
        rows = table[(table.dataset == dataset) & (table.model == model)]
        lines.append(f"- {name}: {_collapse_sentence(rows)} {_accuracy_sentence(rows, model)}")
    return "\n".join(lines)


def _collapse_sentence(rows: pd.DataFrame) -> str:
    layers = sorted(rows[(rows.metric == "nc1") & (rows.layer > 0)].layer.unique())
    falls, last = {}, {}
    for points in ("train", "test"):
        curve = rows[(rows.metric == "nc1") & (rows.points == points)].groupby("layer").value
        logs = curve.apply(lambda values: float(np.log10(values).mean()))
        falls[points], last[points] = logs[layers[0]] - logs[layers[-1]], 10 ** logs[layers[-1]]
    changes = {
        points: f"{'falls' if fall >= 0 else 'rises'} by {abs(fall):.1f} decades" for points, fall in falls.items()
    }
    return (
        f"from layer {layers[0]} to {layers[-1]} NC1 of training points {changes['train']}, to {short(last['train'])}, and NC1 of test "
        f"points {changes['test']}, to {short(last['test'])}: {short(last['test'] / last['train'])} times as much."
    )


def _accuracy_sentence(rows: pd.DataFrame, model: str) -> str:
    """Return the accuracy of Deep RFM's predictors; of a network the share nearest to the own class's mean, as it has one predictor."""
    by_layer = model in ACTIVATIONS
    metric, words = (
        ("accuracy", "test accuracy")
        if by_layer
        else ("nearest_own_mean", "share of test points nearest to their own class's mean")
    )
    test = rows[(rows.metric == metric) & (rows.points == "test") & (rows.layer > 0)]
    wide = test.pivot(index="seed", columns="layer", values="value")
    first, last, best = wide.columns.min(), wide.columns.max(), wide.mean().idxmax()
    change = wide[last] - wide[first]
    text = (
        f"The {words} goes from {wide[first].mean():.3f} at layer {first} to {wide[last].mean():.3f} at layer {last}"
        f"{_interval_of(change)}; it is highest at layer {best} ({wide[best].mean():.3f})."
    )
    if not by_layer:
        accuracy = rows[(rows.metric == "accuracy")].groupby("points").value.mean()
        text += f" The network's accuracy is {accuracy['train']:.3f} at training points and {accuracy['test']:.3f} at test points."
    return text


def _interval_of(change: Any) -> str:
    """Return the direction of a change over seeds, as far as its 95 % interval says it."""
    if len(change) < LEAST_SEEDS:
        return ""
    found = interval(change)
    direction = "a fall" if found.high < 0 else "a rise" if found.low > 0 else "no change that seeds agree on"
    return f" ({direction}: {found.mean:+.3f}, 95 % interval {found.low:+.3f} to {found.high:+.3f})"
