"""Whatever breaks during a run, it ends with the same files as an undisturbed run, if need be after saying what is wrong.

Run by `make test-faults`. Disks that are full or read-only, and no network, need root and Linux.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import time

import pytest
from conftest import REPOSITORY, made

pytestmark = pytest.mark.faults
as_root = pytest.mark.skipif(
    not sys.platform.startswith("linux") or os.geteuid() != 0, reason="a disk of its own needs root on Linux"
)

CONFIG = """
run: small
seeds: [0]
figures: [figure_03, figure_07]
datasets: {digits: {source: sklearn, n: 120, n_test: 40}}
deep_rfm: {depth: 2, gram_layers: [1], activations: {relu: {width: 32}}}
networks:
  hidden_layers: 2
  width: 16
  measure_every: 2
  architectures: {mlp: {epochs: 6, learning_rate: 0.1, init_scale: 1.0}}
"""


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    path = tmp_path_factory.mktemp("configuration") / "small.yaml"
    path.write_text(CONFIG)
    return path


@pytest.fixture
def run(tmp_path, snakemake, config):
    """Run the small configuration in a folder."""

    def start(folder=tmp_path, *arguments, **environment):
        return snakemake(folder, "--cores", "2", *arguments, configfile=config, **environment)

    return start


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, snakemake, config):
    """The files of a run that nobody disturbed."""
    folder = tmp_path_factory.mktemp("undisturbed")
    done = snakemake(folder, "--cores", "2", configfile=config)
    assert done.returncode == 0, done.stderr
    return made(folder)


def left(folder):
    """The files of a run, without what was put aside."""
    return {name: content for name, content in made(folder).items() if ".damaged" not in name}


def test_run_killed_ten_times_goes_on_with_the_same_command(tmp_path, config, run, undisturbed):
    command = [sys.executable, "-m", "snakemake", "--snakefile", REPOSITORY / "Snakefile", "--directory", tmp_path]
    command = [str(part) for part in (*command, "--configfile", config, "--cores", "2")]
    chance, kills = random.Random(1), 0
    while kills < 10:
        with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            try:
                process.wait(chance.uniform(1.0, 7.0))
            except subprocess.TimeoutExpired:
                os.kill(process.pid, signal.SIGKILL)
                kills += 1
            else:  # at its end before ten kills: there is more to do
                assert process.returncode == 0
                shutil.rmtree(tmp_path / "figures")
                shutil.rmtree(tmp_path / "results/small/networks")
    done = run()
    assert done.returncode == 0, done.stderr
    assert left(tmp_path) == undisturbed


@pytest.fixture
def disk(tmp_path):
    """A disk of so many bytes at a folder, which can be made larger or read-only."""
    mounted = []

    def mount(folder, size, *options):
        folder.mkdir(parents=True, exist_ok=True)
        wanted = ",".join([f"size={size}", *options])
        if folder in mounted:
            subprocess.run(["mount", "-o", f"remount,{wanted}", folder], check=True)
        else:
            subprocess.run(["mount", "-t", "tmpfs", "-o", wanted, "tmpfs", folder], check=True)
            mounted.append(folder)

    yield mount
    for folder in mounted:
        time.sleep(0.5)
        subprocess.run(["umount", "-l", folder], check=True)


@as_root
@pytest.mark.parametrize(("part", "share"), [("results", 0.2), ("results", 0.5), ("results", 0.8), ("figures", 0.3)])
def test_full_disk_is_reported_and_nothing_half_written_is_taken_for_whole(
    part, share, tmp_path, run, disk, undisturbed
):
    needed = sum(len(content) for name, content in undisturbed.items() if name.startswith(part))
    disk(tmp_path / part, int(needed * share))
    stopped = run()
    assert stopped.returncode != 0
    assert "the disk is full" in stopped.stderr or "No space left on device" in stopped.stderr
    disk(tmp_path / part, needed * 20)
    done = run()
    assert done.returncode == 0, done.stderr
    assert left(tmp_path) == undisturbed


@as_root
def test_read_only_results_folder_is_reported(tmp_path, run, disk, undisturbed):
    disk(tmp_path / "results", 10_000_000)
    disk(tmp_path / "results", 10_000_000, "ro")
    stopped = run()
    assert stopped.returncode != 0
    assert "Read-only file system" in stopped.stderr
    disk(tmp_path / "results", 10_000_000, "rw")
    assert run().returncode == 0
    assert left(tmp_path) == undisturbed


@pytest.mark.parametrize(
    ("damaged", "wanted"),
    [
        ("results/small/data/digits.npz", "results/small/deep_rfm/digits/relu/seed_0.csv"),
        ("results/small/deep_rfm/digits/relu/seed_0.csv", "results/small/tables/deep_rfm.csv"),
        ("results/small/networks/digits/mlp/seed_0/networks.csv", "results/small/tables/networks.csv"),
        ("results/small/tables/networks.csv", "figures/small/figure_07.pdf"),
    ],
)
@pytest.mark.parametrize("how", ["cut", "flipped"])
def test_damaged_file_is_noticed_and_recreated(damaged, wanted, how, tmp_path, run, undisturbed):
    for name, content in undisturbed.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    whole = undisturbed[damaged]
    spoilt = whole[: len(whole) // 2] if how == "cut" else whole[:-20] + bytes([whole[-20] ^ 1]) + whole[-19:]
    (tmp_path / damaged).write_bytes(spoilt)
    (tmp_path / wanted).unlink()
    for name in undisturbed.keys() - {wanted}:  # of one age, so that only what is missing is made
        os.utime(tmp_path / name, (1e9, 1e9))
    command = (tmp_path, "--rerun-triggers", "input", "--", wanted)
    stopped = run(*command)
    assert stopped.returncode != 0
    assert f"{damaged} is not what its job wrote" in stopped.stderr
    for again in (run(*command), run()):
        assert again.returncode == 0, again.stderr
    assert left(tmp_path) == undisturbed


def test_poor_environment_changes_nothing(tmp_path, config, undisturbed):
    folder = tmp_path / "ein Ordner für Läufe"
    folder.mkdir()
    command = [sys.executable, "-m", "snakemake", "--snakefile", REPOSITORY / "Snakefile", "--directory", folder]
    command = [str(part) for part in (*command, "--configfile", config, "--cores", "2")]
    if sys.platform.startswith("linux") and os.geteuid() == 0:
        # No network but the loopback, over which a notebook talks to its kernel.
        command = ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh", *command]
    poor = {name: value for name, value in os.environ.items() if name not in ("HOME", "LANG", "LC_ALL")} | {
        "LC_ALL": "C"
    }
    done = subprocess.run(command, cwd=REPOSITORY, env=poor, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert left(folder) == undisturbed
