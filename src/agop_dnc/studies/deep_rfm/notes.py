"""Write captions and short tables for the notebooks on Deep RFMs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ...notes import Facts, title

ACTIVATIONS = {"relu": "ReLU features", "cos": "cosine features"}
KERNELS = {"laplace": "Laplace", "gaussian": "Gaussian"}


def gram_matrices(path: str | Path) -> dict[int, np.ndarray[Any, Any]]:
    """Return the Gram matrices stored in a file, by layer."""
    with np.load(path) as file:
        names = [name for name in file if name.startswith("layer_")]
        return {int(name.removeprefix("layer_")): file[name].astype(np.float32) for name in names}


def gram_labels(path: str | Path) -> np.ndarray[Any, Any]:
    """Return the labels of the samples whose Gram matrices are stored in a file."""
    with np.load(path) as file:
        labels: np.ndarray[Any, Any] = file["labels"]
        return labels


def panel_name(lettered: bool, row: int, dataset: str, activation: str) -> str:
    """Return the name of a row of Gram matrices; in Figure 1, whose rows differ in their features too, with a letter and the features."""
    return f"({'AB'[row]}) {title(dataset)}, {ACTIVATIONS[activation]}" if lettered else title(dataset)


def caption(
    panels: Sequence[tuple[str, str]],
    facts_of: Mapping[str, Facts],
    seeds: Sequence[int],
    settings: Sequence[Mapping[str, Any]],
) -> str:
    """Return a caption that states what was run: points, dimension, classes, kernel and features of each panel, and the seeds.

    Args:
        panels: The pairs (dataset, activation) shown.
        facts_of: The facts of each dataset.
        seeds: The seeds.
        settings: The settings of each panel's Deep RFM.

    Returns:
        The caption.
    """
    runs = []
    for (dataset, activation), setting in zip(panels, settings, strict=True):
        fact = facts_of[dataset]
        sizes = fact["class_sizes"]
        balance = "" if min(sizes) * 2 > max(sizes) else f" of {min(sizes)} to {max(sizes)} points"
        runs.append(
            f"{title(dataset)}: n = {fact['points']:,}, d = {int(np.prod(fact['image_shape']))}, {len(sizes)} classes{balance}; "
            f"{KERNELS[setting['kernel']]} kernel, {setting['width']:,} {ACTIVATIONS[activation]}"
        )
    seeds_said = f"{'seeds' if len(seeds) > 1 else 'seed'} {', '.join(map(str, seeds))}"
    return f"Deep RFM. {'. '.join(runs)}; {settings[0]['precision']}; {seeds_said}."


def gram_summary(
    rows: Sequence[tuple[str, Mapping[int, np.ndarray[Any, Any]]]], labels_of: Sequence[np.ndarray[Any, Any]]
) -> pd.DataFrame:
    """Return mean and standard deviation of the cosines drawn, within classes (excluding each sample with itself) and between them.

    Args:
        rows: For each panel its name, and matrices (n×n) by layer.
        labels_of: The labels (n) of each panel's samples.

    Returns:
        One row per panel and layer.
    """
    records = []
    for (name, matrices), labels in zip(rows, labels_of, strict=True):
        same = labels[:, None] == labels
        for layer, matrix in sorted(matrices.items()):
            within, between = matrix[same & ~np.eye(len(labels), dtype=bool)], matrix[~same]
            records.append(
                {
                    "panel": name,
                    "layer": layer,
                    "within": within.mean(),
                    "± within": within.std(),
                    "between": between.mean(),
                    "± between": between.std(),
                    "collapse: within": 1.0,
                    "collapse: between": -1 / (len(np.unique(labels)) - 1),
                }
            )
    return pd.DataFrame(records)


def depth_summary(table: pd.DataFrame) -> pd.DataFrame:
    """Return NC1, NC2, the solver's error and ridge, and the test accuracy, with one row per layer.

    Args:
        table: Rows of deep_rfm.csv for one dataset and activation.

    Returns:
        NC1, NC2 and accuracy as means over seeds; error and ridge as the largest values.
    """
    columns = {
        f"{metric.upper()} {label}": ((table.metric == metric) & (table.component == component), "mean")
        for metric in ("nc1", "nc2")
        for component, label in (("x", "X"), ("agop", "M½X"), ("features", "Φ"))
    } | {
        "solve: error": (table.metric == "interpolation_error", "max"),
        "solve: ridge": (table.metric == "ridge_used", "max"),
        "test accuracy": (table.metric == "test_accuracy", "mean"),
    }
    return pd.DataFrame(
        {name: table[rows].groupby("layer")["value"].agg(how) for name, (rows, how) in columns.items()}
    ).reset_index()
