"""What the tidy tables say of each of the paper's claims: the quantities that :mod:`.claims` sets bounds to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from .tables import last_epoch

# Below it NC1 is rounding, and whether it rises or falls says nothing.
_ROUNDING = 1e-12
# The largest class over the smallest from which a dataset counts as imbalanced (SVHN: 2.8).
_IMBALANCED = 1.5


_COLLAPSE_LAYERS = 18  # of claim 1


@dataclass(frozen=True)
class Finding:
    """What the tables say of a claim for one dataset and model: per quantity the values by seed, or why there are none."""

    dataset: str
    model: str
    values: Mapping[str, Mapping[int, float]] = field(default_factory=dict)
    reason: str = ""


@dataclass(frozen=True)
class Evidence:
    """The tables that claims are decided by, as the contract has them; empty where a study was not run.

    class_sizes: points a class of every dataset. Only datasets in it are asked about, in its order.
    """

    deep_rfm: pd.DataFrame
    ablation: pd.DataFrame
    nfa: pd.DataFrame
    networks: pd.DataFrame
    feature_kernel: pd.DataFrame
    class_sizes: Mapping[str, Sequence[int]]


# Deep RFM


def _deep_rfm_runs(evidence: Evidence) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Dataset, activation and rows of every Deep RFM."""
    for dataset in evidence.class_sizes:
        rows = evidence.deep_rfm[evidence.deep_rfm.dataset == dataset]
        for activation, of_one in rows.groupby("activation", sort=False):
            yield dataset, f"deep_rfm {activation}", of_one


def _curves(rows: pd.DataFrame, metric: str, component: str) -> pd.DataFrame:
    """A metric of a component: a row a layer, a column a seed."""
    chosen = rows[(rows.metric == metric) & (rows.component == component)]
    return chosen.pivot(index="layer", columns="seed", values="value")


def _by_seed(row: Any) -> dict[int, float]:
    """A series with the seeds for index, as a mapping."""
    return {int(str(seed)): float(value) for seed, value in row.items()}


def _collapsed_gram(evidence: Evidence) -> Iterator[Finding]:
    for dataset, model, rows in _deep_rfm_runs(evidence):
        deviation = _curves(rows, "gram_deviation", "agop")
        if _COLLAPSE_LAYERS in deviation.index:
            yield Finding(dataset, model, {"deviation of the Gram matrix": _by_seed(deviation.loc[_COLLAPSE_LAYERS])})
        else:
            reason = f"the depth is {deviation.index.max()}, and the claim is of {_COLLAPSE_LAYERS} layers"
            yield Finding(dataset, model, reason=reason)


def _layer_shares(rows: pd.DataFrame) -> dict[str, dict[int, float]]:
    x, agop, features = (_curves(rows, "nc1", component) for component in ("x", "agop", "features"))
    told = agop > _ROUNDING
    return {
        "share of layers where M½ lowers NC1": _by_seed(((agop < x) & told).sum() / told.sum()),
        "share of layers where Φ raises NC1": _by_seed(((features > agop) & told).sum() / told.sum()),
    }


def _due_to_agop(evidence: Evidence) -> Iterator[Finding]:
    for dataset, model, rows in _deep_rfm_runs(evidence):
        yield Finding(dataset, model, _layer_shares(rows))


def _exponential(evidence: Evidence) -> Iterator[Finding]:
    for dataset, model, rows in _deep_rfm_runs(evidence):
        values = {}
        for name in ("NC1", "NC2"):
            curves = _logs(_curves(rows, name.lower(), "agop"))
            if len(curves) < 3:
                yield Finding(dataset, model, reason=f"a line through {len(curves)} layers fits whatever they are")
                break
            values[f"decades by which {name} falls"] = _by_seed(curves.iloc[0] - curves.iloc[-1])
            values[f"R² of log {name} against layer"] = _by_seed(curves.apply(_straightness))
        else:
            yield Finding(dataset, model, values)


def _logs(curves: pd.DataFrame) -> pd.DataFrame:
    """Decimal logarithms; of 0, which exact collapse gives, that of the smallest number there is."""
    return pd.DataFrame(np.log10(curves.clip(lower=np.finfo(float).tiny)), index=curves.index, columns=curves.columns)


def _straightness(curve: pd.Series[Any]) -> float:
    """R² of a straight line through a curve against its index."""
    return float(np.corrcoef(curve.index.to_numpy(float), curve.to_numpy(float))[0, 1] ** 2)


def _imbalanced(evidence: Evidence) -> Iterator[Finding]:
    runs = list(_deep_rfm_runs(evidence))
    uneven = [
        run for run in runs if max(evidence.class_sizes[run[0]]) >= _IMBALANCED * min(evidence.class_sizes[run[0]])
    ]
    if runs and not uneven:
        yield Finding("", "deep_rfm", reason="no dataset in this configuration is imbalanced")
    for dataset, model, rows in uneven:
        curves = _logs(_curves(rows, "nc1", "agop"))
        deviation = _curves(rows, "gram_deviation", "agop")
        values = {"decades by which NC1 falls": _by_seed(curves.iloc[0] - curves.iloc[-1])}
        values["share of layers where M½ lowers NC1"] = _layer_shares(rows)["share of layers where M½ lowers NC1"]
        values["deviation of the Gram matrix"] = _by_seed(deviation.iloc[min(len(deviation), _COLLAPSE_LAYERS) - 1])
        yield Finding(dataset, model, values)


# Networks


def _network_runs(evidence: Evidence, table: pd.DataFrame) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Dataset, architecture and rows of every network."""
    for dataset in evidence.class_sizes:
        for architecture, rows in table[table.dataset == dataset].groupby("architecture", sort=False):
            yield dataset, str(architecture), rows


def _due_to_right_singular_part(evidence: Evidence) -> Iterator[Finding]:
    for dataset, model, rows in _network_runs(evidence, evidence.ablation):
        logs = last_epoch(rows).assign(value=lambda table: np.log10(table.value))
        sums = logs.groupby(["seed", "component"]).value.sum().unstack()
        by_right, whole = sums.input - sums.right, sums.input - sums.output
        if (whole < 0.1).any():
            yield Finding(dataset, model, reason=f"NC1 falls by {whole.mean():.2g} decades, too little to share out")
        else:
            yield Finding(dataset, model, {"share of log NC1's fall due to SVᵀ": _by_seed(by_right / whole)})


def _feature_ansatz(evidence: Evidence) -> Iterator[Finding]:
    for dataset, model, rows in _network_runs(evidence, evidence.nfa):
        mean = rows.groupby(["epoch", "target", "seed"]).value.mean()
        last = int(rows.epoch.max())
        trained, untrained = mean.loc[last, "sqrt_agop"], mean.loc[0, "sqrt_agop"]
        values = {
            "NFA correlation": _by_seed(trained),
            "above the untrained network": _by_seed(trained - untrained),
            "above the rotated null": _by_seed(trained - mean.loc[last, "sqrt_agop_rotated"]),
        }
        yield Finding(dataset, model, values)


def _last_layer_progress(evidence: Evidence) -> Iterator[Finding]:
    table = evidence.networks
    chosen = table[(table.metric == "nc2") & (table.component == "output")]
    for dataset, model, rows in _network_runs(evidence, chosen):
        logs = _logs(rows.pivot(index=["epoch", "layer"], columns="seed", values="value"))
        falls = logs.loc[0] - logs.loc[rows.epoch.max()]
        if len(falls) < 2:
            yield Finding(dataset, model, reason="one hidden layer has none before it to compare with")
            continue
        last, before = falls.iloc[-1], falls.iloc[:-1].max()
        # A layer before that did not progress at all leaves the last one ahead by any factor.
        ahead = (last / before.clip(lower=1e-3)).where(last > 0, 0.0)
        yield Finding(
            dataset,
            model,
            {
                "decades by which NC2 falls in the last layer": _by_seed(last),
                "the same, over the largest of the layers before": _by_seed(ahead),
            },
        )


# The kernel of ReLU features


def _feature_kernel(evidence: Evidence) -> Iterator[Finding]:
    table = evidence.feature_kernel
    if len(table) == 0:
        return
    wide = table.pivot(index=["seed", "width", "angle"], columns="metric", values="value")
    # At θ = π the two features are never on together: the product is 0, up to rounding, and has no variance.
    error = (wide.variance / wide.draws).pow(0.5).clip(lower=1e-12)
    deviation = ((wide["mean"] - wide.expected).abs() / error).groupby("seed").max()
    varying = wide[wide.variance > 1e-20].variance
    slope = varying.groupby("seed").apply(_slope_against_width)
    yield Finding(
        "",
        "ReLU features",
        {
            "largest deviation of a mean, in standard errors": _by_seed(deviation),
            "slope of log variance against log D": _by_seed(slope),
        },
    )


def _slope_against_width(variance: pd.Series[Any]) -> float:
    """The slope common to all angles: that of the mean over angles of log variance."""
    mean = np.log(variance).groupby("width").mean()
    return float(np.polyfit(np.log(mean.index.to_numpy(float)), mean.to_numpy(), 1)[0])


FINDERS: dict[int, Callable[[Evidence], Iterator[Finding]]] = {
    1: _collapsed_gram,
    2: _due_to_agop,
    3: _exponential,
    4: _imbalanced,
    5: _due_to_right_singular_part,
    6: _feature_ansatz,
    7: _last_layer_progress,
    8: _feature_kernel,
}
