"""The declaration of the study of images in noise: Figures C1 and C2."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, cast

from pydantic import Field

from ...errors import UserError, did_you_mean
from ...pipeline import forecasts
from ...pipeline.config import Config, Configuration, plain
from ...pipeline.tolerances import ALL_ROWS, Tolerance
from ...settings import Settings
from ..checks import Seeds
from ..declaration import BEYOND, Figure, Parts, Study, Table

STARS = (3, 32, 32)  # channels, height and width
# Multiply-adds per position, convolution and pair of images that a slow processor is forecast to take.
_PER_POSITION = 60


class ConvRfmSettings(Settings):
    """What defines a ConvRFM, and the points that it is fitted to, validated and tested on."""

    n: int = Field(1000, ge=2, description="Training images, drawn for each seed among the dataset's training points.")
    n_validation: int = Field(250, ge=1, description="Validation images, drawn among the others.")
    n_test: int = Field(1000, ge=1, description="The first test images.")
    filter_size: int = Field(3, ge=1, description="Side q of the patches and of the kernel's filters.")
    depth: int = Field(3, ge=1, description="Convolutions of the kernel.")
    rounds: int = Field(4, ge=1, description="Solves: one more than updates of M.")
    agop_images: int = Field(
        20, ge=1, description="Training images over which the AGOP is averaged, the first in drawn order."
    )


class DigitsSection(ConvRfmSettings):
    """Digits in noise (Figure C2); defaults are the released notebook's but for the numbers of images, 4,000 each there."""

    dataset: str = Field("mnist", description="The dataset of digits, among the configuration's.")
    seeds: Seeds = Field([0, 1, 2], description="Seeds of the points' draw, and of their noise and places.")
    side: int = Field(42, ge=2, description="Side of the images that the digits are put into.")
    sigma: float = Field(1.0, ge=0, description="Scale σ of the noise, whose deviation is 0.5 √σ.")
    ridge: float = Field(
        1e-5, ge=0, description="Added to the diagonal of the kernel matrix, whose largest entry is 1."
    )


class NoisyImagesSection(Settings):
    """Convolutional RFM on stars in noise (Figure C1), and on digits in noise (Figure C2)."""

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
    digits: DigitsSection | None = Field(None, description="Digits in noise; not run if not given.")


def section(config: Configuration) -> NoisyImagesSection:
    """Return the study's section of a configuration."""
    return cast(NoisyImagesSection, config.section("noisy_images"))


def seeds(config: Configuration) -> list[int]:
    """Return the seeds of the stars."""
    return section(config).seeds or config.seeds


def has_digits(config: Configuration) -> bool:
    """Return whether digits in noise are run."""
    return config.has("noisy_images") and section(config).digits is not None


def job_settings(config: Configuration) -> Config:
    """Return the settings of the stars as a job's parameters."""
    return {key: value for key, value in plain(section(config)).items() if key not in ("seeds", "digits")}


def digits_settings(config: Configuration) -> Config:
    """Return the settings of the digits as a job's parameters."""
    return {key: value for key, value in plain(_digits(config)).items() if key != "seeds"}


def digits_seeds(config: Configuration) -> list[int]:
    """Return the seeds of the digits; none if they are not run."""
    return list(_digits(config).seeds) if has_digits(config) else []


def _digits(config: Configuration) -> DigitsSection:
    return cast(DigitsSection, section(config).digits)


def settings_of_runs(config: Configuration) -> list[Config]:
    """Return the settings of the ConvRFMs on stars and on digits, for comparison with the published ones."""
    chosen = job_settings(config)
    runs = [
        {"dataset": "stars", "model": f"conv_rfm n={n}", "settings": chosen | {"n": n}} for n in section(config).sizes
    ]
    if has_digits(config):
        digits = digits_settings(config)
        runs.append({"dataset": digits["dataset"], "model": "conv_rfm", "settings": digits})
    return runs


def forecast(config: Configuration, rate: float) -> forecasts.Forecast:
    """Return the memory and time of all sizes of stars with one seed."""
    chosen = section(config)
    made = [
        conv_rfm_forecast(
            n,
            chosen.n_test,
            chosen.rounds,
            20,
            STARS,
            chosen.filter_size,
            chosen.depth,
            rate,
        )
        for n in chosen.sizes
    ]
    return forecasts.Forecast(max(one.bytes for one in made), sum(one.seconds for one in made))


def digits_forecast(config: Configuration, rate: float) -> forecasts.Forecast:
    """Return the memory and time of the digits with one seed."""
    side = _digits(config).side
    return settings_forecast(_digits(config), (1, side, side), rate)


def settings_forecast(chosen: ConvRfmSettings, shape: forecasts.Shape, rate: float) -> forecasts.Forecast:
    """Return the memory and time of one ConvRFM on images of a shape."""
    others = chosen.n_validation + chosen.n_test
    return conv_rfm_forecast(
        chosen.n, others, chosen.rounds, chosen.agop_images, shape, chosen.filter_size, chosen.depth, rate
    )


def conv_rfm_forecast(
    n: int, others: int, rounds: int, agop_images: int, shape: forecasts.Shape, q: int, depth: int, rate: float
) -> forecasts.Forecast:
    """Return the memory and time of a ConvRFM.

    An entry of the kernel matrix takes some multiply-adds per position and convolution, a gradient some four times as many.

    Args:
        n: Training images.
        others: Images on which each round is tested.
        rounds: Solves.
        agop_images: Images over which the AGOP is averaged.
        shape: Channels, height and width.
        q: Side of the filters.
        depth: Convolutions.
        rate: Multiply-adds per second.

    Returns:
        The forecast.
    """
    channels, height, width = shape
    patch, positions = channels * q * q, max(1, height - q + 1) * max(1, width - q + 1)
    pairs = n * (n / 2 + others) + 4 * n * agop_images
    operations = rounds * (pairs * positions * (patch + _PER_POSITION * depth) + n**3 / 3)
    held = 4 * (n + others) * positions * (patch + depth) + 8 * n * (3 * n + others)
    return forecasts.Forecast(forecasts.BASE_BYTES + 2**30 + held, 20 + operations / rate)


def check(config: Configuration) -> None:
    """Raise UserError for images smaller than the filters, and for digits that the configuration lacks or has too few of."""
    chosen = section(config)
    check_side("noisy_images", STARS[1], chosen.filter_size, chosen.depth)
    if chosen.digits is None:
        return
    where, digits = "noisy_images.digits", chosen.digits
    if digits.dataset not in config.datasets:
        hint = did_you_mean(digits.dataset, config.datasets)
        raise UserError(f"configuration: {where}.dataset is '{digits.dataset}', which is not among the datasets{hint}")
    if digits.dataset == "stars":
        raise UserError(f"configuration: {where}.dataset is 'stars', as the images with stars are called; rename it")
    check_points(config, where, digits.dataset, digits)
    check_side(where, digits.side, digits.filter_size, digits.depth)


def check_side(where: str, side: int, q: int, depth: int) -> None:
    """Raise UserError if images are smaller than what all convolutions of a kernel see."""
    seen = depth * (q - 1) + 1
    if side < seen:
        raise UserError(
            f"configuration: {where} has images of {side}×{side}, and {depth} convolutions of {q}×{q} need {seen}×{seen} or larger; "
            "lower filter_size or depth"
        )


def check_points(config: Configuration, where: str, dataset: str, chosen: ConvRfmSettings) -> None:
    """Raise UserError for random labels, or if a dataset is known to have fewer points than are asked for."""
    own, needed = config.datasets[dataset], chosen.n + chosen.n_validation
    if own.labels == "random":
        raise UserError(f"configuration: {where} names '{dataset}', whose labels are random; remove it there")
    if own.n is not None and own.n < needed:
        raise UserError(
            f"configuration: {where} takes {needed:,} points for training and validation, and {dataset} has {own.n:,}; "
            f"raise datasets.{dataset}.n"
        )
    if own.n_test is not None and own.n_test < chosen.n_test:
        raise UserError(
            f"configuration: {where} takes {chosen.n_test:,} test points, and {dataset} has {own.n_test:,}; raise datasets.{dataset}.n_test"
        )


def parts(config: Configuration) -> Parts:
    """Return one part per seed of the stars, and of the digits."""
    files = [f"noisy_images/seed_{seed}.csv" for seed in seeds(config)]
    files += [f"noisy_images/digits/seed_{seed}.csv" for seed in digits_seeds(config)]
    return {"noisy_images": files}


def figures(config: Configuration) -> Iterator[Figure]:
    """Yield Figure C1, and Figure C2 if digits are run."""
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
    if not has_digits(config):
        return
    chosen = digits_seeds(config)
    yield Figure(
        name="figure_c2",
        label="Figure C2",
        notebook="noisy_digits",
        title="Convolutional RFM on digits in noise",
        look_for="Accuracy by round with the published numbers as thin lines, and the accuracy at the round that validation data choose, next "
        "to the round that the test data would choose. Look for curves that rise after the first update.",
        section=BEYOND,
        tables=("noisy_images",),
        parameters={"settings": [digits_settings(config) | {"seeds": chosen}]},
        files={"images": f"noisy_images/digits/images_{chosen[0]}.npz"},
    )


STUDY = Study(
    name="noisy_images",
    settings=NoisyImagesSection,
    tables=(
        Table(
            name="noisy_images",
            rows="A row is the test or validation accuracy of a ConvRFM on stars or digits in noise after a number of updates of M.",
            columns=("dataset", "n", "seed", "round", "metric", "value"),
            tolerances=(Tolerance(ALL_ROWS, 1.0, 0.02, "some test images lie between the classes"),),
        ),
    ),
    parts=parts,
    figures=figures,
    check=check,
    claims=True,
    runs=settings_of_runs,
)
