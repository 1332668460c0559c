"""The declaration of the study of what collapse is good for (Figures U1 and U2)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from pydantic import Field, field_validator

from ...errors import UserError, did_you_mean
from ...models.settings import HeadSettings, LossName
from ...pipeline import forecasts
from ...pipeline.config import Config, Configuration, plain
from ...pipeline.tolerances import ALL_ROWS, TRAINED, Tolerance
from ...settings import with_default
from ..checks import Seeds, check_datasets, own_labels
from ..declaration import BEYOND, Figure, Parts, Study, Table
from ..deep_rfm import study as deep_rfm
from .settings import NETWORKS, ModelName, ReadoutJobSettings, ScoringSettings, SmallMlpSettings


class ReadoutSettings(SmallMlpSettings):
    """MLPs whose readout is fixed to a simplex, next to MLPs that learn it."""

    width: int = with_default(HeadSettings, "width", 128)
    losses: list[LossName] = Field(
        ["squared_error", "cross_entropy"],
        description="What they are trained on; readouts are not compared if none is named.",
    )
    larger: int = Field(64, ge=1, description="Features before the readout, next to K − 1 and K of them, K classes.")
    seeds: Seeds | None = Field(None, description="Seeds of these networks; those of the section if not given.")


class UsesSection(ScoringSettings):
    """Use collapse to tell points of another distribution, and to replace the readout by a fixed simplex (Figures U1, U2)."""

    datasets: list[str] = Field([], description="The datasets, with their own labels and test points; none by default.")
    others: list[str] = Field(
        [],
        description="Datasets of the same image shape whose test points are of another distribution for each of `datasets`.",
    )
    seeds: Seeds | None = Field(None, description="Seeds; the run's if not given.")
    models: list[ModelName] = Field(
        ["relu", "mlp", "mlp_cross_entropy"],
        description="Models whose features score points: Deep RFMs by their activation, an MLP trained on the squared error, and one trained "
        "on the cross-entropy. Points are not scored if none is named.",
    )
    width: int | None = Field(None, ge=1, description="Features of these Deep RFMs; those of deep_rfm if not given.")
    mlp: SmallMlpSettings = Field(SmallMlpSettings(), description="The MLPs whose features score points.")
    readouts: ReadoutSettings = Field(
        ReadoutSettings(), description="The MLPs with a learned and with a fixed readout."
    )

    @field_validator("models")
    @classmethod
    def _without_repeats(cls, value: list[ModelName]) -> list[ModelName]:
        if len(set(value)) != len(value):
            raise ValueError(f"{value!r} must not repeat itself")
        return value


def section(config: Configuration) -> UsesSection:
    """Return the study's section of a configuration."""
    return cast(UsesSection, config.section("uses"))


def datasets(config: Configuration) -> list[str]:
    """Return the datasets of the study, in the configuration's order."""
    return config.chosen(section(config).datasets) if config.has("uses") else []


def seeds(config: Configuration) -> list[int]:
    """Return the seeds with which points are scored."""
    return section(config).seeds or config.seeds


def readout_seeds(config: Configuration) -> list[int]:
    """Return the seeds with which readouts are compared."""
    return section(config).readouts.seeds or seeds(config)


def models(config: Configuration, dataset: str) -> Config:
    """Return the settings of each model whose features score points, as a job's parameters."""
    found: Config = {}
    for name in section(config).models:
        if name in NETWORKS:
            found[name] = plain(section(config).mlp)
        else:
            width = section(config).width
            found[name] = deep_rfm.job_settings(config, name, dataset) | ({} if width is None else {"width": width})
    return found


def scoring(config: Configuration) -> Config:
    """Return how points are made and scored, as a job's parameters."""
    return plain(ScoringSettings(**{key: getattr(section(config), key) for key in ScoringSettings.model_fields}))


def readouts(config: Configuration) -> Config:
    """Return how readouts are compared, as a job's parameters."""
    chosen = section(config).readouts
    return plain(ReadoutJobSettings(**{key: getattr(chosen, key) for key in ReadoutJobSettings.model_fields}))


def forecast(config: Configuration, dataset: str, size: tuple[int, forecasts.Shape], rate: float) -> forecasts.Forecast:
    """Return the memory and time of all models of one seed, whose scores take about as long as they themselves."""
    each = [
        forecasts.training("mlp", *size, settings, rate)
        if name in NETWORKS
        else forecasts.deep_rfm(*size, settings, rate)
        for name, settings in models(config, dataset).items()
    ]
    return _one_after_another(each, 2)


def readouts_forecast(config: Configuration, size: tuple[int, forecasts.Shape], rate: float) -> forecasts.Forecast:
    """Return the memory and time of the six networks of each loss, of one seed."""
    one = forecasts.training("mlp", *size, readouts(config), rate)
    return _one_after_another([one] * 6 * len(section(config).readouts.losses), 1.5)


def _one_after_another(each: list[forecasts.Forecast], factor: float) -> forecasts.Forecast:
    return forecasts.Forecast(max((one.bytes for one in each), default=0.0), factor * sum(one.seconds for one in each))


def check(config: Configuration) -> None:
    """Raise UserError for datasets that are missing, without test points or with random labels, or Deep RFMs without settings."""
    chosen = section(config)
    own_labels(config, "uses", chosen.datasets)
    check_datasets(config, "uses", chosen.others)
    for name in [*chosen.datasets, *chosen.others]:
        if config.datasets[name].n_test == 0:
            raise UserError(
                f"configuration: uses names '{name}', which has n_test: 0; give it test points, or remove it there"
            )
    known = deep_rfm.activations(config)
    for model in chosen.models if chosen.datasets else ():
        if model not in NETWORKS and model not in known:
            raise UserError(
                f"configuration: uses.models names '{model}', which is not among deep_rfm.activations{did_you_mean(model, known)}"
            )


def parts(config: Configuration) -> Parts:
    """Return one part per dataset and seed of each table."""
    scored = datasets(config) if section(config).models else []
    compared = datasets(config) if section(config).readouts.losses else []
    return {
        "out_of_distribution": [
            f"uses/{dataset}/scores/seed_{seed}.csv" for dataset in scored for seed in seeds(config)
        ],
        "readouts": [
            f"uses/{dataset}/readouts/seed_{seed}.csv" for dataset in compared for seed in readout_seeds(config)
        ],
    }


def figures(config: Configuration) -> Iterator[Figure]:
    """Yield Figures U1 and U2, as far as something is measured for them."""
    shown = datasets(config)
    if shown and section(config).models:
        yield Figure(
            name="figure_u1",
            label="Figure U1",
            notebook="out_of_distribution",
            title="Telling points of another distribution by collapsed features",
            look_for="Left, how well each score separates test points from points of other distributions, layer by layer; 0.5 is chance. Right, "
            "the last layer by kind of points. Compare the scores of the simplex (filled) with the others (hollow).",
            section=BEYOND,
            tables=("out_of_distribution",),
            datasets=tuple(shown),
            parameters={
                "settings": [
                    {"dataset": dataset, "model": name} | used
                    for dataset in shown
                    for name, used in models(config, dataset).items()
                ],
                "scoring": scoring(config),
                "seeds": seeds(config),
            },
        )
    if shown and section(config).readouts.losses:
        yield Figure(
            name="figure_u2",
            label="Figure U2",
            notebook="readouts",
            title="A readout that is fixed to a simplex, next to a learned one",
            look_for="Networks whose readout is a simplex from the start, next to networks that learn it. Look at whether the difference of "
            "test accuracies lies above the dashed line, and at which features collapse further.",
            section=BEYOND,
            tables=("readouts",),
            datasets=tuple(shown),
            parameters={"settings": [readouts(config)], "seeds": readout_seeds(config)},
        )


STUDY = Study(
    name="uses",
    settings=UsesSection,
    tables=(
        Table(
            name="out_of_distribution",
            rows="A row is how well a score, at one layer of a model, separates test points from points of another kind: the area under the ROC "
            "curve (`auroc`, 0.5 by chance), or the share of other points above the threshold that accepts 95 % of test points (`fpr95`, "
            "0.95 by chance). Layer 0 is the points themselves; scores of outputs are those of the layer's predictor, the last layer's are "
            "the model's. Rows of `features` and `outputs` hold NC1 and accuracies.",
            columns=("dataset", "model", "seed", "layer", "score", "points", "metric", "value"),
            tolerances=(
                Tolerance("metric == 'auroc'", 1.0, 0.1, TRAINED.why),
                Tolerance("metric == 'fpr95'", 1.0, 0.3, "a threshold, on which some points lie close"),
                Tolerance("metric == 'accuracy'", 1.0, 0.05, "some test points lie between two classes"),
                Tolerance(ALL_ROWS, 4.0, 1e-6, "NC1: rounding grows from layer to layer, and in training"),
            ),
        ),
        Table(
            name="readouts",
            rows="A row is one number of an MLP with so many features before its readout, which is learned or fixed to a simplex, before "
            "(`untrained_…`) or after its training.",
            columns=("dataset", "loss", "dimension", "readout", "seed", "metric", "value"),
            tolerances=(
                Tolerance("metric in ['parameters', 'operations']", 1.0, 0.0, "counted"),
                Tolerance("metric == 'epochs'", 2.0, 5.0, TRAINED.why),
                Tolerance(ALL_ROWS, 2.0, TRAINED.below, TRAINED.why),
            ),
        ),
    ),
    parts=parts,
    figures=figures,
    check=check,
    claims=True,
)
