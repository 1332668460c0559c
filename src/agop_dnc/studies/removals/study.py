"""The declaration of the study of removals: Deep RFM with M½ replaced, or without the random features (Figure S4)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from pydantic import Field

from ...pipeline import forecasts
from ...pipeline.config import Configuration
from ...pipeline.tolerances import ALL_ROWS, Tolerance
from ...settings import Settings
from ..checks import Seeds
from ..declaration import BEYOND, Figure, Parts, Study, Table
from ..deep_rfm import study as deep_rfm
from .variants import VARIANTS as VARIANTS


class RemovalsSection(Settings):
    """Deep RFM with M½ replaced, or without its random features (Figure S4)."""

    datasets: list[str] = Field(
        [],
        description="The datasets, among those of deep_rfm; none by default, as it costs five more Deep RFMs per activation and seed.",
    )
    seeds: Seeds | None = Field(None, description="Seeds; those of deep_rfm if not given.")


def section(config: Configuration) -> RemovalsSection:
    """Return the study's section of a configuration."""
    return cast(RemovalsSection, config.section("removals"))


def datasets(config: Configuration) -> list[str]:
    """Return the datasets on which something is removed, in the configuration's order."""
    return config.chosen(section(config).datasets)


def seeds(config: Configuration) -> list[int]:
    """Return the seeds of the study."""
    return section(config).seeds or deep_rfm.seeds(config)


def forecast(
    config: Configuration, activation: str, dataset: str, size: tuple[int, forecasts.Shape], rate: float
) -> forecasts.Forecast:
    """Return the memory and time of all variants of one Deep RFM, one after another."""
    one = deep_rfm.forecast(config, activation, dataset, size, rate)
    return forecasts.Forecast(one.bytes, len(VARIANTS) * one.seconds)


def check(config: Configuration) -> None:
    """Raise UserError for datasets without Deep RFMs."""
    deep_rfm.runs_on_own_labels(config, "removals", section(config).datasets)


def parts(config: Configuration) -> Parts:
    """Return one part per dataset, activation and seed."""
    return {
        "removals": [
            f"removals/{dataset}/{activation}/seed_{seed}.csv"
            for dataset in datasets(config)
            for activation in deep_rfm.activations(config)
            for seed in seeds(config)
        ]
    }


def figures(config: Configuration) -> Iterator[Figure]:
    """Yield Figure S4."""
    shown = datasets(config)
    if shown:
        panels = [(dataset, activation) for dataset in shown for activation in deep_rfm.activations(config)]
        yield Figure(
            name="figure_s4",
            label="Figure S4",
            notebook="removals",
            title="What is left of the collapse without M½, or without the features",
            look_for="Beyond the paper: Deep RFM with M½ replaced by the identity, by a rotated M½, or by that of permuted labels, and without "
            "random features. Look for which curves still fall.",
            section=BEYOND,
            tables=("removals",),
            datasets=tuple(shown),
            parameters={
                "panels": [list(panel) for panel in panels],
                "settings": deep_rfm.notes(config, panels),
                "seeds": seeds(config),
            },
        )


STUDY = Study(
    name="removals",
    settings=RemovalsSection,
    tables=(
        Table(
            name="removals",
            rows="A row is NC1 or NC2 at one layer of a Deep RFM (variant `none`), or of one with M½ replaced or without random features.",
            columns=("dataset", "activation", "variant", "seed", "layer", "component", "metric", "value"),
            tolerances=(
                Tolerance(
                    "activation == 'relu'",
                    1.5,
                    1e-6,
                    "rounding grows to some hundredths by layer 20, and more without M½",
                ),
                Tolerance(ALL_ROWS, 4.0, 1e-6, "with cosines, from layer 8 on, another draw of the same curve"),
            ),
        ),
    ),
    parts=parts,
    figures=figures,
    check=check,
    claims=True,
)
