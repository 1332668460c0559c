"""The one list of studies, and what the shared code asks of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from ..errors import UserError, did_you_mean
from ..pipeline import config as configuration
from ..pipeline.config import Config, Configuration
from .declaration import PREDICTIONS, SECTIONS, Figure, Study, Table, predictions_table

# A new study is one line here. The order is that of the rules and of the index.
NAMES = (
    "deep_rfm",
    "networks",
    "feature_kernel",
    "departures",
    "removals",
    "collapse_iteration",
    "kernel_learning",
    "kernel_trace",
    "unconstrained_features",
    "polynomials",
    "egop",
    "modular_arithmetic",
    "tabular",
    "noisy_images",
    "image_datasets",
    "convolutions",
    "widths",
    "generalisation",
    "sample_sizes",
    "scales",
    "phenomena",
    "uses",
    "other_training",
    "verdicts",
)

# Keys of earlier versions, with what replaced them.
REPLACED = {
    "datasets.*.studies": "studies name their datasets, as in deep_rfm.datasets and networks.architectures.mlp.datasets",
    "claims": "it is called verdicts, and runs if that section is present",
    "collapse_iteration.enabled": "the study runs if its section is present; remove the section to leave it out",
    "kernel_learning.enabled": "the study runs if its section is present; remove the section to leave it out",
    "unconstrained_features.enabled": "the study runs if its section is present; remove the section to leave it out",
    "kernel_learning.datasets": "use kernel_trace.datasets",
    "kernel_learning.mu": "use kernel_trace.mu",
}


@cache
def studies() -> tuple[Study, ...]:
    """Return all studies."""
    return tuple(import_module(f"{__package__}.{name}.study").STUDY for name in NAMES)


@cache
def model() -> type[Configuration]:
    """Return the typed model of a configuration with every study's section."""
    always = [study.name for study in studies() if study.always]
    return configuration.model_of({study.name: study.settings for study in studies()}, always)


def load(files: Sequence[str | Path], overrides: Mapping[str, Any] | None = None) -> Configuration:
    """Return the checked configuration from YAML files, with `overrides` (what --config gave) on top.

    Raises:
        UserError: With one sentence, for whatever in it cannot be meant.
    """
    config = configuration.load(files, model(), overrides, REPLACED)
    for study in running(config):
        study.check(config)
    known = [figure.name for figure in _all_figures(config)]
    for name in config.figures:
        if name not in known:
            hint = did_you_mean(name, known)
            raise UserError(f"configuration: figures names '{name}', which this configuration does not make{hint}")
    return config


def running(config: Configuration) -> list[Study]:
    """Return the studies that run in a configuration."""
    return [study for study in studies() if config.has(study.name)]


def parts(config: Configuration) -> dict[str, list[str]]:
    """Return the files, relative to the run's results, that each table of a configuration is joined from."""
    found: dict[str, list[str]] = {}
    for study in running(config):
        for name, files in study.parts(config).items():
            found[name] = [*found.get(name, []), *files]
    return {name: files for name, files in found.items() if files}


def judged_tables(config: Configuration) -> list[str]:
    """Return the tables of a configuration by which claims are judged."""
    made = parts(config)
    return [table.name for study in running(config) if study.claims for table in study.tables if table.name in made]


def settings_of_runs(config: Configuration) -> list[Config]:
    """Return the settings of every model that claims are about, for comparison with the paper's."""
    return [run for study in running(config) for run in study.runs(config)]


def tables() -> dict[str, Table]:
    """Return all declared tables by name."""
    declared = [table for study in studies() for table in study.tables]
    return {table.name: table for table in [*declared, predictions_table(studies())]}


def figures(config: Configuration) -> dict[str, Figure]:
    """Return the figures that a configuration makes, in the order of sections and names."""
    made = [figure for figure in _all_figures(config) if not config.figures or figure.name in config.figures]
    made.sort(key=lambda figure: (SECTIONS.index(figure.section), figure.sort_label))
    return {figure.name: figure for figure in made}


def _all_figures(config: Configuration) -> Iterator[Figure]:
    for study in running(config):
        yield from study.figures(config)


def check_declarations(config: Configuration, rules: str | Path, notebooks: str | Path) -> None:
    """Raise UserError, with one sentence, if the studies' declarations do not fit together or lack a file.

    Args:
        config: The run's configuration.
        rules: The folder of the studies' rules files.
        notebooks: The folder of the notebooks.
    """
    declared: dict[str, str] = {PREDICTIONS.name: "all studies"}
    for study in studies():
        if not Path(rules, f"{study.name}.smk").exists():
            raise UserError(f"study {study.name}: there is no rules file workflow/rules/{study.name}.smk; add it")
        for table in study.tables:
            if table.name in declared:
                raise UserError(
                    f"studies {declared[table.name]} and {study.name} both declare the table '{table.name}'; rename one"
                )
            declared[table.name] = study.name
    for study in running(config):
        for name in study.parts(config):
            if name not in declared:
                raise UserError(
                    f"study {study.name}: it has parts of '{name}', which is no declared table{did_you_mean(name, declared)}"
                )
    names: dict[str, str] = {}
    available = parts(config)
    for study in running(config):
        for figure in study.figures(config):
            if figure.name in names:
                raise UserError(f"studies {names[figure.name]} and {study.name} both declare {figure.name}; rename one")
            names[figure.name] = study.name
            _check_figure(study, figure, declared, available, Path(notebooks))


def _check_figure(
    study: Study, figure: Figure, declared: Mapping[str, str], available: Mapping[str, Any], notebooks: Path
) -> None:
    if figure.section not in SECTIONS:
        raise UserError(
            f"study {study.name}: {figure.name} is in the section '{figure.section}'{did_you_mean(figure.section, SECTIONS)}"
        )
    if not (notebooks / f"{figure.notebook}.ipynb").exists():
        raise UserError(f"study {study.name}: {figure.name} has no notebook notebooks/{figure.notebook}.ipynb; add it")
    for table in figure.tables:
        if table not in declared:
            raise UserError(
                f"study {study.name}: {figure.name} reads '{table}', which no study declares{did_you_mean(table, declared)}"
            )
        if table not in available:
            raise UserError(
                f"study {study.name}: {figure.name} reads '{table}', which this configuration does not make; let figures(config) "
                f"leave the figure out without the study {declared[table]}"
            )
