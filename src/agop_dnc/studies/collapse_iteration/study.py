"""The declaration of the study of Theorem 5.3's iteration: Figure T1."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, cast

from pydantic import Field

from ...pipeline.config import Config, Configuration, plain
from ...pipeline.tolerances import ALL_ROWS, Tolerance
from ...settings import Settings
from ..declaration import THEORY, Figure, Parts, Study, Table
from ..deep_rfm import study as deep_rfm
from ..kernel_trace import study as kernel_trace


class CollapseIterationSection(Settings):
    """Theorem 5.3's iteration on Gram matrices, for each κ, next to its predictions (Figure T1)."""

    datasets: list[str] = Field(
        [], description="The datasets whose Gram matrix it is also run from, among those of deep_rfm."
    )
    depth: int = Field(30, ge=3, description="Layers.")
    map_ridge: float = Field(1.0, gt=0, description="λ_map, the identity part of the feature map.")
    ratios: Annotated[list[Annotated[float, Field(gt=0)]], Field(min_length=1)] = Field(
        [0.0001, 0.001, 0.01, 0.1, 1.0], description="λ̂/λ_map."
    )
    classes: int = Field(10, ge=2, description="Classes of the Gaussian data.")
    per_class: int = Field(20, ge=2, description="Points per class, n, of the Gaussian data.")
    dataset_per_class: int = Field(
        5,
        ge=2,
        description="Points per class of a dataset; few enough that their Gram matrix has full rank, as the theorem requires.",
    )


def section(config: Configuration) -> CollapseIterationSection:
    """Return the study's section of a configuration."""
    return cast(CollapseIterationSection, config.section("collapse_iteration"))


def datasets(config: Configuration) -> list[str]:
    """Return the datasets whose Gram matrix the iteration starts from, in the configuration's order."""
    return config.chosen(section(config).datasets)


def job_settings(config: Configuration) -> Config:
    """Return the iteration's settings, as a job's parameters."""
    return {key: value for key, value in plain(section(config)).items() if key != "datasets"}


def check(config: Configuration) -> None:
    """Raise UserError for datasets without Deep RFMs."""
    deep_rfm.runs_on_own_labels(config, "collapse_iteration", section(config).datasets)


def parts(config: Configuration) -> Parts:
    """Return the curves and the predictions, a part each."""
    return {
        "collapse_iteration": ["collapse_iteration/curves.csv"],
        "predictions": ["collapse_iteration/predictions.csv"],
    }


def figures(config: Configuration) -> Iterator[Figure]:
    """Yield Figure T1, with the run's own kernels if they are traced."""
    traced = ("kernel_trace",) if kernel_trace.traces(config) else ()
    yield Figure(
        name="figure_t1",
        label="Figure T1",
        notebook="collapse_iteration",
        title="Theorem 5.3, Deep RFM collapses exponentially",
        look_for="Theorem 5.3's iteration. Look for circles on the dashed lines, and for where each κ stops.",
        section=THEORY,
        tables=("collapse_iteration", "predictions", *traced),
        datasets=tuple(datasets(config)),
        parameters={"settings": [plain(section(config))]},
    )


STUDY = Study(
    name="collapse_iteration",
    settings=CollapseIterationSection,
    tables=(
        Table(
            name="collapse_iteration",
            rows="A row is the distance to the collapsed Gram matrix at one layer of Theorem 5.3's iteration.",
            columns=("data", "kappa", "ratio", "layer", "value"),
            tolerances=(Tolerance(ALL_ROWS, 1.2, 1e-9, "distances from differences of numbers of order n"),),
        ),
    ),
    parts=parts,
    figures=figures,
    check=check,
    predictions=(Tolerance(ALL_ROWS, 1.2, 1e-9, "rates from distances near rounding"),),
)
