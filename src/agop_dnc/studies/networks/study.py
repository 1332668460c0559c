"""The declaration of the study of networks: Figures 2 and 7 to 12, S1 and S2."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Literal, cast

from pydantic import Field, field_validator

from ...models.settings import (
    BatchSettings,
    HeadSettings,
    InitialisationSettings,
    NetworkSettings,
    OptimiserSettings,
    TrainingSettings,
)
from ...pipeline import forecasts
from ...pipeline.config import Config, Configuration, plain
from ...pipeline.tolerances import ALL_ROWS, SAMPLED, TRAINED, Tolerance
from ...settings import Settings, overriding, with_default
from ..checks import Seeds, check_datasets, check_overrides
from ..declaration import BEYOND, PAPER, Figure, Parts, Study, Table
from .titles import TITLES

# Singular directions that the truncated ablation keeps.
RANKS = (1, 2, 5, 9, 10, 20)


class MlpSettings(OptimiserSettings, InitialisationSettings):
    """A multilayer perceptron."""

    datasets: list[str] | None = Field(None, description="The datasets; those of the section if not given.")
    seeds: Seeds | None = Field(None, description="Seeds of these networks; those of the section if not given.")


class ResNet18Settings(MlpSettings):
    """torchvision's ResNet-18 with a head of linear layers."""

    epochs: int = with_default(MlpSettings, "epochs", 300)
    init_scale: float = with_default(MlpSettings, "init_scale", 0.2)


class Vgg11Settings(MlpSettings):
    """torchvision's VGG-11, cut, with a head of linear layers."""

    epochs: int = with_default(MlpSettings, "epochs", 600)
    learning_rate: float = with_default(MlpSettings, "learning_rate", 0.01)
    momentum: float = with_default(MlpSettings, "momentum", 0.9)


class Architectures(Settings):
    """The networks by their architecture."""

    mlp: MlpSettings | None = None
    resnet18: ResNet18Settings | None = None
    vgg11: Vgg11Settings | None = None

    @property
    def named(self) -> dict[str, MlpSettings]:
        """Return the settings of each architecture that is given, by its name."""
        return {name: getattr(self, name) for name in type(self).model_fields if getattr(self, name) is not None}


Override = overriding(
    "Override",
    TrainingSettings,
    InitialisationSettings,
    dataset=(str | None, Field(None, description="The dataset meant; all if not given.")),
    architecture=(
        Literal["mlp", "resnet18", "vgg11"] | None,
        Field(None, description="The architecture meant; all if not given."),
    ),
)


class NetworksSection(HeadSettings, BatchSettings):
    """Networks trained by gradient descent (Section 6, Appendix D)."""

    enabled: bool = Field(True, description="Whether networks are trained at all.")
    datasets: list[str] | None = Field(None, description="The datasets; all with their own labels if not given.")
    seeds: Seeds | None = Field(None, description="Seeds of the networks; the run's if not given.")
    keep_snapshots: bool = Field(
        False, description="Whether all snapshots of the weights are kept; the last one is kept in any case."
    )
    tf32: Literal["none", "convolutions", "all"] = Field(
        "convolutions",
        description="What a GPU may round to TF32's ten bits of mantissa: nothing, the inputs of convolutions (PyTorch's default), "
        "or also those of matrix products. On a CPU it makes no difference.",
    )
    architectures: Architectures = Field(
        Architectures(mlp=MlpSettings(), resnet18=ResNet18Settings(), vgg11=Vgg11Settings()),
        description="The networks by their architecture.",
    )
    overrides: list[Override] = Field(  # type: ignore[valid-type]
        [
            Override(architecture="mlp", dataset="mnist", init_scale=0.2),
            Override(architecture="vgg11", dataset="mnist", init_scale=0.2),
        ],
        description="Settings of one dataset, architecture or both that differ; later entries win. Default entries that name what "
        "the configuration lacks are left out.",
    )

    @field_validator("architectures")
    @classmethod
    def _name_one(cls, value: Architectures) -> Architectures:
        if not value.named:
            raise ValueError("name at least one architecture, mlp, resnet18 or vgg11")
        return value


def section(config: Configuration) -> NetworksSection:
    """Return the study's section of a configuration."""
    return cast(NetworksSection, config.section("networks"))


def architectures(config: Configuration) -> list[str]:
    """Return the architectures that are trained on some dataset."""
    return (
        [name for name in section(config).architectures.named if datasets(config, name)]
        if config.has("networks")
        else []
    )


def datasets(config: Configuration, architecture: str) -> list[str]:
    """Return the datasets of an architecture, in the configuration's order."""
    if not config.has("networks"):
        return []
    own = section(config).architectures.named.get(architecture)
    if own is None:
        return []
    return config.chosen(own.datasets if own.datasets is not None else section(config).datasets)


def seeds(config: Configuration, architecture: str) -> list[int]:
    """Return the seeds of an architecture."""
    return section(config).architectures.named[architecture].seeds or section(config).seeds or config.seeds


def _used(config: Configuration, architecture: str, dataset: str) -> Config:
    chosen = section(config)
    used = {key: getattr(chosen, key) for key in ("hidden_layers", "width", "batch_size", "measure_every")}
    used |= chosen.architectures.named[architecture].model_dump(exclude={"datasets", "seeds"})
    for override in chosen.overrides:
        entry = cast(Settings, override).model_dump(exclude_none=True)
        if entry.pop("architecture", architecture) == architecture and entry.pop("dataset", dataset) == dataset:
            used |= entry
    return used


def training_settings(config: Configuration, architecture: str, dataset: str) -> Config:
    """Return how a network is trained, as a job's parameters."""
    used = _used(config, architecture, dataset)
    return plain(TrainingSettings(**{key: used[key] for key in TrainingSettings.model_fields}))


def network_settings(config: Configuration, architecture: str, dataset: str) -> Config:
    """Return what defines a network, as a job's parameters."""
    used = _used(config, architecture, dataset)
    return plain(NetworkSettings(**{key: used[key] for key in NetworkSettings.model_fields}))


def forecast(
    kind: str, config: Configuration, architecture: str, dataset: str, size: tuple[int, forecasts.Shape], rate: float
) -> forecasts.Forecast:
    """Return the memory and time of a network's `training` or `measuring` at a rate in multiply-adds per second."""
    made = forecasts.training if kind == "training" else forecasts.measuring
    return made(architecture, *size, _used(config, architecture, dataset), rate)


def check(config: Configuration) -> None:
    """Raise UserError for datasets or overrides that the configuration lacks, and batches of one point."""
    check_datasets(config, "networks", section(config).datasets)
    for name, settings in section(config).architectures.named.items():
        check_datasets(config, f"networks.architectures.{name}", settings.datasets)
    check_overrides(config, "networks", "architecture", list(section(config).architectures.named))


def _folder(dataset: str, architecture: str, seed: int) -> str:
    return f"networks/{dataset}/{architecture}/seed_{seed}"


def _parts_of(config: Configuration, kind: str) -> list[str]:
    return [
        f"{_folder(dataset, architecture, seed)}/{kind}.csv"
        for architecture in architectures(config)
        for dataset in datasets(config, architecture)
        for seed in seeds(config, architecture)
    ]


def parts(config: Configuration) -> Parts:
    """Return one part per network of each table, and the summary of the Neural Feature Ansatz."""
    if not architectures(config):
        return {}
    return {kind: _parts_of(config, kind) for kind in ("networks", "truncation", "nfa")} | {
        "training": _parts_of(config, "training") + _parts_of(config, "losses"),
        "nfa_summary": ["networks/nfa_summary.csv"],
    }


Panel = tuple[str, str]


def notes(config: Configuration, panels: Sequence[Panel]) -> list[Config]:
    """Return the settings of the networks shown, for a notebook's table: one mapping per (dataset, architecture)."""
    return [
        {"dataset": dataset, "architecture": architecture}
        | training_settings(config, architecture, dataset)
        | network_settings(config, architecture, dataset)
        | {"seeds": seeds(config, architecture)}
        for dataset, architecture in panels
    ]


def shown(config: Configuration, architecture: str) -> list[str]:
    """Return the datasets of an architecture's figures: those with their own labels (random ones have Figure S2)."""
    return config.original(datasets(config, architecture))


def random_pairs(config: Configuration, architecture: str) -> list[Panel]:
    """Return each dataset with random labels next to the one of the same points with its own."""
    return [
        (name, drawn)
        for drawn in datasets(config, architecture)
        if config.datasets[drawn].labels == "random"
        for name in shown(config, architecture)
        if config.datasets[name].reading() == config.datasets[drawn].reading()
    ]


SVD_LOOK_FOR = (
    "NC1 inside each hidden layer over training. Look at how much of the way from the circles (the layer's input) to the triangles (its "
    "output) the squares (SVᵀΦ) have already gone."
)
NFA_LOOK_FOR = (
    "Left, the shares of within- and between-class variability part. Middle, the Neural Feature Ansatz: compare each layer's correlation "
    "with its value at epoch 0. Right, the loss."
)


def figures(config: Configuration) -> Iterator[Figure]:
    """Yield the figures of the architectures that the configuration trains."""
    trained = architectures(config)
    letters = []
    if shown(config, "mlp"):
        letters.append((config.main(shown(config, "mlp"))[0], "mlp"))
    if shown(config, "resnet18"):
        letters.append(((config.main(shown(config, "resnet18")) * 2)[1], "resnet18"))
    svd = "What in a layer makes its features collapse"
    if letters:
        yield _figure(config, "Figure 2", "svd", svd, SVD_LOOK_FOR, PAPER, letters, ("networks",))
    nfa = "Variability, Neural Feature Ansatz and loss over training"
    for i, architecture in enumerate(TITLES):
        if shown(config, architecture):
            panels = [(dataset, architecture) for dataset in shown(config, architecture)]
            yield _figure(config, f"Figure {7 + i}", "svd", svd, SVD_LOOK_FOR, PAPER, panels, ("networks",))
            tables = ("training", "nfa", "nfa_summary")
            yield _figure(config, f"Figure {10 + i}", "nfa", nfa, NFA_LOOK_FOR, PAPER, panels, tables)
    panels = [(config.main(shown(config, name))[0], name) for name in trained if shown(config, name)]
    if panels:
        yield _figure(
            config,
            "Figure S1",
            "truncation",
            "How many singular directions collapse takes",
            "Beyond the paper: how many singular directions a layer needs to lower NC1, and what AGOP½ does in their place. Look for where "
            "the curves reach their dashed lines.",
            BEYOND,
            panels,
            ("networks", "truncation"),
        )
    pairs = random_pairs(config, "mlp")[:1]
    if pairs:
        yield _figure(
            config,
            "Figure S2",
            "labels",
            "True labels next to random ones",
            "Beyond the paper: the same points with random labels. Look for both curves going down, the random ones later.",
            BEYOND,
            [(dataset, "mlp") for dataset in pairs[0]],
            ("training", "networks"),
        )


def _figure(
    config: Configuration,
    label: str,
    notebook: str,
    title: str,
    look_for: str,
    part: str,
    panels: Sequence[Panel],
    tables: tuple[str, ...],
) -> Figure:
    number = label.removeprefix("Figure ").lower()
    return Figure(
        name=f"figure_{number.zfill(2)}",
        label=label,
        notebook=notebook,
        title=title,
        look_for=look_for,
        section=part,
        tables=tables,
        datasets=tuple(dict(panels)),
        parameters={
            "panels": [list(panel) for panel in panels],
            "settings": notes(config, panels),
        },
    )


_KEYS = ("dataset", "architecture", "seed", "epoch")
_OVER_SEEDS = "over all seeds. Epoch 0 is the untrained network; epoch e is measured after e epochs."
_NFA_SUMMARY = tuple(
    f"{target}_{kind}_{which}"
    for target in ("sqrt_agop", "agop")
    for kind in ("trained", "untrained", "rotated")
    for which in ("mean", "std")
)
TABLES = (
    Table(
        name="networks",
        rows="A row is one measured number inside a hidden layer: of its input, of SVᵀ times the input (`right`), or of its output; "
        + _OVER_SEEDS,
        columns=(*_KEYS, "layer", "component", "metric", "value"),
        tolerances=(replace(SAMPLED, query="metric == 'nc1_pinv'"), TRAINED),
    ),
    Table(
        name="truncation",
        rows="A row is a metric at the end of training with the r largest singular values of W kept (`right`, `output`), or of the AGOP's "
        "root or fourth root in place of SVᵀ; rank 0 is the layer's input; over all seeds.",
        columns=(*_KEYS, "layer", "component", "rank", "metric", "value"),
        tolerances=(SAMPLED,),
    ),
    Table(
        name="nfa",
        rows="A row is the correlation of a layer's WᵀW with its AGOP or AGOP½, or with a random one; " + _OVER_SEEDS,
        columns=(*_KEYS, "layer", "target", "value"),
        tolerances=(Tolerance(ALL_ROWS, 1.0, 0.1, TRAINED.why),),
    ),
    Table(
        name="nfa_summary",
        rows="A row is an architecture on a dataset: correlations of the Neural Feature Ansatz, mean and standard deviation over "
        "layers and seeds.",
        columns=("dataset", "architecture", *_NFA_SUMMARY, "paper"),
        tolerances=(Tolerance(ALL_ROWS, 1.0, 0.03, TRAINED.why),),
        values=_NFA_SUMMARY,
        derived=("paper",),
    ),
    Table(
        name="training",
        rows="A row is a loss, an accuracy or another number of a whole network; " + _OVER_SEEDS,
        columns=(*_KEYS, "metric", "value"),
        tolerances=(TRAINED,),
    ),
)


def runs(config: Configuration) -> list[Config]:
    """Return the settings of every network, for comparison with the paper's."""
    return [
        {
            "dataset": dataset,
            "model": architecture,
            "settings": network_settings(config, architecture, dataset)
            | training_settings(config, architecture, dataset),
        }
        for architecture in architectures(config)
        for dataset in datasets(config, architecture)
    ]


STUDY = Study(
    name="networks",
    settings=NetworksSection,
    tables=TABLES,
    parts=parts,
    figures=figures,
    check=check,
    claims=True,
    runs=runs,
    always=True,
)
