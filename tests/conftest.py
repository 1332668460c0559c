"""Provide what the tests share: the repository, a way to run the workflow as a user does, and runs common to all workers."""

import itertools
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from filelock import FileLock
from hypothesis import HealthCheck, settings

from agop_dnc.data import prepared
from agop_dnc.studies import all as studies

REPOSITORY = Path(__file__).resolve().parents[1]
TEST_CONFIG = REPOSITORY / "config" / "test.yaml"
# The studies that the test configuration leaves out, each with a section of its own as small as it can be.
TINY = [REPOSITORY / "tests" / "tiny.yaml", *sorted((REPOSITORY / "tests" / "tiny").glob("*.yaml"))]

# The same examples in every session; a machine that is busy fails no test.
settings.register_profile(
    "repeatable", derandomize=True, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("repeatable")

# Files with whole runs first, so that the workers end together; a run that a file waits for is made in another worker meanwhile.
LONGEST = (
    *("test_run.py", "test_instructions.py", "test_input.py", "test_reruns.py", "test_conformance.py"),
    *("test_site.py", "test_module.py", "test_job_list.py", "test_tutorials.py"),
)


def pytest_collection_modifyitems(items):
    """Sort the longest files to the front."""
    order = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: order.get(item.path.name, len(LONGEST)))


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
def peak_of():
    """Return a function that runs something and tells the peak of what PyTorch has allocated for it, in bytes: the same on every machine.

    (A process's resident memory depends on the libraries' own buffers, and on what the machine has loaded before.)
    """

    def peak(run):
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profile:
            run()
        events = [event for event in profile.profiler.kineto_results.events() if event.name() == "[memory]"]
        events.sort(key=lambda event: event.start_ns())
        return max(itertools.accumulate(event.nbytes() for event in events))

    return peak


@pytest.fixture
def arrays(draw):
    """Three classes of 20 points in 8 dimensions, apart but overlapping, without test points."""
    y = torch.arange(3).repeat_interleave(20)
    X = draw(60, 8) + 3 * torch.nn.functional.one_hot(y, 8)
    return prepared.Arrays(X, y, X[:0], y[:0], (1, 2, 4))


@pytest.fixture(scope="session")
def snakemake():
    """Run Snakemake in a folder: `snakemake(folder, "--cores", "2", configfile=path)`; of this repository or a copy of it."""

    def run(folder, *arguments, configfile=TEST_CONFIG, repository=REPOSITORY, **environment):
        files = configfile if isinstance(configfile, list) else [configfile]
        command = [sys.executable, "-m", "snakemake", "--snakefile", repository / "Snakefile", "--directory", folder]
        command += ["--configfile", *files, *arguments]
        return subprocess.run(
            list(map(str, command)),
            capture_output=True,
            text=True,
            cwd=repository,
            timeout=1500,  # the largest run takes two minutes on two idle cores
            env=os.environ | environment,
        )

    return run


@pytest.fixture(scope="session")
def shared(tmp_path_factory):
    """Make a folder once for all workers of this session: `shared(name, make)`, where `make(folder)` returns what went wrong or ''."""

    def folder_of(name, make):
        base = tmp_path_factory.getbasetemp()
        root = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
        folder, said = root / name, root / f"{name}.said"
        with FileLock(root / f"{name}.lock"):
            if not said.exists():
                folder.mkdir()
                said.write_text(make(folder), encoding="utf-8")
        problem = said.read_text(encoding="utf-8")
        assert not problem, problem
        return folder

    return folder_of


def _running(snakemake, **settings):
    """Return a function that makes a whole run with two cores in a folder."""

    def make(folder):
        done = snakemake(folder, "--cores", "2", **settings)
        return done.stderr or "it failed" if done.returncode else ""

    return make


@pytest.fixture(scope="session")
def finished(shared, snakemake):
    """Return a finished run of the test configuration with two cores, in a folder whose name has a space and an accent; only read it."""
    return shared("two cores é", _running(snakemake))


@pytest.fixture(scope="session")
def tiny(shared, snakemake):
    """A finished run of all studies that the test configuration leaves out, as small as they can be. Only to be read."""
    return shared("tiny", _running(snakemake, configfile=TINY))


@pytest.fixture(scope="session")
def tutorials(shared):
    """A folder for the executed tutorials, which the site shows and the tests read."""
    return shared("tutorials", lambda folder: "")


def made(folder):
    """Return every file that a run leaves for its user, by its path, with its bytes; but not what says how long it took."""
    files = (path for part in ("results", "figures") for path in (folder / part).rglob("*"))
    timed = {"logs", "costs", "cost.csv", "cost.csv.json"}
    return {str(p.relative_to(folder)): p.read_bytes() for p in files if p.is_file() and not timed & set(p.parts)}


def change(**changes):
    """Return the test configuration with keys, `a__b` for b inside a, replaced; with all figures if datasets are replaced."""
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


@pytest.fixture
def load(tmp_path):
    """Return the checked configuration of mappings or YAML texts, layered, and of what --config gave."""

    def loaded(*contents, overrides=None):
        files = []
        for i, content in enumerate(contents):
            files.append(tmp_path / f"configuration_{i}.yaml")
            files[-1].write_text(content if isinstance(content, str) else yaml.safe_dump(content, sort_keys=False))
        return studies.load(files, overrides)

    return loaded
