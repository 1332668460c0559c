"""The declaration of the study of the ansatz in convolutions: Figure C4."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import cast

from pydantic import Field

from ...errors import UserError
from ...pipeline import forecasts
from ...pipeline.config import Config, Configuration
from ...pipeline.tolerances import ALL_ROWS, TRAINED, Tolerance
from ...settings import Settings
from ..checks import own_labels
from ..declaration import BEYOND, Figure, Parts, Study, Table
from ..networks import study as networks

CONVNETS = ("resnet18", "vgg11")
# Multiply-adds of the decompositions of one convnet's layers, with their nulls (`agop_dnc.collapse.network.operations`).
_DECOMPOSITIONS = 3e11
_CLASSES = 10


class ConvolutionsSection(Settings):
    """The Neural Feature Ansatz in every convolution of the networks, before and after training (Figure C4)."""

    datasets: list[str] = Field(
        [],
        description="The datasets whose ResNet-18 and VGG-11 are measured, among those of networks; none by default.",
    )
    n: int = Field(
        500,
        ge=1,
        description="Training points over which gradients are averaged, evenly spaced in the order of classes; all if there are fewer.",
    )
    rotations: int = Field(5, ge=1, description="Random rotations that the null is a mean of.")


def section(config: Configuration) -> ConvolutionsSection:
    """Return the study's section of a configuration."""
    return cast(ConvolutionsSection, config.section("convolutions"))


def job_settings(config: Configuration) -> Config:
    """Return how each network is measured, as a job's parameters."""
    return {"n": section(config).n, "rotations": section(config).rotations} if config.has("convolutions") else {}


def architectures(config: Configuration, dataset: str) -> list[str]:
    """Return the convnets that are trained on a dataset."""
    return [name for name in CONVNETS if dataset in networks.datasets(config, name)]


def panels(config: Configuration) -> list[tuple[str, str]]:
    """Return the datasets and architectures that are measured, in the configuration's order."""
    return [
        (dataset, architecture)
        for dataset in config.chosen(section(config).datasets)
        for architecture in architectures(config, dataset)
    ]


def forecast(
    config: Configuration, architecture: str, size: tuple[int, forecasts.Shape], rate: float
) -> forecasts.Forecast:
    """Return the memory and time of measuring the networks of all seeds, at a rate in multiply-adds per second.

    Before and after training there are a backward pass per class, each as long as two forward passes, and decompositions of every layer.
    """
    n, (_, height, width) = size
    points = min(n, section(config).n)
    passes = points * (1 + 2 * _CLASSES) * forecasts.CONVOLUTIONS[architecture] * height * width
    operations = (
        2 * len(networks.seeds(config, architecture)) * (passes + _DECOMPOSITIONS * (1 + section(config).rotations) / 6)
    )
    return forecasts.Forecast(forecasts.BASE_BYTES + 3 * 2**30, 30 + operations / rate)


def check(config: Configuration) -> None:
    """Raise UserError for datasets that the configuration lacks, with random labels, or without a convnet."""
    own_labels(config, "convolutions", section(config).datasets)
    for name in section(config).datasets:
        if not architectures(config, name):
            raise UserError(
                f"configuration: convolutions.datasets names '{name}', on which neither resnet18 nor vgg11 is trained; "
                "add one of them to networks.architectures, or remove it there"
            )


def parts(config: Configuration) -> Parts:
    """Return one part per dataset and architecture."""
    return {"convolutions": [f"convolutions/{dataset}/{architecture}.csv" for dataset, architecture in panels(config)]}


def figures(config: Configuration) -> Iterator[Figure]:
    """Yield Figure C4, if a dataset is named."""
    shown: Sequence[tuple[str, str]] = panels(config)
    if not shown:
        return
    yield Figure(
        name="figure_c4",
        label="Figure C4",
        notebook="convolutions",
        title="The Neural Feature Ansatz in the convolutions of trained networks",
        look_for="How far the filters' Gram matrix follows the AGOP over patches, convolution by convolution. Look at which convolutions of "
        "trained networks (blue) lie above their null (dashed), which keeps the weights, and where untrained ones (grey) lie.",
        section=BEYOND,
        tables=("convolutions",),
        datasets=tuple(dict(shown)),
        parameters={
            "panels": [list(panel) for panel in shown],
            "settings": [one | job_settings(config) for one in networks.notes(config, shown)],
        },
    )


STUDY = Study(
    name="convolutions",
    settings=ConvolutionsSection,
    tables=(
        Table(
            name="convolutions",
            rows="A row is a correlation of a convolution's Gram matrix of filters with its AGOP over patches, with the AGOP's root "
            "(`sqrt_agop`), or the mean of a null that keeps the weights (`…_null`), of networks before (trained = 0) and after training, "
            "over all seeds. Layer 0 is the network as a whole.",
            columns=("dataset", "architecture", "seed", "trained", "layer", "filters", "metric", "value"),
            tolerances=(Tolerance(ALL_ROWS, 1.0, 0.1, TRAINED.why),),
        ),
    ),
    parts=parts,
    figures=figures,
    check=check,
    claims=True,
)
