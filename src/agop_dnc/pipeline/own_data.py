"""Runs of your own data: a configuration named after each file, so that no run overwrites another's."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from ..errors import UserError


def run_name(path: str | Path) -> str:
    """Return the name of a file's run and dataset: its stem, with characters that names cannot have replaced.

    >>> run_name("data/my digits.npz"), run_name("2024.npz")
    ('my-digits', 'data-2024')
    """
    stem = re.sub(r"[^A-Za-z0-9_-]+", "-", Path(path).stem).strip("-_") or "data"
    return stem if stem[0].isalpha() else f"data-{stem}"


def configuration(files: Sequence[str | Path], template: str | Path, run: str | None = None) -> dict[str, Any]:
    """Return the configuration for files of your own, from the settings of a template for one dataset.

    Args:
        files: npz files (or csv); each becomes a dataset named after it.
        template: A configuration whose studies name one dataset, which is replaced by these.
        run: The run's name; after the first file if not given.

    Raises:
        UserError: If a file does not exist, or two files would have one name.
    """
    names = [run_name(file) for file in files]
    for file, name in zip(files, names, strict=True):
        if not Path(file).is_file():
            raise UserError(f"the file {file} does not exist (looked for {Path(file).resolve()}); check its path")
        if names.count(name) > 1:
            raise UserError(f"two of the files would be called '{name}'; rename one")
    content: dict[str, Any] = yaml.safe_load(Path(template).read_text(encoding="utf-8"))
    (old,) = content["datasets"]
    content["run"] = run or names[0]
    content["datasets"] = {name: _settings(Path(file)) for file, name in zip(files, names, strict=True)}
    for section in content.values():
        if isinstance(section, dict) and section.get("datasets") == [old]:
            section["datasets"] = names
    return content


def check_same_data(settings: str | Path, content: dict[str, Any]) -> None:
    """Check that a configuration that is there already is about the files that are asked for now.

    Args:
        settings: The configuration's file, written by an earlier call and perhaps changed by the user since.
        content: What :func:`configuration` returns for the files that are asked for now.

    Raises:
        UserError: If it lacks one of the files: an earlier run on other data would stand for the one asked for.
    """
    folder = Path(settings).resolve().parent
    there = yaml.safe_load(Path(settings).read_text(encoding="utf-8")) or {}
    before, now = (
        {(folder / entry["path"]).resolve() for entry in found.get("datasets", {}).values() if "path" in entry}
        for found in (there, content)
    )
    if missing := sorted(map(str, now - before)):
        raise UserError(
            f"{settings} is there already and is not about {', '.join(missing)}; give this run a name of its own with --name "
            "(NAME=… with make), or remove that file"
        )


def _settings(file: Path) -> dict[str, str]:
    return {"source": file.suffix.removeprefix(".") if file.suffix == ".csv" else "npz", "path": str(file.resolve())}
