"""The declaration of the study of the initialisation's scale (Figure S5)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, cast

from pydantic import Field

from ...errors import UserError
from ...pipeline import forecasts
from ...pipeline.config import Config, Configuration, plain
from ...pipeline.tolerances import ALL_ROWS, TRAINED, Tolerance
from ..checks import Seeds, own_labels
from ..declaration import BEYOND, Figure, Parts, Study, Table
from .settings import TrainToSettings


class ScalesSection(TrainToSettings):
    """The MLP at several initialisation scales, trained to the same loss (Figure S5)."""

    datasets: list[str] = Field(
        [],
        description="The datasets on which scales are swept; none by default, as it costs a network per scale and seed on each.",
    )
    scales: Annotated[list[Annotated[float, Field(gt=0)]], Field(min_length=1)] = Field(
        [0.1, 0.15, 0.2, 0.3, 0.5, 0.7, 1.0], description="Gains of the Xavier-uniform initialisation."
    )
    seeds: Seeds = Field([0, 1, 2], description="Seeds of initialisation and batches.")


def section(config: Configuration) -> ScalesSection:
    """Return the study's section of a configuration."""
    return cast(ScalesSection, config.section("scales"))


def datasets(config: Configuration) -> list[str]:
    """Return the datasets on which scales are swept, in the configuration's order."""
    return config.chosen(section(config).datasets) if config.has("scales") else []


def job_settings(config: Configuration) -> Config:
    """Return how each network is made and trained, as a job's parameters."""
    chosen = section(config)
    return plain(TrainToSettings(**{key: getattr(chosen, key) for key in TrainToSettings.model_fields}))


def forecast(config: Configuration, size: tuple[int, forecasts.Shape], rate: float) -> forecasts.Forecast:
    """Return the memory and time of one network that takes all its epochs, at a rate in multiply-adds per second.

    An epoch is a pass for training and a third of one for its loss; measuring twice is some 24 passes.
    """
    settings = job_settings(config)
    return forecasts.training("mlp", *size, settings | {"epochs": 4 * settings["epochs"] / 3 + 24}, rate)


def check(config: Configuration) -> None:
    """Raise UserError for datasets that the configuration lacks, with random labels, or for scales that are given twice."""
    own_labels(config, "scales", section(config).datasets)
    scales = section(config).scales
    if len({f"{scale:g}" for scale in scales}) != len(scales):
        raise UserError(
            f"configuration: scales.scales is {scales!r}; it must not repeat itself in its first six digits"
        )


def parts(config: Configuration) -> Parts:
    """Return one part per dataset, scale and seed."""
    return {
        "scales": [
            f"scales/{dataset}/scale_{scale:g}/seed_{seed}.csv"
            for dataset in datasets(config)
            for scale in sorted(section(config).scales)
            for seed in section(config).seeds
        ]
    }


def figures(config: Configuration) -> Iterator[Figure]:
    """Yield Figure S5, if a dataset is named."""
    if not datasets(config):
        return
    yield Figure(
        name="figure_s5",
        label="Figure S5",
        notebook="scales",
        title="The MLP against the scale of its initialisation, at equal training loss",
        look_for="MLPs trained to the same loss from different scales of initialisation. Look at how the Neural Feature Ansatz beyond its "
        "null, and the share of SVᵀ in the fall of NC1, change with the scale. Hollow points have not reached the loss.",
        section=BEYOND,
        tables=("scales",),
        datasets=tuple(datasets(config)),
        parameters={"settings": [job_settings(config)], "seeds": section(config).seeds},
    )


STUDY = Study(
    name="scales",
    settings=ScalesSection,
    tables=(
        Table(
            name="scales",
            rows="A row is one number of an MLP that was initialised at so large a scale and trained to the same loss as all others, over all "
            "seeds. Epoch 0 is the untrained network, the other epoch is when it got there; `reached` says if it did. Layer 0 is the "
            "network as a whole; `nfa` are correlations of WᵀW with AGOP½ and with its W-preserving null.",
            columns=("dataset", "scale", "seed", "epoch", "layer", "component", "metric", "value"),
            tolerances=(
                Tolerance("component == 'nfa'", 1.0, 0.1, TRAINED.why),
                Tolerance("metric == 'reached'", 1.0, 1.0, TRAINED.why),
                Tolerance(ALL_ROWS, TRAINED.factor, TRAINED.below, TRAINED.why),
            ),
        ),
    ),
    parts=parts,
    figures=figures,
    check=check,
)
