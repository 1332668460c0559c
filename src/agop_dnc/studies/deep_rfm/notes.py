"""Write captions and short tables for the notebooks on Deep RFMs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ...notes import Facts, short, title
from ..sentences import change, fall
from .decay import ROUNDING, decades_fallen
from .references import chance

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


def gram_found(
    rows: Sequence[tuple[str, Mapping[int, np.ndarray[Any, Any]]]],
    labels_of: Sequence[np.ndarray[Any, Any]],
    widths: Sequence[int],
) -> str:
    """Return how near each panel's cosines come to collapse, next to random directions, in sentences from the numbers alone.

    Args:
        rows: For each panel its name, and matrices (n×n) by layer.
        labels_of: The labels (n) of each panel's samples.
        widths: The number of random features of each panel, the dimension in which random directions are drawn.
    """
    summary = gram_summary(rows, labels_of)
    lines = []
    for (name, matrices), labels, width in zip(rows, labels_of, widths, strict=True):
        own = summary[summary.panel == name].set_index("layer")
        first, last, K = own.index.min(), own.index.max(), len(np.unique(labels))
        within, between = (_course(own[kind]) for kind in ("within", "between"))
        where = f"from layer {first} to {last}" if first < last else f"at layer {last}"
        farthest = _farthest_pair(matrices[last], labels)
        lines.append(
            f"- {name}: {where} the mean cosine within classes {within} (1 under collapse) and between classes "
            f"{between} ({short(-1 / (K - 1))} under collapse). At layer {last} the two classes that are farthest from that have a mean "
            f"cosine of {short(farthest)}, {short(abs(farthest + 1 / (K - 1)))} away; of {K} random directions in {width:,} dimensions "
            f"the farthest two are {short(chance(K, width).between)} away."
        )
    return "\n".join(lines)


def _course(cosines: pd.Series) -> str:
    """Return how a mean cosine goes from the first layer to the last, or what it is at the only one."""
    if len(cosines) == 1:
        return f"is {short(cosines.iloc[0])}"
    return change(cosines.iloc[:1], cosines.iloc[-1:])


def _farthest_pair(matrix: np.ndarray[Any, Any], labels: np.ndarray[Any, Any]) -> float:
    """Return the mean cosine between the two classes for which it is farthest from −1/(K−1)."""
    classes = np.unique(labels)
    members = (labels[:, None] == classes) / (labels[:, None] == classes).sum(0)
    blocks = (members.T @ matrix @ members)[~np.eye(len(classes), dtype=bool)]
    return float(blocks[np.abs(blocks + 1 / (len(classes) - 1)).argmax()])


def depth_found(
    table: pd.DataFrame, names: Mapping[str, str], classes: Mapping[str, int], widths: Mapping[str, int]
) -> str:
    """Return how NC1 and NC2 of M½X go with depth in each dataset, in sentences from the numbers alone.

    Args:
        table: Rows of deep_rfm.csv for one activation.
        names: Datasets with their names for readers.
        classes: Datasets' numbers of classes.
        widths: Datasets' numbers of random features, the dimension in which random directions are drawn.
    """
    lines = []
    for dataset, name in names.items():
        rows = table[table.dataset == dataset]
        nc1 = _curves(rows, "nc1", "agop")
        decades = [decades_fallen(nc1.index, curve) for _, curve in nc1.items()]
        rounded = (nc1.to_numpy() <= ROUNDING).any()
        said = f" (values up to {ROUNDING:g} are rounding and left out)" if rounded else ""
        lines.append(
            f"- {name}: from layer {nc1.index.min()} to {nc1.index.max()} NC1 of $M^{{1/2}}X$ {fall(decades)}{said}. "
            f"{_steps_sentence(rows)} {_nc2_sentence(_curves(rows, 'nc2', 'agop'), classes[dataset], widths[dataset])}"
        )
    return "\n".join(lines)


def _curves(rows: pd.DataFrame, metric: str, component: str) -> pd.DataFrame:
    """Return a metric of a component: a row per layer, a column per seed."""
    chosen = rows[(rows.metric == metric) & (rows.component == component)]
    return chosen.pivot(index="layer", columns="seed", values="value")


def _steps_sentence(rows: pd.DataFrame) -> str:
    """Return in how many layers, all seeds together, M½ lowers NC1 and Φ raises it."""
    x, agop, features = (_curves(rows, "nc1", component).to_numpy() for component in ("x", "agop", "features"))
    told = agop > ROUNDING
    return (
        f"$M^{{1/2}}$ lowers NC1 in {(told & (agop < x)).sum()} and the random features raise it in {(told & (features > agop)).sum()} "
        f"of {told.sum()} layers, all seeds together."
    )


def _nc2_sentence(nc2: pd.DataFrame, K: int, width: int) -> str:
    first, last, means = nc2.index.min(), nc2.index.max(), nc2.mean(axis=1)
    return (
        f"NC2 of $M^{{1/2}}X$ {change(nc2.loc[first], nc2.loc[last])} at layer {last}, and its lowest mean is {short(means.min())} at "
        "layer "
        f"{means.idxmin()}; {K} random directions in {width:,} dimensions have {short(chance(K, width).nc2_median)} (median)."
    )
