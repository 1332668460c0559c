"""What Snakemake itself costs: config/test.yaml with seeds for 200 jobs, on this machine or, with --slurm, through a Slurm of one node.

Snakemake's own is the processor time of its main process, which plans, submits and waits. Beside it, the time of all cores that no job's script
used (starting the interpreter of a job's script is the script's), idle time included: through Slurm that is mostly the two more Snakemakes that the
plugin starts in each of Slurm's jobs, which short ones share. And the peak of Snakemake's memory, for few and for many snapshots a training.

Start the Slurm with `tests/slurm/cluster start DIR`; stop it with `tests/slurm/cluster stop DIR`.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd
import yaml

REPOSITORY = Path(__file__).resolve().parents[1]
SEEDS = 36  # five jobs a seed, and some twenty that there are anyhow
SLURM = [
    *("--profile", str(REPOSITORY / "profiles" / "slurm"), "--slurm-no-account", "--slurm-status-command", "squeue"),
    *("--slurm-init-seconds-before-status-checks", "1", "--seconds-between-status-checks", "1", "--latency-wait", "5"),
    *("--max-jobs-per-timespan", "100/1s"),
]


def run(folder: Path, changes: dict[str, object], how: list[str]) -> dict[str, float]:
    """Jobs, seconds, seconds in the jobs' scripts, and processor seconds and peak megabytes of Snakemake's main process."""
    folder.mkdir(parents=True)
    content = yaml.safe_load((REPOSITORY / "config" / "test.yaml").read_text(encoding="utf-8"))
    for key, value in changes.items():
        section, _, inner = key.partition(".")
        content[section] = {**content[section], inner: value} if inner else value
    (folder / "load.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(REPOSITORY / "Snakefile")]
    command += ["--directory", str(folder), *how, "--configfile", str(folder / "load.yaml")]
    start, peak, used = time.perf_counter(), 0.0, 0.0
    with open(folder / "log", "w") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        while process.poll() is None:
            peak, used = max(peak, _megabytes(process.pid)), max(used, _processor_seconds(process.pid))
            time.sleep(0.2)
        took = time.perf_counter() - start
    if process.returncode:
        sys.exit(f"Error: the run failed:\n{(folder / 'log').read_text()[-2000:]}")
    cost = pd.read_csv(folder / "results" / "test" / "tables" / "cost.csv")
    return {"jobs": len(cost) + 1, "seconds": took, "scripts": cost.seconds.sum(), "megabytes": peak, "own": used}


def _megabytes(pid: int) -> float:
    """What a process has held at most; 0 if it has ended."""
    try:
        return int(Path(f"/proc/{pid}/status").read_text().partition("VmHWM:")[2].split()[0]) / 1000
    except (OSError, IndexError):
        return 0.0


def _processor_seconds(pid: int) -> float:
    """What a process, without its children, has used; 0 if it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except (OSError, IndexError):
        return 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--slurm", metavar="DIR", help="the folder of a Slurm that tests/slurm/cluster started")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--keep", metavar="DIR", help="a folder to leave the runs in")
    chosen = parser.parse_args()
    cores = len(os.sched_getaffinity(0))
    here = ["--cores", str(cores)]
    if chosen.slurm:
        os.environ["SLURM_CONF"] = str(Path(chosen.slurm).resolve() / "slurm.conf")
    with tempfile.TemporaryDirectory() as temporary:
        base = Path(chosen.keep or temporary).resolve()
        how = [*SLURM, "--cores", str(cores)] if chosen.slurm else here
        one = run(base / "load", {"seeds": list(range(chosen.seeds))}, how)
        overhead = (cores * one["seconds"] - one["scripts"]) / one["jobs"]
        print(
            f"{one['jobs']} jobs, {one['seconds']:.0f} s on {cores} cores; a job: {one['own'] / one['jobs']:.2f} s of Snakemake's main process, "
            f"{overhead:.2f} s of a core in addition to its script; Snakemake at most {one['megabytes']:.0f} MB",
            flush=True,
        )
        for every in (60, 1):
            architectures = {"mlp": {"epochs": 60, "learning_rate": 0.1, "init_scale": 1.0}}
            changes = {"seeds": [0], "networks.measure_every": every, "networks.architectures": architectures}
            one = run(base / f"snapshots_{every}", changes, here)
            print(f"{60 // every + 1} snapshots: Snakemake at most {one['megabytes']:.0f} MB", flush=True)


if __name__ == "__main__":
    main()
