"""The declaration of the study of departures: what the released code does differently from the paper."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from pydantic import Field

from ...errors import UserError
from ...pipeline import forecasts
from ...pipeline.config import Config, Configuration
from ...pipeline.tolerances import ALL_ROWS, Tolerance
from ...settings import Settings
from ..declaration import VERDICTS, Figure, Parts, Study, Table
from ..deep_rfm import study as deep_rfm
from ..networks import study as networks

# Groups of departures of a Deep RFM, with the activation that each is measured with.
ACTIVATIONS = {"solver": "relu", "cosines": "cos"}
ARCHITECTURES = ("mlp", "resnet18")


class DeparturesSection(Settings):
    """What the released code does differently from the paper, each departure switched on alone."""

    datasets: list[str] = Field(
        [],
        description="The datasets on which they are measured, among those of deep_rfm; none by default, as it costs some ten more "
        "Deep RFMs on each.",
    )


def datasets(config: Configuration) -> list[str]:
    """Return the datasets on which departures are measured, in the configuration's order."""
    return config.chosen(cast(DeparturesSection, config.section("departures")).datasets)


def groups(config: Configuration, dataset: str) -> list[str]:
    """Return what can be measured on a dataset: each Deep RFM group needs its activation, each network its architecture."""
    found = ["definitions"]
    found += [group for group, activation in ACTIVATIONS.items() if activation in deep_rfm.activations(config)]
    return found + [name for name in ARCHITECTURES if dataset in networks.datasets(config, name)]


def job_settings(config: Configuration, group: str, dataset: str) -> Config:
    """Return the settings of what a group varies: of its Deep RFM, or of its network."""
    if group in ACTIVATIONS:
        return deep_rfm.job_settings(config, ACTIVATIONS[group], dataset)
    if group in ARCHITECTURES:
        return {
            "network": networks.network_settings(config, group, dataset),
            "training": networks.training_settings(config, group, dataset),
        }
    return {}


def forecast(config: Configuration, dataset: str, size: tuple[int, forecasts.Shape], rate: float) -> forecasts.Forecast:
    """Return the memory and time of a group: up to six Deep RFMs in a row, on the CPU."""
    one = deep_rfm.forecast(config, "relu", dataset, size, rate)
    return forecasts.Forecast(one.bytes, 6 * one.seconds)


def check(config: Configuration) -> None:
    """Raise UserError for datasets without Deep RFMs, or whose Deep RFMs depart from the paper's definitions."""
    named = cast(DeparturesSection, config.section("departures")).datasets
    deep_rfm.runs_on_own_labels(config, "departures", named)
    for name in named:
        for activation in deep_rfm.activations(config):
            used = deep_rfm.model_settings(config, activation, name)
            for key, papers in (("ridge", 0.0), ("precision", "float64"), ("agop_scale", "mean")):
                if getattr(used, key) != papers:
                    raise UserError(
                        f"configuration: departures are compared with the paper's definitions, and on '{name}' {activation} has "
                        f"{key}: {getattr(used, key)}; set it to {papers}, or take {name} out of departures.datasets"
                    )


def parts(config: Configuration) -> Parts:
    """Return one part per dataset and group."""
    return {
        "departures": [
            f"departures/{dataset}/{group}.csv" for dataset in datasets(config) for group in groups(config, dataset)
        ]
    }


def figures(config: Configuration) -> Iterator[Figure]:
    """Yield the figure of all departures that have a curve."""
    shown = datasets(config)
    if not shown:
        return
    notes = deep_rfm.notes(
        config, [(name, activation) for name in shown for activation in sorted(deep_rfm.activations(config))]
    )
    trained = [(name, kind) for name in shown for kind in ARCHITECTURES if name in networks.datasets(config, kind)]
    yield Figure(
        name="departures",
        label="Departures",
        notebook="departures",
        title="Where the released code departs from the paper, and what that changes",
        look_for="What the released code does differently from the paper: look for orange curves that part from the black ones by more "
        "than a constant.",
        section=VERDICTS,
        tables=("departures",),
        datasets=tuple(shown),
        parameters={"settings": notes + networks.notes(config, trained), "seed": deep_rfm.seeds(config)[0]},
    )


STUDY = Study(
    name="departures",
    settings=DeparturesSection,
    tables=(
        Table(
            name="departures",
            rows="A row is what the released code does differently from the paper, or the paper's definition on the same data, at one "
            "layer or epoch.",
            columns=("dataset", "departure", "variant", "quantity", "step", "value"),
            # Below 1e-6 a value is a floor that rounding makes.
            tolerances=(
                Tolerance(
                    "departure == 3 and variant == 'released'",
                    2.83,
                    1e-5,
                    "float32 distances that cancel put a floor near 1e-6",
                ),
                Tolerance(ALL_ROWS, 2.83, 1e-6, "what training and cosine features carry on, and floors of rounding"),
            ),
        ),
    ),
    parts=parts,
    figures=figures,
    check=check,
)
