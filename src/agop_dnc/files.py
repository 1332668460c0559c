"""Writing files so that each is whole or not there, and locks that end with their process."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Give a path next to `path` to write to; what was written takes its place when the block ends without an error.

    The temporary file keeps the suffix, as some writers go by it, and is removed after an error. It always has the same name, so
    that what a killed process left is overwritten by the next one. Missing folders are made.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.partial{path.suffix}")
    temporary.unlink(missing_ok=True)
    try:
        yield temporary
        temporary.chmod(0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def write_text(path: str | Path, text: str) -> None:
    """Write a text file in UTF-8; it is whole or not there."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def try_lock(path: str | Path) -> IO[str] | None:
    """Return an open file that holds an exclusive lock until it is closed or the process ends; None if another holds it."""
    file = open(path, "w")  # noqa: SIM115 (closed by the caller)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file


@contextmanager
def locked(path: str | Path) -> Iterator[None]:
    """Hold an exclusive lock on a file, waiting for other processes that hold it.

    The file stays: if it were deleted, two processes could hold locks on two files of one name.
    """
    with open(path, "w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
