"""Tables from OpenML by number, and its suites of tasks, fetched once and kept in a cache.

Suites often used: 99 (CC18, classification); 297, 298, 299, 304 (Grinsztajn et al., NeurIPS 2022: regression and classification on
numerical features, then on numerical and categorical ones).
"""

from __future__ import annotations

import json
import os
import tempfile
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import UserError
from .csv_source import numeric_matrix
from .tabular import Table, classification_table, regression_table

API = "https://www.openml.org/api/v1/json"
SUITES = (99, 297, 298, 299, 304)
TIMEOUT = 60.0  # seconds without an answer after which the server is given up
UNKNOWN = 412  # OpenML's status for a number that it does not know


@dataclass(frozen=True)
class Task:
    """One task of a suite.

    Attributes:
        number: The task's number at OpenML.
        data: The number of its table.
        target: The column to predict.
    """

    number: int
    data: int
    target: str


def suite(number: int, cache: str | Path) -> tuple[Task, ...]:
    """Return the tasks of a suite, in OpenML's order.

    Args:
        number: The suite's number, such as 99 for CC18.
        cache: The folder where answers are kept.

    Raises:
        UserError: If OpenML has no such suite or cannot be reached.
    """
    what = f"OpenML suite {number}"
    known = f"; suites often used are {', '.join(map(str, SUITES))}"
    answer = _fetch(f"study/{number}", what, Path(cache).expanduser(), known)
    tasks = answer.get("study", {}).get("tasks", {}).get("task_id", [])
    if not tasks:
        raise UserError(f"{what} has no tasks{known}")
    tasks = [tasks] if isinstance(tasks, str) else tasks  # OpenML's JSON has no list of one
    return tuple(task(int(each), cache) for each in tasks)


def task(number: int, cache: str | Path) -> Task:
    """Return what a task predicts from which table; arguments and errors as for :func:`suite`."""
    what = f"OpenML task {number}"
    answer = _fetch(f"task/{number}", what, Path(cache).expanduser(), "; correct its number")
    for part in answer.get("task", {}).get("input", []):
        if part.get("name") == "source_data":
            source = part["data_set"]
            return Task(number, int(source["data_set_id"]), source["target_feature"])
    raise UserError(f"{what} has no table; leave it out")


def read(data: int, cache: str | Path, target: str | None = None, retries: int = 3) -> Table:
    """Return a table of OpenML by its number, with columns of text one-hot encoded.

    Targets that are numbers at OpenML make it a regression, others a classification.

    Args:
        data: The table's number at OpenML, such as 61 for iris.
        cache: The folder where files are kept, in scikit-learn's layout.
        target: The column to predict; OpenML's default if None.
        retries: How often a failed request is repeated, at least once.

    Raises:
        UserError: If there is no such table, it cannot be fetched, or it has empty cells.
    """
    from sklearn.datasets import fetch_openml

    what = f"OpenML table {data}"
    folder = Path(cache).expanduser()
    try:
        bunch = fetch_openml(
            data_id=data,
            target_column="default-target" if target is None else target,
            data_home=folder,
            as_frame=True,
            n_retries=retries,
        )
    except OSError as error:  # HTTP's errors are of this kind, too
        raise UserError(_unreachable(what, folder, error)) from error
    except (ValueError, KeyError) as error:
        said = " ".join(str(error).split()).rstrip(".").strip("'\"")
        raise UserError(f"{what} cannot be read ({said}); correct its number or target, or leave it out") from error
    if bunch.target is None or bunch.target.ndim != 1:
        raise UserError(
            f"{what} has no single default target; name one of its columns: {', '.join(bunch.frame.columns)}"
        )
    X, features = numeric_matrix(what, bunch.data)
    name, y = f"{bunch.details['name']}-{data}", bunch.target
    if y.dtype.kind in "iuf":
        return regression_table(name, X, y.to_numpy(np.float64), features=features)
    return classification_table(name, X, y.astype(str).to_numpy(np.str_), features=features)


def _fetch(path: str, what: str, cache: Path, remedy: str) -> dict[str, Any]:
    """Return OpenML's answer to a request, from the cache if it is there."""
    kept = cache / "openml.org" / "api" / "v1" / "json" / f"{path}.json"
    if kept.is_file():
        return _parse(kept.read_bytes(), what)
    try:
        with urllib.request.urlopen(f"{API}/{path}", timeout=TIMEOUT) as response:
            content = response.read()
    except OSError as error:
        if isinstance(error, urllib.error.HTTPError):
            error.close()
            if error.code == UNKNOWN:
                raise UserError(f"{what} does not exist{remedy}") from error
        raise UserError(_unreachable(what, cache, error)) from error
    answer = _parse(content, what)
    _write(kept, content)
    return answer


def _parse(content: bytes, what: str) -> dict[str, Any]:
    try:
        answer = json.loads(content)
    except ValueError as error:
        raise UserError(f"{what}: OpenML's answer is no JSON ({error}); try again later") from error
    if not isinstance(answer, dict):
        raise UserError(f"{what}: OpenML's answer is a {type(answer).__name__}; try again later")
    return answer


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    os.replace(temporary, path)


def _unreachable(what: str, cache: Path, error: Exception) -> str:
    return f"{what} cannot be fetched ({error}); check the network, or copy a cache that has it to {cache}"
