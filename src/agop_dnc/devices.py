"""The device a job runs on, and how much memory it has left."""

from __future__ import annotations

import os

import psutil
import torch
from threadpoolctl import threadpool_limits

from .errors import UserError


def select(device: str, threads: int) -> torch.device:
    """The device of that name (`auto`: a GPU if there is one), with deterministic algorithms and `threads` CPU threads.

    Raises UserError for `cuda` where there is none.
    """
    # cuBLAS is deterministic only with a workspace of fixed size, read when it starts.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(threads)
    threadpool_limits(threads, user_api="blas")  # SciPy's and NumPy's, which take every core otherwise
    there = torch.cuda.is_available()
    if device == "cuda" and not there:
        raise UserError("device is cuda but PyTorch sees no GPU; set device: cpu or auto, or mend the driver")
    return torch.device("cuda" if there and device != "cpu" else "cpu")


def available_bytes(device: torch.device) -> int:
    """Memory that can still be had on the device; on a CPU within the control group's limit, if there is one."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return min(psutil.virtual_memory().available, _control_group_bytes())


def _control_group_bytes() -> int:
    try:
        with open("/sys/fs/cgroup/memory.max") as limit, open("/sys/fs/cgroup/memory.current") as current:
            return int(limit.read()) - int(current.read())
    except (OSError, ValueError):  # no such limit, or `max`
        return 2**63 - 1
