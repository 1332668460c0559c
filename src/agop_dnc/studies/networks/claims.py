"""The collapse paper's claims about networks, dnc-5 to dnc-7b, as rules over networks.csv and nfa.csv.

A network that has not fitted its points (training accuracy below 0.99 in some seed) is not judged: the claims are about the
end of training. Decades are of log₁₀.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ..deep_rfm.claims import PAPER, Measured
from ..judging import (
    Bounds,
    Claim,
    Context,
    Finding,
    Findings,
    Quantity,
    Source,
    Tables,
    UntestedError,
    above,
    at_least,
    by_seed,
    differences,
    table_of,
)

FITTED = 0.99
# A layer counts as lowering NC1 from this many decades on.
LOWERS = 0.1

SHARE = "smallest share of SVᵀ in the fall of log NC1, over the layers that lower it"
NFA = "NFA correlation, mean over layers"
EXCESS = "excess over the null that keeps W"
GAIN = "the same less its value before training"
LAST_FALL = "decades by which NC2 falls over training in the last layer"
LAST_FALL_LEAD = "the same less twice the largest of the other layers"
LAST_STEP = "decades by which the last layer lowers NC2 at the end"
LAST_STEP_LEAD = "the same less the largest of the other layers"

_BEFORE = "before training"
_NOT_FINITE = "a number that it rests on is not finite"
_ONE_DEVIATION = "the paper's mean and one of its standard deviations to either side"
# Where the paper gives its own value.
NFA_BOUNDS = {
    ("mnist", "mlp"): Bounds(0.61, 0.87, _ONE_DEVIATION),
    ("cifar10", "resnet18"): Bounds(0.57, 0.91, _ONE_DEVIATION),
}

CLAIMS: tuple[Claim, ...] = (
    Claim(
        "dnc-5",
        PAPER,
        "In networks the ratio of within- to between-class variability falls mostly through SVᵀ, not through the "
        "non-linearity.",
        "NC1 falls mostly through SVᵀ",
        "Section 6, Figures 2, 7 to 9",
        (Quantity(SHARE, at_least(0.5, "mostly: at least half, on the figures' log scale"), _BEFORE),),
    ),
    Claim(
        "dnc-6a",
        PAPER,
        "At the end of training the neural feature matrix correlates with the AGOP's root by 0.74 ± 0.17 (ResNet on CIFAR-10) "
        "and 0.74 ± 0.13 (MLP on MNIST).",
        "The paper's NFA correlations",
        "Section 6, Figures 10 to 12",
        (
            Quantity(
                NFA, Bounds(0.57, 1.0, "from the lower of the paper's means less its standard deviation"), "null that keeps W"
            ),
        ),
    ),
    Claim(
        "dnc-6b",
        PAPER,
        "Training aligns the weights with the AGOP beyond what the weights alone explain.",
        "Training aligns W with the AGOP",
        "Section 6, Figures 10 to 12",
        (
            Quantity(
                EXCESS,
                at_least(0.05, "ten times what an untrained network's correlation differs from this null by"),
                _BEFORE,
            ),
            Quantity(GAIN, above(0.0, "or training is not what brings it about")),
        ),
    ),
    Claim(
        "dnc-7a",
        PAPER,
        "Over training, NC2 progresses strongly only in the last layer of the networks.",
        "NC2 falls in the last layer: training",
        "Section 6",
        (
            Quantity(LAST_FALL, at_least(0.3, "strongly: to less than half")),
            Quantity(LAST_FALL_LEAD, above(0.0, "only there: more than twice any other's, a rise counting as no fall")),
        ),
    ),
    Claim(
        "dnc-7b",
        PAPER,
        "Through depth, NC2 appears only in the last layer of the networks.",
        "NC2 falls in the last layer: depth",
        "the authors' slides",
        (
            Quantity(LAST_STEP, at_least(0.1, "a fifth off: what a log plot shows"), _BEFORE),
            Quantity(LAST_STEP_LEAD, above(0.0, "only there: more than any other's, a rise counting as no fall")),
        ),
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Run:
    """One network: its rows of a table over all seeds, and the sizes of the classes it was trained on."""

    dataset: str
    architecture: str
    rows: pd.DataFrame
    class_sizes: Sequence[int]

    @property
    def last(self) -> int:
        """Return the last epoch."""
        return int(self.rows.epoch.max())

    def logs(self, metric: str, epoch: int) -> pd.DataFrame:
        """Return log₁₀ of a metric at an epoch, one row per (seed, layer) and one column per component."""
        rows = self.rows[(self.rows.metric == metric) & (self.rows.epoch == epoch)]
        if not len(rows):
            raise UntestedError(f"networks.csv has no {metric.upper()} of epoch {epoch}")
        wide = rows.pivot(index=["seed", "layer"], columns="component", values="value")
        with np.errstate(divide="ignore", invalid="ignore"):  # a zero makes the value not finite, and so not tested
            return pd.DataFrame(np.log10(wide), index=wide.index, columns=wide.columns)


def findings(tables: Tables, context: Context) -> Findings:
    """Yield what a run's tables say of each claim, by dataset and architecture.

    Args:
        tables: The run's tables, of which `networks`, `nfa` and `training` are used.
        context: Class sizes by dataset and settings by (dataset, architecture).

    Yields:
        A claim's id and a finding.
    """
    for name, (table, measure) in _MEASURES.items():
        try:
            found = list(_runs(table_of(tables, table), context))
        except UntestedError as reason:
            yield name, Finding("", "", reason=str(reason))
            continue
        yield from ((name, _finding(run, measure, tables, context)) for run in found)


def _runs(table: pd.DataFrame, context: Context) -> Iterator[Run]:
    for dataset in context.datasets:
        for architecture, rows in table[table.dataset == dataset].groupby("architecture", sort=False):
            yield Run(dataset, str(architecture), rows, context.class_sizes[dataset])


def _finding(run: Run, measure: Callable[[Run], Measured], tables: Tables, context: Context) -> Finding:
    settings = context.settings.get((run.dataset, run.architecture), {})
    own = {
        "dataset": run.dataset,
        "architecture": run.architecture,
        "n": sum(run.class_sizes),
        "optimiser": "sgd",
        **settings,
    }
    differs = differences(own, paper_settings(run.dataset, run.architecture))
    try:
        _check_fitted(run, tables)
        measured = measure(run)
    except UntestedError as reason:
        return Finding(run.dataset, run.architecture, reason=str(reason), differs=differs)
    return Finding(
        run.dataset,
        run.architecture,
        measured.values,
        measured.references or {},
        measured.bounds or {},
        differs=differs,
    )


def _check_fitted(run: Run, tables: Tables) -> None:
    """Raise UntestedError unless training accuracy is 0.99 or more at the last epoch in every seed."""
    table = table_of(tables, "training")
    of_one = (table.dataset == run.dataset) & (table.architecture == run.architecture)
    rows = table[of_one & (table.metric == "train_accuracy")]
    lowest = rows[rows.epoch == rows.epoch.max()].value.min()
    if not lowest >= FITTED:
        raise UntestedError(f"training accuracy is {lowest:.3g}, and the claim is about networks that fit")


def paper_settings(dataset: str, architecture: str) -> dict[str, Any]:
    """Return the paper's settings of a network (Appendix D); for an architecture that is not the paper's, those of all."""
    scale = 0.2 if dataset == "mnist" else 0.3
    own = {
        "mlp": {"epochs": 500, "learning_rate": 0.05, "momentum": 0.0, "init_scale": scale},
        "resnet18": {"epochs": 300, "learning_rate": 0.05, "momentum": 0.0, "init_scale": 0.2},
        "vgg11": {"epochs": 600, "learning_rate": 0.01, "momentum": 0.9, "init_scale": scale},
    }
    return {
        "dataset": ("mnist", "cifar10", "svhn"),
        "n": 50_000,
        "architecture": tuple(own),
        "optimiser": "sgd",
        "hidden_layers": 5,
        "width": 512,
        "batch_size": 128,
        **own.get(architecture, {}),
    }


def _through_right_singular_part(run: Run) -> Measured:
    values = _smallest_shares(run.logs("nc1", run.last))
    try:
        before = _smallest_shares(run.logs("nc1", 0))
    except UntestedError:  # untrained layers may well lower nothing
        return Measured({SHARE: values})
    return Measured({SHARE: values}, {SHARE: _mean(before)})


def _smallest_shares(logs: pd.DataFrame) -> dict[int, float]:
    """SVᵀ's smallest share, by seed, in the layers that lower NC1, which must be half of the layers or more."""
    _require(logs, "input", "right", "output")
    by_right, whole = logs["input"] - logs["right"], logs["input"] - logs["output"]
    if not np.isfinite(whole).all() or not np.isfinite(by_right).all():
        raise UntestedError(_NOT_FINITE)
    lowering = whole >= LOWERS
    fewest, layers = int(lowering.groupby("seed").sum().min()), int(whole.groupby("seed").size().max())
    if 2 * fewest < layers:
        raise UntestedError(
            f"in one seed {fewest} of {layers} layers lower NC1 by {LOWERS:g} decade or more, and half must"
        )
    return by_seed((by_right / whole)[lowering].groupby("seed").min())


def _require(logs: pd.DataFrame, *components: str) -> None:
    missing = [name for name in components if name not in logs]
    if missing:
        raise UntestedError(f"networks.csv has no component {missing[0]}")


def _ansatz(run: Run) -> Measured:
    values = _correlation(run, run.last, "sqrt_agop")
    bounds = {NFA: NFA_BOUNDS[key]} if (key := (run.dataset, run.architecture)) in NFA_BOUNDS else {}
    return Measured({NFA: values}, {NFA: _mean(_correlation(run, run.last, "sqrt_agop_null"))}, bounds)


def _alignment(run: Run) -> Measured:
    trained, untrained = _excess(run, run.last), _excess(run, 0)
    if run.last == 0:
        raise UntestedError("only epoch 0 was measured")
    gain = {seed: value - untrained[seed] for seed, value in trained.items() if seed in untrained}
    return Measured({EXCESS: trained, GAIN: gain}, {EXCESS: _mean(untrained)})


def _excess(run: Run, epoch: int) -> dict[int, float]:
    null = _correlation(run, epoch, "sqrt_agop_null")
    return {seed: value - null[seed] for seed, value in _correlation(run, epoch, "sqrt_agop").items() if seed in null}


def _correlation(run: Run, epoch: int, target: str) -> dict[int, float]:
    """Return the mean over layers by seed; not finite if one layer's is not."""
    rows = run.rows[(run.rows.epoch == epoch) & (run.rows.target == target)]
    if not len(rows):
        raise UntestedError(f"nfa.csv has no {target} of epoch {epoch}")
    return by_seed(rows.groupby("seed").value.agg(lambda values: values.mean(skipna=False)))


def _over_training(run: Run) -> Measured:
    logs = [_outputs(run, epoch) for epoch in (0, run.last)]
    last, lead = _last_layer(logs[0] - logs[1], 2)
    return Measured({LAST_FALL: last, LAST_FALL_LEAD: lead})


def _through_depth(run: Run) -> Measured:
    last, lead = _last_layer(_steps(run, run.last), 1)
    untrained = _last_layer(_steps(run, 0), 1)[0] if (run.rows.epoch == 0).any() else {}
    return Measured({LAST_STEP: last, LAST_STEP_LEAD: lead}, {LAST_STEP: _mean(untrained)} if untrained else {})


def _outputs(run: Run, epoch: int) -> pd.Series[float]:
    """log₁₀ NC2 of every layer's output, by (seed, layer)."""
    logs = _nc2(run, epoch)
    _require(logs, "output")
    return logs["output"]


def _steps(run: Run, epoch: int) -> pd.Series[float]:
    """Decades by which every layer lowers NC2 from its input to its output, by (seed, layer)."""
    logs = _nc2(run, epoch)
    _require(logs, "input", "output")
    return logs["input"] - logs["output"]


def _nc2(run: Run, epoch: int) -> pd.DataFrame:
    if len(run.class_sizes) == 2:
        raise UntestedError("with two classes NC2 is 0 for any features")
    return run.logs("nc2", epoch)


def _last_layer(falls: pd.Series[float], times: int) -> tuple[dict[int, float], dict[int, float]]:
    """Return the fall in the last layer, and that less `times` the largest of the others, by seed; a rise counts as no fall."""
    wide = falls.unstack("layer")
    if wide.shape[1] < 2:
        raise UntestedError("one hidden layer has no other to compare with")
    if not np.isfinite(wide.to_numpy()).all():
        raise UntestedError(_NOT_FINITE)
    last, others = wide.iloc[:, -1], wide.iloc[:, :-1].max(axis=1).clip(lower=0)
    return by_seed(last), by_seed(last - times * others)


def _mean(values: Mapping[int, float]) -> float:
    return float(np.mean(list(values.values())))


# Each claim's table, and what is asked of it.
_MEASURES: dict[str, tuple[str, Callable[[Run], Measured]]] = {
    "dnc-5": ("networks", _through_right_singular_part),
    "dnc-6a": ("nfa", _ansatz),
    "dnc-6b": ("nfa", _alignment),
    "dnc-7a": ("networks", _over_training),
    "dnc-7b": ("networks", _through_depth),
}
SOURCE = Source(CLAIMS, findings)
