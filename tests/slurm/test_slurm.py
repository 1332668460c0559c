"""The test configuration through a real Slurm of one node: the same bytes as a local run, also if jobs and the node are killed.

Not collected by `make test`: `make test-slurm` starts the cluster and says where it is.
"""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from conftest import REPOSITORY, TEST_CONFIG, made

pytestmark = pytest.mark.skipif(
    "AGOP_DNC_SLURM" not in os.environ, reason="`make test-slurm` starts the Slurm it needs"
)
CLUSTER = REPOSITORY / "tests" / "slurm" / "cluster"
HERE = os.environ.get("AGOP_DNC_SLURM", "")
# A cluster of one node and no accounting: its status comes from squeue, and soon.
ONE_NODE = [
    *("--slurm-no-account", "--slurm-status-command", "squeue", "--slurm-init-seconds-before-status-checks", "1"),
    *(
        "--seconds-between-status-checks",
        "1",
        "--latency-wait",
        "5",
        "--cores",
        str(min(4, len(os.sched_getaffinity(0)))),
    ),
]
# Trained in a job of Slurm's own: a group asks for what its other rules need, too.
ALONE = ("--groups", "train_network=alone", "--set-resources")


def training_processes(folder):
    """Numbers of the processes that run a training's script in this folder, and not in another run's."""
    script = rf"{re.escape(str(folder))}/\.snakemake/scripts/.*train_network\.py"
    found = subprocess.run(["pgrep", "-f", script], capture_output=True, text=True)
    return [int(number) for number in found.stdout.split()]


def command(folder, *arguments, configfile=TEST_CONFIG):
    """Snakemake with the profile for Slurm."""
    start = [sys.executable, "-m", "snakemake", "--profile", REPOSITORY / "profiles" / "slurm"]
    start += ["--snakefile", REPOSITORY / "Snakefile", "--configfile", configfile, "--directory", folder]
    return [str(part) for part in (*start, *arguments, *ONE_NODE)]


def run(folder, *arguments, configfile=TEST_CONFIG):
    return subprocess.run(
        command(folder, *arguments, configfile=configfile), capture_output=True, text=True, cwd=REPOSITORY, timeout=550
    )


def queue():
    """Names and numbers of the jobs that run."""
    lines = subprocess.run(["squeue", "-h", "-t", "RUNNING", "-o", "%i"], capture_output=True, text=True, check=True)
    return lines.stdout.split()


@pytest.fixture(scope="module")
def through_slurm(tmp_path_factory):
    folder = tmp_path_factory.mktemp("slurm")
    done = run(folder, "--slurm-keep-successful-logs")
    assert done.returncode == 0, done.stderr
    return folder, done.stderr


def test_run_leaves_the_same_bytes_as_a_local_run(through_slurm, finished):
    folder, _ = through_slurm
    assert made(folder) == made(finished)


def test_short_jobs_share_one_slurm_job(through_slurm):
    """Four Deep RFMs; two networks' trainings and measurements; four departures and the feature kernel; nine figures in two."""
    _, said = through_slurm
    assert said.count("has been submitted with SLURM jobid") == 1 + 1 + 1 + 2


def test_jobs_in_one_slurm_job_share_its_snakemakes(through_slurm):
    """Two start in each of Slurm's jobs, however many are in it: what the plugin submits, and what that starts on the node."""
    folder, _ = through_slurm
    logs = [path.read_text() for path in folder.glob(".snakemake/slurm_logs/*/*.log")]
    assert [log.count("Building DAG of jobs") for log in logs] == [2] * 5


LONG = """
run: long
seeds: [0]
figures: [figure_07]
datasets: {digits: {source: sklearn, n: 1500}}
deep_rfm: {enabled: false}
networks:
  measure_every: 5
  architectures: {mlp: {epochs: 60, learning_rate: 0.1, init_scale: 0.5}}
"""
TABLES = [f"results/long/networks/digits/mlp/seed_0/{name}.csv" for name in ("training", "networks", "nfa")]


@pytest.fixture(scope="module")
def long_config(tmp_path_factory):
    path = tmp_path_factory.mktemp("config") / "long.yaml"
    path.write_text(LONG)
    assert yaml.safe_load(LONG)["run"] == "long"
    return path


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, snakemake, long_config):
    folder = tmp_path_factory.mktemp("undisturbed")
    done = snakemake(folder, "--cores", "2", *TABLES, configfile=long_config)
    assert done.returncode == 0, done.stderr
    return [(folder / table).read_bytes() for table in TABLES]


def snapshots(folder):
    """What a training that is not done has left to go on from."""
    return list(Path(folder).glob("results/long/state/**/*.safetensors"))


def disturbed(folder, long_config, disturb, *arguments):
    """Start the training through Slurm, disturb it once a few snapshots are there, and let it end."""
    with subprocess.Popen(
        command(folder, *TABLES, *arguments, configfile=long_config),
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        until = time.monotonic() + 120
        while time.monotonic() < until and process.poll() is None and len(snapshots(folder)) < 3:
            time.sleep(0.1)
        there = snapshots(folder)
        if there:
            disturb()
        output, _ = process.communicate(timeout=400)
    assert there, output
    assert process.returncode == 0, output
    assert not snapshots(folder)
    return [(folder / table).read_bytes() for table in TABLES], output


def test_cancelled_training_goes_on_from_its_snapshot(tmp_path, long_config, undisturbed):
    def cancel():
        subprocess.run(["scancel", *queue()], check=True)

    found, output = disturbed(tmp_path, long_config, cancel)
    assert "Trying to restart job" in output
    assert found == undisturbed


def test_node_that_goes_down_and_comes_back_loses_nothing(tmp_path, long_config, undisturbed):
    def down_and_up():
        subprocess.run([CLUSTER, "down", HERE], check=True)
        time.sleep(3)
        subprocess.run([CLUSTER, "up", HERE], check=True)

    found, _ = disturbed(tmp_path, long_config, down_and_up)
    assert found == undisturbed


def test_training_that_exceeds_its_time_limit_goes_on_from_its_snapshot(tmp_path, long_config, undisturbed):
    """It hangs, so that a minute, the shortest limit that Slurm has, is too short on any machine; its retry is given more."""

    def hang():
        processes = training_processes(tmp_path)
        assert processes
        for process in processes:
            os.kill(process, signal.SIGSTOP)

    found, output = disturbed(tmp_path, long_config, hang, *ALONE, "train_network:runtime=attempt")
    assert "Trying to restart job" in output
    assert found == undisturbed


def test_job_killed_for_its_memory_is_tried_again_with_more(tmp_path, long_config, undisturbed):
    """A first try is given less than importing PyTorch takes."""
    memory = "train_network:mem_mb=250 if attempt == 1 else 3000"
    done = run(tmp_path, *TABLES, *ALONE, memory, configfile=long_config)
    assert done.returncode == 0, done.stderr
    assert "Trying to restart job" in done.stderr
    assert [(tmp_path / table).read_bytes() for table in TABLES] == undisturbed
