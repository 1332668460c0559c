"""The declaration of the study that judges the papers' claims by the run's tables."""

from __future__ import annotations

from collections.abc import Iterator

from ...pipeline.config import Config, Configuration
from ...pipeline.tolerances import ALL_ROWS, Tolerance
from ...settings import Settings
from ..declaration import VERDICTS, Figure, Parts, Study, Table
from ..deep_rfm import study as deep_rfm
from ..egop import study as egop
from ..modular_arithmetic import study as modular_arithmetic
from ..networks import study as networks
from ..polynomials import study as polynomials


class VerdictsSection(Settings):
    """The papers' claims, judged by the run's tables."""


def settings_of_runs(config: Configuration) -> list[Config]:
    """Return the settings of every model that a configuration runs and claims are about, for comparison with the paper's.

    Returns:
        Mappings with `dataset`, `model` (an activation or an architecture) and `settings`.
    """
    found: list[Config] = []
    if config.has("deep_rfm"):
        for dataset in deep_rfm.datasets(config):
            for activation in deep_rfm.activations(config):
                used = deep_rfm.job_settings(config, activation, dataset)
                found.append({"dataset": dataset, "model": activation, "settings": used})
    if config.has("networks"):
        for architecture in networks.architectures(config):
            for dataset in networks.datasets(config, architecture):
                used = networks.network_settings(config, architecture, dataset)
                used = used | networks.training_settings(config, architecture, dataset)
                found.append({"dataset": dataset, "model": architecture, "settings": used})
    if config.has("polynomials"):
        found += polynomials.settings_of_runs(config)
    if config.has("egop"):
        found += egop.settings_of_runs(config)
    if config.has("modular_arithmetic"):
        found += modular_arithmetic.settings_of_runs(config)
    return found


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
