"""Run the body of a rule's script: send its output to the log, and print one clear line on the terminal if it fails."""

import atexit
import errno
import fcntl
import gc
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import warm

# Use the library from this checkout, so that a conda environment only needs its dependencies.
SOURCE = Path(__file__).resolve().parents[2] / "src"
sys.path.insert(0, str(SOURCE))
warm.hand_over()

# Seconds between two lines of progress.
IN_THE_LOG, ON_THE_TERMINAL = 10, 60


@contextmanager
def job(snakemake: Any) -> Iterator[Callable[..., Any]]:
    """Run a rule's body with stdout and stderr, including those of child processes, redirected to the rule's log.

    Before the body, the inputs are checked against their records; after it, the provenance of the outputs and the job's costs are
    recorded. If an error occurs, the traceback goes to the log, one line with the rule, its wildcards, the problem and the log's path
    goes to the terminal, and the process exits with status 1.

    Args:
        snakemake: The object that Snakemake gives to a script.

    Yields:
        A function that is called like tqdm, and writes a line to the log every 10 seconds and to the terminal every minute.
    """
    from agop_dnc.pipeline import costs, provenance

    # What libraries allocate while they are imported is never garbage. Collecting it during the import and at exit would take a
    # quarter of torch's import time.
    gc.set_threshold(50_000)
    atexit.register(gc.freeze)
    terminal = os.dup(2)
    account = Path(f"{snakemake.log[0]}.account")
    account.unlink(missing_ok=True)  # of a job that was killed
    os.environ[warm.ACCOUNT] = str(account.absolute())
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
            costs.record(snakemake.log[0], account)
        except Exception as error:
            with suppress(OSError):  # the log may be on the full disk
                traceback.print_exc()
            reason = _reason(error)
            line = f"Error: {about}: {reason} [log: {snakemake.log[0]}]\n"
            os.write(terminal, line.encode("utf-8", "replace"))
            sys.exit(1)


def _reason(error: Exception) -> str:
    """Return what is wrong and, if known, the remedy."""
    from agop_dnc.errors import UserError

    if isinstance(error, UserError):
        return str(error)
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return "the disk is full; make room and run the same command again"
    # PyTorch's own error is recognised by its name, since not every job imports torch. Its beginning says how much was requested.
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        asked = str(error).partition(". GPU")[0]
        return f"the memory is full ({asked}); use a smaller n, or another GPU, or device: cpu"
    return f"{type(error).__name__}: {error}"


class _Lines:
    """A file for a progress bar: whole lines go to the log and, less often, to the terminal."""

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

    shown = {"bar_format": "{n_fmt} of {total_fmt} {unit}, {elapsed} elapsed, {remaining} left"}
    return tqdm(*arguments, file=lines, mininterval=IN_THE_LOG, miniters=1, **(shown | settings))


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Lock a folder for this process, after waiting for any other process that a scheduler has not yet ended and that still uses it.

    Args:
        folder: The folder; the lock is a file next to it.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    lock = folder.with_name(f"{folder.name}.lock")
    held = _locked(lock)
    # If the previous holder has deleted the file, this lock is worthless: a third process could create and lock a new one.
    while not _is_at(held, lock):
        held.close()
        held = _locked(lock)
    with held:
        yield
        lock.unlink(missing_ok=True)


def _locked(path: Path) -> Any:
    file = open(path, "w")  # noqa: SIM115 (the caller closes it)
    fcntl.flock(file, fcntl.LOCK_EX)
    return file


def _is_at(file: Any, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.stat(path))
    except FileNotFoundError:
        return False
