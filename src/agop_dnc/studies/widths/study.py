"""The declaration of the study of Deep RFM's floors against the number of random features (Figure S6)."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Annotated, cast

from pydantic import Field

from ...errors import UserError
from ...pipeline import forecasts
from ...pipeline.config import Config, Configuration
from ...pipeline.tolerances import ALL_ROWS, Tolerance
from ...settings import Settings
from ..checks import Seeds, own_labels
from ..declaration import BEYOND, Figure, Parts, Study, Table
from ..deep_rfm import study as deep_rfm


class WidthsSection(Settings):
    """Deep RFM's floors of NC1 and NC2 against the number of random features (Figure S6)."""

    datasets: list[str] = Field(
        [],
        description="The datasets on which widths are swept; none by default, as it costs a Deep RFM per activation, width and seed "
        "on each.",
    )
    widths: Annotated[list[Annotated[int, Field(ge=2)]], Field(min_length=1)] = Field(
        [256, 512, 1024, 2048, 4096, 8192], description="Numbers of random features D."
    )
    seeds: Seeds = Field([0, 1, 2, 3, 4], description="Seeds of the random features.")
    depth: int = Field(20, ge=4, description="Layers; an exponential with a floor needs four.")


def section(config: Configuration) -> WidthsSection:
    """Return the study's section of a configuration."""
    return cast(WidthsSection, config.section("widths"))


def datasets(config: Configuration) -> list[str]:
    """Return the datasets on which widths are swept, in the configuration's order."""
    return config.chosen(section(config).datasets) if config.has("widths") else []


def job_settings(config: Configuration, activation: str, dataset: str, width: int) -> Config:
    """Return the settings of one width's Deep RFMs: those of `deep_rfm` but for width and depth."""
    return deep_rfm.job_settings(config, activation, dataset) | {"width": width, "depth": section(config).depth}


def forecast(config: Configuration, width: int, size: tuple[int, forecasts.Shape], rate: float) -> forecasts.Forecast:
    """Return the memory and time of one width's Deep RFMs, all seeds in a row, at a rate in multiply-adds per second.

    A layer with D > n features costs n·D² for its random features and 4n²D for the points' span; all else is in n dimensions.
    """
    n, shape = size
    d = max(prod(shape), width)
    inside = min(n, d)
    layer = n**3 / 3 + n * n * (2 * inside + 20) + 30 * inside**3 + n * d * width + (4 * n * n * d if d > n else 0)
    held = 8 * (2 * d * width + 6 * n * d + 4 * n * n + 10 * inside**2)
    chosen = section(config)
    seconds = 10 + len(chosen.seeds) * chosen.depth * layer / rate
    return forecasts.Forecast(forecasts.BASE_BYTES + held + forecasts.CHUNK_BYTES, seconds)


def check(config: Configuration) -> None:
    """Raise UserError for datasets that the configuration lacks, with random labels, or for widths that are given twice."""
    own_labels(config, "widths", section(config).datasets)
    widths = section(config).widths
    if len(set(widths)) != len(widths):
        raise UserError(f"configuration: widths.widths is {widths!r}; it must not repeat itself")


def parts(config: Configuration) -> Parts:
    """Return one part per dataset, activation and width."""
    return {
        "widths": [
            f"widths/{dataset}/{activation}/width_{width}.csv"
            for dataset in datasets(config)
            for activation in deep_rfm.activations(config)
            for width in sorted(section(config).widths)
        ]
    }


def figures(config: Configuration) -> Iterator[Figure]:
    """Yield Figure S6, if a dataset is named."""
    if not datasets(config):
        return
    chosen = section(config)
    settings = [
        {"dataset": dataset, "activation": activation}
        | {
            key: value
            for key, value in job_settings(config, activation, dataset, 0).items()
            if key not in ("activation", "width")
        }
        for dataset in datasets(config)
        for activation in deep_rfm.activations(config)
    ]
    yield Figure(
        name="figure_s6",
        label="Figure S6",
        notebook="widths",
        title="The floors of NC1 and NC2 against the number of random features",
        look_for="Deep RFMs with more and more random features. Look at whether the floors of NC2 (right, triangles) keep falling, and at "
        "how far below random directions of the same dimension (grey) they are.",
        section=BEYOND,
        tables=("widths",),
        datasets=tuple(datasets(config)),
        parameters={"settings": settings, "widths": sorted(chosen.widths), "seeds": chosen.seeds},
    )


STUDY = Study(
    name="widths",
    settings=WidthsSection,
    tables=(
        Table(
            name="widths",
            rows="A row is NC1 or NC2 of X̃ = X M½ at one layer of a Deep RFM with so many random features (width), over all seeds.",
            columns=("dataset", "activation", "width", "seed", "layer", "metric", "value"),
            tolerances=(
                Tolerance("activation == 'relu'", 1.2, 1e-6, "rounding grows to some hundredths by layer 20"),
                Tolerance("layer <= 7", 1.02, 1e-6, "rounding grows by some thirty times per layer"),
                Tolerance(ALL_ROWS, 4.0, 1e-6, "with cosines, from layer 8 on, another draw of the same curve"),
            ),
        ),
    ),
    parts=parts,
    figures=figures,
    check=check,
)
