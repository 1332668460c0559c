"""The declaration of the study of Deep RFM against the number of training points (Figure S8)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, cast

from pydantic import Field

from ...errors import UserError
from ...pipeline.config import Config, Configuration
from ...settings import Settings
from ..declaration import BEYOND, Figure, Parts, Study
from ..deep_rfm import study as deep_rfm


class SampleSizesSection(Settings):
    """Deep RFM against the number of training points n (Figure S8). It fits nothing itself: its sizes are datasets of deep_rfm."""

    series: dict[str, Annotated[list[str], Field(min_length=2)]] = Field(
        {},
        description="Datasets that differ in n alone, by the name under which the figure shows them: `{MNIST: [mnist_1000, mnist_2000]}`.",
    )
    target: int = Field(50_000, ge=2, description="The n to which trends are drawn on (the paper's).")


def section(config: Configuration) -> SampleSizesSection:
    """Return the study's section of a configuration."""
    return cast(SampleSizesSection, config.section("sample_sizes"))


def datasets(config: Configuration) -> list[str]:
    """Return the datasets of all series."""
    return [name for names in section(config).series.values() for name in names] if config.has("sample_sizes") else []


def check(config: Configuration) -> None:
    """Raise UserError for datasets without Deep RFMs, in two series, or that differ in more than n."""
    named = datasets(config)
    for name in named:
        if named.count(name) > 1:
            raise UserError(f"configuration: sample_sizes.series names '{name}' twice; remove one")
    if named:
        deep_rfm.runs_on_own_labels(config, "sample_sizes", named)
    for title, names in section(config).series.items():
        first = _but_for_size(config, names[0])
        for name in names[1:]:
            different = sorted(key for key, value in _but_for_size(config, name).items() if first.get(key) != value)
            if different:
                raise UserError(
                    f"configuration: sample_sizes.series.{title} has '{names[0]}' and '{name}', which differ in "
                    f"{', '.join(different)} and not in n alone; give both the same"
                )


def _but_for_size(config: Configuration, name: str) -> Config:
    """Return what defines a dataset and its Deep RFMs, but for n."""
    entry = config.datasets[name].model_dump(exclude={"n", "n_test", "role", "per_class"})
    entry["dataset"] = entry["dataset"] or (name if entry["source"] == "torchvision" else None)
    models = {
        f"deep_rfm.{activation}": deep_rfm.job_settings(config, activation, name)
        for activation in deep_rfm.activations(config)
    }
    return entry | models


def parts(config: Configuration) -> Parts:
    """Return no parts: the figure reads the table of Deep RFMs."""
    return {}


def figures(config: Configuration) -> Iterator[Figure]:
    """Yield Figure S8, if there is a series."""
    named = datasets(config)
    if not named:
        return
    chosen = section(config)
    yield Figure(
        name="figure_s8",
        label="Figure S8",
        notebook="sample_sizes",
        title="Deep RFM against the number of training points",
        look_for="The same Deep RFM on more and more points. Look at whether the fall of NC1 per layer and the last layer's NC1 and NC2 "
        f"level off, and where their trends (dashed) are at n = {chosen.target:,}.",
        section=BEYOND,
        tables=("deep_rfm",),
        datasets=tuple(named),
        parameters={
            "series": chosen.series,
            "target": chosen.target,
            "settings": deep_rfm.notes(
                config, [(names[0], kind) for names in chosen.series.values() for kind in deep_rfm.activations(config)]
            ),
        },
    )


STUDY = Study(name="sample_sizes", settings=SampleSizesSection, parts=parts, figures=figures, check=check)
