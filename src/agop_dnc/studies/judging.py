"""Judge claims by intervals over seeds: the rules that every study's claims share.

Each quantity of a claim has one value per seed. Its interval is mean ± t(0.975, s − 1)·sd/√s over s ≥ 3 seeds. A claim is

- *reproduced* if every quantity's whole interval lies within its bounds,
- *not reproduced* if some quantity's whole interval lies outside,
- *not tested* if there are fewer than three seeds, or nothing that the claim could be decided by, and
- *undecided* otherwise.

So one more seed can settle a verdict, but a rule does not grow stricter with every seed, as 'every seed inside' would.
"""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pandas as pd
from scipy import stats

REPRODUCED, NOT_REPRODUCED = "reproduced", "not reproduced"
UNDECIDED, NOT_TESTED = "undecided", "not tested"
VERDICTS = (REPRODUCED, NOT_REPRODUCED, UNDECIDED, NOT_TESTED)
LEAST_SEEDS = 3
CONFIDENCE = 0.95

KEYS = ["claim", "dataset", "model"]
# The columns of claims.csv.
COLUMNS = ["claim", "paper", "dataset", "model", "measured", "expected", "verdict", "seeds", "low", "high"]
COLUMNS += ["reference", "as_paper", "source"]
# The columns of claims_evidence.csv: all that a verdict rests on.
EVIDENCE_COLUMNS = [*KEYS, "quantity", "at_least", "at_most", "strict", "seed", "value", "reference"]

Tables = Mapping[str, pd.DataFrame]


@dataclass(frozen=True)
class Bounds:
    """Hold the bounds of a quantity, and the reason for them.

    Attributes:
        at_least: Lower end, −∞ if there is none.
        at_most: Upper end, ∞ if there is none.
        why: Why the bounds are where they are.
        strict: Whether the ends themselves are outside ('below' and 'above' instead of 'at most' and 'at least').
    """

    at_least: float = -math.inf
    at_most: float = math.inf
    why: str = ""
    strict: bool = False

    def contain(self, value: float) -> bool:
        """Return whether a value lies within the bounds."""
        if self.strict:
            return self.at_least < value < self.at_most
        return self.at_least <= value <= self.at_most

    def meet(self, low: float, high: float) -> bool:
        """Return whether some value from low to high lies within the bounds."""
        if self.strict:
            return high > self.at_least and low < self.at_most
        return high >= self.at_least and low <= self.at_most

    def __str__(self) -> str:
        """Return the bounds as a relation, e.g. '≥ 0.9', '< 1' or '0.57 to 1'."""
        if math.isinf(self.at_least) and math.isinf(self.at_most):
            return "any"
        if math.isinf(self.at_most):
            return f"{'>' if self.strict else '≥'} {self.at_least:.3g}"
        if math.isinf(self.at_least):
            return f"{'<' if self.strict else '≤'} {self.at_most:.3g}"
        return f"{self.at_least:.3g} to {self.at_most:.3g}"


def at_least(value: float, why: str) -> Bounds:
    """Return bounds that hold `value` and all above it."""
    return Bounds(at_least=value, why=why)


def at_most(value: float, why: str) -> Bounds:
    """Return bounds that hold `value` and all below it."""
    return Bounds(at_most=value, why=why)


def above(value: float, why: str) -> Bounds:
    """Return bounds that hold all above `value`, but not `value`."""
    return Bounds(at_least=value, why=why, strict=True)


def below(value: float, why: str) -> Bounds:
    """Return bounds that hold all below `value`, but not `value`."""
    return Bounds(at_most=value, why=why, strict=True)


@dataclass(frozen=True)
class Quantity:
    """Name a number that a claim is decided by, one per seed.

    Attributes:
        name: What it is, in words.
        bounds: Where it must lie.
        reference: What its reference is (a null, a chance level, the untrained value), in words; empty if it has none.
        varies: The bounds in words, for a quantity whose bounds are computed for each run; then every finding brings them.
    """

    name: str
    bounds: Bounds
    reference: str = ""
    varies: str = ""

    @property
    def asked(self) -> str:
        """Return the quantity with its bounds, in words."""
        return f"{self.name} {self.varies or self.bounds}"


@dataclass(frozen=True)
class Claim:
    """State a claim and what decides it.

    Attributes:
        id: E.g. `dnc-1a`.
        paper: Whose claim it is.
        statement: The claim in a sentence.
        short: The claim in a few words.
        source: Where the paper states it.
        quantities: All of them must lie within their bounds.
        theorem: Whether it is a theorem, so that what is judged is the code; such checks are listed apart.
    """

    id: str
    paper: str
    statement: str
    short: str
    source: str
    quantities: tuple[Quantity, ...]
    theorem: bool = False


@dataclass(frozen=True)
class Finding:
    """Hold what a run says of a claim for one dataset and model: the values, or the reason why there are none.

    Attributes:
        dataset: Name of the dataset; empty if the claim is about none.
        model: Name of the model; empty if nothing was run.
        values: For each quantity of the claim its value by seed.
        references: For quantities that have one, the value of the null, of chance or of the untrained model.
        bounds: Bounds that replace the claim's own for this dataset and model.
        reason: Why the claim is not tested; empty if it is.
        differs: The settings in which the run differs from the paper's.
        note: What else the verdict names, e.g. which of the paper's two definitions was used.
    """

    dataset: str
    model: str
    values: Mapping[str, Mapping[int, float]] = field(default_factory=dict)
    references: Mapping[str, float] = field(default_factory=dict)
    bounds: Mapping[str, Bounds] = field(default_factory=dict)
    reason: str = ""
    differs: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class Context:
    """Hold what the tables do not say about a run.

    Attributes:
        class_sizes: Training points in each class, by dataset. Only datasets in it are asked about, in its order.
        settings: Settings by (dataset, model), the model being an activation of Deep RFM or an architecture.
        labels: `original` or `random`, by dataset; `original` if not given. Claims are about original labels.
    """

    class_sizes: Mapping[str, Sequence[int]]
    settings: Mapping[tuple[str, str], Mapping[str, Any]] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def datasets(self) -> list[str]:
        """Return the datasets with original labels."""
        return [name for name in self.class_sizes if self.labels.get(name, "original") == "original"]


class UntestedError(Exception):
    """Say why a claim cannot be decided; its text becomes the finding's reason."""


Findings = Iterator[tuple[str, Finding]]


class Source(NamedTuple):
    """A study's claims, and the function that finds what its tables say of each.

    The function may raise :class:`UntestedError` before its first finding: then none of the claims can be tested, for its reason.
    """

    claims: tuple[Claim, ...]
    findings: Callable[[Tables, Context], Findings]


class Interval(NamedTuple):
    """An interval around a mean."""

    low: float
    mean: float
    high: float


def interval(values: Iterable[float]) -> Interval:
    """Return the interval mean ± t(0.975, s − 1)·sd/√s of s values, one per seed.

    Mean and deviation are computed exactly and rounded once, so that equal values give an interval of no width at that
    very value, also when it lies on a bound.

    Args:
        values: Three values or more.

    Returns:
        Both ends and the mean.

    Raises:
        ValueError: If there are fewer than three values.

    >>> interval([1.0, 2.0, 3.0])
    Interval(low=-0.4841377117..., mean=2.0, high=4.4841377117...)
    >>> interval([0.1, 0.1, 0.1])
    Interval(low=0.1, mean=0.1, high=0.1)
    """
    values = [float(value) for value in values]
    if len(values) < LEAST_SEEDS:
        raise ValueError(f"an interval needs {LEAST_SEEDS} values, not {len(values)}; run more seeds")
    mean, deviation = statistics.mean(values), statistics.stdev(values)
    t = float(stats.t.ppf((1 + CONFIDENCE) / 2, len(values) - 1))
    half = t * deviation / math.sqrt(len(values))
    return Interval(mean - half, mean, mean + half)


def margin(found: Interval, bounds: Bounds) -> float:
    """Return how far within its bounds a quantity's mean lies, in half-widths of its interval.

    At 1 or more the whole interval is within, below −1 it is outside, so that a verdict is decided by the quantity with
    the smallest margin. An interval of no width has the margin ∞ or −∞.
    """
    nearest, half = min(found.mean - bounds.at_least, bounds.at_most - found.mean), found.high - found.mean
    if half > 0:
        return nearest / half
    return math.inf if bounds.contain(found.mean) else -math.inf


class Decision(NamedTuple):
    """A verdict, the least number of seeds, and the quantity that decides with its interval."""

    verdict: str
    seeds: int
    quantity: str = ""
    low: float = math.nan
    high: float = math.nan


def decide(measured: Mapping[str, tuple[Bounds, Sequence[float]]]) -> Decision:
    """Return the verdict on quantities with their bounds and their values, one per seed.

    The quantity that decides is the one with the smallest :func:`margin`: the farthest outside its bounds or, if none is
    outside, the nearest to them; the first of several that are equally near.
    """
    seeds = min((len(values) for _, values in measured.values()), default=0)
    finite = all(math.isfinite(value) for _, values in measured.values() for value in values)
    if seeds < LEAST_SEEDS or not finite:
        return Decision(NOT_TESTED, seeds)
    found = {name: (interval(values), bounds) for name, (bounds, values) in measured.items()}
    nearest = min(found, key=lambda name: margin(*found[name]))
    low, _, high = found[nearest][0]
    if any(not bounds.meet(one.low, one.high) for one, bounds in found.values()):
        verdict = NOT_REPRODUCED
    elif all(bounds.contain(one.low) and bounds.contain(one.high) for one, bounds in found.values()):
        verdict = REPRODUCED
    else:
        verdict = UNDECIDED
    return Decision(verdict, seeds, nearest, low, high)


def judge(claim: Claim, finding: Finding) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Judge a claim by a finding.

    Args:
        claim: What is claimed.
        finding: What the run says of it, for one dataset and model.

    Returns:
        A row of claims.csv, and rows of claims_evidence.csv, one per quantity and seed. There is no evidence if the
        finding gives a reason, or if a value is not finite.

    Raises:
        ValueError: If the finding has values for other quantities than the claim's, or lacks bounds that vary by run.
    """
    bounds = _bounds(claim, finding)
    values = {} if finding.reason else finding.values
    measured = {name: (bounds[name], list(by_seed.values())) for name, by_seed in values.items()}
    decision = decide(measured)
    reason = finding.reason or _untested(measured)
    row = {
        "claim": claim.id,
        "paper": claim.paper,
        "dataset": finding.dataset,
        "model": finding.model,
        "measured": "; ".join(part for part in (reason or _measured(claim, finding), finding.note) if part),
        "expected": "; ".join(_asked(quantity, finding) for quantity in claim.quantities),
        "verdict": decision.verdict,
        "seeds": decision.seeds,
        "low": decision.low,
        "high": decision.high,
        "reference": finding.references.get(decision.quantity, math.nan),
        "as_paper": _as_paper(finding),
        "source": claim.source,
    }
    finite = all(math.isfinite(value) for _, numbers in measured.values() for value in numbers)
    return row, list(_evidence_rows(claim, finding, bounds)) if values and finite else []


def _as_paper(finding: Finding) -> str:
    """'yes', or which settings differ; empty if nothing was run."""
    if not finding.model:
        return ""
    return f"differs: {', '.join(finding.differs)}" if finding.differs else "yes"


def _bounds(claim: Claim, finding: Finding) -> dict[str, Bounds]:
    names = [quantity.name for quantity in claim.quantities]
    if finding.values and not finding.reason and set(finding.values) != set(names):
        raise ValueError(f"{claim.id} is decided by {', '.join(names)}, not by {', '.join(finding.values)}")
    for quantity in claim.quantities:
        if quantity.varies and finding.values and not finding.reason and quantity.name not in finding.bounds:
            raise ValueError(f"the bounds of '{quantity.name}' vary by run; give the finding its own")
    return {quantity.name: finding.bounds.get(quantity.name, quantity.bounds) for quantity in claim.quantities}


def _asked(quantity: Quantity, finding: Finding) -> str:
    own = finding.bounds.get(quantity.name)
    return quantity.asked if own is None else f"{quantity.name} {own}"


def _untested(measured: Mapping[str, tuple[Bounds, Sequence[float]]]) -> str:
    """Why values that are there decide nothing; empty if they decide."""
    counts = [len(values) for _, values in measured.values()]
    if not all(math.isfinite(value) for _, values in measured.values() for value in values):
        return "a number that it rests on is not finite"
    if min(counts) < LEAST_SEEDS:
        return f"{_plural(min(counts), 'seed')}; an interval needs {LEAST_SEEDS}"
    return ""


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _measured(claim: Claim, finding: Finding) -> str:
    """Every quantity with its interval and, if it has one, its reference."""
    parts = []
    for quantity in claim.quantities:
        low, mean, high = interval(finding.values[quantity.name].values())
        text = f"{quantity.name} {mean:.3g} ({low:.3g} to {high:.3g})"
        reference = finding.references.get(quantity.name)
        parts.append(text if reference is None else f"{text}, {quantity.reference or 'reference'} {reference:.3g}")
    return "; ".join(parts)


def _evidence_rows(claim: Claim, finding: Finding, bounds: Mapping[str, Bounds]) -> Iterator[dict[str, Any]]:
    for quantity, by_seed in finding.values.items():
        for seed, value in by_seed.items():
            yield {
                "claim": claim.id,
                "dataset": finding.dataset,
                "model": finding.model,
                "quantity": quantity,
                "at_least": bounds[quantity].at_least,
                "at_most": bounds[quantity].at_most,
                "strict": bounds[quantity].strict,
                "seed": seed,
                "value": value,
                "reference": finding.references.get(quantity, math.nan),
            }


def evaluate(
    sources: Iterable[Source], tables: Tables, context: Context
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Judge all claims of several studies by a run's tables.

    Args:
        sources: The studies' claims with their findings.
        tables: The run's tables by name; one that was not made may be missing or empty.
        context: What the tables do not say about the run.

    Returns:
        Rows of claims.csv, claims first and checks of theorems after them, each in the order of their ids, and rows of
        claims_evidence.csv. A claim about which nothing was found has one row, which says so.
    """
    sources = list(sources)
    claims = {claim.id: claim for source in sources for claim in source.claims}
    found: dict[str, list[Finding]] = {name: [] for name in claims}
    for source in sources:
        for name, finding in _findings(source, tables, context):
            found[name].append(finding)
    verdicts, evidence = [], []
    for claim in sorted(claims.values(), key=order):
        for finding in found[claim.id] or [Finding("", "", reason="what it is about was not run")]:
            row, values = judge(claim, finding)
            verdicts.append(row)
            evidence += values
    return verdicts, evidence


def _findings(source: Source, tables: Tables, context: Context) -> Findings:
    """Yield a study's findings; if it raises UntestedError, as for a table that is missing, its claims are untested for that reason."""
    try:
        yield from source.findings(tables, context)
    except UntestedError as reason:
        yield from ((claim.id, Finding("", "", reason=str(reason))) for claim in source.claims)


def order(claim: Claim) -> tuple[bool, bool, list[tuple[int, str]]]:
    """Return a key that sorts claims by id with numbers by value, the collapse paper's first and checks of theorems last."""
    parts = [(int(digits or 0), text) for digits, text in re.findall(r"(\d+)|(\D+)", claim.id)]
    return claim.theorem, not claim.id.startswith("dnc-"), parts


def recompute(evidence: pd.DataFrame) -> pd.DataFrame:
    """Return the verdicts that claims_evidence.csv alone gives.

    Args:
        evidence: Rows of claims_evidence.csv. What has no row there is not tested.

    Returns:
        Columns claim, dataset, model, verdict, seeds, low, high, reference, as in claims.csv.
    """
    rows = []
    evidence = evidence.fillna({"dataset": "", "model": ""})
    for keys, of_one in evidence.groupby(KEYS, sort=False):
        measured, references = {}, {}
        for quantity, values in of_one.groupby("quantity", sort=False):
            first = values.iloc[0]
            bounds = Bounds(float(first.at_least), float(first.at_most), strict=bool(first.strict))
            measured[str(quantity)] = bounds, [float(value) for value in values.value]
            references[str(quantity)] = float(first.reference)
        decision = decide(measured)
        row = dict(zip(KEYS, keys, strict=True)) | {"verdict": decision.verdict, "seeds": decision.seeds}
        row |= {"low": decision.low, "high": decision.high}
        rows.append(row | {"reference": references.get(decision.quantity, math.nan)})
    return pd.DataFrame(rows, columns=[*KEYS, "verdict", "seeds", "low", "high", "reference"])


def table_of(tables: Tables, name: str) -> pd.DataFrame:
    """Return a table of the run.

    Raises:
        UntestedError: If it is missing or empty.
    """
    table = tables.get(name)
    if table is None or not len(table):
        raise UntestedError(f"there is no {name}.csv: what it holds was not run")
    return table


def by_seed(values: Any) -> dict[int, float]:
    """Return a series whose index is the seeds as a mapping."""
    return {int(seed): float(value) for seed, value in values.items()}


# Settings as they are called in prose.
_NAMES = {
    "feature_bandwidth": "bandwidth of the features",
    "agop_scale": "scale of the AGOP",
    "learning_rate": "learning rate",
    "batch_size": "batch size",
    "init_scale": "initialisation scale",
    "hidden_layers": "hidden layers",
}


def differences(run: Mapping[str, Any], paper: Mapping[str, Any]) -> tuple[str, ...]:
    """Return in which settings a run differs from the paper's, in words.

    Args:
        run: The run's settings; a setting of the paper that is missing here counts as unknown, and so as different.
        paper: The paper's settings; a tuple lists several values that the paper uses.

    >>> differences({"n": 1500, "depth": 20}, {"n": 50_000, "depth": 20, "kernel": "laplace"})
    ('n 1,500 (paper 50,000)', 'kernel unknown (paper laplace)')
    """
    differing = []
    for name, value in paper.items():
        allowed = value if isinstance(value, tuple) else (value,)
        if run.get(name) not in allowed:
            own = _shown(run[name]) if run.get(name) is not None else "unknown"
            differing.append(f"{_NAMES.get(name, name)} {own} (paper {' or '.join(map(_shown, allowed))})")
    return tuple(differing)


def _shown(value: Any) -> str:
    if isinstance(value, bool | str):
        return str(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"
