"""What the notebooks say beside their figures: names, captions, and the numbers as small tables."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from IPython.display import HTML

from .tables import last_epoch, summary

ACTIVATIONS = {"relu": "ReLU features", "cos": "cosine features"}
KERNELS = {"laplace": "Laplace", "gaussian": "Gaussian"}
NETWORK_TITLES = {"mlp": "MLP", "resnet18": "ResNet-18", "vgg11": "VGG-11"}
# Section 6: over layers and seeds, at the end of training.
PAPER_NFA = {("cifar10", "resnet18"): "0.74 ± 0.17", ("mnist", "mlp"): "0.74 ± 0.13"}
TITLES = {
    "mnist": "MNIST",
    "cifar10": "CIFAR-10",
    "svhn": "SVHN",
    "digits": "Digits",
    "digits_imbalanced": "Digits, imbalanced",
    "digits_random": "Digits, random labels",
}
# The claims in a few words, for where there is no room for more.
CLAIM_NAMES = {
    1: "Gram matrices after 18 layers are those of collapsed data",
    2: "NC1 falls through M½ alone; random features raise it",
    3: "NC1 and NC2 fall exponentially with depth",
    4: "Imbalanced classes collapse too",
    5: "In networks NC1 falls mostly through SVᵀ",
    6: "The weights' NFM correlates with the AGOP's root",
    7: "NC2 progresses only in the networks' last layer",
    8: "The kernel of ReLU features and its 1/D variance",
}

Facts = Mapping[str, Any]


def facts(path: str | Path) -> Facts:
    """What a dataset was when it was prepared: points, test_points, image_shape, class_sizes."""
    content: Facts = json.loads(Path(path).read_text(encoding="utf-8"))
    return content


def title(dataset: str) -> str:
    """A dataset's name as the paper writes it, or as the configuration does.

    >>> title("cifar10"), title("mine")
    ('CIFAR-10', 'mine')
    """
    return TITLES.get(dataset, dataset)


def gram_matrices(path: str | Path) -> dict[int, np.ndarray[Any, Any]]:
    """Stored Gram matrices by layer."""
    with np.load(path) as file:
        names = [name for name in file if name.startswith("layer_")]
        return {int(name.removeprefix("layer_")): file[name].astype(np.float32) for name in names}


def gram_labels(path: str | Path) -> np.ndarray[Any, Any]:
    """Labels of the samples of stored Gram matrices."""
    with np.load(path) as file:
        labels: np.ndarray[Any, Any] = file["labels"]
        return labels


def panel_name(number: int, row: int, dataset: str, activation: str) -> str:
    """A Gram row's name: with a letter and the features in Figure 1, whose rows differ in both."""
    return f"({'AB'[row]}) {title(dataset)}, {activation}" if number == 1 else title(dataset)


def network_panel_name(figure: str, row: int, dataset: str, architecture: str) -> str:
    """A row's name: with a letter in Figure 2, and with the architecture wherever rows differ in it."""
    name = f"{NETWORK_TITLES[architecture]}, {title(dataset)}"
    if figure == "figure_02":
        return f"({'AB'[row]}) {name}"
    return name if figure == "figure_s1" else title(dataset)


def figure_title(figure: str) -> str:
    """A figure as the paper names it.

    >>> figure_title("figure_07"), figure_title("figure_s1")
    ('Figure 7', 'Figure S1')
    >>> figure_title("claims")
    'Claims'
    """
    if not figure.startswith("figure_"):
        return figure.capitalize()
    return f"Figure {figure.removeprefix('figure_').lstrip('0').upper()}"


def training_summary(training: pd.DataFrame) -> pd.DataFrame:
    """Every metric at the last epoch, mean and standard deviation over seeds: a row a metric."""
    return summary(last_epoch(training), ["metric"])


def caption(
    panels: Sequence[tuple[str, str]],
    facts_of: Mapping[str, Facts],
    seeds: Sequence[int],
    settings: Sequence[Mapping[str, Any]],
) -> str:
    """What was run: for each (dataset, activation) its points, dimension and classes, the kernel and the features; the seeds."""
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


def network_caption(
    panels: Sequence[tuple[str, str]],
    facts_of: Mapping[str, Facts],
    seeds: Sequence[int],
    settings: Sequence[Mapping[str, Any]],
) -> str:
    """What was trained: for each (dataset, architecture) its points, epochs, learning rate, momentum and scale; the seeds."""
    runs = []
    for (dataset, architecture), setting in zip(panels, settings, strict=True):
        fact = facts_of[dataset]
        runs.append(
            f"{NETWORK_TITLES[architecture]} on {title(dataset)}: n = {fact['points']:,}, {len(fact['class_sizes'])} classes, "
            f"{setting['epochs']} epochs, learning rate {setting['learning_rate']:g}, momentum {setting['momentum']:g}, "
            f"initialisation scale {setting['init_scale']:g}"
        )
    seeds_said = f"{'seeds' if len(seeds) > 1 else 'seed'} {', '.join(map(str, seeds))}"
    return f"{'. '.join(runs)}; batches of {settings[0]['batch_size']}; {seeds_said}: mean and one standard deviation."


def svd_summary(table: pd.DataFrame) -> pd.DataFrame:
    """NC1 at the last epoch, means over seeds, and what share of the fall of log NC1 in a layer is due to SVᵀ: a row a layer.

    table: rows of ablation.csv of one dataset and architecture. The share is log(input/right) / log(input/output), of the
    geometric means over seeds; the rest is ReLU∘U's. The last row is of all layers together.
    """
    last = table[table.epoch == table.epoch.max()]
    logs = last.assign(log=np.log(last.value)).groupby(["layer", "component"])["log"].mean().unstack()
    right, whole = logs.input - logs.right, logs.input - logs.output
    rows = np.exp(logs)[["input", "right", "output"]].rename(
        columns={"input": "Φ", "right": "SVᵀΦ", "output": "ReLU(USVᵀΦ)"}
    )
    rows.insert(0, "layer", [str(layer) for layer in rows.index])
    rows["log₁₀ fall by SVᵀ"], rows["log₁₀ fall by ReLU∘U"] = right / np.log(10), (whole - right) / np.log(10)
    rows["share of SVᵀ"] = right / whole
    total = {"layer": "all", "log₁₀ fall by SVᵀ": right.sum() / np.log(10), "share of SVᵀ": right.sum() / whole.sum()}
    total["log₁₀ fall by ReLU∘U"] = (whole - right).sum() / np.log(10)
    summarised: pd.DataFrame = pd.concat([rows, pd.DataFrame([total])], ignore_index=True)
    return summarised


def nfa_summary(table: pd.DataFrame) -> pd.DataFrame:
    """NFA correlations at the end of training, mean and standard deviation over layers and seeds, beside their nulls.

    table: rows of nfa.csv. Columns: dataset, architecture; of AGOP^{1/2} (`sqrt_agop`) and of the AGOP (`agop`) the mean and
    standard deviation at the last epoch, at epoch 0, and at the last epoch with the AGOP's eigenvectors rotated at random;
    the paper's value where it gives one.
    """
    records = []
    for (dataset, architecture), rows in table.groupby(["dataset", "architecture"], sort=False):
        record: dict[str, Any] = {"dataset": dataset, "architecture": architecture}
        for target in ("sqrt_agop", "agop"):
            for name, epoch, kind in (
                ("trained", rows.epoch.max(), target),
                ("untrained", 0, target),
                ("rotated", rows.epoch.max(), f"{target}_rotated"),
            ):
                values = rows[(rows.epoch == epoch) & (rows.target == kind)].value
                record[f"{target}_{name}_mean"], record[f"{target}_{name}_std"] = values.mean(), values.std()
        record["paper"] = PAPER_NFA.get((str(dataset), str(architecture)), "")
        records.append(record)
    return pd.DataFrame(records)


def markdown(table: pd.DataFrame) -> str:
    """A table as Markdown, its `…_mean` and `…_std` columns put together as mean ± standard deviation."""
    merged = {}
    for name in table.columns:
        if name.endswith("_mean"):
            stem = name.removesuffix("_mean")
            merged[stem.replace("_", " ")] = [
                f"{m:.2f} ± {s:.2f}" for m, s in zip(table[name], table[f"{stem}_std"], strict=True)
            ]
        elif not name.endswith("_std"):
            merged[name] = [str(value) for value in table[name]]
    lines = [list(merged), ["---"] * len(merged), *zip(*merged.values(), strict=True)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def last_layer(training: pd.DataFrame, networks: pd.DataFrame) -> pd.DataFrame:
    """NC1 to NC4 of the last hidden layer's output, from the tables of training and of networks."""
    output = networks[(networks.layer == networks.layer.max()) & (networks.component == "output")]
    columns = ["seed", "epoch", "metric", "value"]
    of_network = training[training.metric.isin(["nc3", "nc4"])]
    joined: pd.DataFrame = pd.concat([output[columns], of_network[columns]], ignore_index=True)
    return joined


def gram_summary(
    rows: Sequence[tuple[str, Mapping[int, np.ndarray[Any, Any]]]], labels_of: Sequence[np.ndarray[Any, Any]]
) -> pd.DataFrame:
    """Mean and standard deviation of the cosines drawn, within classes (a sample with itself left out) and between them."""
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
    """NC1 and NC2 per layer, with what was solved: a row a layer."""
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


def short(value: Any) -> str:
    """A number in few characters.

    >>> short(0.001234), short(0.98), short(3), short(1.5e-9), short(float("nan"))
    ('0.00123', '0.98', '3', '1.5e-09', '')
    """
    return "" if pd.isna(value) else f"{value:.3g}"


def shown(table: pd.DataFrame) -> HTML:
    """A table for a notebook. (pandas' Styler would put a random id in it.)"""
    return HTML(table.to_html(index=False, border=0, float_format=short, na_rep=""))  # type: ignore[no-untyped-call]
