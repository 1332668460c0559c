"""Record where a run's files come from, and verify that they still match their records.

The record of a file is `provenance/<name>.json` in the same folder: the file's own SHA-256, those of the inputs of the job that
made it, the job's settings and the whole configuration, the versions, the device, and the commit of the repository. It contains
no times, so equal runs leave equal records.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ..errors import UserError
from ..files import write_text
from .instructions import processor

_REPOSITORY = "repository:"
PACKAGES = ("agop-dnc", "torch", "torchvision", "numpy", "scipy", "scikit-learn", "pandas", "matplotlib", "snakemake")


def sha256(path: str | Path) -> str:
    """Return the SHA-256 of a file, or of the names and contents of all files in a folder.

    Hidden files in a folder are ignored, since Snakemake leaves one there.
    """
    path = Path(path)
    if path.is_file():
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    parts = sorted(part for part in path.rglob("*") if part.is_file() and not part.name.startswith("."))
    listed = "".join(f"{part.relative_to(path)} {sha256(part)}\n" for part in parts)
    return hashlib.sha256(listed.encode()).hexdigest()


def versions() -> dict[str, str]:
    """Return the versions of Python and of those packages that numbers and pictures depend on and that are installed."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def repository_state(repository: str | Path) -> dict[str, Any]:
    """Return the commit that is checked out and whether tracked files differ from it.

    Args:
        repository: The folder of the repository.

    Returns:
        A dictionary with the keys `commit` and `dirty`, both None if there is no git repository.
    """
    command = ["git", "-C", str(repository)]
    try:
        commit = subprocess.run([*command, "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout
        changes = subprocess.run([*command, "diff", "--quiet", "HEAD"], capture_output=True).returncode
    except (OSError, subprocess.CalledProcessError):
        return {"commit": None, "dirty": None}
    return {"commit": commit.strip(), "dirty": changes != 0}


def device_name() -> str:
    """Return the name of the GPU if this process has used one, otherwise that of the processor."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        return str(torch.cuda.get_device_name())
    return processor().get("model name") or platform.machine()


def record_path(path: str | Path) -> Path:
    """Return the path of a file's record.

    >>> record_path("results/default/tables/nfa.csv").as_posix()
    'results/default/tables/provenance/nfa.csv.json'
    """
    path = Path(path)
    return path.parent / "provenance" / f"{path.name}.json"


def checked(inputs: Iterable[str]) -> dict[str, str]:
    """Hash a job's inputs and check them against their records.

    An input that does not match (truncated, damaged on the disk, or edited) is moved aside, so that the workflow recreates it. Inputs
    without a record, such as a user's own data, are accepted as they are.

    Args:
        inputs: The paths of a job's inputs.

    Returns:
        The SHA-256 of each input by its path.

    Raises:
        UserError: If an input does not match its record.
    """
    found = {path: sha256(path) for path in sorted(inputs)}
    for path, digest in found.items():
        known = record_path(path)
        if known.exists() and json.loads(known.read_text(encoding="utf-8"))["sha256"] != digest:
            aside = Path(f"{path}.damaged")
            if aside.is_dir():
                shutil.rmtree(aside)
            os.replace(path, aside)
            raise UserError(
                f"{path} is not what its job wrote: it was truncated, damaged or edited, and has been moved to {aside}; "
                "run the same command again to recreate it"
            )
    return found


def record(outputs: Iterable[str], inputs: Mapping[str, str], about: Mapping[str, Any], repository: str | Path) -> None:
    """Write the record of each output.

    Paths are recorded as given, except those inside the repository, which are recorded relative to it.

    Args:
        outputs: The files or folders that a job wrote.
        inputs: What :func:`checked` returned for the job.
        about: Further entries of the record: rule, wildcards, params, configuration.
        repository: The folder of the repository.
    """
    shared = {
        "inputs": {_portable(path, repository): digest for path, digest in inputs.items()},
        **about,
        "versions": versions(),
        "device": device_name(),
        "repository": repository_state(repository),
    }
    for path in outputs:
        folder = {"folder": True} if Path(path).is_dir() else {}
        _write(record_path(path), {"file": path, "sha256": sha256(path)} | folder | shared)


def verify(folders: Iterable[str | Path], repository: str | Path, base: str | Path = ".") -> Iterator[tuple[str, str]]:
    """Find recorded files that no longer match their records.

    A file may be missing, edited since it was made, older than an input that has changed since, or made with versions other than
    those installed. Inputs that no longer exist were temporary and are skipped.

    Args:
        folders: The folders to search for records.
        repository: The folder of the repository, for paths recorded relative to it.
        base: The folder the run was started in, for all other relative paths.

    Yields:
        The path of a file and the end of a sentence that says what is wrong with it.
    """
    here, base = versions(), Path(base)
    known: dict[str, str | None] = {}

    def now(path: str) -> str | None:
        if path not in known:
            inside = path.startswith(_REPOSITORY)
            there = Path(repository, path.removeprefix(_REPOSITORY)) if inside else base / path
            known[path] = sha256(there) if there.exists() else None
        return known[path]

    for found in sorted(path for folder in folders for path in Path(folder).rglob("provenance/*.json")):
        kept = json.loads(found.read_text(encoding="utf-8"))
        file, recorded = kept["file"], kept["sha256"]
        if now(file) is None and kept.get("folder"):
            continue  # snapshots, which are deleted once they are measured
        if now(file) is None:
            yield file, "is gone; run the workflow again to make it"
        elif now(file) != recorded:
            yield file, "was edited: it is not what its job wrote"
        for path, digest in kept["inputs"].items():
            if now(path) not in (None, digest):
                yield file, f"has a changed input: {path} is not what it was made from"
        for name, used in kept["versions"].items():
            if here.get(name) != used:
                yield file, f"has a changed version: it was made with {name} {used}, but {here.get(name)} is installed"


def _portable(path: str, repository: str | Path) -> str:
    """Return a path inside the repository in a form that does not depend on where the repository is."""
    if Path(path).is_absolute() and Path(path).is_relative_to(Path(repository).resolve()):
        return _REPOSITORY + Path(path).relative_to(Path(repository).resolve()).as_posix()
    return path


def _write(path: Path, content: Mapping[str, Any]) -> None:
    write_text(path, json.dumps(content, ensure_ascii=False, indent=1, default=str) + "\n")
