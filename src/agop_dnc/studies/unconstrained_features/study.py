"""The declaration of the study of the deep unconstrained features model: Figures D1 to D4."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, cast

from pydantic import Field

from ...pipeline.config import Config, Configuration, plain
from ...pipeline.tolerances import ALL_ROWS, EXACT, TRAINED, Tolerance
from ...settings import Settings
from ..checks import own_labels
from ..declaration import THEORY, Figure, Parts, Study, Table

Layers = Annotated[list[Annotated[int, Field(ge=2)]], Field(min_length=1)]


class ThresholdSettings(Settings):
    """The sweep of the penalties across the predicted threshold (Figure D2)."""

    layers: Layers = Field([2, 3, 4, 5], description="Layers L.")
    decades: float = Field(1.0, gt=0, description="Decades of nλ_H λ₁ ⋯ λ_L on either side.")
    points: int = Field(16, ge=2, description="Values of it, by equal steps in the logarithm.")
    starts: int = Field(3, ge=1, description="Seeds of the starts; five starts each.")
    width: int = Field(32, ge=2, description="Width.")
    per_class: int = Field(10, ge=2, description="Points per class.")


class HeadSettings(Settings):
    """The backbone with a DUFM head (Figure D3)."""

    layers: int = Field(3, ge=2, description="Layers of the head.")
    hidden: int = Field(128, ge=2, description="Width of the two hidden layers of the backbone.")
    steps: int = Field(6000, ge=1, description="Steps of gradient descent.")


class RankSettings(Settings):
    """One case of Figure D4."""

    classes: int = Field(ge=3, description="Classes K.")
    layers: int = Field(ge=2, description="Layers L.")
    penalty: float = Field(gt=0, description="λ_H = λ₁ = … = λ_L.")


class UnconstrainedFeaturesSection(Settings):
    """The deep unconstrained features model next to its theory (Figures D1 to D4)."""

    datasets: list[str] = Field(
        [],
        description="The datasets on which a backbone with a DUFM head is trained (Figure D3); the first two classes of each.",
    )
    width: int = Field(64, ge=10, description="Width d of features and layers.")
    learning_rate: float = Field(
        1.0, gt=0, description="Step size of gradient descent. Twice as much breaks five layers."
    )
    steps: int = Field(6000, ge=1, description="Steps of gradient descent.")
    starts: int = Field(10, ge=1, description="Random starts of Figure D1, seeded 0, 1, …")
    rank_starts: int = Field(6, ge=1, description="Random starts of each case of Figure D4.")
    layers: Layers = Field([3, 5], description="Layers L of Figure D1.")
    per_class: int = Field(50, ge=2, description="Points per class of Figure D1.")
    penalty: float = Field(0.005, gt=0, description="λ_H = λ₁ = … = λ_L of Figures D1 and D3.")
    start_scales: Annotated[list[Annotated[float, Field(gt=0)]], Field(min_length=1)] = Field(
        [1.0, 0.5, 0.3], description="Sizes of the starts of Figure D1, as multiples of N(0, 1/d)."
    )
    threshold: ThresholdSettings = Field(
        ThresholdSettings(), description="The sweep of the penalties across the predicted threshold (Figure D2)."
    )
    network: HeadSettings = Field(HeadSettings(), description="The backbone with a DUFM head (Figure D3).")
    ranks: Annotated[list[RankSettings], Field(min_length=1)] = Field(
        [
            RankSettings(classes=4, layers=3, penalty=0.01),
            RankSettings(classes=4, layers=5, penalty=0.01),
            RankSettings(classes=10, layers=3, penalty=0.002),
            RankSettings(classes=10, layers=5, penalty=0.002),
        ],
        description="Classes K > 2, layers L and penalty of each case of Figure D4; five points per class.",
    )


def section(config: Configuration) -> UnconstrainedFeaturesSection:
    """Return the study's section of a configuration."""
    return cast(UnconstrainedFeaturesSection, config.section("unconstrained_features"))


def datasets(config: Configuration) -> list[str]:
    """Return the datasets of Figure D3, in the configuration's order."""
    return config.chosen(section(config).datasets)


def jobs(config: Configuration) -> dict[str, Config]:
    """Return what each job computes, by the name of its part."""
    if not config.has("unconstrained_features"):
        return {}
    dufm = section(config)
    shared = {
        "width": dufm.width,
        "learning_rate": dufm.learning_rate,
        "steps": dufm.steps,
        "seeds": list(range(dufm.starts)),
    }
    descent = shared | {"per_class": dufm.per_class, "penalty": dufm.penalty, "start_scales": dufm.start_scales}
    found = {f"d1_L{layers}": descent | {"layers": layers, "classes": 2} for layers in dufm.layers}
    sweep = plain(dufm.threshold)
    swept = {key: sweep[key] for key in ("decades", "points", "width", "per_class")}
    starts = list(range(dufm.threshold.starts))
    found |= {
        f"d2_L{layers}": swept | {"layers": layers, "classes": 2, "seeds": starts} for layers in dufm.threshold.layers
    }
    head = shared | plain(dufm.network) | {"penalty": dufm.penalty}
    found |= {
        f"d3_{dataset}_{seed}": head | {"dataset": dataset, "seeds": [seed]}
        for dataset in datasets(config)
        for seed in config.seeds
    }
    ranked = shared | {"per_class": 5, "seeds": list(range(dufm.rank_starts))}
    found |= {f"d4_K{case.classes}_L{case.layers}_{i}": ranked | plain(case) for i, case in enumerate(dufm.ranks)}
    return {name: {key: settings[key] for key in sorted(settings)} for name, settings in found.items()}


def check(config: Configuration) -> None:
    """Raise UserError for datasets that the configuration lacks, or whose labels are random."""
    own_labels(config, "unconstrained_features", section(config).datasets)


def parts(config: Configuration) -> Parts:
    """Return the curves and the predictions of each job."""
    names = jobs(config)
    return {
        "dufm_curves": [f"dufm/{name}_curves.csv" for name in names],
        "predictions": [f"dufm/{name}.csv" for name in names],
    }


def figures(config: Configuration) -> Iterator[Figure]:
    """Yield Figures D1 to D4; D3 only with a dataset."""
    dufm = section(config)
    shared = {"width": dufm.width, "learning_rate": dufm.learning_rate, "steps": dufm.steps}
    own = {key: getattr(dufm, key) for key in ("layers", "per_class", "penalty", "starts", "start_scales")}
    reaching = "Look for the loss reaching the dashed optimum, and for DNC1 to DNC3 falling."
    model = "The deep unconstrained features model"
    yield _figure(1, "descent", f"{model}, two classes", f"{model} with free features. {reaching}", [shared | own])
    yield _figure(
        2,
        "threshold",
        "Where collapse stops being the optimum",
        "Look for blue points left of the green line, red ones right of it, and none below the dashed line.",
        [plain(dufm.threshold)],
    )
    if dufm.datasets:
        head = shared | {"penalty": dufm.penalty} | plain(dufm.network)
        words = f"{model} at the end of a trained network. {reaching}"
        yield _figure(3, "network", "A trained network recovers unconstrained features", words, [head])
    cases = [shared | {"per_class": 5} | plain(case) for case in dufm.ranks]
    yield _figure(
        4,
        "ranks",
        "More than two classes",
        "More than two classes. Look for points below the dashed line: solutions of lower rank that cost less than collapse.",
        cases,
    )


def _figure(number: int, notebook: str, title: str, look_for: str, settings: list[Config]) -> Figure:
    return Figure(
        name=f"figure_d{number}",
        label=f"Figure D{number}",
        notebook=f"dufm_{notebook}",
        title=title,
        look_for=look_for,
        section=THEORY,
        tables=("dufm_curves", "predictions"),
        parameters={"settings": settings},
    )


_VALLEYS = "which of several valleys a start ends in may depend on rounding"
STUDY = Study(
    name="unconstrained_features",
    settings=UnconstrainedFeaturesSection,
    tables=(
        Table(
            name="dufm_curves",
            section=None,
            rows="A row is a loss or a measure of collapse of the deep unconstrained features model at one step; layer 0 stands for the "
            "whole model.",
            columns=(
                "study",
                "data",
                "setting",
                "classes",
                "layers",
                "ratio",
                "seed",
                "step",
                "layer",
                "metric",
                "value",
            ),
            tolerances=(
                Tolerance("metric in ['optimum', 'collapsed loss', 'lowest loss']", 1 + 1e-6, 1e-9, EXACT.why),
                Tolerance("metric == 'loss' and study in ['d1', 'd3']", 1.5, 0.1, TRAINED.why),
                Tolerance(ALL_ROWS, float("inf"), 0.0, _VALLEYS),
            ),
        ),
    ),
    parts=parts,
    figures=figures,
    check=check,
    predictions=(
        Tolerance("setting.str.startswith('D2')", 1 + 1e-6, 1e-9, "the lowest loss is the same from whichever start"),
        Tolerance(
            "setting.str.startswith('D1') and quantity.str.startswith('loss')",
            1.01,
            0.0,
            "gradient descent near a flat optimum",
        ),
        Tolerance("setting.str.startswith('D3')", 1.5, 0.1, TRAINED.why),
        Tolerance(ALL_ROWS, float("inf"), 0.0, _VALLEYS),
    ),
)
