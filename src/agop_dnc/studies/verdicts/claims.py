"""Judge all claims that the studies make, by one run's tables."""

from __future__ import annotations

from typing import Any

from .. import judging
from ..deep_rfm import claims as deep_rfm
from ..egop import claims as egop
from ..feature_kernel import checks as feature_kernel
from ..judging import Claim, Context, Source, Tables
from ..modular_arithmetic import claims as modular_arithmetic
from ..networks import claims as networks
from ..polynomials import claims as polynomials
from ..removals import claims as removals
from ..tabular import claims as tabular

SOURCES: tuple[Source, ...] = (
    deep_rfm.SOURCE,
    removals.SOURCE,
    networks.SOURCE,
    feature_kernel.SOURCE,
    polynomials.SOURCE,
    egop.SOURCE,
    modular_arithmetic.SOURCE,
    tabular.SOURCE,
)
# By id: claims in the order of their ids, then checks of theorems.
CLAIMS: dict[str, Claim] = {
    claim.id: claim for claim in sorted((claim for source in SOURCES for claim in source.claims), key=judging.order)
}
# The tables that claims are judged by, where they were made.
TABLES = (
    "deep_rfm",
    "removals",
    "networks",
    "nfa",
    "training",
    "feature_kernel",
    "polynomials",
    "egop",
    "modular_arithmetic",
    "tabular",
)


def evaluate(tables: Tables, context: Context) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Judge every claim by a run's tables; see :func:`agop_dnc.studies.judging.evaluate`.

    Returns:
        Rows of claims.csv and of claims_evidence.csv.
    """
    return judging.evaluate(SOURCES, tables, context)


def is_check(claim: str) -> bool:
    """Return whether an id is that of a check of a theorem, which is listed apart and not counted among claims."""
    return CLAIMS[claim].theorem
