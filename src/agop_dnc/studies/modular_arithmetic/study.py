"""The declaration of the study of modular arithmetic: Figures G1 and G2."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal, NamedTuple, cast

from pydantic import Field

from ...errors import UserError
from ...pipeline import forecasts
from ...pipeline.config import Config, Configuration, plain
from ...pipeline.tolerances import ALL_ROWS, Tolerance
from ...settings import Settings
from ..checks import Seeds
from ..declaration import BEYOND, Figure, Parts, Study, Table
from .titles import model_title, title

Operation = Literal["add", "subtract", "multiply", "divide"]


class ModularArithmeticSection(Settings):
    """RFM on modular arithmetic: grokking by block-circulant features (Figures G1 and G2)."""

    primes: Annotated[list[Annotated[int, Field(ge=3)]], Field(min_length=1)] = Field(
        [61], description="The moduli, each a prime."
    )
    operations: Annotated[list[Operation], Field(min_length=1)] = Field(
        ["add", "subtract", "multiply", "divide"], description="The operations."
    )
    kernels: Annotated[list[Literal["quadratic", "gaussian"]], Field(min_length=1)] = Field(
        ["quadratic"], description="The kernels: `quadratic`, (xᵀMz)², and `gaussian`, exp(−‖x − z‖²_M / L)."
    )
    seeds: Seeds | None = Field(None, description="Seeds of the split for addition; the run's if not given.")
    other_seeds: Seeds | None = Field(
        None, description="Seeds of the split for the other operations; the first of `seeds` if not given."
    )
    train_fraction: float = Field(0.5, gt=0, lt=1, description="Share of the pairs for training.")
    iterations: int = Field(30, ge=1, description="Updates of M.")
    ridge: float = Field(1e-8, ge=0, description="Added to the kernel matrix's diagonal, which is singular without it.")
    bandwidth: float = Field(2.5, gt=0, description="L of the Gaussian kernel.")


def section(config: Configuration) -> ModularArithmeticSection:
    """Return the study's section of a configuration."""
    return cast(ModularArithmeticSection, config.section("modular_arithmetic"))


def seeds(config: Configuration, operation: str) -> list[int]:
    """Return the seeds of an operation's splits."""
    chosen = section(config)
    of_addition = chosen.seeds or config.seeds
    return of_addition if operation == "add" else chosen.other_seeds or of_addition[:1]


class Job(NamedTuple):
    """One RFM: its modulus, operation, kernel and seed."""

    p: int
    operation: str
    kernel: str
    seed: int

    @property
    def path(self) -> str:
        """Return the path of the job's files, without the ending, relative to the run's results."""
        return f"modular_arithmetic/{self.p}/{self.operation}/{self.kernel}/seed_{self.seed}"


def jobs(config: Configuration) -> list[Job]:
    """Return all RFMs of a configuration."""
    chosen = section(config)
    return [
        Job(p, operation, kernel, seed)
        for p in chosen.primes
        for operation in chosen.operations
        for kernel in chosen.kernels
        for seed in seeds(config, operation)
    ]


def job_settings(config: Configuration) -> Config:
    """Return the settings of every RFM as a job's parameters."""
    names = ("train_fraction", "iterations", "ridge", "bandwidth")
    return {name: value for name, value in plain(section(config)).items() if name in names}


def settings_of_runs(config: Configuration) -> list[Config]:
    """Return the settings of every RFM, for comparison with the published ones."""
    found = {(title(job.p, job.operation), model_title(job.kernel)): job for job in jobs(config)}
    return [
        {"dataset": dataset, "model": model, "settings": job_settings(config) | {"p": job.p}}
        for (dataset, model), job in found.items()
    ]


def forecast(config: Configuration, p: int, kernel: str, rate: float) -> forecasts.Forecast:
    """Return the memory and time of one RFM: a solve, an AGOP of p outputs and predictions in each iteration."""
    chosen, pairs = section(config), p * p
    n = chosen.train_fraction * pairs
    products = n**3 / 3 + 2 * min(n**3, 2 * p * p * n**2) + n * pairs * (2 * p + p)
    distances = 20 * n * pairs if kernel == "gaussian" else 0
    needed = forecasts.BASE_BYTES + 8 * (3 * n * n + 2 * n * pairs) + 8 * chosen.iterations * (2 * p) ** 2
    return forecasts.Forecast(needed, 20 + (chosen.iterations + 2) * (products + distances) / rate)


def check(config: Configuration) -> None:
    """Raise UserError for moduli that are no primes."""
    for p in section(config).primes:
        if any(p % divisor == 0 for divisor in range(2, int(p**0.5) + 1)):
            raise UserError(f"configuration: modular_arithmetic.primes holds {p}, which is no prime; remove it")


def parts(config: Configuration) -> Parts:
    """Return one part per RFM."""
    return {"modular_arithmetic": [f"{job.path}.csv" for job in jobs(config)]}


def figures(config: Configuration) -> Iterator[Figure]:
    """Yield Figures G1 and G2."""
    chosen = section(config)
    settings = plain(chosen) | {"seeds": {name: seeds(config, name) for name in chosen.operations}}
    yield Figure(
        name="figure_g1",
        label="Figure G1",
        notebook="modular_arithmetic",
        title="RFM groks modular arithmetic",
        look_for="Accuracy, circulant deviation and alignment with the last M against iterations. Look for a test accuracy that stays at 0 "
        "and then jumps to 1, while the two measures of progress move from the first iterations on.",
        section=BEYOND,
        tables=("modular_arithmetic",),
        parameters={"settings": [settings]},
    )
    shown = [
        job
        for job in jobs(config)
        if (job.p, job.kernel, job.seed) == (chosen.primes[0], chosen.kernels[0], seeds(config, job.operation)[0])
    ]
    yield Figure(
        name="figure_g2",
        label="Figure G2",
        notebook="modular_features",
        title="The features that RFM learns for modular arithmetic",
        look_for="The learned M. Look for stripes in the off-diagonal blocks: along the diagonals for + and −, and for × and ÷ only after "
        "rows and columns have been re-ordered by the discrete logarithm.",
        section=BEYOND,
        tables=("modular_arithmetic",),
        parameters={"settings": [settings], "shown": [job._asdict() for job in shown]},
        files={f"features_{job.operation}": f"{job.path}.npz" for job in shown},
    )


STUDY = Study(
    name="modular_arithmetic",
    settings=ModularArithmeticSection,
    tables=(
        Table(
            name="modular_arithmetic",
            rows="A row is one number of an RFM on a ∘ b modulo p after so many updates of M. model: `rfm`, or `random_circulant`, the plain "
            "kernel with a random block-circulant M.",
            columns=("p", "operation", "kernel", "seed", "model", "iteration", "metric", "value"),
            tolerances=(
                Tolerance("metric == 'test_accuracy'", 1.0, 0.05, "half of the rise falls into three iterations"),
                Tolerance(ALL_ROWS, 1.1, 0.01, "M carries rounding on from iteration to iteration"),
            ),
        ),
    ),
    parts=parts,
    figures=figures,
    check=check,
    claims=True,
    runs=settings_of_runs,
)
