"""The declaration of the study of collapse under other training (Figure U3)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from pydantic import Field

from ...errors import UserError
from ...pipeline import forecasts
from ...pipeline.config import Config, Configuration, plain
from ...pipeline.tolerances import ALL_ROWS, TRAINED, Tolerance
from ..checks import Seeds, own_labels
from ..declaration import BEYOND, Figure, Parts, Study, Table
from .settings import WaysSettings


class OtherTrainingSection(WaysSettings):
    """Collapse under cross-entropy, weight decay, batch normalisation and label noise, with one optimiser (Figure U3)."""

    datasets: list[str] = Field([], description="The datasets, with their own labels; none by default.")
    seeds: Seeds | None = Field(
        None, description="Seeds of initialisation, batches and label noise; the run's if not given."
    )


def section(config: Configuration) -> OtherTrainingSection:
    """Return the study's section of a configuration."""
    return cast(OtherTrainingSection, config.section("other_training"))


def datasets(config: Configuration) -> list[str]:
    """Return the datasets of the study, in the configuration's order."""
    return config.chosen(section(config).datasets) if config.has("other_training") else []


def seeds(config: Configuration) -> list[int]:
    """Return the seeds of the study."""
    return section(config).seeds or config.seeds


def job_settings(config: Configuration) -> Config:
    """Return the MLP, its optimiser and the ways of training, as a job's parameters."""
    chosen = section(config)
    return plain(WaysSettings(**{key: getattr(chosen, key) for key in WaysSettings.model_fields}))


def forecast(config: Configuration, size: tuple[int, forecasts.Shape], rate: float) -> forecasts.Forecast:
    """Return the memory and time of one network per way of training, each measured twice, which is some 24 passes."""
    settings = job_settings(config)
    one = forecasts.training("mlp", *size, settings | {"epochs": 2 * settings["epochs"] + 24}, rate)
    return forecasts.Forecast(one.bytes, len(section(config).ways()) * one.seconds)


def check(config: Configuration) -> None:
    """Raise UserError for datasets that are missing or have random labels, or for a way of training that is given twice."""
    own_labels(config, "other_training", section(config).datasets)
    for name in ("weight_decay", "label_noise"):
        values = getattr(section(config), name)
        if len({f"{value:g}" for value in values}) != len(values):
            raise UserError(
                f"configuration: other_training.{name} is {values!r}; it must not repeat itself in its first six digits"
            )


def parts(config: Configuration) -> Parts:
    """Return one part per dataset and seed."""
    return {
        "other_training": [
            f"other_training/{dataset}/seed_{seed}.csv" for dataset in datasets(config) for seed in seeds(config)
        ]
    }


def figures(config: Configuration) -> Iterator[Figure]:
    """Yield Figure U3, if a dataset is named."""
    shown = datasets(config)
    if not shown:
        return
    yield Figure(
        name="figure_u3",
        label="Figure U3",
        notebook="other_training",
        title="Collapse of an MLP that is trained otherwise",
        look_for="The paper's training (left in each panel) next to one change at a time. Look at which changes deepen the collapse of the "
        "last hidden layer, and at what label noise leaves of it. Hollow points have not fitted their labels.",
        section=BEYOND,
        tables=("other_training",),
        datasets=tuple(shown),
        parameters={"settings": [job_settings(config)], "seeds": seeds(config)},
    )


STUDY = Study(
    name="other_training",
    settings=OtherTrainingSection,
    tables=(
        Table(
            name="other_training",
            rows="A row is one number of an MLP before (epoch 0) or after its training, in the paper's way or with one change. Layer 0 is "
            "the network as a whole; `nfa` are correlations of WᵀW with AGOP½ and with its W-preserving null. Numbers are by the labels that "
            "the network is trained with, but for `nc1_true` and the test accuracy.",
            columns=(
                "dataset",
                "loss",
                "weight_decay",
                "label_noise",
                "batch_norm",
                "seed",
                "epoch",
                "layer",
                "component",
                "metric",
                "value",
            ),
            tolerances=(
                Tolerance("component == 'nfa'", 1.0, 0.1, TRAINED.why),
                Tolerance(ALL_ROWS, 2.0, TRAINED.below, TRAINED.why),
            ),
        ),
    ),
    parts=parts,
    figures=figures,
    check=check,
)
