"""Judge all claims that the studies make, by one run's tables.

A study that makes claims has a module `claims` in its folder with a :class:`..judging.Source`; there is no list to keep.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from .. import judging
from ..judging import Claim, Context, Source, Tables

_STUDIES = Path(__file__).resolve().parents[1]
SOURCES: tuple[Source, ...] = tuple(
    import_module(f"agop_dnc.studies.{path.parent.name}.claims").SOURCE
    for path in sorted(_STUDIES.glob("*/claims.py"))
    if path.parent.name != "verdicts"
)
# By id: claims in the order of their ids, then checks of theorems.
CLAIMS: dict[str, Claim] = {
    claim.id: claim for claim in sorted((claim for source in SOURCES for claim in source.claims), key=judging.order)
}


def evaluate(tables: Tables, context: Context) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Judge every claim by a run's tables; see :func:`agop_dnc.studies.judging.evaluate`.

    Claims of a paper of which the run has nothing are left out, unless it has nothing of any.

    Returns:
        Rows of claims.csv and of claims_evidence.csv.
    """
    rows, evidence = judging.evaluate(SOURCES, tables, context)
    papers = {row["paper"] for row in rows if row["dataset"] or row["model"]}
    return [row for row in rows if row["paper"] in papers or not papers], evidence


def is_check(claim: str) -> bool:
    """Return whether an id is that of a check of a theorem, which is listed apart and not counted among claims."""
    return CLAIMS[claim].theorem
