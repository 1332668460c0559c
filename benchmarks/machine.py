"""The machine's own rates, and how a function is timed and its memory watched."""

import resource
import time
from collections.abc import Callable

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
