"""What a study declares: all that the shared code sees of it. Nothing here imports PyTorch or pandas, and no script imports this."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..pipeline.config import Config, Configuration
from ..pipeline.tolerances import Tolerance
from ..settings import Settings

# The sections of the report and of the index of notebooks, in their order.
VERDICTS, PAPER, BEYOND, THEORY = (
    "Verdicts",
    "Figures of the paper",
    "Figures beyond the paper",
    "Figures of the theory",
)
SECTIONS = (VERDICTS, PAPER, BEYOND, THEORY)

# Files of the parts of a table, relative to the run's results.
Parts = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Table:
    """A CSV of the run.

    Attributes:
        name: The file is `tables/<name>.csv`.
        rows: What a row is: the table's caption in the report.
        columns: The columns in their order.
        tolerances: How two runs of the table are compared; the first that fits a row counts. A row that none fits must
            agree to a millionth.
        values: The columns that are compared; numbers, or text for exact agreement.
        derived: Columns that follow from others and are not compared.
        section: Where the report lists it; None for a table of thousands of steps, which would only make the report large.
    """

    name: str
    rows: str
    columns: tuple[str, ...]
    tolerances: tuple[Tolerance, ...] = ()
    values: tuple[str, ...] = ("value",)
    derived: tuple[str, ...] = ()
    section: str | None = "Tables"


@dataclass(frozen=True)
class Figure:
    """A figure and the notebook that makes it.

    Attributes:
        name: The files are `figures/<run>/<name>.png` and so on.
        label: How readers call it, as in 'Figure 3'.
        notebook: The notebook in `notebooks/`, without its ending.
        title: What it shows, in one line.
        look_for: One sentence in the report on what to see.
        section: Where the report lists it, one of `SECTIONS`.
        tables: The joined tables that the notebook reads, by name.
        datasets: The datasets whose facts (points, classes) the notebook states.
        parameters: Further parameters of the notebook.
        files: Further files that it reads, by parameter name, relative to the run's results.
    """

    name: str
    label: str
    notebook: str
    title: str
    look_for: str
    section: str
    tables: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)

    @property
    def sort_label(self) -> str:
        """Return the label with its number in two digits, as the report sorts by text."""
        return re.sub(r"\d+", lambda number: number[0].zfill(2), self.label)


def _no_mistake(config: Configuration) -> None:
    """Accept every configuration."""


def _no_parts(config: Configuration) -> Parts:
    return {}


def _no_runs(config: Configuration) -> list[Config]:
    return []


def _no_figures(config: Configuration) -> Sequence[Figure]:
    return ()


@dataclass(frozen=True)
class Study:
    """A study: `name` is also its section of the configuration, its folder and its rules file.

    Attributes:
        name: The study's name.
        settings: The typed settings of its section.
        tables: The tables that it declares.
        parts: The files that its tables are joined from, for a configuration in which it runs.
        figures: Its figures, for such a configuration.
        check: Raises UserError, with one sentence, for settings that do not go together.
        predictions: How two runs of its rows of `predictions.csv` are compared.
        claims: Whether `claims.py` in its folder judges claims by the run's tables.
        runs: The settings of each model that claims are about, which a verdict compares with the paper's: mappings with `dataset`,
            `model` and `settings`.
        always: Whether it runs with its defaults if its section is missing.
    """

    name: str
    settings: type[Settings]
    tables: tuple[Table, ...] = ()
    parts: Callable[[Configuration], Parts] = _no_parts
    figures: Callable[[Configuration], Iterable[Figure]] = _no_figures
    check: Callable[[Configuration], None] = _no_mistake
    predictions: tuple[Tolerance, ...] = ()
    claims: bool = False
    runs: Callable[[Configuration], list[Config]] = _no_runs
    always: bool = False


# Shared by all studies that set a theory's predictions against measurements.
PREDICTIONS = Table(
    name="predictions",
    rows="A row is one prediction of a theory with what was measured. kind: `value` is a predicted value, with the relative error; "
    "`bound` is a bound, for which there is none.",
    columns=(
        "study",
        "data",
        "setting",
        "layer",
        "seed",
        "quantity",
        "predicted",
        "measured",
        "relative_error",
        "kind",
    ),
    values=("predicted", "measured"),
    derived=("relative_error",),
)


def predictions_table(studies: Sequence[Study]) -> Table:
    """Return the declaration of predictions.csv with the tolerances of each study's rows."""
    own = [
        replace(tolerance, query=f"(study == '{study.name}') and ({tolerance.query})")
        for study in studies
        for tolerance in study.predictions
    ]
    return replace(PREDICTIONS, tolerances=tuple(own))
