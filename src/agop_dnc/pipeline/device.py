"""The device a job runs on, how it computes there, and how much memory it has left."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import psutil
import torch
from threadpoolctl import threadpool_limits

from ..errors import UserError
from ..files import try_lock

# What may be rounded to TF32's ten bits of mantissa on a GPU: (convolutions, matrix products) of float32 numbers.
TF32 = {"none": (False, False), "convolutions": (True, False), "all": (True, True)}
_held: list[Any] = []  # open files, whose locks say which GPUs this process has taken


def select_device(device: str, threads: int, tf32: str = "convolutions") -> torch.device:
    """The device of that name (`auto`: a GPU if there is one), with deterministic algorithms and `threads` CPU threads.

    Of several GPUs it is one that no other job has taken. tf32: where float32 numbers may be rounded to TF32 on a GPU, `none`,
    `convolutions` (PyTorch's default) or `all`; float64 ones never are. Raises UserError for `cuda` where there is no GPU.
    """
    # cuBLAS is deterministic only with a workspace of fixed size, read when it starts.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)
    # Deterministic algorithms also fill what is allocated, for the sake of code that reads it unwritten; none here does.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = TF32[tf32]
    torch.set_num_threads(threads)
    threadpool_limits(threads, user_api="blas")  # SciPy's and NumPy's, which take every core otherwise
    there = torch.cuda.is_available()
    if device == "cuda" and not there:
        raise UserError("device is cuda but PyTorch sees no GPU; set device: cpu or auto, or mend the driver")
    if not there or device == "cpu":
        return torch.device("cpu")
    chosen = torch.device("cuda", free_gpu(torch.cuda.device_count()))
    torch.cuda.set_device(chosen)
    return chosen


def free_gpu(count: int, folder: str | Path | None = None) -> int:
    """The first of `count` GPUs that no process has taken, which this one takes until it ends; 0 where all are taken.

    Who has taken which is said by locks on files in `folder` (the machine's folder for temporary files if not given), which the
    system lets go of when a process ends, however it ends. A scheduler that shows each job only its own GPUs leaves one to choose.
    """
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
    names = visible if len(visible) == count else [str(index) for index in range(count)]
    for index in range(count if count > 1 else 0):
        path = Path(folder or tempfile.gettempdir()) / f"agop_dnc_gpu_{names[index].strip()}.{os.getuid()}.lock"
        lock = try_lock(path)
        if lock is not None:
            _held.append(lock)
            return index
    return 0


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
