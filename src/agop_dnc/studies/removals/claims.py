"""The claims that M^{1/2} brings the collapse about, dnc-2b and dnc-2c, as rules over removals.csv.

How far NC1 of X̃ = X M^{1/2} falls with M replaced, or without the features, as a share of the decades that it falls in the
Deep RFM itself (variant `none`).
"""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from ..deep_rfm.claims import PAPER, Measured, Run, finding, runs
from ..deep_rfm.decay import decades_fallen
from ..judging import (
    Claim,
    Context,
    Findings,
    Quantity,
    Source,
    Tables,
    UntestedError,
    at_least,
    below,
    table_of,
)

REPLACED = {
    "identity": "share of the fall with I for M",
    "rotated": "share of the fall with random eigenvectors",
    "permuted labels": "share of the fall with M of permuted labels",
}
WITHOUT_FEATURES = "share of the fall without Φ"
# In a log plot a fall by less than this is none, and shares of it are noise (the same as for a network's layer, dnc-5).
LEAST_FALL = 0.1

_STOPPED = "a tenth of the decades: what is replaced does the rest"
CLAIMS: tuple[Claim, ...] = (
    Claim(
        "dnc-2b",
        PAPER,
        "M½ is what brings the fall of NC1 about: with another matrix in its place NC1 hardly falls.",
        "Without M½ NC1 does not fall",
        "Section 4",
        tuple(Quantity(name, below(0.1, _STOPPED)) for name in REPLACED.values()),
    ),
    Claim(
        "dnc-2c",
        PAPER,
        "The fall of NC1 is entirely due to M½: it needs no random features.",
        "M½ alone is enough",
        "Section 4",
        (
            Quantity(
                WITHOUT_FEATURES, at_least(0.5, "what is entirely due to M½ happens without Φ; half of it is asked")
            ),
        ),
    ),
)


def findings(tables: Tables, context: Context) -> Findings:
    """Yield what removals.csv says of each claim, by dataset and activation.

    Args:
        tables: The run's tables, of which only `removals` is used.
        context: Class sizes by dataset and settings by (dataset, activation).

    Yields:
        A claim's id and a finding.
    """
    table = table_of(tables, "removals")
    for run in runs(table, context):
        yield "dnc-2b", finding(run, _replaced)
        yield "dnc-2c", finding(run, _without_features)


def _replaced(run: Run) -> Measured:
    return Measured({name: _shares(run, variant) for variant, name in REPLACED.items()})


def _without_features(run: Run) -> Measured:
    return Measured({WITHOUT_FEATURES: _shares(run, "no features")})


def _shares(run: Run, variant: str) -> dict[int, float]:
    """Return the share of the Deep RFM's fall that is left with a variant, by seed."""
    whole, left = _falls(run, "none"), _falls(run, variant)
    smallest = min(whole.values())
    if not smallest >= LEAST_FALL:
        raise UntestedError(f"NC1 falls by {smallest:.2g} decades with M½ in one seed, too little to take a share of")
    return {seed: left[seed] / whole[seed] for seed in whole if seed in left}


def _falls(run: Run, variant: str) -> dict[int, float]:
    rows: pd.DataFrame = run.rows[run.rows.variant == variant]
    if not len(rows):
        raise UntestedError(f"removals.csv has no variant '{variant}'")
    return replace(run, rows=rows).each(decades_fallen, "nc1", 2)


SOURCE = Source(CLAIMS, findings)
