"""The declaration of the study of image datasets: Figure C3."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal, cast

from pydantic import Field

from ...errors import UserError
from ...pipeline import forecasts
from ...pipeline.config import Config, Configuration, plain
from ...pipeline.tolerances import ALL_ROWS, Tolerance
from ..checks import Seeds, own_labels
from ..declaration import BEYOND, Figure, Parts, Study, Table
from ..noisy_images.study import ConvRfmSettings, check_points, settings_forecast


class ImageDatasetsSection(ConvRfmSettings):
    """The CNTK, and ConvRFM that starts from it, on datasets of images, next to the slides' table (Figure C3)."""

    datasets: list[str] = Field(
        [],
        description="The datasets, among the configuration's; none by default, as a kernel matrix is computed for every round.",
    )
    seeds: Seeds = Field([0, 1, 2], description="Seeds of the training and validation points' draw.")
    ridges: Annotated[list[Annotated[float, Field(ge=0)]], Field(min_length=1)] = Field(
        [1e-3],
        description="Added to the diagonal of the kernel matrix, whose largest entry is 1; validation data choose among several, each "
        "of which costs as much as the first.",
    )
    slides: dict[str, Literal["svhn", "cifar10", "cifar100", "gtsrb", "emnist"]] = Field(
        {}, description="By dataset, the name under which the slides' table has it, if that is not its own."
    )


def section(config: Configuration) -> ImageDatasetsSection:
    """Return the study's section of a configuration."""
    return cast(ImageDatasetsSection, config.section("image_datasets"))


def datasets(config: Configuration) -> list[str]:
    """Return the datasets, in the configuration's order."""
    return config.chosen(section(config).datasets) if config.has("image_datasets") else []


def job_settings(config: Configuration) -> Config:
    """Return the settings of the study as a job's parameters."""
    if not config.has("image_datasets"):
        return {}
    return {key: value for key, value in plain(section(config)).items() if key not in ("datasets", "seeds", "slides")}


def forecast(config: Configuration, shape: forecasts.Shape, rate: float) -> forecasts.Forecast:
    """Return the memory and time of one dataset with one seed, images being of a shape."""
    one = settings_forecast(section(config), shape, rate)
    return forecasts.Forecast(one.bytes, one.seconds * len(section(config).ridges))


def check(config: Configuration) -> None:
    """Raise UserError for datasets that the configuration or the section lacks, with random labels, or with too few points."""
    own_labels(config, "image_datasets", section(config).datasets)
    unknown = [name for name in section(config).slides if name not in section(config).datasets]
    if unknown:
        raise UserError(
            f"configuration: image_datasets.slides names {unknown[0]}, which image_datasets.datasets does not; add it there"
        )
    for name in section(config).datasets:
        check_points(config, "image_datasets", name, section(config))


def parts(config: Configuration) -> Parts:
    """Return one part per dataset and seed."""
    return {
        "image_datasets": [
            f"image_datasets/{dataset}/seed_{seed}.csv"
            for dataset in datasets(config)
            for seed in section(config).seeds
        ]
    }


def figures(config: Configuration) -> Iterator[Figure]:
    """Yield Figure C3, if a dataset is named."""
    chosen = datasets(config)
    if not chosen:
        return
    yield Figure(
        name="figure_c3",
        label="Figure C3",
        notebook="image_datasets",
        title="From the CNTK to ConvRFM on datasets of images",
        look_for="Test accuracy of the CNTK and of ConvRFM, next to the slides' numbers, whose settings are not known. Compare the steps from "
        "left to right, not the places.",
        section=BEYOND,
        tables=("image_datasets",),
        datasets=tuple(chosen),
        parameters={
            "sources": {
                name: section(config).slides.get(name) or config.datasets[name].dataset or name for name in chosen
            },
            "settings": [job_settings(config) | {"seeds": section(config).seeds}],
        },
    )


STUDY = Study(
    name="image_datasets",
    settings=ImageDatasetsSection,
    tables=(
        Table(
            name="image_datasets",
            rows="A row is the test or validation accuracy of a ConvRFM on a dataset of images, with one ridge after a number of updates of "
            "M; with none it is the CNTK's.",
            columns=("dataset", "n", "seed", "ridge", "round", "metric", "value"),
            tolerances=(Tolerance(ALL_ROWS, 1.0, 0.02, "some images lie between the classes"),),
        ),
    ),
    parts=parts,
    figures=figures,
    check=check,
)
