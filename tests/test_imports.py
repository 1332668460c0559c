"""What an import costs: the package and its declarations stay light."""

import json
import subprocess
import sys

import pytest
from conftest import REPOSITORY

from agop_dnc.studies import all as studies

HEAVY = ("torch", "pandas", "matplotlib", "seaborn", "sklearn", "scipy", "snakemake", "papermill")


def imported(statement):
    """Return the heavy packages that a statement imports, in a process of its own."""
    code = f"import json, sys\n{statement}\nprint(json.dumps([name for name in {HEAVY!r} if name in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=REPOSITORY, check=True)
    return json.loads(done.stdout)


def test_importing_the_package_imports_no_torch():
    assert imported("import agop_dnc") == []


def test_public_names_import_torch_only_when_used():
    assert imported("import agop_dnc; dir(agop_dnc)") == []
    assert "torch" in imported("from agop_dnc import DeepRFM")


@pytest.mark.parametrize(
    "module",
    [
        "agop_dnc.studies.declaration",
        "agop_dnc.studies.all",
        "agop_dnc.pipeline.config",
        "agop_dnc.pipeline.resources",
    ],
)
def test_declarations_import_neither_torch_nor_pandas(module):
    assert not {"torch", "pandas"} & set(imported(f"import {module}"))


def test_studies_declarations_import_neither_torch_nor_pandas():
    names = ", ".join(f"agop_dnc.studies.{name}.study" for name in studies.NAMES)
    assert not {"torch", "pandas"} & set(imported(f"import {names}"))


def test_loading_a_configuration_imports_neither_torch_nor_pandas():
    statement = (
        "from agop_dnc.studies import all; config = all.load(['config.yaml']); all.figures(config); all.parts(config)"
    )
    assert not {"torch", "pandas"} & set(imported(statement))
