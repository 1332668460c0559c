"""The declaration of the study of Theorem 5.4's problem: Figure T2."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, cast

from pydantic import Field

from ...pipeline.config import Config, Configuration, plain
from ...pipeline.tolerances import ALL_ROWS, EXACT, Tolerance
from ...settings import Settings
from ..declaration import THEORY, Figure, Parts, Study, Table
from ..kernel_trace import study as kernel_trace


class ProblemSettings(Settings):
    """One problem."""

    classes: int = Field(ge=2, description="Classes K.")
    per_class: int = Field(ge=1, description="Points per class, n.")
    mu: float = Field(gt=0, description="μ.")


class KernelLearningSection(Settings):
    """Theorem 5.4's problem over kernel matrices, climbed with a certificate (Figure T2)."""

    steps: int = Field(200, ge=1, description="Steps from each start.")
    step_length: float = Field(
        0.2, gt=0, le=1, description="Longest step, as a share of the way to the point aimed at."
    )
    problems: Annotated[list[ProblemSettings], Field(min_length=1)] = Field(
        [
            ProblemSettings(classes=2, per_class=10, mu=0.1),
            ProblemSettings(classes=2, per_class=10, mu=10.0),
            ProblemSettings(classes=5, per_class=8, mu=1.0),
            ProblemSettings(classes=10, per_class=5, mu=0.1),
            ProblemSettings(classes=10, per_class=5, mu=1.0),
        ],
        description="Classes K, points per class n and μ of each problem.",
    )


def section(config: Configuration) -> KernelLearningSection:
    """Return the study's section of a configuration."""
    return cast(KernelLearningSection, config.section("kernel_learning"))


def job_settings(config: Configuration) -> Config:
    """Return the settings of all problems, as a job's parameters."""
    return plain(section(config))


def parts(config: Configuration) -> Parts:
    """Return the curves and the predictions, a part each."""
    return {"kernel_learning": ["kernel_learning/curves.csv"], "predictions": ["kernel_learning/predictions.csv"]}


def figures(config: Configuration) -> Iterator[Figure]:
    """Yield Figure T2, with the run's own kernels if they are traced."""
    traced = ("kernel_trace",) if kernel_trace.traces(config) else ()
    settings = plain(section(config)) | ({"mu": kernel_trace.mu(config)} if traced else {})
    yield Figure(
        name="figure_t2",
        label="Figure T2",
        notebook="kernel_learning",
        title="Theorem 5.4, collapse is the optimum over kernels",
        look_for="Theorem 5.4's problem. Look for objective and certificate meeting at the predicted optimum, from every start.",
        section=THEORY,
        tables=("kernel_learning", "predictions", *traced),
        parameters={"settings": [settings]},
    )


STUDY = Study(
    name="kernel_learning",
    settings=KernelLearningSection,
    tables=(
        Table(
            name="kernel_learning",
            rows="A row is the objective, the certificate or the distance to the optimum after one step, the first two as shares of the "
            "optimum of Theorem 5.4's problem.",
            columns=("problem", "start", "step", "metric", "value"),
            tolerances=(EXACT,),
            section=None,
        ),
    ),
    parts=parts,
    figures=figures,
    predictions=(Tolerance(ALL_ROWS, 1.0 + 1e-6, 1e-9, EXACT.why),),
)
