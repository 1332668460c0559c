"""The declaration of the study of low-rank polynomials: Figure R1."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal, cast

from pydantic import Field

from ...pipeline import forecasts
from ...pipeline.config import Config, Configuration, plain
from ...pipeline.tolerances import ALL_ROWS, TRAINED, Tolerance
from ...settings import Settings
from ..checks import Seeds
from ..declaration import BEYOND, Figure, Parts, Study, Table
from .titles import FORMULAS, KINDS


class PolynomialsSection(Settings):
    """RFM, the Laplace kernel and a ReLU network on low-rank polynomials (Figure R1)."""

    targets: Annotated[list[Literal["product", "hermite_pair"]], Field(min_length=1)] = Field(
        ["product", "hermite_pair"],
        description="The polynomials: `product`, x₁x₂, and `hermite_pair`, He₂(u·x)/√2 + He_p(v·x)/√p! with random orthonormal u and v.",
    )
    degree: int = Field(4, ge=2, description="The degree p of `hermite_pair`.")
    d: int = Field(100, ge=2, description="Dimension of the points x ~ N(0, I).")
    sizes: Annotated[list[Annotated[int, Field(ge=2)]], Field(min_length=1)] = Field(
        [500, 1000, 2000, 4000], description="Numbers of training points."
    )
    n_test: int = Field(10_000, ge=2, description="Test points.")
    seeds: Seeds | None = Field(None, description="Seeds of points, directions and networks; the run's if not given.")
    bandwidth: float = Field(10.0, gt=0, description="L of the Laplace kernel.")
    ridge: float = Field(1e-4, ge=0, description="Added to the kernel matrix's diagonal.")
    iterations: int = Field(5, ge=1, description="Updates of M.")
    width: int = Field(128, ge=1, description="Width of the ReLU network.")
    epochs: int = Field(50, ge=1, description="Epochs of the ReLU network.")
    learning_rate: float = Field(0.1, gt=0, description="Learning rate of the ReLU network.")
    batch_size: int = Field(128, ge=1, description="Points per step of the ReLU network.")
    init_scale: float = Field(1e-3, gt=0, description="Standard deviation of the network's first weights at the start.")


def section(config: Configuration) -> PolynomialsSection:
    """Return the study's section of a configuration."""
    return cast(PolynomialsSection, config.section("polynomials"))


def seeds(config: Configuration) -> list[int]:
    """Return the seeds of the study."""
    return section(config).seeds or config.seeds


def job_settings(config: Configuration) -> Config:
    """Return the settings of the study as a job's parameters."""
    return {key: value for key, value in plain(section(config)).items() if key not in ("targets", "seeds")}


def settings_of_runs(config: Configuration) -> list[Config]:
    """Return the settings of every RFM, for comparison with the published ones."""
    return [
        {"dataset": FORMULAS[target], "model": title, "settings": job_settings(config) | {"center_gradients": centred}}
        for target in section(config).targets
        for title, centred in KINDS.values()
    ]


def forecast(config: Configuration, rate: float) -> forecasts.Forecast:
    """Return the memory and time of one target with one seed."""
    chosen, largest = section(config), max(section(config).sizes)
    iterates = 2 * (chosen.iterations + 1) + 1
    kernels = sum(n**3 / 3 + n * (n + chosen.n_test) * (chosen.d + 20) for n in chosen.sizes)
    network = sum(6 * chosen.epochs * n * chosen.d * chosen.width for n in chosen.sizes)
    needed = forecasts.BASE_BYTES + 2 * 8 * largest**2 + 8 * 4 * (largest + chosen.n_test) * chosen.d
    return forecasts.Forecast(needed, 20 + (iterates * kernels + network) / rate)


def parts(config: Configuration) -> Parts:
    """Return one part per target and seed."""
    return {
        "polynomials": [
            f"polynomials/{target}/seed_{seed}.csv" for target in section(config).targets for seed in seeds(config)
        ]
    }


def figures(config: Configuration) -> Iterator[Figure]:
    """Yield Figure R1."""
    chosen = section(config)
    yield Figure(
        name="figure_r1",
        label="Figure R1",
        notebook="polynomials",
        title="Low-rank polynomials: RFM, the Laplace kernel and a ReLU network",
        look_for="Test R² on polynomials of two directions among many. Look for RFM's curves between the Laplace kernel's, which stays "
        "near 0, and that of the kernel which is given the two directions, and for a learned M whose mass is in the first two rows.",
        section=BEYOND,
        tables=("polynomials",),
        parameters={"settings": [plain(chosen) | {"seeds": seeds(config)}]},
        files={f"metric_{target}": f"polynomials/{target}/metric_{seeds(config)[0]}.npz" for target in chosen.targets},
    )


STUDY = Study(
    name="polynomials",
    settings=PolynomialsSection,
    tables=(
        Table(
            name="polynomials",
            rows="A row is one number of a model fitted to n points of a polynomial: the test R², or the cosine similarity of M with the "
            "target's expected gradient outer product. iteration: updates of M; the last one for networks and plain kernels is 0.",
            columns=("target", "n", "seed", "model", "iteration", "metric", "value"),
            tolerances=(
                Tolerance("model == 'network'", TRAINED.factor, TRAINED.below, TRAINED.why),
                Tolerance(ALL_ROWS, 1.001, 1e-6, "M carries rounding on from iteration to iteration"),
            ),
        ),
    ),
    parts=parts,
    figures=figures,
    claims=True,
    runs=settings_of_runs,
)
