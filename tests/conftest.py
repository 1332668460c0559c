"""What the tests share: the repository, and a way to run the workflow as a user does."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

REPOSITORY = Path(__file__).resolve().parents[1]
SCHEMA = REPOSITORY / "workflow" / "schemas" / "config.schema.yaml"


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
