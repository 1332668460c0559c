"""The declaration of the study of images in noise: Figure C1."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, cast

from pydantic import Field

from ...pipeline import forecasts
from ...pipeline.config import Config, Configuration, plain
from ...pipeline.tolerances import ALL_ROWS, Tolerance
from ...settings import Settings
from ..checks import Seeds
from ..declaration import BEYOND, Figure, Parts, Study, Table


class NoisyImagesSection(Settings):
    """Convolutional RFM on stars in noise (Figure C1)."""

    sizes: Annotated[list[Annotated[int, Field(ge=4)]], Field(min_length=1)] = Field(
        [50], description="Numbers of training images, half of them with a star."
    )
    n_test: int = Field(2050, ge=2, description="Test images.")
    seeds: Seeds | None = Field(None, description="Seeds of the images; the run's if not given.")
    filter_size: int = Field(11, ge=1, description="Side q of the patches and of the kernel's filters.")
    depth: int = Field(1, ge=1, description="Convolutions of the kernel.")
    ridge: float = Field(
        1e-3, ge=0, description="Added to the diagonal of the kernel matrix, whose largest entry is 1."
    )
    rounds: int = Field(2, ge=1, description="Solves: one more than updates of M.")


def section(config: Configuration) -> NoisyImagesSection:
    """Return the study's section of a configuration."""
    return cast(NoisyImagesSection, config.section("noisy_images"))


def seeds(config: Configuration) -> list[int]:
    """Return the seeds of the study."""
    return section(config).seeds or config.seeds


def job_settings(config: Configuration) -> Config:
    """Return the settings of the study as a job's parameters."""
    return {key: value for key, value in plain(section(config)).items() if key != "seeds"}


def settings_of_runs(config: Configuration) -> list[Config]:
    """Return the settings of the ConvRFM for each number of images, for comparison with the published ones."""
    chosen = job_settings(config)
    return [
        {"dataset": "stars", "model": f"conv_rfm n={n}", "settings": chosen | {"n": n}} for n in section(config).sizes
    ]


def forecast(config: Configuration, rate: float) -> forecasts.Forecast:
    """Return the memory and time of all sizes with one seed."""
    chosen = section(config)
    patch = 3 * chosen.filter_size**2
    pairs = sum(chosen.rounds * n * (n + chosen.n_test) for n in chosen.sizes)
    operations = pairs * (33 - chosen.filter_size) ** 2 * (patch + 60 * chosen.depth)
    return forecasts.Forecast(forecasts.BASE_BYTES + 2**30, 20 + operations / rate)


def parts(config: Configuration) -> Parts:
    """Return one part per seed."""
    return {"noisy_images": [f"noisy_images/seed_{seed}.csv" for seed in seeds(config)]}


def figures(config: Configuration) -> Iterator[Figure]:
    """Yield Figure C1."""
    first = seeds(config)[0]
    yield Figure(
        name="figure_c1",
        label="Figure C1",
        notebook="noisy_images",
        title="Convolutional RFM finds stars in noise",
        look_for="Test accuracy before and after updates of M, and images before and after they are transformed by it. Look for stars that "
        "stand out after the transform.",
        section=BEYOND,
        tables=("noisy_images",),
        parameters={"settings": [job_settings(config) | {"seeds": seeds(config)}]},
        files={"images": f"noisy_images/images_{first}.npz"},
    )


STUDY = Study(
    name="noisy_images",
    settings=NoisyImagesSection,
    tables=(
        Table(
            name="noisy_images",
            rows="A row is the test accuracy of a ConvRFM on stars in noise after a number of updates of M.",
            columns=("dataset", "n", "seed", "round", "metric", "value"),
            tolerances=(Tolerance(ALL_ROWS, 1.0, 0.02, "some test images lie between the classes"),),
        ),
    ),
    parts=parts,
    figures=figures,
    claims=True,
    runs=settings_of_runs,
)
