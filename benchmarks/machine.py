"""The machine's own rates, and how a function is timed and its memory watched."""

import resource
import time
from collections.abc import Callable
from pathlib import Path

import torch


def seconds(function: Callable[[], object], repeats: int = 3) -> float:
    """The shortest of some timed calls after one to warm up: what the machine can do when it is let."""
    function()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)


def matrix_product_rate(dtype: torch.dtype, n: int = 1500) -> float:
    """Floating-point operations a second of a product of n×n matrices, with PyTorch's current number of threads."""
    A = torch.randn(n, n, dtype=dtype)
    return 2 * n**3 / seconds(lambda: A @ A)


def peak_bytes() -> int:
    """The most memory that this process has held so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def added_bytes(function: Callable[[], object]) -> int:
    """By how much a call's peak exceeds the memory held before it (Linux: what came before is let out of the count)."""
    Path("/proc/self/clear_refs").write_text("5")
    before = _kibibytes("VmRSS")
    function()
    return (_kibibytes("VmHWM") - before) * 1024


def _kibibytes(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))
