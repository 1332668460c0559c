"""Write captions and short tables for the notebooks on networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ...notes import Facts, title
from ...pipeline.tables import last_epoch, summary
from .titles import TITLES

# From Section 6: mean ± standard deviation over layers and seeds, at the end of training.
PAPER_NFA = {("cifar10", "resnet18"): "0.74 ± 0.17", ("mnist", "mlp"): "0.74 ± 0.13"}


def panel_name(figure: str, row: int, dataset: str, architecture: str) -> str:
    """Return a row's name: in Figure 2 with a letter, and with the architecture in every figure whose rows differ in it."""
    name = f"{TITLES[architecture]}, {title(dataset)}"
    if figure == "figure_02":
        return f"({'AB'[row]}) {name}"
    return name if figure == "figure_s1" else title(dataset)


def training_summary(training: pd.DataFrame) -> pd.DataFrame:
    """Return mean and standard deviation over seeds of every metric at the last epoch, one row per metric."""
    return summary(last_epoch(training), ["metric"])


def caption(
    panels: Sequence[tuple[str, str]],
    facts_of: Mapping[str, Facts],
    settings: Sequence[Mapping[str, Any]],
) -> str:
    """Return a caption that states how each panel's network was trained, and with how many seeds.

    Args:
        panels: The pairs (dataset, architecture) shown.
        facts_of: The facts of each dataset.
        settings: The settings of each panel's network.

    Returns:
        The caption, with points, classes, epochs, learning rate, momentum, batches, initialisation scale and seeds of each panel.
    """
    runs = []
    for (dataset, architecture), setting in zip(panels, settings, strict=True):
        fact, seeds = facts_of[dataset], len(setting["seeds"])
        runs.append(
            f"{TITLES[architecture]} on {title(dataset)}: n = {fact['points']:,}, {len(fact['class_sizes'])} classes, "
            f"{_counted(setting['epochs'], 'epoch')}, learning rate {setting['learning_rate']:g}, momentum {setting['momentum']:g}, "
            f"batches of {setting['batch_size']}, initialisation scale {setting['init_scale']:g}, {_counted(seeds, 'seed')}"
        )
    several = any(len(setting["seeds"]) > 1 for setting in settings)
    return f"{'. '.join(runs)}.{' Mean and one standard deviation over seeds.' if several else ''}"


def _counted(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def svd_summary(table: pd.DataFrame) -> pd.DataFrame:
    """Return NC1 at the last epoch, and the share of the fall of log NC1 in each layer that is due to SVᵀ.

    The share is log(input/right) / log(input/output), computed from geometric means over seeds; the rest is due to ReLU∘U.

    Args:
        table: Rows of networks.csv with NC1 for one dataset and architecture.

    Returns:
        One row per layer, and a last one for all layers together.
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
    """Return NFA correlations at the end of training with their nulls: mean and standard deviation over layers and seeds.

    For AGOP^{1/2} (`sqrt_agop`) and for the AGOP (`agop`) there are three correlations: at the last epoch, at epoch 0, and at the last
    epoch with the AGOP's eigenvectors rotated at random.

    Args:
        table: Rows of nfa.csv.

    Returns:
        One row per dataset and architecture, with the paper's value if it gives one.
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


def last_layer(training: pd.DataFrame, networks: pd.DataFrame) -> pd.DataFrame:
    """Return NC1 to NC4 of the last hidden layer's output.

    Args:
        training: Rows of training.csv for one dataset and architecture, which hold NC3 and NC4.
        networks: Rows of networks.csv for the same network, which hold NC1 and NC2.

    Returns:
        A table with the columns seed, epoch, metric and value.
    """
    output = networks[(networks.layer == networks.layer.max()) & (networks.component == "output")]
    columns = ["seed", "epoch", "metric", "value"]
    of_network = training[training.metric.isin(["nc3", "nc4"])]
    joined: pd.DataFrame = pd.concat([output[columns], of_network[columns]], ignore_index=True)
    return joined


def truncation_summary(truncated: pd.DataFrame) -> pd.DataFrame:
    """Return the metrics of a layer's parts with the largest singular values kept, means over seeds: one column per layer.

    Args:
        truncated: Rows of truncation.csv of one network.
    """
    wide = truncated.pivot_table(index=["metric", "component", "rank"], columns="layer", values="value", sort=False)
    return wide.rename(columns=lambda layer: f"layer {layer}").reset_index()
