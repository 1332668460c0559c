"""The declaration of the study of Deep RFMs: Figures 1 and 3 to 6."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Literal, cast

from pydantic import Field, field_validator

from ...errors import UserError
from ...models.settings import CosFeatureSettings, DeepRfmSettings, RecursionSettings, ReluFeatureSettings
from ...pipeline import forecasts
from ...pipeline.config import Config, Configuration, plain
from ...pipeline.tolerances import ALL_ROWS, Tolerance
from ...settings import Settings, overriding
from ..checks import Seeds, check_datasets, check_overrides, own_labels
from ..declaration import PAPER, Figure, Parts, Study, Table


class ActivationSettings(Settings):
    """The random feature maps by their activation."""

    relu: ReluFeatureSettings | None = Field(None, description="ReLU features with weights uniform on ±1/√d.")
    cos: CosFeatureSettings | None = Field(None, description="Random Fourier features of the ℓ1-Laplacian kernel.")

    @property
    def named(self) -> dict[str, Settings]:
        """Return the settings of each activation that is given, by its name."""
        return {name: getattr(self, name) for name in type(self).model_fields if getattr(self, name) is not None}


Override = overriding(
    "Override",
    RecursionSettings,
    CosFeatureSettings,
    without=["depth"],
    dataset=(str | None, Field(None, description="The dataset meant; all if not given.")),
    activation=(Literal["relu", "cos"] | None, Field(None, description="The activation meant; all if not given.")),
)


class DeepRfmSection(RecursionSettings):
    """Deep Recursive Feature Machines (Algorithm 1)."""

    enabled: bool = Field(True, description="Whether Deep RFMs are run at all.")
    datasets: list[str] | None = Field(None, description="The datasets; all with their own labels if not given.")
    seeds: Seeds | None = Field(None, description="Seeds of the Deep RFMs; the run's if not given.")
    gram_layers: list[Annotated[int, Field(ge=1)]] = Field(
        [1, 3, 7, 13, 19],
        description="Layers whose Gram matrices are shown. Default ones beyond the depth are left out.",
    )
    activations: ActivationSettings = Field(
        ActivationSettings(relu=ReluFeatureSettings(), cos=CosFeatureSettings()),
        description="The random feature maps by their activation.",
    )
    overrides: list[Override] = Field(  # type: ignore[valid-type]
        [Override(dataset="mnist", activation="relu", kernel="gaussian")],
        description="Settings of one dataset, activation or both that differ; later entries win. Default entries that name what "
        "the configuration lacks are left out.",
    )

    @field_validator("activations")
    @classmethod
    def _name_one(cls, value: ActivationSettings) -> ActivationSettings:
        if not value.named:
            raise ValueError("name at least one activation, relu or cos")
        return value


def section(config: Configuration) -> DeepRfmSection:
    """Return the study's section of a configuration."""
    return cast(DeepRfmSection, config.section("deep_rfm"))


def datasets(config: Configuration) -> list[str]:
    """Return the datasets with Deep RFMs, in the configuration's order; none if the study does not run."""
    return config.chosen(section(config).datasets) if config.has("deep_rfm") else []


def activations(config: Configuration) -> list[str]:
    """Return the activations that are run."""
    return list(section(config).activations.named)


def seeds(config: Configuration) -> list[int]:
    """Return the seeds of the Deep RFMs."""
    return section(config).seeds or config.seeds


def gram_layers(config: Configuration) -> list[int]:
    """Return the layers whose Gram matrices are shown."""
    return [layer for layer in section(config).gram_layers if layer <= section(config).depth]


def model_settings(config: Configuration, activation: str, dataset: str) -> DeepRfmSettings:
    """Return the settings of a Deep RFM: the section's own, those of its activation, then the overrides that fit."""
    chosen = section(config)
    used = {key: getattr(chosen, key) for key in RecursionSettings.model_fields}
    used |= chosen.activations.named[activation].model_dump()
    for override in chosen.overrides:
        entry = cast(Settings, override).model_dump(exclude_none=True)
        if entry.pop("activation", activation) == activation and entry.pop("dataset", dataset) == dataset:
            used |= entry
    return DeepRfmSettings(activation=activation, **used)  # type: ignore[arg-type]


def job_settings(config: Configuration, activation: str, dataset: str) -> Config:
    """Return a Deep RFM's settings as a job's parameters, without those that its activation does not use."""
    used = plain(model_settings(config, activation, dataset))
    return {key: value for key, value in used.items() if key != "feature_bandwidth" or activation == "cos"}


def forecast(
    config: Configuration, activation: str, dataset: str, size: tuple[int, forecasts.Shape], rate: float
) -> forecasts.Forecast:
    """Return the memory and time of one Deep RFM at a rate in multiply-adds per second."""
    named = activation if activation in activations(config) else activations(config)[0]
    return forecasts.deep_rfm(*size, model_settings(config, named, dataset).model_dump(), rate)


def check(config: Configuration) -> None:
    """Raise UserError for layers, datasets or overrides that the configuration lacks."""
    chosen = section(config)
    for layer in chosen.gram_layers:
        if layer > chosen.depth and "gram_layers" in chosen.model_fields_set:
            raise UserError(
                f"configuration: deep_rfm.gram_layers holds {layer}, beyond the depth {chosen.depth}; remove it or raise "
                "deep_rfm.depth"
            )
    check_datasets(config, "deep_rfm", chosen.datasets)
    check_overrides(config, "deep_rfm", "activation", activations(config))


def runs_on_own_labels(config: Configuration, where: str, named: Sequence[str]) -> None:
    """Raise UserError if a study that compares with Deep RFMs names a dataset without them, or with random labels."""
    own_labels(config, where, named)
    for name in named:
        if name not in datasets(config):
            raise UserError(
                f"configuration: {where}.datasets names '{name}', on which no Deep RFM is run; add it to deep_rfm.datasets, or "
                "remove it there"
            )


def _folder(dataset: str, activation: str) -> str:
    return f"deep_rfm/{dataset}/{activation}"


def parts(config: Configuration) -> Parts:
    """Return one part per dataset, activation and seed."""
    return {
        "deep_rfm": [
            f"{_folder(dataset, activation)}/seed_{seed}.csv"
            for dataset in datasets(config)
            for activation in activations(config)
            for seed in seeds(config)
        ]
    }


Panel = tuple[str, str]


def notes(config: Configuration, panels: Sequence[Panel]) -> list[Config]:
    """Return the settings of the Deep RFMs shown, for a notebook's table: one mapping per (dataset, activation)."""
    return [
        {"dataset": dataset, "activation": activation}
        | {key: value for key, value in job_settings(config, activation, dataset).items() if key != "activation"}
        for dataset, activation in panels
    ]


def figures(config: Configuration) -> Iterator[Figure]:
    """Yield Figures 1 and 3 to 6, as far as the configuration has what they show."""
    shown, kinds = datasets(config), activations(config)
    if not shown:
        return
    first, second = (config.main(shown) * 2)[:2]
    letters = [panel for panel in ((second, "cos"), (first, "relu")) if panel[1] in kinds]
    yield _gram_figure(config, 1, letters)
    for number, activation, words in ((3, "relu", "ReLU features"), (4, "cos", "cosine features")):
        if activation in kinds:
            panels = [(dataset, activation) for dataset in shown]
            yield Figure(
                name=f"figure_{number:02}",
                label=f"Figure {number}",
                notebook="depth",
                title=f"NC1 and NC2 of a Deep RFM against depth, {words}",
                look_for="NC1 and NC2 of a Deep RFM against depth. Look for the squares (M½X) below the circles (X) in every "
                "layer, the triangles (the random features) above the squares, and a straight fall on the log scale.",
                section=PAPER,
                tables=("deep_rfm",),
                datasets=tuple(shown),
                parameters={"activation": activation, "settings": notes(config, panels), "seeds": seeds(config)},
            )
    for number, activation in ((5, "cos"), (6, "relu")):
        if activation in kinds:
            yield _gram_figure(config, number, [(dataset, activation) for dataset in shown])


def _gram_figure(config: Configuration, number: int, panels: Sequence[Panel]) -> Figure:
    first = seeds(config)[0]
    return Figure(
        name=f"figure_{number:02}",
        label=f"Figure {number}",
        notebook="gram",
        title="Gram matrices of a Deep RFM, layer by layer",
        look_for="Gram matrices of a Deep RFM, samples ordered by class. Look for blocks on the diagonal that darken from layer "
        "to layer into one colour, and for one pale blue everywhere else: inner products 1 within a class, −1/(K−1) between "
        "classes.",
        section=PAPER,
        datasets=tuple(dict(panels)),
        parameters={
            "panels": [list(panel) for panel in panels],
            "settings": notes(config, panels),
            "seeds": [first],
        },
        files={f"gram_{i}": f"{_folder(*panel)}/gram_{first}.npz" for i, panel in enumerate(panels)},
    )


TABLE = Table(
    name="deep_rfm",
    rows="A row is one measured number of a Deep RFM, over all seeds. Layers count from 1; component `x` is a layer's input, `agop` is "
    "x M½, `features` is what the random features make of it.",
    columns=("dataset", "activation", "seed", "layer", "component", "metric", "value"),
    tolerances=(
        Tolerance("metric == 'ridge_used'", 1.0, float("inf"), "a ridge is a power of ten times rounding: 0 or not"),
        Tolerance("metric == 'interpolation_error'", 1.0, 1e-3, "a sum of roundings"),
        # Seeds differ by 0.016 (standard deviation), two draws by √2 times that, and three times as much is unusual.
        Tolerance(
            "metric == 'test_accuracy' and activation == 'cos' and layer > 7", 1.0, 0.07, "another draw of the curve"
        ),
        Tolerance("metric == 'test_accuracy'", 1.0, 0.03, "some test points lie between two classes"),
        # A cosine can be 0, so that no factor holds: hundredths of vectors of length 1 are hundredths. Two cosines of random directions
        # in the 1,024 dimensions of the features differ by √(2/1024), three times which is 0.13.
        Tolerance(
            "metric == 'largest_small_class_cosine' and activation == 'relu'",
            1.2,
            0.05,
            "rounding grows to some hundredths by layer 20",
        ),
        Tolerance(
            "metric == 'largest_small_class_cosine' and layer > 7",
            4.0,
            0.13,
            "another draw of the class means' directions",
        ),
        Tolerance("activation == 'relu'", 1.2, 1e-6, "rounding grows to some hundredths by layer 20"),
        Tolerance("layer <= 7", 1.02, 1e-6, "rounding grows by some thirty times per layer"),
        Tolerance(ALL_ROWS, 4.0, 1e-6, "with cosines, from layer 8 on, another draw of the same curve"),
    ),
)


def runs(config: Configuration) -> list[Config]:
    """Return the settings of every Deep RFM, for comparison with the paper's."""
    return [
        {"dataset": dataset, "model": activation, "settings": job_settings(config, activation, dataset)}
        for dataset in datasets(config)
        for activation in activations(config)
    ]


STUDY = Study(
    name="deep_rfm",
    settings=DeepRfmSection,
    tables=(TABLE,),
    parts=parts,
    figures=figures,
    check=check,
    claims=True,
    runs=runs,
    always=True,
)
