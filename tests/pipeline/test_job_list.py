"""The exported list of jobs: the same tables, byte by byte, on a machine that has neither Snakemake nor the drawing packages."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from agop_dnc.__main__ import main
from agop_dnc.pipeline.job_list import Named

REPOSITORY = Path(__file__).resolve().parents[2]
ABSENT = ("snakemake", "IPython", "papermill", "nbconvert", "nbformat", "matplotlib", "seaborn")
BLOCKER = f"""
import importlib.abc, sys
class Absent(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {ABSENT!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Absent())
"""


@pytest.fixture
def without_pipeline(tmp_path):
    """Run Python with the packages that only the pipeline needs made absent, in child processes too."""
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "sitecustomize.py").write_text(BLOCKER)

    def run(*arguments, **keywords):
        environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(hidden), str(REPOSITORY / "src")])}
        return subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, text=True, **keywords)

    return run


def test_exported_jobs_make_the_same_tables_without_snakemake(finished, tmp_path, without_pipeline, capsys):
    assert without_pipeline("-c", "import seaborn").returncode != 0
    assert (
        main(
            [
                "export-jobs",
                "--configfile",
                str(REPOSITORY / "config" / "test.yaml"),
                "--directory",
                str(tmp_path / "n"),
            ]
        )
        == 0
    )
    (tmp_path / "jobs.json").write_text(capsys.readouterr().out)
    command = ["-m", "agop_dnc", "run-jobs", str(tmp_path / "jobs.json"), "--directory", str(tmp_path / "elsewhere")]
    done = without_pipeline(*command, timeout=500)
    assert done.returncode == 0, done.stdout + done.stderr
    ours, theirs = (folder / "results" / "test" for folder in (tmp_path / "elsewhere", finished))
    names = {path.name for path in (theirs / "tables").glob("*.csv")}
    assert {"deep_rfm.csv", "networks.csv", "claims.csv", "departures.csv"} <= names
    for name in names - {"cost.csv"}:
        assert (ours / "tables" / name).read_bytes() == (theirs / "tables" / name).read_bytes(), name
    assert not list(ours.rglob("snapshots")), "temporary outputs go once they are read"
    again = without_pipeline(*command, timeout=100)
    assert (again.returncode, again.stdout) == (0, ""), "what is there is not made again"


def test_core_imports_without_the_pipelines_packages(without_pipeline):
    code = "import agop_dnc; from agop_dnc import measure, DeepRFM; from agop_dnc.studies import all; all.load([])"
    done = without_pipeline("-c", code)
    assert done.returncode == 0, done.stderr


def test_importing_the_package_is_light(without_pipeline):
    code = "import sys; before = set(sys.modules); import agop_dnc; print(sorted(set(sys.modules) - before))"
    assert "torch" not in without_pipeline("-c", code).stdout


def test_named_values_are_found_by_number_name_and_attribute():
    named = Named({"values": ["a", "b", "c"], "names": {"one": [0, None], "two": [1, 3]}})
    assert (named[0], named.one, named["two"], named.get("three"), list(named)) == (
        "a",
        "a",
        ["b", "c"],
        None,
        ["a", "b", "c"],
    )
    with pytest.raises(AttributeError):
        named.three  # noqa: B018


def test_a_file_that_is_no_list_of_jobs_gets_a_sentence(tmp_path, capsys):
    (tmp_path / "jobs.json").write_text(json.dumps([1]))
    assert main(["run-jobs", str(tmp_path / "jobs.json")]) == 2
    assert "make one with agop-dnc export-jobs" in capsys.readouterr().err
