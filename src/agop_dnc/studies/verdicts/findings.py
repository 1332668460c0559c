"""What the tidy tables say of each of the paper's claims: the quantities that :mod:`.claims` sets bounds to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from ...pipeline.tables import last_epoch

# Below it NC1 is rounding, and whether it rises or falls says nothing.
_ROUNDING = 1e-12
# The largest class over the smallest from which a dataset counts as imbalanced (SVHN: 2.8).
_IMBALANCED = 1.5
_COLLAPSE_LAYERS = 18  # of claim 1
_FITTED = 0.99  # training accuracy from which a network counts as fitting its points


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
    nfa: pd.DataFrame
    networks: pd.DataFrame
    training: pd.DataFrame
    feature_kernel: pd.DataFrame
    class_sizes: Mapping[str, Sequence[int]]


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
        within, nc2 = _curves(rows, "gram_within", "agop"), _curves(rows, "nc2", "agop")
        K = len(evidence.class_sizes[dataset])
        if _COLLAPSE_LAYERS not in within.index:
            yield Finding(dataset, model, reason=_too_shallow(within))
            continue
        values = {
            "deviation of the worst block within a class": _by_seed(within.loc[_COLLAPSE_LAYERS]),
            # NC2 is the norm of K(K−1) differences of cosines between class means.
            "deviation between class means": _by_seed(nc2.loc[_COLLAPSE_LAYERS] / (K * (K - 1)) ** 0.5),
        }
        yield Finding(dataset, model, values)


def _too_shallow(curves: pd.DataFrame) -> str:
    return f"the depth is {curves.index.max()}, and the claim is of {_COLLAPSE_LAYERS} layers"


def _due_to_agop(evidence: Evidence) -> Iterator[Finding]:
    for dataset, model, rows in _deep_rfm_runs(evidence):
        x, agop, features = (_curves(rows, "nc1", component) for component in ("x", "agop", "features"))
        told = agop > _ROUNDING
        if (_falls(agop) < 0.1).any():
            yield Finding(dataset, model, reason="NC1 does not fall with depth, so that nothing is due to anything")
            continue
        values = {
            "share of layers where M½ lowers NC1": _by_seed(((agop < x) & told).sum() / told.sum()),
            "share of layers where Φ raises NC1": _by_seed(((features > agop) & told).sum() / told.sum()),
        }
        yield Finding(dataset, model, values)


def _exponential(evidence: Evidence) -> Iterator[Finding]:
    for dataset, model, rows in _deep_rfm_runs(evidence):
        # With two classes the centred means are ±v and NC2 is 0 for any features.
        names = ["NC1"] if len(evidence.class_sizes[dataset]) == 2 else ["NC1", "NC2"]
        curves = {name: _curves(rows, name.lower(), "agop") for name in names}
        if len(curves["NC1"]) < 3:
            yield Finding(dataset, model, reason=f"a line through {len(curves['NC1'])} layers fits whatever they are")
            continue
        values = {}
        for name, curve in curves.items():
            values[f"decades by which {name} falls"] = _by_seed(_falls(curve))
            values[f"R² of log {name} against layer"] = _by_seed(_logs(curve).apply(_straightness))
        yield Finding(dataset, model, values)


def _imbalanced(evidence: Evidence) -> Iterator[Finding]:
    runs = list(_deep_rfm_runs(evidence))
    uneven = [
        run for run in runs if max(evidence.class_sizes[run[0]]) >= _IMBALANCED * min(evidence.class_sizes[run[0]])
    ]
    if runs and not uneven:
        yield Finding("", "deep_rfm", reason="no dataset in this configuration is imbalanced")
    for dataset, model, rows in uneven:
        within = _curves(rows, "gram_within", "agop")
        if _COLLAPSE_LAYERS not in within.index:
            yield Finding(dataset, model, reason=_too_shallow(within))
            continue
        values = {
            "decades by which NC1 falls": _by_seed(_falls(_curves(rows, "nc1", "agop"))),
            "deviation of the worst block within a class": _by_seed(within.loc[_COLLAPSE_LAYERS]),
        }
        yield Finding(dataset, model, values)


def _logs(curves: pd.DataFrame) -> pd.DataFrame:
    """Decimal logarithms, up to where a curve first reaches the floor of rounding; beyond that NaN."""
    above = (curves > _ROUNDING).cummin()
    return pd.DataFrame(np.log10(curves.where(above)), index=curves.index, columns=curves.columns)


def _falls(curves: pd.DataFrame) -> pd.Series[Any]:
    """Decades by which each column falls from its first value to its last above rounding."""
    logs = _logs(curves)
    falls: pd.Series[Any] = logs.iloc[0] - logs.ffill().iloc[-1]
    return falls


def _straightness(logs: pd.Series[Any]) -> float:
    """R² of a straight line through a curve against its index; 0 for a curve that does not move."""
    curve = logs.dropna()
    if curve.nunique() < 2:
        return 0.0
    return float(np.corrcoef(curve.index.to_numpy(float), curve.to_numpy(float))[0, 1] ** 2)


def _network_runs(evidence: Evidence, table: pd.DataFrame) -> Iterator[tuple[str, str, pd.DataFrame, str]]:
    """Dataset, architecture and rows of every network, and why nothing can be said of it: it has not fitted its points."""
    accuracy = evidence.training[evidence.training.metric == "train_accuracy"]
    for dataset in evidence.class_sizes:
        for architecture, rows in table[table.dataset == dataset].groupby("architecture", sort=False):
            of_one = accuracy[(accuracy.dataset == dataset) & (accuracy.architecture == architecture)]
            lowest = last_epoch(of_one).value.min()
            reason = (
                "" if lowest >= _FITTED else f"training accuracy is {lowest:.3g}, and the claim is of networks that fit"
            )
            yield dataset, str(architecture), rows, reason


def _due_to_right_singular_part(evidence: Evidence) -> Iterator[Finding]:
    chosen = evidence.networks[evidence.networks.metric == "nc1"]
    for dataset, model, rows, reason in _network_runs(evidence, chosen):
        last = last_epoch(rows)
        logs = last.assign(value=np.log10(last.value)).pivot(
            index=["seed", "layer"], columns="component", values="value"
        )
        by_right, whole = (
            (logs["input"] - logs[after]).groupby("seed").sum(min_count=logs.index.get_level_values("layer").nunique())
            for after in ("right", "output")
        )
        if not reason and whole.min() < 0.1:
            reason = f"NC1 falls by {whole.min():.2g} decades in one seed, too little to share out"
        yield Finding(
            dataset, model, {} if reason else {"share of log NC1's fall due to SVᵀ": _by_seed(by_right / whole)}, reason
        )


def _feature_ansatz(evidence: Evidence) -> Iterator[Finding]:
    for dataset, model, rows, reason in _network_runs(evidence, evidence.nfa):
        mean = rows.groupby(["epoch", "target", "seed"]).value.mean()
        last = int(rows.epoch.max())
        trained, untrained = mean.loc[last, "sqrt_agop"], mean.loc[0, "sqrt_agop"]
        values = {
            "NFA correlation": _by_seed(trained),
            "above the untrained network": _by_seed(trained - untrained),
            "above the rotated null": _by_seed(trained - mean.loc[last, "sqrt_agop_rotated"]),
        }
        yield Finding(dataset, model, {} if reason else values, reason)


def _last_layer_progress(evidence: Evidence) -> Iterator[Finding]:
    table = evidence.networks
    chosen = table[(table.metric == "nc2") & (table.component == "output")]
    for dataset, model, rows, untrained in _network_runs(evidence, chosen):
        logs = rows.assign(value=np.log10(rows.value)).pivot(index=["epoch", "layer"], columns="seed", values="value")
        falls = logs.loc[0] - logs.loc[rows.epoch.max()]
        reason = untrained
        if len(falls) < 2:
            reason = reason or "one hidden layer has none before it to compare with"
        if len(evidence.class_sizes[dataset]) == 2:
            reason = reason or "with two classes NC2 is 0 for any features"
        if reason:
            yield Finding(dataset, model, reason=reason)
            continue
        last, before = falls.iloc[-1], falls.iloc[:-1].max().clip(lower=0)
        values = {
            "decades by which NC2 falls in the last layer": _by_seed(last),
            "the same less twice the largest of the layers before": _by_seed(last - 2 * before),
        }
        yield Finding(dataset, model, values)


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
