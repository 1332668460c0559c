"""What a run's jobs cost: time from Snakemake's benchmark files, memory from the jobs themselves."""

from __future__ import annotations

import json
import os
import resource
import sys
from pathlib import Path

import pandas as pd

COLUMNS = ["rule", "job", "seconds", "cpu_seconds", "peak_memory_mb", "gpu_peak_memory_mb"]
_UNIT = 1 if sys.platform == "darwin" else 1024  # bytes that ru_maxrss counts in


def memory() -> dict[str, float]:
    """Megabytes (1e6 bytes) that this process, or the largest of its ended children, has held at its peak, and the same of a GPU.

    The GPU's is what PyTorch has reserved of it; 0 where none was used.
    """
    peak = max(_own_peak(), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * _UNIT)
    torch = sys.modules.get("torch")
    used = torch.cuda.max_memory_reserved() if torch is not None and torch.cuda.is_initialized() else 0
    return {"peak_memory_mb": round(peak / 1e6, 1), "gpu_peak_memory_mb": round(used / 1e6, 1)}


def record(log: str | Path) -> None:
    """Leave this process's memory beside the benchmark file of the job with this log, `logs/….log`.

    Snakemake's own figure is a sample every half minute, which misses the peaks of short jobs.
    """
    path = _beside(Path(log))
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".partial")
    temporary.write_text(json.dumps(memory()) + "\n", encoding="utf-8")
    os.replace(temporary, path)


def collect(folder: str | Path) -> pd.DataFrame:
    """A row for every job that left a benchmark file below a run's `benchmarks`, by rule and job; columns as in COLUMNS.

    Of a job that was killed and started again it is the last start. The job that collects is not among them: its own file is
    written when it has ended.
    """
    files = sorted(set(Path(folder).rglob("*.tsv")) - {Path(folder, "collect_costs.tsv")})
    rows = [_row(path, Path(folder)) for path in files]
    return pd.DataFrame(rows, columns=COLUMNS)


def _row(path: Path, folder: Path) -> dict[str, object]:
    measured = pd.read_csv(path, sep="\t").iloc[-1]
    rule, _, job = path.relative_to(folder).with_suffix("").as_posix().partition("/")
    recorded = path.with_suffix(".json")
    own = json.loads(recorded.read_text(encoding="utf-8")) if recorded.exists() else {}
    times = {"seconds": measured["s"], "cpu_seconds": measured["cpu_time"]}
    return {"rule": rule, "job": job} | times | {name: own.get(name) for name in COLUMNS[4:]}


def _own_peak() -> float:
    """Bytes. On Linux not from getrusage, in which a process begins with the peak of the one that started it."""
    try:
        status = Path("/proc/self/status").read_text(encoding="utf-8")
        return 1024 * float(status.partition("VmHWM:")[2].split()[0])
    except (OSError, IndexError):
        return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _UNIT)


def _beside(log: Path) -> Path:
    parts = ["benchmarks" if part == "logs" else part for part in log.parts]
    return Path(*parts).with_suffix(".json")
