r"""The paper's claims as rules over the tidy tables, each of which can fail.

A rule asks for quantities, each one number a seed, and bounds between which each must lie. A claim about a dataset and a
model is *reproduced* where every quantity lies within its bounds for every seed, *not reproduced* where one does not, and
*not tested* where the tables hold nothing to decide it by. The bounds are at :data:`CLAIMS`, with the reason for each.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from .findings import FINDERS, Evidence, Finding

COLUMNS = ["claim", "dataset", "model", "measured", "expected", "verdict", "source"]
EVIDENCE_COLUMNS = ["claim", "dataset", "model", "quantity", "at_least", "at_most", "seed", "value"]
REPRODUCED, NOT_REPRODUCED, NOT_TESTED = "reproduced", "not reproduced", "not tested"


@dataclass(frozen=True)
class Bounds:
    """Where a quantity must lie, ends included, and why there."""

    at_least: float
    at_most: float
    why: str

    def __str__(self) -> str:
        if math.isinf(self.at_most):
            return f"≥ {self.at_least:g}"
        return f"≤ {self.at_most:g}" if math.isinf(self.at_least) else f"{self.at_least:g} to {self.at_most:g}"


@dataclass(frozen=True)
class Claim:
    """What the paper states and where, and the bounds of each quantity that decides it."""

    number: int
    statement: str
    source: str
    bounds: Mapping[str, Bounds]


def _at_least(value: float, why: str) -> Bounds:
    return Bounds(value, math.inf, why)


def _at_most(value: float, why: str) -> Bounds:
    return Bounds(-math.inf, value, why)


_ALL_LAYERS = "the claim makes no exception; layers whose NC1 is rounding (below 1e-12) are left out"
_BLOCKS = "root mean square over a block's pairs: a twentieth of the colour scale from −1 to 1, too little to see"
_STRAIGHT = "an exponential is a straight line on the log scale; nine tenths of the variance on it is what the eye calls straight"
_TENFOLD = "a fall that a log plot shows"
CLAIMS = {
    claim.number: claim
    for claim in (
        Claim(
            1,
            "After 18 layers of Deep RFM the Gram matrix is about that of collapsed data: inner products 1 within a class, "
            "−1/(K−1) between classes.",
            "Section 4, Figures 1, 5, 6",
            {
                "deviation of the worst block within a class": _at_most(0.1, _BLOCKS),
                "deviation between class means": _at_most(0.1, "the same over pairs of classes, each counting once"),
            },
        ),
        Claim(
            2,
            "In Deep RFM the fall of NC1 is entirely due to M½; the random feature map makes it worse.",
            "Section 4, Figures 3, 4",
            {
                "share of layers where M½ lowers NC1": _at_least(1.0, _ALL_LAYERS),
                "share of layers where Φ raises NC1": _at_least(1.0, _ALL_LAYERS),
            },
        ),
        Claim(
            3,
            "NC1 and NC2 fall exponentially with depth.",
            "Theorem 5.3, Figures 3, 4",
            {
                "decades by which NC1 falls": _at_least(1.0, _TENFOLD),
                "R² of log NC1 against layer": _at_least(0.9, _STRAIGHT),
                "decades by which NC2 falls": _at_least(1.0, _TENFOLD),
                "R² of log NC2 against layer": _at_least(0.9, _STRAIGHT),
            },
        ),
        Claim(
            4,
            "Deep RFM collapses with imbalanced classes too.",
            "Section 4, Figures 3 to 6 (SVHN)",
            {
                "decades by which NC1 falls": _at_least(2.0, "collapse, and no mere improvement: a hundredth is left"),
                "deviation of the worst block within a class": _at_most(0.1, "as in claim 1; the smallest class counts as much"),
            },
        ),
        Claim(
            5,
            "In networks the ratio of within- to between-class variability falls mostly through SVᵀ, not through the "
            "non-linearity.",
            "Section 6, Figures 2, 7 to 9",
            {"share of log NC1's fall due to SVᵀ": _at_least(0.5, "mostly: more than half, on the figures' log scale")},
        ),
        Claim(
            6,
            "At the end of training the neural feature matrix correlates with the AGOP's root (0.74 ± 0.17 for ResNet on "
            "CIFAR-10, 0.74 ± 0.13 for the MLP on MNIST); asked here too: more than before training and than by chance.",
            "Section 6, Figures 10 to 12",
            {
                "NFA correlation": _at_least(0.57, "the lower of the paper's two means, less its standard deviation"),
                "above the untrained network": _at_least(0.0, "or training is not what brings it about"),
                "above the rotated null": _at_least(0.1, "more than twice the 0.04 that the paper names as chance"),
            },
        ),
        Claim(
            7,
            "NC2 progresses strongly only in the last layer of the networks.",
            "Section 6",
            {
                "decades by which NC2 falls in the last layer": _at_least(0.3, "strongly: to less than half"),
                "the same less twice the largest of the layers before": _at_least(0.0, "only there: twice any other's, in decades"),
            },
        ),
        Claim(
            8,
            "E[ReLU(Wx)ᵀReLU(Wy)] = (sin θ + (π − θ) cos θ)/π for unit x, y at angle θ and W with entries N(0, 2/D), with "
            "variance of order 1/D.",
            "Proposition A.1 (Cho and Saul)",
            {
                "largest deviation of a mean, in standard errors": _at_most(
                    4.5, "chance exceeds it once in 150,000 means, and some dozens are looked at"
                ),
                "slope of log variance against log D": Bounds(
                    -1.1, -0.9, "order 1/D is a slope of −1; a tenth is what the sampled variances leave uncertain"
                ),
            },
        ),
    )
}  # fmt: skip
# Where the paper gives its own value of claim 6.
_ONE_PAPER_STD = "the paper's mean and one of its standard deviations to either side"
_NFA_BOUNDS = {
    ("mnist", "mlp"): Bounds(0.61, 0.87, _ONE_PAPER_STD),
    ("cifar10", "resnet18"): Bounds(0.57, 0.91, _ONE_PAPER_STD),
}


def bounds_of(claim: Claim, dataset: str, model: str, quantity: str) -> Bounds:
    """The bounds of a claim's quantity for a dataset and model."""
    if quantity == "NFA correlation":
        return _NFA_BOUNDS.get((dataset, model), claim.bounds[quantity])
    return claim.bounds[quantity]


def evidence(tables: Mapping[str, pd.DataFrame], class_sizes: Mapping[str, Sequence[int]]) -> Evidence:
    """Return the evidence in a run's tables; those that the run lacks are empty."""
    keys = ["dataset", "architecture", "seed", "epoch"]
    columns = {
        "deep_rfm": ["dataset", "activation", "seed", "layer", "component", "metric", "value"],
        "networks": [*keys, "layer", "component", "metric", "value"],
        "nfa": [*keys, "layer", "target", "value"],
        "training": [*keys, "metric", "value"],
        "feature_kernel": ["seed", "width", "angle", "metric", "value"],
    }
    found = {name: tables[name] if name in tables else pd.DataFrame(columns=needed) for name, needed in columns.items()}
    return Evidence(**found, class_sizes=class_sizes)


def evaluate(evidence: Evidence) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows of claims.csv, one per claim, dataset and model, and of its evidence, one per quantity and seed.

    Where nothing at all was measured for a claim it has one row, which says so.
    """
    verdicts, values = [], []
    for claim in CLAIMS.values():
        findings = list(FINDERS[claim.number](evidence)) or [Finding("", "", reason="what it is about was not run")]
        for finding in map(_decidable, findings):
            verdicts.append(_verdict(claim, finding))
            values += list(_evidence_rows(claim, finding))
    return verdicts, values


def _decidable(finding: Finding) -> Finding:
    """The finding, or one without values where a number that it rests on is missing or not finite."""
    finite = all(by and all(map(math.isfinite, by.values())) for by in finding.values.values())
    return finding if finite else replace(finding, values={}, reason="a number that it rests on is not finite")


def _verdict(claim: Claim, finding: Finding) -> dict[str, Any]:
    bounds = {q: bounds_of(claim, finding.dataset, finding.model, q) for q in claim.bounds}
    if finding.values:
        held = all(
            bounds[q].at_least <= v <= bounds[q].at_most for q, by in finding.values.items() for v in by.values()
        )
        measured = "; ".join(f"{q}: {_mean_and_deviation([*by.values()])}" for q, by in finding.values.items())
    return {
        "claim": claim.number,
        "dataset": finding.dataset,
        "model": finding.model,
        "measured": measured if finding.values else finding.reason,
        "expected": "; ".join(f"{q} {b}" for q, b in bounds.items()),
        "verdict": (REPRODUCED if held else NOT_REPRODUCED) if finding.values else NOT_TESTED,
        "source": claim.source,
    }


def _evidence_rows(claim: Claim, finding: Finding) -> Iterator[dict[str, Any]]:
    for quantity, by_seed in finding.values.items():
        bounds = bounds_of(claim, finding.dataset, finding.model, quantity)
        for seed, value in by_seed.items():
            yield {
                "claim": claim.number,
                "dataset": finding.dataset,
                "model": finding.model,
                "quantity": quantity,
                "at_least": bounds.at_least,
                "at_most": bounds.at_most,
                "seed": seed,
                "value": value,
            }


def _mean_and_deviation(values: Sequence[float]) -> str:
    mean = f"{np.mean(values):.3g}"
    return f"{mean} ± {np.std(values, ddof=1):.2g}" if len(values) > 1 else mean
