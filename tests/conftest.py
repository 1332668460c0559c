"""What the tests share: the repository, and a way to run the workflow as a user does."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from agop_dnc.data import datasets

REPOSITORY = Path(__file__).resolve().parents[1]
SCHEMA = REPOSITORY / "workflow" / "schemas" / "config.schema.yaml"


def pytest_collection_modifyitems(items):
    """The longest file first, so that the two workers end together."""
    items.sort(key=lambda item: "test_workflow.py" not in item.nodeid)


@pytest.fixture(autouse=True, scope="session")
def _one_thread():
    # Two workers share two cores, and a run's bytes depend on the number of threads.
    torch.set_num_threads(1)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def draw():
    """Normal numbers in float64, the same in every test that asks for the same shape."""

    def normal(*shape, seed=0):
        return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))

    return normal


@pytest.fixture
def arrays(draw):
    """Three classes of 20 points in 8 dimensions, apart but overlapping, without test points."""
    y = torch.arange(3).repeat_interleave(20)
    X = draw(60, 8) + 3 * torch.nn.functional.one_hot(y, 8)
    return datasets.Arrays(X, y, X[:0], y[:0], (1, 2, 4))


@pytest.fixture(scope="session")
def snakemake():
    """Run Snakemake on this repository in a folder: `snakemake(folder, "--cores", "2", configfile=path)`."""

    def run(folder, *arguments, configfile=REPOSITORY / "config" / "test.yaml", **environment):
        command = [sys.executable, "-m", "snakemake", "--snakefile", REPOSITORY / "Snakefile", "--directory", folder]
        command += ["--configfile", configfile, *arguments]
        return subprocess.run(
            list(map(str, command)),
            capture_output=True,
            text=True,
            cwd=REPOSITORY,
            timeout=500,
            env=os.environ | environment,
        )

    return run


@pytest.fixture(scope="session")
def finished(tmp_path_factory, snakemake):
    """A finished run of the test configuration with two cores, in a folder whose name is not plain."""
    folder = tmp_path_factory.mktemp("two cores é")
    done = snakemake(folder, "--cores", "2")
    assert done.returncode == 0, done.stderr
    return folder


TEST_CONFIG = REPOSITORY / "config" / "test.yaml"


def made(folder):
    """Every file that a run leaves for its user, by its path, with its bytes; but for what says how long it took."""
    files = (path for part in ("results", "figures") for path in (folder / part).rglob("*"))
    timed = {"logs", "benchmarks", "cost.csv", "cost.csv.json"}
    return {str(p.relative_to(folder)): p.read_bytes() for p in files if p.is_file() and not timed & set(p.parts)}


def change(**changes):
    """The test configuration with some keys, `a__b` for b inside a, replaced; with all figures where datasets are."""
    content = yaml.safe_load(TEST_CONFIG.read_text())
    if "datasets" in changes:
        del content["departures"], content["figures"]
    for key, value in changes.items():
        *path, last = key.split("__")
        inner = content
        for part in path:
            inner = inner.setdefault(part, {})
        inner[last] = value
    return content
