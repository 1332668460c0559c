"""The declaration of the study of tabular data: Figure R3."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal, cast

from pydantic import Field

from ...errors import UserError, did_you_mean
from ...pipeline import forecasts
from ...pipeline.config import Config, Configuration
from ...pipeline.tolerances import ALL_ROWS, Tolerance
from ...settings import Settings
from ..declaration import BEYOND, Figure, Parts, Study, Table
from .sets import BUNDLED, IN_90


class TabularSection(Settings):
    """RFM against other classifiers on tabular data (Figure R3)."""

    folder: str | None = Field(
        None,
        description="Folder of the 121 UCI sets of Fernández-Delgado et al. (2014); without one the sets are those that scikit-learn carries.",
    )
    sets: Literal["in_90"] | Annotated[list[str], Field(min_length=1)] = Field(
        list(BUNDLED),
        description="Names of the sets; `in_90` for the 90 UCI sets of at most 5,000 rows without a test part, which take `folder`.",
    )
    tuning_fraction: float = Field(
        0.25, gt=0, lt=1, description="Share of a fold's training rows by which settings are chosen."
    )
    tuning_repeats: int = Field(
        2,
        ge=1,
        description="Draws of those rows that are averaged, for folds of at most 500 training rows; 1 for more.",
    )


def section(config: Configuration) -> TabularSection:
    """Return the study's section of a configuration."""
    return cast(TabularSection, config.section("tabular"))


def sets(config: Configuration) -> list[str]:
    """Return the names of the sets."""
    chosen = section(config).sets
    return list(IN_90) if isinstance(chosen, str) else chosen


def job_settings(config: Configuration) -> Config:
    """Return how settings are chosen, as a job's parameters."""
    chosen = section(config)
    return {"tuning_fraction": chosen.tuning_fraction, "tuning_repeats": chosen.tuning_repeats}


def forecast(config: Configuration, name: str, rate: float) -> forecasts.Forecast:
    """Return the memory and time of one set, of unknown size: those of 4,000 rows for UCI's, of 1,500 otherwise."""
    n = 4000 if section(config).folder else 1500
    fits = 300
    return forecasts.Forecast(forecasts.BASE_BYTES + 3 * 8 * n**2, 60 + fits * (n**3 / 3 + 60 * n * n) / rate)


def check(config: Configuration) -> None:
    """Raise UserError for sets that cannot be read."""
    chosen = section(config)
    if chosen.folder is None:
        for name in sets(config):
            if name not in BUNDLED:
                raise UserError(
                    f"configuration: tabular.sets names '{name}', which scikit-learn does not carry; give tabular.folder, the folder "
                    f"of the UCI sets, or use other sets{did_you_mean(name, BUNDLED)}"
                )
    elif not Path(chosen.folder).expanduser().is_dir():
        raise UserError(f"configuration: tabular.folder is {chosen.folder}, which is no folder; correct its path")
    if len(set(sets(config))) != len(sets(config)):
        raise UserError("configuration: tabular.sets must not repeat itself")


def parts(config: Configuration) -> Parts:
    """Return one part per set."""
    return {"tabular": [f"tabular/{name}.csv" for name in sets(config)]}


def figures(config: Configuration) -> Iterator[Figure]:
    """Yield Figure R3."""
    chosen = section(config)
    settings = {"sets": len(sets(config)), "source": "UCI" if chosen.folder else "scikit-learn", **job_settings(config)}
    yield Figure(
        name="figure_r3",
        label="Figure R3",
        notebook="tabular",
        title="RFM and other classifiers on tabular data",
        look_for="Accuracy of RFM against that of the Laplace kernel, set by set, and the mean ranks of all methods. Look for points above "
        "the diagonal, and for methods that no bar joins: their ranks differ by more than chance.",
        section=BEYOND,
        tables=("tabular",),
        parameters={"settings": [settings]},
    )


STUDY = Study(
    name="tabular",
    settings=TabularSection,
    tables=(
        Table(
            name="tabular",
            rows="A row is the accuracy of a classifier on the test rows of one fold. protocol: `clean`, tuned on the fold's training rows "
            "alone; `published`, tuned on the set's tuning split, on which M is learned too; `within`, so tuned, with M learned from the "
            "fold's training rows.",
            columns=("dataset", "fold", "protocol", "method", "metric", "value"),
            tolerances=(
                Tolerance(ALL_ROWS, 1.0, 0.1, "another choice among settings that are equally good on the tuning rows"),
            ),
        ),
    ),
    parts=parts,
    figures=figures,
    check=check,
    claims=True,
)
