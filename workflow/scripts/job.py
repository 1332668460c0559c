"""What every script of a rule runs in: output to the log, one clear line to the terminal when it fails."""

import atexit
import ctypes
import errno
import fcntl
import gc
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

# The library from this very checkout, so that a conda environment need hold only its dependencies.
SOURCE = Path(__file__).resolve().parents[2] / "src"
sys.path.insert(0, str(SOURCE))

# Seconds between two lines of progress.
IN_THE_LOG, ON_THE_TERMINAL = 10, 60


@contextmanager
def job(snakemake: Any) -> Iterator[Callable[..., Any]]:
    """Run a rule's body: stdout and stderr, of child processes too, go to the rule's log.

    On an error the traceback goes to the log, one line with the rule, its wildcards, what is wrong and where the log is goes
    to the terminal, and the process exits with 1. Inputs are checked against their records before, and a record of where its
    files come from is left after. Gives a function that is called as tqdm is, and writes a line to the log every 10 seconds and
    to the terminal every minute.
    """
    from agop_dnc.pipeline import costs, provenance

    # Of what libraries allocate while they are imported nothing is garbage; looking for some, then and once more at exit, is
    # a quarter of the time that importing torch takes.
    gc.set_threshold(50_000)
    atexit.register(gc.freeze)
    terminal = os.dup(2)
    which = ", ".join(f"{key}={value}" for key, value in snakemake.wildcards.items())
    about = f"{snakemake.rule}{f' ({which})' if which else ''}"
    with open(snakemake.log[0], "w", encoding="utf-8", buffering=1) as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
        try:
            inputs = provenance.checked(snakemake.input)
            yield partial(_progress, _Lines(terminal, about))
            made_by = {
                "rule": snakemake.rule,
                "wildcards": dict(snakemake.wildcards.items()),
                "params": dict(snakemake.params.items()),
                "configuration": {key: value for key, value in snakemake.config.items() if key != "captions"},
            }
            provenance.record(snakemake.output, inputs, made_by, SOURCE.parent)
            costs.record(snakemake.log[0])
        except Exception as error:
            with suppress(OSError):  # the log may be on the disk that is full
                traceback.print_exc()
            reason = _reason(error)
            line = f"Error: {about}: {reason} [log: {snakemake.log[0]}]\n"
            os.write(terminal, line.encode("utf-8", "replace"))
            sys.exit(1)


def _reason(error: Exception) -> str:
    """What is wrong, and where that is known what to do about it."""
    from agop_dnc.errors import UserError

    if isinstance(error, UserError):
        return str(error)
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return "the disk is full; make room and run the same command again"
    # PyTorch's own error, by its name: not every job imports it. Its first sentence says how much was asked for.
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        asked = str(error).partition(". GPU")[0]
        return f"the memory is full ({asked}); use a smaller n, or another GPU, or device: cpu"
    return f"{type(error).__name__}: {error}"


class _Lines:
    """What a bar of progress is written to: whole lines, in the log and more rarely on the terminal."""

    def __init__(self, terminal: int, about: str) -> None:
        self._terminal, self._about = terminal, about
        self._said = time.monotonic()

    def write(self, text: str) -> None:
        line = text.strip()
        if line:
            print(line)
            if time.monotonic() - self._said >= ON_THE_TERMINAL:
                os.write(self._terminal, f"{self._about}: {line}\n".encode("utf-8", "replace"))
                self._said = time.monotonic()

    def flush(self) -> None:
        sys.stdout.flush()


def _progress(lines: _Lines, *arguments: Any, **settings: Any) -> Any:
    from tqdm import tqdm

    shown = {"bar_format": "{n_fmt} of {total_fmt} {unit}, {elapsed} gone, {remaining} left"}
    return tqdm(*arguments, file=lines, mininterval=IN_THE_LOG, miniters=1, **(shown | settings))


def die_with_parent() -> None:
    """Have the kernel end this process when Snakemake's job process ends, however it ends (Linux; elsewhere nothing).

    Otherwise the children of a killed Snakemake would go on beside those of its next start.
    """
    if sys.platform == "linux":
        set_parent_death_signal = 1
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold a folder for this process: wait while another, which a scheduler has not ended yet, still works in it."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    lock = folder.with_name(f"{folder.name}.lock")
    held = _locked(lock)
    # Whoever waited for a lock that its holder has deleted holds nothing: a third process would create the file, and the lock, again.
    while not _is_at(held, lock):
        held.close()
        held = _locked(lock)
    with held:
        yield
        lock.unlink(missing_ok=True)


def _locked(path: Path) -> Any:
    file = open(path, "w")  # noqa: SIM115 (closed by who holds it)
    fcntl.flock(file, fcntl.LOCK_EX)
    return file


def _is_at(file: Any, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.stat(path))
    except FileNotFoundError:
        return False
