"""Types and checks that the settings of several studies share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from ..errors import UserError, did_you_mean
from ..pipeline.config import Configuration


def _without_repeats(seeds: list[int]) -> list[int]:
    if len(set(seeds)) != len(seeds):
        raise ValueError(f"{seeds!r} must not repeat itself")
    return seeds


Seeds = Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1), AfterValidator(_without_repeats)]


def check_datasets(config: Configuration, where: str, named: Sequence[str] | None) -> None:
    """Raise UserError if a list names a dataset that the configuration lacks."""
    for name in named or []:
        if name not in config.datasets:
            hint = did_you_mean(name, config.datasets)
            if "datasets" not in config.model_fields_set:
                hint += " (the paper's, as the configuration has no `datasets`)"
            raise UserError(f"configuration: {where}.datasets names '{name}', which is not among the datasets{hint}")


def check_overrides(config: Configuration, name: str, kind: str, known: Sequence[str]) -> None:
    """Raise UserError if an override that the user wrote names a dataset or a model that the configuration lacks."""
    chosen: Any = getattr(config, name)
    if "overrides" not in chosen.model_fields_set:
        return
    for index, entry in enumerate(chosen.overrides):
        for key, names in (("dataset", list(config.datasets)), (kind, known)):
            value = getattr(entry, key)
            if value is not None and value not in names:
                raise UserError(
                    f"configuration: {name}.overrides.{index} names the {key} '{value}', which is not there"
                    f"{did_you_mean(value, names)}"
                )


def own_labels(config: Configuration, where: str, named: Sequence[str]) -> None:
    """Raise UserError if a list names a dataset that the configuration lacks, or one with random labels."""
    check_datasets(config, where, named)
    for name in named:
        if config.datasets[name].labels == "random":
            raise UserError(f"configuration: {where}.datasets names '{name}', whose labels are random; remove it there")
