"""Select the device that a job runs on, configure how it computes there, and measure how much memory it has left."""

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

# Whether float32 (convolutions, matrix products) on a GPU may be rounded to TF32's ten bits of mantissa.
TF32 = {"none": (False, False), "convolutions": (True, False), "all": (True, True)}
_held: list[Any] = []  # open files, whose locks mark the GPUs that this process has taken


def select_device(device: str, threads: int, tf32: str = "convolutions") -> torch.device:
    """Select a device, with deterministic algorithms and a fixed number of CPU threads.

    If there are several GPUs, one that no other job has taken is chosen.

    Args:
        device: `cpu`, `cuda` or `auto`, which means a GPU if there is one.
        threads: The number of CPU threads.
        tf32: Which float32 operations a GPU may round to TF32: `none`, `convolutions` (PyTorch's default) or `all`. Numbers in
            float64 are never rounded.

    Returns:
        The device.

    Raises:
        UserError: If the device is `cuda` and there is no GPU.
    """
    # cuBLAS is deterministic only with a workspace of fixed size; it reads this variable when it starts.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    # The same as torch.use_deterministic_algorithms(True), which imports PyTorch's compiler first: 1.3 seconds, and unused here.
    torch.set_deterministic_debug_mode("error")
    # By default, deterministic algorithms also fill newly allocated memory, for code that reads it before writing. None here does.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = TF32[tf32]
    torch.set_num_threads(threads)
    threadpool_limits(threads, user_api="blas")  # SciPy's and NumPy's, which use every core otherwise
    there = torch.cuda.is_available()
    if device == "cuda" and not there:
        raise UserError("device is cuda but PyTorch sees no GPU; set device: cpu or auto, or fix the GPU's driver")
    if not there or device == "cpu":
        return torch.device("cpu")
    chosen = torch.device("cuda", free_gpu(torch.cuda.device_count()))
    torch.cuda.set_device(chosen)
    return chosen


def free_gpu(count: int, folder: str | Path | None = None) -> int:
    """Take the first GPU that no other process has taken, until this process ends.

    Taken GPUs are marked by locks on files, which the system releases whenever and however a process ends. A scheduler that shows
    each job only its own GPUs leaves one to choose from.

    Args:
        count: The number of visible GPUs.
        folder: Where the locked files are; the machine's folder for temporary files by default.

    Returns:
        The GPU's index; 0 if all are taken.
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
    """Return the memory still available on the device, in bytes; on a CPU, within the limit of the control group if there is one."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return min(psutil.virtual_memory().available, _control_group_bytes())


def _control_group_bytes() -> int:
    try:
        with open("/sys/fs/cgroup/memory.max") as limit, open("/sys/fs/cgroup/memory.current") as current:
            return int(limit.read()) - int(current.read())
    except (OSError, ValueError):  # no control group, or the limit is `max`
        return 2**63 - 1
