"""Write files atomically, and lock files with locks that end with their process."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path next to `path`, and move it to `path` when the block ends without an error.

    The temporary file keeps the suffix of `path`, because some writers choose their format by it, and is removed after an error. It
    always has the same name, so that the next writer overwrites what a killed process left. Missing parent folders are created.

    Args:
        path: The file to replace.

    Yields:
        The temporary path to write to.
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
    """Write a text file in UTF-8, completely or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def try_lock(path: str | Path) -> IO[str] | None:
    """Take an exclusive lock on a file without waiting.

    Args:
        path: The file to lock, which is created if it is missing.

    Returns:
        An open file that holds the lock until it is closed or the process ends; None if another process holds the lock.
    """
    file = open(path, "w")  # noqa: SIM115 (the caller closes it)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file


@contextmanager
def locked(path: str | Path) -> Iterator[None]:
    """Hold an exclusive lock on a file, after waiting for any other process that holds it.

    The file is not deleted afterwards: otherwise two processes could hold locks on two different files of the same name.
    """
    with open(path, "w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
