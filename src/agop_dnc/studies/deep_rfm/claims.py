"""The collapse paper's claims about Deep RFM, dnc-1a to dnc-4b, as rules over deep_rfm.csv.

NC1 and NC2 are those of the component `agop`, X̃ = X M^{1/2}, unless a rule says otherwise. Decades are of log₁₀, and a layer
whose NC1 is 1e-12 or less is rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

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
    at_least,
    at_most,
    below,
    by_seed,
    differences,
    table_of,
)
from .decay import ROUNDING, above_rounding, decades_fallen, fit_decay, straightness
from .references import chance

PAPER = "Beaglehole et al., NeurIPS 2024"
COLLAPSE_LAYER = 18
# The largest class over the smallest from which a dataset counts as imbalanced (SVHN: 2.8).
IMBALANCED = 1.5

WITHIN = "deviation of the worst block within a class"
SMALLEST = "deviation of the block of the smallest class"
BETWEEN = "deviation of the worst block between two classes"
NC2 = "NC2 of X̃ at layer 18"
LOWERS, RAISES = "share of layers where M½ lowers NC1", "share of layers where Φ raises NC1"
STRAIGHT = "R² of log NC1 against layer"
FLOOR = "R² of a·r^l + c for log {}"
FALL = "decades by which {} falls"
COSINE = "largest cosine between means of two of the smaller half of the classes"

_BLOCK = "root mean square over a block's pairs: a twentieth of the colour scale from −1 to 1, too little to see"
_ALL_LAYERS = "the claim makes no exception; layers whose NC1 is rounding (1e-12) are left out"
_TENFOLD = "a fall that a log plot shows"
_RANDOM = "random directions"

CLAIMS: tuple[Claim, ...] = (
    Claim(
        "dnc-1a",
        PAPER,
        "After 18 layers of Deep RFM the points of a class are one point: their inner products are 1.",
        "Each class becomes one point",
        "Section 4, Figures 1, 5, 6",
        (Quantity(WITHIN, at_most(0.1, _BLOCK)),),
    ),
    Claim(
        "dnc-1b",
        PAPER,
        "After 18 layers of Deep RFM the inner products between classes are −1/(K−1).",
        "Classes are at −1/(K−1)",
        "Section 4, Figures 1, 5, 6",
        (Quantity(BETWEEN, at_most(0.1, _BLOCK), _RANDOM),),
    ),
    Claim(
        "dnc-1c",
        PAPER,
        "After 18 layers of Deep RFM the class means form a simplex, nearer than chance.",
        "Means nearer a simplex than chance",
        "Section 4, Figures 3, 4",
        (
            Quantity(
                NC2,
                Bounds(why="ten random directions in many dimensions are nearly a simplex without any collapse"),
                "median of random directions",
                "< 5th percentile of random directions",
            ),
        ),
    ),
    Claim(
        "dnc-2a",
        PAPER,
        "In each layer of Deep RFM M½ lowers NC1 and the random feature map raises it.",
        "M½ lowers NC1, Φ raises it",
        "Section 4, Figures 3, 4",
        (Quantity(LOWERS, at_least(1.0, _ALL_LAYERS)), Quantity(RAISES, at_least(1.0, _ALL_LAYERS))),
    ),
    Claim(
        "dnc-3a",
        PAPER,
        "NC1 falls exponentially with depth.",
        "NC1 falls exponentially",
        "Theorem 5.3, Figures 3, 4",
        (
            Quantity(FALL.format("NC1"), at_least(1.0, _TENFOLD)),
            Quantity(
                STRAIGHT, at_least(0.9, "nine tenths of the variance on a line is what the eye calls straight on a log scale")
            ),
        ),
    ),
    Claim(
        "dnc-3b",
        PAPER,
        "NC1 falls exponentially with depth to a floor.",
        "NC1 falls exponentially to a floor",
        "Theorem 5.3, Figures 3, 4",
        (
            Quantity(FALL.format("NC1"), at_least(1.0, _TENFOLD)),
            Quantity(FLOOR.format("NC1"), at_least(0.95, "a floor is one parameter more than a line, so more is asked")),
        ),
    ),
    Claim(
        "dnc-3c",
        PAPER,
        "NC2 falls exponentially with depth to a floor.",
        "NC2 falls exponentially to a floor",
        "Theorem 5.3, Figures 3, 4",
        (
            Quantity(FALL.format("NC2"), at_least(0.5, "NC2 starts near 2.5 for ten classes: a fall to a third")),
            Quantity(FLOOR.format("NC2"), at_least(0.9, "as for NC1, for a curve that falls over fewer decades")),
        ),
    ),
    Claim(
        "dnc-4a",
        PAPER,
        "Deep RFM collapses with imbalanced classes too.",
        "Imbalanced classes collapse",
        "Section 4, Figures 3 to 6 (SVHN)",
        (
            Quantity(FALL.format("NC1"), at_least(1.0, _TENFOLD)),
            Quantity(SMALLEST, at_most(0.1, "as for balanced classes")),
        ),
    ),
    Claim(
        "dnc-4b",
        PAPER,
        "With imbalanced classes the small ones do not merge.",
        "Small classes do not merge",
        "Section 4, Figures 3 to 6 (SVHN)",
        (Quantity(COSINE, at_most(0.1, "merged means have a cosine of 1, those of a simplex −1/(K−1)"), _RANDOM),),
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Measured:
    """Values by quantity and seed, with references and bounds where a quantity has some of its own."""

    values: Mapping[str, Mapping[int, float]]
    references: Mapping[str, float] | None = None
    bounds: Mapping[str, Bounds] | None = None


@dataclass(frozen=True)
class Run:
    """One Deep RFM: its rows of deep_rfm.csv over all seeds, its settings, and the sizes of the classes it was fitted to."""

    dataset: str
    activation: str
    rows: pd.DataFrame
    settings: Mapping[str, Any]
    class_sizes: Sequence[int]

    @property
    def classes(self) -> int:
        """Return the number of classes K."""
        return len(self.class_sizes)

    @property
    def imbalanced(self) -> bool:
        """Return whether the largest class is at least 1.5 times the smallest."""
        return max(self.class_sizes) >= IMBALANCED * min(self.class_sizes)

    def curves(self, metric: str, component: str = "agop") -> pd.DataFrame:
        """Return a metric of a component, one row per layer and one column per seed."""
        chosen = self.rows[(self.rows.metric == metric) & (self.rows.component == component)]
        if not len(chosen):
            raise UntestedError(f"deep_rfm.csv has no {metric} of the component {component}")
        return chosen.pivot(index="layer", columns="seed", values="value")

    def at_collapse(self, metric: str) -> dict[int, float]:
        """Return a metric of X̃ at layer 18 by seed."""
        curves = self.curves(metric)
        if COLLAPSE_LAYER not in curves.index:
            raise UntestedError(f"the depth is {curves.index.max()}, and the claim is about {COLLAPSE_LAYER} layers")
        return by_seed(curves.loc[COLLAPSE_LAYER])

    def each(self, measure: Callable[[Any, Any], float], metric: str, least: int) -> dict[int, float]:
        """Return a measure of the curve of a metric against layer by seed; `least` layers must be above rounding."""
        curves = self.curves(metric)
        for _, curve in curves.items():
            told = len(above_rounding(curve.index, curve)[0])
            if told < least:
                raise UntestedError(
                    f"{metric.upper()} is above rounding in {told} layers, and any {told} fit the curve"
                )
        return {int(str(seed)): measure(curve.index, curve) for seed, curve in curves.items()}

    @property
    def dimension(self) -> int:
        """Return the dimension of X̃ at layer 18: the number of features of the layer before."""
        if "width" not in self.settings:
            raise UntestedError("the width of the features is not known, and chance depends on it")
        return int(self.settings["width"])


def runs(table: pd.DataFrame, context: Context) -> Iterator[Run]:
    """Yield every Deep RFM of a table, by dataset in the context's order and by activation."""
    for dataset in context.datasets:
        for activation, rows in table[table.dataset == dataset].groupby("activation", sort=False):
            settings = context.settings.get((dataset, str(activation)), {})
            yield Run(dataset, str(activation), rows, settings, context.class_sizes[dataset])


def findings(tables: Tables, context: Context) -> Findings:
    """Yield what deep_rfm.csv says of each claim, by dataset and activation.

    Args:
        tables: The run's tables, of which only `deep_rfm` is used.
        context: Class sizes by dataset and settings by (dataset, activation).

    Yields:
        A claim's id and a finding.
    """
    table = table_of(tables, "deep_rfm")
    found = list(runs(table, context))
    for run in found:
        for name, measure in _EVERY.items():
            yield name, finding(run, measure)
    uneven = [run for run in found if run.imbalanced]
    for name, measure in _IMBALANCED.items():
        yield from ((name, finding(run, measure)) for run in uneven)
        if not uneven:
            yield name, Finding("", "", reason="no dataset in this configuration is imbalanced")


def finding(run: Run, measure: Callable[[Run], Measured]) -> Finding:
    """Return what a run says of a claim: what is measured, or why it cannot be."""
    model = f"deep_rfm {run.activation}"
    differs = differences(
        {"dataset": run.dataset, "n": sum(run.class_sizes), **run.settings}, paper_settings(run.dataset, run.activation)
    )
    note = _SCALES.get(str(run.settings.get("agop_scale")), "")
    try:
        measured = measure(run)
    except UntestedError as reason:
        return Finding(run.dataset, model, reason=str(reason), differs=differs, note=note)
    return Finding(
        run.dataset,
        model,
        measured.values,
        measured.references or {},
        measured.bounds or {},
        differs=differs,
        note=note,
    )


# The paper's symbols leave the choice between the first two.
_SCALES = {
    "mean": "AGOP: mean over points (Section 3.2)",
    "sum": "AGOP: sum over points (Algorithm 1)",
    "max": "AGOP: divided by its largest entry (the released code)",
}


def paper_settings(dataset: str, activation: str) -> dict[str, Any]:
    """Return the paper's settings of Deep RFM (Appendix D); a tuple lists several values that the paper allows."""
    settings: dict[str, Any] = {
        "dataset": ("mnist", "cifar10", "svhn"),
        "n": 50_000,
        "depth": 20,
        "kernel": "gaussian" if (dataset, activation) == ("mnist", "relu") else "laplace",
        "bandwidth": 2.0,
        "width": 1024 if activation == "relu" else 4096,
        "ridge": 0.0,
        "agop_scale": ("mean", "sum"),
    }
    return settings if activation == "relu" else settings | {"feature_bandwidth": 0.05}


def _one_point(run: Run) -> Measured:
    return Measured({WITHIN: run.at_collapse("gram_within")})


def _between_classes(run: Run) -> Measured:
    values = run.at_collapse("gram_between")
    return Measured({BETWEEN: values}, {BETWEEN: chance(run.classes, run.dimension).between})


def _simplex(run: Run) -> Measured:
    if run.classes == 2:
        raise UntestedError("with two classes NC2 is 0 for any features")
    values, random = run.at_collapse("nc2"), chance(run.classes, run.dimension)
    limit = below(random.nc2_5th, "5th percentile of random directions")
    return Measured({NC2: values}, {NC2: random.nc2_median}, {NC2: limit})


def _layer_by_layer(run: Run) -> Measured:
    x, agop, features = (run.curves("nc1", component) for component in ("x", "agop", "features"))
    told = agop > ROUNDING
    if not told.any().all():
        raise UntestedError("NC1 is rounding in every layer")
    return Measured(
        {
            LOWERS: by_seed(((agop < x) & told).sum() / told.sum()),
            RAISES: by_seed(((features > agop) & told).sum() / told.sum()),
        }
    )


def _exponential(run: Run) -> Measured:
    return Measured(
        {FALL.format("NC1"): run.each(decades_fallen, "nc1", 3), STRAIGHT: run.each(straightness, "nc1", 3)}
    )


def _exponential_to_floor(run: Run) -> Measured:
    return _to_floor(run, "nc1")


def _nc2_to_floor(run: Run) -> Measured:
    if run.classes == 2:
        raise UntestedError("with two classes NC2 is 0 for any features")
    return _to_floor(run, "nc2")


def _to_floor(run: Run, metric: str) -> Measured:
    name = metric.upper()
    return Measured(
        {
            FALL.format(name): run.each(decades_fallen, metric, 4),
            FLOOR.format(name): run.each(lambda layers, curve: fit_decay(layers, curve).r_squared, metric, 4),
        }
    )


def _imbalanced_collapse(run: Run) -> Measured:
    return Measured(
        {
            FALL.format("NC1"): run.each(decades_fallen, "nc1", 2),
            SMALLEST: run.at_collapse("gram_within_smallest"),
        }
    )


def _apart(run: Run) -> Measured:
    if run.classes < 4:
        raise UntestedError(f"the smaller half of {run.classes} classes is no pair")
    values = run.at_collapse("largest_small_class_cosine")
    return Measured({COSINE: values}, {COSINE: chance(run.classes, run.dimension).small_cosine})


Measure = Callable[[Run], Measured]
_EVERY: dict[str, Measure] = {
    "dnc-1a": _one_point,
    "dnc-1b": _between_classes,
    "dnc-1c": _simplex,
    "dnc-2a": _layer_by_layer,
    "dnc-3a": _exponential,
    "dnc-3b": _exponential_to_floor,
    "dnc-3c": _nc2_to_floor,
}
_IMBALANCED: dict[str, Measure] = {"dnc-4a": _imbalanced_collapse, "dnc-4b": _apart}
SOURCE = Source(CLAIMS, findings)
