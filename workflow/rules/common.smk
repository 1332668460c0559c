"""The configuration, file names, and helper functions for the other rules."""

import sys
from pathlib import Path

from snakemake.utils import min_version

min_version("9.8")

REPOSITORY = Path(workflow.current_basedir.get_path_or_uri(secret_free=True)).resolve().parents[1]
SOURCE = REPOSITORY / "src"
SCRIPTS = REPOSITORY / "workflow" / "scripts"
NOTEBOOKS = REPOSITORY / "notebooks"
ENVIRONMENT = str(REPOSITORY / "envs" / "environment.yaml")
sys.path[:0] = [str(SOURCE), str(SCRIPTS)]

import warm
from agop_dnc.errors import UserError
from agop_dnc.files import try_lock
from agop_dnc.pipeline import code, instructions
from agop_dnc.pipeline.config import plain
from agop_dnc.studies import all as studies


def stop(message):
    """Exit with one sentence; a WorkflowError would add the place in the Snakefile where it was raised."""
    sys.exit(f"Error: {message}")


# Snakemake would merge several files and the default one key by key; here a named mapping or a list replaces the previous one entirely.
# As a module of another workflow, this one has the configuration that it is given there.
AS_MODULE = Path(workflow.main_snakefile).resolve() != REPOSITORY / "Snakefile"
FILES = workflow.overwrite_configfiles or [REPOSITORY / "config.yaml"]
try:
    SETTINGS = studies.load(
        [] if AS_MODULE else FILES,
        config if AS_MODULE else workflow.config_settings.config,
    )
    studies.check_declarations(SETTINGS, REPOSITORY / "workflow" / "rules", NOTEBOOKS)
    instructions.limit(SETTINGS.instructions)
except UserError as error:
    stop(error)

RESULTS = f"results/{SETTINGS.run}"
FIGURES = f"figures/{SETTINGS.run}"
DATA = f"{RESULTS}/data/{{dataset}}.npz"
DECLARED = studies.tables()
DRAWN = studies.figures(SETTINGS)
PARTS = studies.parts(SETTINGS)
TABLES = [] if SETTINGS.figures else [f"{RESULTS}/tables/{name}.csv" for name in PARTS]
# The report reads the captions from here. In a rule's params, a changed caption would re-run the rule's jobs.
config.clear()
config.update(plain(SETTINGS))
config["captions"] = {name: table.rows for name, table in DECLARED.items()}
config["captions"] |= {name: figure.look_for for name, figure in DRAWN.items()}


wildcard_constraints:
    dataset="|".join(SETTINGS.datasets),
    seed=r"\d+",
    table="|".join(PARTS),
    figure="|".join(DRAWN),


if workflow.is_main_process:
    # If this lock is free, no other run is alive, so any Snakemake locks were left by a killed run and are removed. Otherwise
    # Snakemake itself refuses to start. The lock ends with the process.
    Path(".snakemake").mkdir(exist_ok=True)
    folder_lock = try_lock(".snakemake/agop_dnc.lock")
    for lock in Path(".snakemake/locks").glob("*.lock") if folder_lock else []:
        lock.unlink(missing_ok=True)
code.remember(REPOSITORY / ".snakemake" / "agop_dnc.code")


def code_of(path):
    """Return a hash of the code that a script, notebook or module runs; a limit on vector instructions counts as code."""
    used = "" if SETTINGS.instructions == "native" else f" {SETTINGS.instructions}"
    return code.code_of(SCRIPTS / path, SOURCE) + used


def columns_of(*names):
    """Return the declared columns of tables."""
    return {name: list(DECLARED[name].columns) for name in names}


def labels_of(wildcards):
    """Return whether a dataset has its own labels or random ones."""
    return SETTINGS.datasets[wildcards.dataset].labels


def files_of(names):
    """Return the prepared arrays of datasets."""
    return [DATA.format(dataset=name) for name in names]


def facts_of(names):
    """Return the files with the facts of datasets (points, classes), by the names of a notebook's parameters."""
    return {f"facts_{name}": f"{RESULTS}/data/{name}.json" for name in names}


def user_file(wildcards):
    """Return a user's own file, which is read again when it changes."""
    path = SETTINGS.datasets[wildcards.dataset].path
    return str(Path(path).expanduser()) if path else []


def read_by(figure):
    """Return the files that a figure's notebook reads, by the names under which it receives their paths."""
    drawn = DRAWN[figure]
    tables = {name: f"{RESULTS}/tables/{name}.csv" for name in drawn.tables}
    return tables | facts_of(drawn.datasets) | {name: f"{RESULTS}/{path}" for name, path in drawn.files.items()}
