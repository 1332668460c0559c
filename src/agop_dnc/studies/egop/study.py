"""The declaration of the study of AGOP and EGOP: Figure R2."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal, cast

from pydantic import Field

from ...pipeline import forecasts
from ...pipeline.config import Config, Configuration, plain
from ...pipeline.tolerances import ALL_ROWS, Tolerance
from ...settings import Settings
from ..checks import Seeds
from ..declaration import BEYOND, Figure, Parts, Study, Table
from .formulas import FORMULAS as FORMULAS
from .titles import MODELS, title

TargetName = Literal[
    "product", "squared_sum", "sine_of_sum", "absolute_sum", "gaussian_bump", "staircase", "parabola_and_line"
]


class EgopSection(Settings):
    """The AGOP of predictors against the expected gradient outer product of their target (Figure R2)."""

    targets: Annotated[list[TargetName], Field(min_length=1)] = Field(
        ["product", "parabola_and_line"], description="The targets, whose expected gradient outer products are known."
    )
    d: int = Field(10, ge=3, description="Dimension of the points x ~ N(0, I).")
    sizes: Annotated[list[Annotated[int, Field(ge=2)]], Field(min_length=1)] = Field(
        [250, 500, 1000, 2000, 4000], description="Numbers of training points."
    )
    noises: Annotated[list[Annotated[float, Field(ge=0)]], Field(min_length=1)] = Field(
        [0.0, 0.1], description="Standard deviations of the targets' noise."
    )
    seeds: Seeds | None = Field(None, description="Seeds of points and noise; the run's if not given.")
    bandwidth: float = Field(10.0, gt=0, description="L of the Laplace kernel.")
    ridge: float = Field(1e-3, ge=0, description="Added to the kernel matrix's diagonal.")
    iterations: int = Field(
        3, ge=2, description="AGOPs taken: of the plain kernel's predictor, and of RFM's after each update of M."
    )


def section(config: Configuration) -> EgopSection:
    """Return the study's section of a configuration."""
    return cast(EgopSection, config.section("egop"))


def seeds(config: Configuration) -> list[int]:
    """Return the seeds of the study."""
    return section(config).seeds or config.seeds


def job_settings(config: Configuration) -> Config:
    """Return the settings of the study as a job's parameters."""
    return {key: value for key, value in plain(section(config)).items() if key not in ("targets", "seeds")}


def settings_of_runs(config: Configuration) -> list[Config]:
    """Return the settings of every predictor that claims are about."""
    return [
        {"dataset": title(target, noise), "model": model, "settings": job_settings(config)}
        for target in section(config).targets
        for noise in section(config).noises
        for model in MODELS.values()
    ]


def forecast(config: Configuration, rate: float) -> forecasts.Forecast:
    """Return the memory and time of one target with one seed."""
    chosen, largest = section(config), max(section(config).sizes)
    fits = 2 * len(chosen.noises) * (chosen.iterations + 1)
    one = sum(n**3 / 3 + n * n * (2 * chosen.d + 40) for n in chosen.sizes)
    return forecasts.Forecast(forecasts.BASE_BYTES + 8 * (2 * largest**2), 20 + fits * one / rate)


def parts(config: Configuration) -> Parts:
    """Return one part per target and seed."""
    return {"egop": [f"egop/{target}/seed_{seed}.csv" for target in section(config).targets for seed in seeds(config)]}


def figures(config: Configuration) -> Iterator[Figure]:
    """Yield Figure R2."""
    chosen = section(config)
    yield Figure(
        name="figure_r2",
        label="Figure R2",
        notebook="egop",
        title="The AGOP of a predictor approaches the EGOP of its target",
        look_for="Error, cosine similarity and angle of the AGOP against the number of points. Look for direction that is right long before "
        "scale is, and for centred gradients, which never find a linear direction.",
        section=BEYOND,
        tables=("egop",),
        parameters={"settings": [plain(chosen) | {"seeds": seeds(config)}]},
    )


STUDY = Study(
    name="egop",
    settings=EgopSection,
    tables=(
        Table(
            name="egop",
            rows="A row is one distance of an average gradient outer product from the target's expected one. model: `laplace`, `rfm` after so "
            "many updates of M, or `target`, the target's own gradients at the same points; gradients: `raw` or `centred`.",
            columns=("target", "noise", "n", "seed", "model", "iteration", "gradients", "metric", "value"),
            tolerances=(Tolerance(ALL_ROWS, 1.001, 1e-6, "M carries rounding on from iteration to iteration"),),
        ),
    ),
    parts=parts,
    figures=figures,
    claims=True,
    runs=settings_of_runs,
)
