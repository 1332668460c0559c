"""The declaration of the study that judges the papers' claims by the run's tables."""

from __future__ import annotations

from collections.abc import Iterator

from ...pipeline.config import Configuration
from ...pipeline.tolerances import ALL_ROWS, Tolerance
from ...settings import Settings
from ..declaration import VERDICTS, Figure, Parts, Study, Table


class VerdictsSection(Settings):
    """The papers' claims, judged by the run's tables."""


def parts(config: Configuration) -> Parts:
    """Return the verdicts and the evidence, a part each."""
    return {"claims": ["verdicts/claims.csv"], "claims_evidence": ["verdicts/claims_evidence.csv"]}


def figures(config: Configuration) -> Iterator[Figure]:
    """Yield the verdicts at a glance."""
    yield Figure(
        name="claims",
        label="Claims",
        notebook="claims",
        title="The paper's claims, judged by this run",
        look_for="The verdicts at a glance; the notebook of the same name has the bounds and the evidence.",
        section=VERDICTS,
        tables=("claims", "claims_evidence"),
    )


STUDY = Study(
    name="verdicts",
    settings=VerdictsSection,
    tables=(
        Table(
            name="claims",
            rows="A row is the verdict on one claim for one dataset and model.",
            columns=(
                "claim",
                "paper",
                "dataset",
                "model",
                "measured",
                "expected",
                "verdict",
                "seeds",
                "low",
                "high",
                "reference",
                "as_paper",
                "source",
            ),
            values=("verdict",),
            derived=("measured", "expected", "low", "high", "reference", "source"),
            section="Verdicts",
        ),
        Table(
            name="claims_evidence",
            rows="A row is one value that a verdict rests on, with the bounds that decide it.",
            columns=(
                "claim",
                "dataset",
                "model",
                "quantity",
                "at_least",
                "at_most",
                "strict",
                "seed",
                "value",
                "reference",
            ),
            derived=("reference",),
            tolerances=(
                Tolerance("claim == 'check-a1'", 1.05, 1e-6, "sums over 200 draws in float64"),
                Tolerance(ALL_ROWS, 1.0, 0.5, "decades and shares of what training and cosine features carry on"),
            ),
            section="Verdicts",
        ),
    ),
    parts=parts,
    figures=figures,
)
