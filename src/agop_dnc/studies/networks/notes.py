"""Write captions and short tables for the notebooks on networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ...notes import Facts, title
from ...pipeline.tables import last_epoch, summary
from ..sentences import change, estimate, fall, listed, percent, span, thousandths
from .claims import LOWERS
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


def svd_found(rows: Sequence[tuple[str, pd.DataFrame]]) -> str:
    """Return for each network how much of the fall of NC1 goes through SVᵀ at the last epoch, from the numbers alone.

    Args:
        rows: For each panel its name, and the rows of networks.csv with NC1.
    """
    return "\n".join(f"- {name}: {_svd_sentence(table)}" for name, table in rows)


def _svd_sentence(table: pd.DataFrame) -> str:
    logs = table.pivot(index=["epoch", "seed", "layer"], columns="component", values="value").apply(np.log10)
    falls = pd.DataFrame({"right": logs.input - logs.right, "whole": logs.input - logs.output})
    by_layer = falls.loc[table.epoch.max()].groupby("layer").mean()
    lowering = by_layer[by_layer.whole >= LOWERS]
    shares = lowering.right / lowering.whole
    totals = falls.groupby(["epoch", "seed"]).sum()
    total = totals.loc[table.epoch.max()]
    text = f"at the last epoch {len(lowering)} of {len(by_layer)} hidden layers lower NC1 by {LOWERS:g} decades or more"
    if len(lowering):
        text += f", with a share of $SV^\\top$ of {span(shares)}"
    text += (
        f". Over all layers NC1 {fall(total.whole)}: through $SV^\\top$ it {fall(total.right)}, through the ReLU it "
        f"{fall(total.whole - total.right)}."
    )
    if 0 in totals.index.get_level_values("epoch") and table.epoch.max() > 0:
        text += f" Untrained, it {fall(totals.loc[0].whole)} over all layers."
    return text


def nfa_found(rows: Sequence[tuple[str, pd.DataFrame, pd.DataFrame]]) -> str:
    """Return each network's correlation of the ansatz next to its null and untrained, and what it has fitted, from the numbers alone.

    Args:
        rows: For each panel its name, and its rows of training.csv and of nfa.csv.
    """
    return "\n".join(f"- {name}: {_nfa_sentence(training, nfa)}" for name, training, nfa in rows)


def _nfa_sentence(training: pd.DataFrame, nfa: pd.DataFrame) -> str:
    by_seed = nfa.groupby(["target", "epoch", "seed"]).value.mean()
    last = nfa.epoch.max()
    excess = (by_seed["sqrt_agop"] - by_seed["sqrt_agop_null"]).dropna()
    before, after = excess.loc[0], excess.loc[last]
    return (
        f"the correlation of $W^\\top W$ with $\\mathrm{{AGOP}}^{{1/2}}$, mean over layers, "
        f"{change(by_seed['sqrt_agop', 0], by_seed['sqrt_agop', last], thousandths)} in training. With $W$ kept and the rest of the AGOP "
        "rotated at "
        f"random it is {estimate(by_seed['sqrt_agop_null', last], thousandths)} after training, so that the excess is "
        f"{estimate(after, thousandths)}; untrained, the excess is {estimate(before, thousandths)}. {_accuracy_sentence(training)}"
    )


def truncation_found(rows: Sequence[tuple[str, pd.DataFrame, pd.DataFrame]], classes: Sequence[int]) -> str:
    """Return for each network what K singular directions do, and what one does, next to all of them, from the numbers alone.

    Args:
        rows: For each panel its name, the rows of networks.csv with NC1 at the last epoch, and the rows of truncation.csv.
        classes: The number of classes K of each panel.
    """
    return "\n".join(
        f"- {name}: {_truncation_sentence(whole, truncated, K)}"
        for (name, whole, truncated), K in zip(rows, classes, strict=True)
    )


def _truncation_sentence(whole: pd.DataFrame, truncated: pd.DataFrame, K: int) -> str:
    full = whole[whole.component == "right"].groupby("layer").value.mean()
    means = truncated.groupby(["metric", "component", "rank", "layer"]).value.mean()
    ranks = sorted(rank for rank in truncated["rank"].unique() if rank > 0)
    enough = next((rank for rank in ranks if rank >= K), ranks[-1])
    kept = sorted({1, enough} & {*ranks})
    ratios = [
        f"{span(means['nc1', 'right', rank] / full)} times its full value with {rank} singular "
        f"{'direction' if rank == 1 else 'directions'}"
        for rank in kept
    ]
    nearest = [percent(means["nearest_mean_accuracy", "right", rank]) for rank in kept]
    everything = percent(_at_full_rank(means["nearest_mean_accuracy", "right"]))
    roots = [
        f"NC1 of $\\mathrm{{AGOP}}^{{1/{root}}}\\Phi$ is {span(_at_full_rank(means['nc1', component]) / full)} times"
        for root, component in (("2", "agop_root"), ("4", "agop_fourth_root"))
    ]
    return (
        f"over the layers, NC1 of $SV^\\top\\Phi$ is {listed(ratios)} kept (there are {K} classes). Then {listed(nearest)} of the points "
        "are "
        f"nearest to their own class's mean, and {everything} with all directions. {listed(roots)} that of $SV^\\top\\Phi$."
    )


def _at_full_rank(values: pd.Series) -> pd.Series:
    """Return by layer the value with the largest number of directions that it was measured with; the index is (rank, layer)."""
    return values.unstack("layer").sort_index().ffill().iloc[-1]


def labels_found(rows: Sequence[tuple[str, pd.DataFrame]], trainings: Sequence[pd.DataFrame]) -> str:
    """Return for each set of labels how NC1 to NC4 go in training, and what is fitted at its end, from the numbers alone.

    Args:
        rows: For each curve its name and a table of :func:`last_layer`.
        trainings: The rows of training.csv of each.
    """
    lines = []
    for (name, table), training in zip(rows, trainings, strict=True):
        ends = table.groupby(["metric", "epoch"]).value
        first, last = table.epoch.min(), table.epoch.max()
        said = [
            f"{label} {change(ends.get_group((metric, first)), ends.get_group((metric, last)))}"
            for metric, label in (("nc1_pinv", "NC1"), ("nc2_normalised", "NC2"), ("nc3", "NC3"))
        ]
        shares = [ends.get_group(("nc4", epoch)).mean() for epoch in (first, last)]
        said.append(f"NC4 {change(shares[:1], shares[1:])}")
        lines.append(f"- {name}: from epoch {first} to {last} {listed(said)}. {_accuracy_sentence(training)}")
    return "\n".join(lines)


def _accuracy_sentence(training: pd.DataFrame) -> str:
    accuracy = last_epoch(training[training.metric == "train_accuracy"]).value
    return f"Training accuracy at the end: {thousandths(accuracy.mean())} (lowest seed {thousandths(accuracy.min())})."
