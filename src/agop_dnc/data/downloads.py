"""Torchvision's datasets: read where they lie, or fetched so that nothing half-written is ever taken for whole.

torchvision takes a file of MNIST that is there for one that was unpacked to its end, and unpacks beside what it reads. So
a fetch works in a folder of its own, `.<dataset>.partial` under the root, where torchvision downloads, checks and unpacks;
only what it then reads without complaint is moved to its place, file by file. Of what an interrupted fetch left in that
folder, the next keeps the archives alone, as torchvision checks their MD5 before it uses them.
"""

from __future__ import annotations

import fcntl
import math
import os
import shutil
import socket
import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

SILENCE = 60.0  # seconds without a byte after which a server is given up; torchvision would wait for ever


def read(kind: Any, splits: Sequence[Mapping[str, Any]], root: Path) -> list[Any]:
    """The splits of a dataset, one of torchvision's classes, as they lie under root; raises whatever torchvision raises."""
    return [kind(root, **split) for split in splits]


def read_or_fetch(kind: Any, splits: Sequence[Mapping[str, Any]], root: Path) -> list[Any]:
    """The same, fetched before where root has no whole copy; with one, neither network nor a right to write is needed.

    Archives under root whose checksums are right are not downloaded again. A damaged file under root gives way to its whole
    replacement only. Raises whatever torchvision and the file system raise.
    """
    with suppress(Exception):
        return read(kind, splits, root)
    root.mkdir(parents=True, exist_ok=True)
    with _alone(root / f".{kind.__name__}.lock"):
        with suppress(Exception):  # whoever was waited for may have fetched it
            return read(kind, splits, root)
        partial = root / f".{kind.__name__}.partial"
        _keep_archives(kind, partial, root)
        with _giving_up_after(SILENCE):
            fetched = [kind(partial, download=True, **split) for split in splits]
        for path in _files(partial):
            if not path.is_symlink():
                place = root / path.relative_to(partial)
                place.parent.mkdir(parents=True, exist_ok=True)
                os.replace(path, place)
        shutil.rmtree(partial)
    return fetched


def unreadable(kind: Any, root: Path) -> list[str]:
    """The dataset's files that are not whole under root, by their paths there: missing, of a wrong size or a wrong checksum."""
    if kind.__name__ == "MNIST":  # torchvision has no checksums of what it unpacked
        unpacked = (archive.removesuffix(".gz") for archive in _archives(kind))
        return [file for file in unpacked if not _is_whole_idx(root / file)]
    checksums = _archives(kind)
    if kind.__name__ == "CIFAR10":
        batches = [*kind.train_list, *kind.test_list, (kind.meta["filename"], kind.meta["md5"])]
        checksums = {f"{kind.base_folder}/{file}": md5 for file, md5 in batches}
    return [file for file, md5 in checksums.items() if not _has_md5(root / file, md5)]


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Wait for other processes that hold the lock. Its file stays: deleted, it could be locked twice, under one name."""
    with open(lock, "w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


@contextmanager
def _giving_up_after(seconds: float) -> Iterator[None]:
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _archives(kind: Any) -> dict[str, str]:
    """What torchvision downloads for the two splits: path under its root, and MD5."""
    if kind.__name__ == "MNIST":
        return {f"MNIST/raw/{file}": md5 for file, md5 in kind.resources}
    if kind.__name__ == "CIFAR10":
        return {kind.filename: kind.tgz_md5}
    return {file: md5 for _, file, md5 in (kind.split_list[split] for split in ("train", "test"))}


def _keep_archives(kind: Any, partial: Path, root: Path) -> None:
    """Clear the folder but for archives, and link those under root that are right, which torchvision then leaves alone."""
    archives = _archives(kind)
    for path in _files(partial):
        if path.is_symlink() or str(path.relative_to(partial)) not in archives:
            path.unlink()
    for archive, md5 in archives.items():
        if _has_md5(root / archive, md5):
            link = partial / archive
            link.parent.mkdir(parents=True, exist_ok=True)
            link.unlink(missing_ok=True)
            link.symlink_to((root / archive).resolve())


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())


def _has_md5(path: Path, md5: str) -> bool:
    from torchvision.datasets.utils import check_integrity

    try:
        return bool(check_integrity(path, md5))
    except OSError:
        return False


def _is_whole_idx(path: Path) -> bool:
    """Whether a file of bytes is as long as its header says: 2 zeros, type, number of axes, then each axis's length."""
    try:
        with open(path, "rb") as file:
            header = file.read(4)
            lengths = struct.unpack(f">{header[3]}I", file.read(4 * header[3]))
    except (OSError, IndexError, struct.error):
        return False
    length: int = 4 + 4 * len(lengths) + math.prod(lengths)
    return path.stat().st_size == length
