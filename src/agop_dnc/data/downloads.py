"""Torchvision's datasets: read from their folder, or fetched so that nothing half-written is ever taken for whole.

torchvision takes a file of MNIST that is there for one that was unpacked to its end, and unpacks next to what it reads. So
a fetch works in a folder of its own, `.<dataset>.partial` under the root, where torchvision downloads, checks and unpacks;
only what it then reads without complaint is moved to its place: file by file, and a folder of images as a whole, since
torchvision takes a folder that is there for complete. Of what an interrupted fetch left in the partial folder, the next keeps
the archives alone, as torchvision checks their MD5 before it uses them.
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
# torchvision names these inside its functions only.
GTSRB_ARCHIVES = {
    "gtsrb/GTSRB-Training_fixed.zip": "513f3c79a4c5141765e10e952eaa2478",
    "gtsrb/GTSRB_Final_Test_Images.zip": "c7e4e6327067d32654124b0fe9e82185",
    "gtsrb/GTSRB_Final_Test_GT.zip": "fe31e9c9270bbcd7b84b7f21a9d9d9e5",
}
FOLDERS = {"GTSRB": ("gtsrb/GTSRB",), "CelebA": ("celeba/img_align_celeba",)}  # moved as a whole


def read(kind: Any, splits: Sequence[Mapping[str, Any]], root: Path) -> list[Any]:
    """Return the splits of one of torchvision's datasets from the files under root; raises whatever torchvision raises."""
    return [kind(root, **split) for split in splits]


def read_or_fetch(kind: Any, splits: Sequence[Mapping[str, Any]], root: Path) -> list[Any]:
    """Return the splits of one of torchvision's datasets, and fetch it first if root has no whole copy.

    If a complete copy exists, neither network nor write access is needed. Archives under root whose checksums are right are
    not downloaded again. A damaged file under root is replaced only when its whole replacement is there. Raises whatever
    torchvision and the file system raise.
    """
    with suppress(Exception):
        return read(kind, splits, root)
    root.mkdir(parents=True, exist_ok=True)
    with _alone(root / f".{kind.__name__}.lock"):
        with suppress(Exception):  # another process may have fetched it meanwhile
            return read(kind, splits, root)
        partial = root / f".{kind.__name__}.partial"
        _keep_archives(kind, partial, root)
        with _giving_up_after(SILENCE):
            for split in splits:
                kind(partial, download=True, **split)
        _move(partial, root, FOLDERS.get(kind.__name__, ()))
        shutil.rmtree(partial)
        return read(kind, splits, root)  # not what was read before: it may know its files by where they were


def unreadable(kind: Any, root: Path) -> list[str]:
    """Return the paths under root of the dataset's files that are missing, of a wrong size or of a wrong checksum."""
    name = kind.__name__
    if name in ("MNIST", "FashionMNIST"):  # torchvision has no checksums of what it unpacked
        return [file for file in _unpacked(kind) if not _is_whole_idx(root / file)]
    if name == "EMNIST":
        files = [f"EMNIST/raw/emnist-letters-train-{part}-ubyte" for part in ("images-idx3", "labels-idx1")]
        return [file for file in files if not _is_whole_idx(root / file)]
    if name == "GTSRB":
        parts = ("gtsrb/GTSRB/Training", "gtsrb/GTSRB/Final_Test/Images", "gtsrb/GT-final_test.csv")
        return [part for part in parts if not (root / part).exists()]
    checksums = _archives(kind)
    missing = []
    if name in ("CIFAR10", "CIFAR100"):
        batches = [*kind.train_list, *kind.test_list, (kind.meta["filename"], kind.meta["md5"])]
        checksums = {f"{kind.base_folder}/{file}": md5 for file, md5 in batches}
    elif name == "CelebA":
        checksums = {file: md5 for file, md5 in checksums.items() if not file.endswith(".zip")}
        missing = [folder for folder in FOLDERS[name] if not (root / folder).is_dir()]
    return [file for file, md5 in checksums.items() if not _has_md5(root / file, md5)] + missing


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
    """Return what torchvision downloads for all splits: path under its root, and MD5."""
    name = kind.__name__
    if name in ("MNIST", "FashionMNIST"):
        return {f"{name}/raw/{file}": md5 for file, md5 in kind.resources}
    if name == "EMNIST":
        return {f"EMNIST/raw/{os.path.basename(kind.url)}": kind.md5}
    if name in ("CIFAR10", "CIFAR100"):
        return {kind.filename: kind.tgz_md5}
    if name == "GTSRB":
        return dict(GTSRB_ARCHIVES)
    if name == "CelebA":
        return {f"{kind.base_folder}/{file}": md5 for _, md5, file in kind.file_list}
    return {file: md5 for _, file, md5 in (kind.split_list[split] for split in ("train", "test"))}


def _unpacked(kind: Any) -> list[str]:
    return [archive.removesuffix(".gz") for archive in _archives(kind)]


def _keep_archives(kind: Any, partial: Path, root: Path) -> None:
    """Clear the folder but for archives, and link those under root that are right, which torchvision then leaves alone."""
    archives = _archives(kind)
    for path in _files(partial):
        if path.is_symlink() or str(path.relative_to(partial)) not in archives:
            path.unlink()
    for folder in sorted((path for path in partial.rglob("*") if path.is_dir()), reverse=True):
        with suppress(OSError):  # an empty folder would be taken for a complete one
            folder.rmdir()
    for archive, md5 in archives.items():
        if _has_md5(root / archive, md5):
            link = partial / archive
            link.parent.mkdir(parents=True, exist_ok=True)
            link.unlink(missing_ok=True)
            link.symlink_to((root / archive).resolve())


def _move(partial: Path, root: Path, folders: Sequence[str]) -> None:
    """Move what was fetched to its place: files first, then each folder of images in one step."""
    for path in _files(partial):
        within = path.relative_to(partial)
        if not path.is_symlink() and not any(within.is_relative_to(folder) for folder in folders):
            place = root / within
            place.parent.mkdir(parents=True, exist_ok=True)
            os.replace(path, place)
    for folder in folders:
        place = root / folder
        place.parent.mkdir(parents=True, exist_ok=True)
        if place.exists():
            os.replace(place, partial / "replaced")
        os.replace(partial / folder, place)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())


def _has_md5(path: Path, md5: str) -> bool:
    from torchvision.datasets.utils import check_integrity

    try:
        return bool(check_integrity(path, md5))
    except OSError:
        return False


def _is_whole_idx(path: Path) -> bool:
    """Return whether a file of bytes is as long as its header says: 2 zeros, type, number of axes, then each axis's length."""
    try:
        with open(path, "rb") as file:
            header = file.read(4)
            lengths = struct.unpack(f">{header[3]}I", file.read(4 * header[3]))
    except (OSError, IndexError, struct.error):
        return False
    length: int = 4 + 4 * len(lengths) + math.prod(lengths)
    return path.stat().st_size == length
