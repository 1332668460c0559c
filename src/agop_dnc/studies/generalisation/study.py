"""The declaration of the study of collapse at test points (Figure S7)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from pydantic import Field

from ...errors import UserError
from ...pipeline.config import Config, Configuration
from ...pipeline.tolerances import ALL_ROWS, TRAINED, Tolerance
from ...settings import Settings
from ..checks import own_labels
from ..declaration import BEYOND, Figure, Parts, Study, Table
from ..deep_rfm import study as deep_rfm
from ..networks import study as networks
from ..networks.titles import TITLES as NETWORK_TITLES


class GeneralisationSection(Settings):
    """Collapse of training and of test points by layer, next to the test accuracy (Figure S7)."""

    datasets: list[str] = Field(
        [],
        description="The datasets whose test points are followed, among those of deep_rfm or networks; none by default, as it costs "
        "one more Deep RFM per activation and seed on each.",
    )


def section(config: Configuration) -> GeneralisationSection:
    """Return the study's section of a configuration."""
    return cast(GeneralisationSection, config.section("generalisation"))


def datasets(config: Configuration) -> list[str]:
    """Return the datasets whose test points are followed, in the configuration's order."""
    return config.chosen(section(config).datasets) if config.has("generalisation") else []


def seeds_of(config: Configuration, dataset: str) -> dict[str, list[int]]:
    """Return the models on a dataset with their seeds: a Deep RFM per activation, then the networks."""
    found = {}
    if dataset in deep_rfm.datasets(config):
        found = {activation: deep_rfm.seeds(config) for activation in deep_rfm.activations(config)}
    trained = [name for name in networks.architectures(config) if dataset in networks.datasets(config, name)]
    return found | {name: networks.seeds(config, name) for name in trained}


def check(config: Configuration) -> None:
    """Raise UserError for datasets without test points, without models, or with random labels."""
    own_labels(config, "generalisation", section(config).datasets)
    for name in section(config).datasets:
        if config.datasets[name].n_test == 0:
            raise UserError(
                f"configuration: generalisation.datasets names '{name}', which has n_test: 0; give it test points, or remove it there"
            )
        if not seeds_of(config, name):
            raise UserError(
                f"configuration: generalisation.datasets names '{name}', on which neither a Deep RFM nor a network is run; add it to "
                "deep_rfm.datasets or networks.datasets, or remove it there"
            )


def parts(config: Configuration) -> Parts:
    """Return one part per dataset, model and seed."""
    return {
        "generalisation": [
            f"generalisation/{dataset}/{model}/seed_{seed}.csv"
            for dataset in datasets(config)
            for model, seeds in seeds_of(config, dataset).items()
            for seed in seeds
        ]
    }


def figures(config: Configuration) -> Iterator[Figure]:
    """Yield Figure S7, if a dataset is named."""
    shown = datasets(config)
    if not shown:
        return
    settings: list[Config] = []
    for dataset in shown:
        for model in seeds_of(config, dataset):
            notes = networks.notes if model in NETWORK_TITLES else deep_rfm.notes
            settings += notes(config, [(dataset, model)])
    yield Figure(
        name="figure_s7",
        label="Figure S7",
        notebook="generalisation",
        title="Collapse and accuracy of training and of test points, layer by layer",
        look_for="NC1 of training points (black) and of test points (orange) by layer, next to accuracies. Look at where the two part, and "
        "at whether the test accuracy rises or falls on the way.",
        section=BEYOND,
        tables=("generalisation",),
        datasets=tuple(shown),
        parameters={"settings": settings},
    )


STUDY = Study(
    name="generalisation",
    settings=GeneralisationSection,
    tables=(
        Table(
            name="generalisation",
            rows="A row is one number of training or of test points at a layer of a Deep RFM (relu, cos: X̃ = X M½) or of a network (the "
            "hidden layer's output), over all seeds. Layer 0 is the points themselves. `accuracy` is that of the layer's predictor; the "
            "one after the last layer is the model's.",
            columns=("dataset", "model", "seed", "layer", "points", "metric", "value"),
            tolerances=(
                Tolerance(
                    "metric in ['accuracy', 'nearest_own_mean']", 1.0, 0.1, "some points lie between two classes"
                ),
                Tolerance("model == 'relu'", 1.2, 1e-6, "rounding grows to some hundredths by layer 20"),
                Tolerance("model == 'cos'", 4.0, 1e-6, "with cosines, from layer 8 on, another draw of the same curve"),
                Tolerance(ALL_ROWS, TRAINED.factor, TRAINED.below, TRAINED.why),
            ),
        ),
    ),
    parts=parts,
    figures=figures,
    check=check,
)
