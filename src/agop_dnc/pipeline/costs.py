"""Collect the costs of a run's jobs: each job records its own time and memory, including those of its child processes."""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from pathlib import Path

import pandas as pd

from ..files import write_text

COLUMNS = ("rule", "job", "seconds", "cpu_seconds", "peak_memory_mb", "gpu_peak_memory_mb")
_UNIT = 1 if sys.platform == "darwin" else 1024  # bytes per unit of ru_maxrss


def memory() -> dict[str, float]:
    """Return peak memory in megabytes (1e6 bytes): that of this process or its largest finished child, and that of a GPU.

    A GPU's peak is what PyTorch has reserved; it is 0 if no GPU was used.
    """
    peak = max(_own_peak(), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * _UNIT)
    torch = sys.modules.get("torch")
    used = torch.cuda.max_memory_reserved() if torch is not None and torch.cuda.is_initialized() else 0
    return {"peak_memory_mb": round(peak / 1e6, 1), "gpu_peak_memory_mb": round(used / 1e6, 1)}


def times() -> dict[str, float]:
    """Return the seconds since this process started, and the processor time that it and its finished children have used."""
    used = os.times()
    return {
        "seconds": round(_age(), 2),
        "cpu_seconds": round(used.user + used.system + used.children_user + used.children_system, 2),
    }


def record(log: str | Path, others: str | Path | None = None) -> None:
    """Write a job's account to `costs/….json`.

    Args:
        log: The job's `logs/….log`.
        others: A file with the accounts of processes that worked for this one without being its children, a line of JSON each;
            it is removed.
    """
    total = times() | memory()
    if others is not None and Path(others).exists():
        for line in Path(others).read_text(encoding="utf-8").splitlines():
            account = json.loads(line)
            total["cpu_seconds"] = round(total["cpu_seconds"] + account["cpu_seconds"], 2)
            total["peak_memory_mb"] = max(total["peak_memory_mb"], round(account["peak_memory"] * _UNIT / 1e6, 1))
        Path(others).unlink()
    write_text(_account(Path(log)), json.dumps(total) + "\n")


def collect(folder: str | Path) -> pd.DataFrame:
    """Collect the accounts of all jobs in a run's `costs` folder, sorted by rule and job.

    A job that was killed and started again is counted from its last start. The job that collects is left out, since it has not
    finished.

    Args:
        folder: The `costs` folder.

    Returns:
        One row per job, with the columns COLUMNS.
    """
    rows = [_row(path, Path(folder)) for path in sorted(Path(folder).rglob("*.json")) if path.stem != "collect_costs"]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _row(path: Path, folder: Path) -> dict[str, object]:
    rule, _, job = path.relative_to(folder).with_suffix("").as_posix().partition("/")
    account: dict[str, object] = json.loads(path.read_text(encoding="utf-8"))
    return {"rule": rule, "job": job} | account


def _age() -> float:
    """Return the seconds since this process started."""
    try:  # on Linux, in ticks since boot; psutil adds them to a boot time in whole seconds
        ticks = Path("/proc/self/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19]
        return time.clock_gettime(time.CLOCK_BOOTTIME) - int(ticks) / os.sysconf("SC_CLK_TCK")
    except (OSError, AttributeError):
        import psutil

        return time.time() - float(psutil.Process().create_time())


def _own_peak() -> float:
    """Return peak memory in bytes. On Linux, getrusage would include the parent's peak, so VmHWM is read instead."""
    try:
        status = Path("/proc/self/status").read_text(encoding="utf-8")
        return 1024 * float(status.partition("VmHWM:")[2].split()[0])
    except (OSError, IndexError):
        return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _UNIT)


def _account(log: Path) -> Path:
    return Path(*("costs" if part == "logs" else part for part in log.parts)).with_suffix(".json")
