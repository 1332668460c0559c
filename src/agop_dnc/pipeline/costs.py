"""What a run's jobs cost: each job's own account of its time and memory, children included."""

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
    """Return the peak memory of this process, or of the largest of its ended children, and of a GPU, in megabytes (1e6 bytes).

    The GPU's is what PyTorch has reserved of it; 0 if none was used.
    """
    peak = max(_own_peak(), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * _UNIT)
    torch = sys.modules.get("torch")
    used = torch.cuda.max_memory_reserved() if torch is not None and torch.cuda.is_initialized() else 0
    return {"peak_memory_mb": round(peak / 1e6, 1), "gpu_peak_memory_mb": round(used / 1e6, 1)}


def times() -> dict[str, float]:
    """Return the seconds since this process started, and the processor time that it and its ended children have used."""
    used = os.times()
    return {
        "seconds": round(time.time() - _started(), 2),
        "cpu_seconds": round(used.user + used.system + used.children_user + used.children_system, 2),
    }


def record(log: str | Path) -> None:
    """Leave this process's account in `costs/….json`, next to the `logs/….log` of its job."""
    write_text(_account(Path(log)), json.dumps(times() | memory()) + "\n")


def collect(folder: str | Path) -> pd.DataFrame:
    """Return a row for every job that left an account in a run's `costs` folder, by rule and job; columns as in COLUMNS.

    For a job that was killed and started again it is the last start. The job that collects is not among them, as it has not ended.
    """
    rows = [_row(path, Path(folder)) for path in sorted(Path(folder).rglob("*.json")) if path.stem != "collect_costs"]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _row(path: Path, folder: Path) -> dict[str, object]:
    rule, _, job = path.relative_to(folder).with_suffix("").as_posix().partition("/")
    account: dict[str, object] = json.loads(path.read_text(encoding="utf-8"))
    return {"rule": rule, "job": job} | account


def _started() -> float:
    """Return when this process started, in seconds since the epoch."""
    import psutil

    return float(psutil.Process().create_time())


def _own_peak() -> float:
    """Return peak memory in bytes. On Linux, getrusage would include the parent's peak, so VmHWM is read instead."""
    try:
        status = Path("/proc/self/status").read_text(encoding="utf-8")
        return 1024 * float(status.partition("VmHWM:")[2].split()[0])
    except (OSError, IndexError):
        return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _UNIT)


def _account(log: Path) -> Path:
    return Path(*("costs" if part == "logs" else part for part in log.parts)).with_suffix(".json")
