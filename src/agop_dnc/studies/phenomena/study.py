"""The declaration of the study of three phenomena that AGOPs explain: Figures R4 to R6."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Annotated, Literal, cast

from pydantic import Field

from ...errors import UserError, did_you_mean
from ...pipeline import forecasts
from ...pipeline.config import Config, Configuration, plain
from ...pipeline.tolerances import ALL_ROWS, TRAINED, Tolerance
from ...settings import Settings
from ..checks import Seeds, own_labels
from ..declaration import BEYOND, Figure, Parts, Study, Table


class PhenomenaSection(Settings):
    """Spurious features, simplicity bias and lottery tickets in RFMs and networks (Figures R4 to R6)."""

    datasets: list[str] = Field(
        [], description="The datasets of images; none by default, as it costs some thirty networks per seed on each."
    )
    hard: dict[str, str] = Field(
        {},
        description="The dataset whose images stand next to those of a dataset, as in `{mnist: cifar10}`, paired class by class; only datasets "
        "named here have pairs. If none is named, all have, with other images of their own in noise.",
    )
    seeds: Seeds | None = Field(
        None, description="Seeds of points, pairs, noise, random pixels and networks; the run's if not given."
    )
    points: int = Field(1000, ge=10, description="Training images, drawn for each seed; all if there are fewer.")
    star_classes: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=2)] = Field(
        [3, 8], description="Classes (0 … K−1) that are told apart; the star is drawn into images of the last."
    )
    noise: float = Field(1.0, ge=0, description="Standard deviation of the noise; pixels are in [0, 1].")
    shares: Annotated[list[Annotated[float, Field(gt=0, lt=1)]], Field(min_length=1)] = Field(
        [0.5, 0.25, 0.1, 0.05], description="Shares of the inputs that are kept when models are fitted again."
    )
    threshold: float = Field(
        0.05, ge=0, lt=1, description="Inputs whose AGOP diagonal exceeds this share of its largest entry are kept too."
    )
    bandwidth: float = Field(10.0, gt=0, description="L of RFM's Laplace kernel.")
    ridge: float = Field(1e-3, ge=0, description="Added to the diagonal of RFM's kernel matrix.")
    iterations: int = Field(3, ge=1, description="RFM's updates of M.")
    precision: Literal["float64", "float32"] = Field("float64", description="Precision of RFM.")
    width: int = Field(256, ge=1, description="Width of the networks' two hidden layers; 1,024 in the released code.")
    init_scale: float = Field(0.3, gt=0, description="Gain of the networks' Xavier-uniform initialisation.")
    steps: int = Field(1000, ge=1, description="Steps of SGD.")
    learning_rate: float = Field(0.1, gt=0, description="Step size of SGD.")
    momentum: float = Field(0.9, ge=0, lt=1, description="Momentum of SGD; 0 in the released code, with 500 epochs.")
    batch_size: int = Field(128, ge=1, description="Points per step.")


def section(config: Configuration) -> PhenomenaSection:
    """Return the study's section of a configuration."""
    return cast(PhenomenaSection, config.section("phenomena"))


def datasets(config: Configuration) -> list[str]:
    """Return the study's datasets, in the configuration's order."""
    return config.chosen(section(config).datasets)


def seeds(config: Configuration) -> list[int]:
    """Return the seeds of the study."""
    return section(config).seeds or config.seeds


def paired(config: Configuration) -> list[str]:
    """Return the datasets whose images stand next to others."""
    named = section(config).hard
    return [dataset for dataset in datasets(config) if not named or dataset in named]


def hard(config: Configuration, dataset: str) -> str:
    """Return the dataset that stands next to another one; empty if it is that one in noise."""
    return section(config).hard.get(dataset, "")


def job_settings(config: Configuration) -> Config:
    """Return the settings of the study as a job's parameters."""
    return {key: value for key, value in plain(section(config)).items() if key not in ("datasets", "hard", "seeds")}


def forecast(config: Configuration, dataset: str, size: tuple[int, forecasts.Shape], rate: float) -> forecasts.Forecast:
    """Return the memory and time of all models of one dataset and seed.

    If a hard dataset stands next to it, pairs count as colour images 32 pixels high and wide, or larger ones of its own size.
    """
    chosen, (points, shape) = section(config), size
    n, d = min(points, chosen.points), prod(shape)
    pair = 2 * max(d, 3 * 32 * 32 if hard(config, dataset) else 0) if dataset in paired(config) else 0
    widest = max(d, pair)
    relative = 1 + 4 * (sum(chosen.shares) + 0.5)  # lottery tickets, in models with all inputs
    network = 6 * chosen.steps * chosen.batch_size * chosen.width
    networks = network * ((relative + 2) * (d + chosen.width) + 2 * (pair + chosen.width))
    solves = (30 + 4 * len(chosen.shares)) * (chosen.iterations + 1) * n * n * (n / 3 + 400)
    roots = chosen.iterations * 10 * ((relative + 2) * d**3 + 2 * pair**3)
    bytes_needed = forecasts.BASE_BYTES + 8 * (3 * n * n + 10 * widest * widest + 8 * (points + n) * widest)
    return forecasts.Forecast(bytes_needed, 20 + (networks + solves + roots) / rate)


def check(config: Configuration) -> None:
    """Raise UserError for datasets that the configuration lacks or with random labels, and for values given twice."""
    chosen = section(config)
    own_labels(config, "phenomena", [*chosen.datasets, *chosen.hard.values()])
    for name in chosen.hard:
        if name not in chosen.datasets:
            raise UserError(
                f"configuration: phenomena.hard names '{name}', which is not among phenomena.datasets"
                f"{did_you_mean(name, chosen.datasets)}"
            )
    for key in ("star_classes", "shares"):
        values = getattr(chosen, key)
        if len(set(values)) != len(values):
            raise UserError(f"configuration: phenomena.{key} is {values!r}; it must not repeat itself")


TABLES = ("spurious_features", "simplicity_bias", "lottery_tickets")


def parts(config: Configuration) -> Parts:
    """Return one part of each table per dataset and seed."""
    return {
        table: [
            f"phenomena/{dataset}/{table}_{seed}.csv" for dataset in shown_in(config, table) for seed in seeds(config)
        ]
        for table in TABLES
    }


def shown_in(config: Configuration, table: str) -> list[str]:
    """Return the datasets of which a table has rows."""
    return paired(config) if table == "simplicity_bias" else datasets(config)


_SHOWN = (
    (
        "figure_r4",
        "Figure R4",
        "spurious_features",
        "A spurious feature: a star in one class's images",
        "RFMs and networks trained on images of which one class has a star in the corner, and tested with the star kept, removed and moved "
        "to the other class. Look for diagonals of M, NFM and AGOP that light up on the star, and for accuracies that fall without it.",
    ),
    (
        "figure_r5",
        "Figure R5",
        "simplicity_bias",
        "Simplicity bias: a hard and an easy image side by side",
        "RFMs and networks trained on pairs of images of the same class. Look for the share of the trace of M, NFM and AGOP on the easy "
        "half, against one half by chance, and for which swapped half changes the prediction.",
    ),
    (
        "figure_r6",
        "Figure R6",
        "lottery_tickets",
        "Lottery tickets: models fitted again to few pixels",
        "Test accuracy against the share of pixels kept. Look for pixels chosen by the AGOP's diagonal that do better than as many random "
        "ones, which are the chance level, and than those with the largest variance.",
    ),
)


def figures(config: Configuration) -> Iterator[Figure]:
    """Yield Figures R4 to R6, if a dataset is named."""
    first, settings = seeds(config)[0], job_settings(config) | {"seeds": seeds(config)}
    for name, label, table, title, look_for in _SHOWN:
        named = shown_in(config, table)
        if not named:
            continue
        yield Figure(
            name=name,
            label=label,
            notebook=table,
            title=title,
            look_for=look_for,
            section=BEYOND,
            tables=(table,),
            datasets=tuple(named),
            parameters={"settings": [settings], "hard": {dataset: hard(config, dataset) for dataset in paired(config)}},
            files={f"images_{dataset}": f"phenomena/{dataset}/images_{first}.npz" for dataset in named},
        )


_TOLERANCES = (
    Tolerance("model == 'network'", TRAINED.factor, TRAINED.below, TRAINED.why),
    Tolerance(ALL_ROWS, 1.05, 0.02, "some test images lie between classes, and M carries rounding on"),
)

STUDY = Study(
    name="phenomena",
    settings=PhenomenaSection,
    tables=(
        Table(
            name="spurious_features",
            rows="A row is one number of a model trained with a star in one class's images (`star`) or without (`plain`): an accuracy on test "
            "images with the star kept, removed or moved to the other classes, or the share of the trace of NFM or AGOP (of an RFM: M) on "
            "the star's pixels. stage: updates of M or steps of SGD; 0 is the start. Of `chance`, the share of the pixels and of the largest "
            "class.",
            columns=("dataset", "seed", "model", "training", "stage", "metric", "value"),
            tolerances=_TOLERANCES,
        ),
        Table(
            name="simplicity_bias",
            rows="A row is one number of a model trained on pairs of images (inputs `both`; `permuted`: with permuted labels) or on either half "
            "alone: an accuracy on test pairs "
            "as in training or with one half swapped for another class's, or the share of the trace of NFM or AGOP (of an RFM: M) on the easy "
            "half. stage: updates of M or steps of SGD; 0 is the start. Of `chance`, the easy half's share of the pixels and of their "
            "variance, and the share of the largest class.",
            columns=("dataset", "seed", "model", "inputs", "stage", "metric", "value"),
            tolerances=_TOLERANCES,
        ),
        Table(
            name="lottery_tickets",
            rows="A row is one number of a model fitted to the pixels that a criterion ranks first: the share of the pixels kept, the accuracy on "
            "training or on test images. choice and level: the share that was asked for, or the threshold on the scaled AGOP diagonal which "
            "says how many pixels are kept by each criterion. `random` is the chance level.",
            columns=("dataset", "seed", "model", "criterion", "choice", "level", "metric", "value"),
            tolerances=_TOLERANCES,
        ),
    ),
    parts=parts,
    figures=figures,
    check=check,
)
