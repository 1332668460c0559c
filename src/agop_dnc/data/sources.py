"""Where datasets come from: scikit-learn, torchvision, or a user's npz or csv file, each read to the same four arrays.

A reader takes the dataset's name in the configuration, its settings, the folder of torchvision's datasets and whether to
fetch one that is not there. It returns the arrays as they come, images channels last, and raises UserError if it cannot.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..errors import UserError
from ..randomness import generator
from .checks import SAVE_NPZ
from .settings import KEYS

TORCHVISION_POINTS = 50_000  # the paper's "first 50,000 training points"
ONE_POOL = ("sklearn", "csv")  # sources without a split of their own: what is beyond n is for testing


@dataclass(frozen=True)
class Raw:
    """The arrays of a source.

    Attributes:
        x_train: N×H×W[×C] or N×d.
        y_train: N.
        x_test: As x_train; without points if there are none for testing.
        y_test: As y_train.
        names: The classes' names by label, if the source has any.
        shuffled: Whether the training points are in drawn order already.
    """

    x_train: NDArray[Any]
    y_train: NDArray[Any]
    x_test: NDArray[Any]
    y_test: NDArray[Any]
    names: Sequence[str] | None = None
    shuffled: bool = False


Reader = Callable[[str, Mapping[str, Any], Path, bool], Raw]


def read(name: str, settings: Mapping[str, Any], root: Path, download: bool) -> Raw:
    """Return the arrays of a dataset from the source that its settings name.

    Raises:
        UserError: If a setting is for another source, or the source cannot be read.
    """
    source = settings["source"]
    for key, sources in KEYS.items():
        if settings.get(key) is not None and source not in sources:
            raise UserError(f"dataset {name}: {key} is for source: {' or '.join(sources)}, not for {source}; remove it")
    return READERS[source](name, settings, root, download)


def draw_order(n: int) -> NDArray[np.int64]:
    """Return the order of n training points for the setting `shuffle`: drawn, but the same in every run."""
    return torch.randperm(n, generator=generator(0, "order of training points")).numpy()


def user_file(name: str, settings: Mapping[str, Any]) -> Path:
    """Return the path of a user's file, relative to the working directory, with `~` expanded.

    Raises:
        UserError: If the settings have no path or no file is there.
    """
    if not settings.get("path"):
        raise UserError(f"dataset {name}: it has no path; set datasets.{name}.path to its file")
    path = Path(settings["path"]).expanduser()
    if not path.is_file():
        looked = "" if path.is_absolute() else f" in {Path.cwd()}"
        raise UserError(f"dataset {name}: the file {path} was not found{looked}; correct datasets.{name}.path")
    return path


def _read_sklearn(name: str, settings: Mapping[str, Any], root: Path, download: bool) -> Raw:
    from sklearn.datasets import load_digits

    digits = load_digits()
    x = digits.images.astype(np.uint8)  # grey levels 0 … 16
    return Raw(x, digits.target, x[:0], digits.target[:0])


def _read_torchvision(name: str, settings: Mapping[str, Any], root: Path, download: bool) -> Raw:
    from . import torchvision_source  # which most runs do not need

    return torchvision_source.read(name, settings, root, download)


def _read_csv(name: str, settings: Mapping[str, Any], root: Path, download: bool) -> Raw:
    from . import csv_source

    X, y = csv_source.read(f"dataset {name}", user_file(name, settings), settings.get("target"))
    return Raw(X, y, X[:0], y[:0])


def _read_npz(name: str, settings: Mapping[str, Any], root: Path, download: bool) -> Raw:
    path = user_file(name, settings)
    if not zipfile.is_zipfile(path):
        raise UserError(f"dataset {name}: {path.name} is not an npz file{_hint(path)}")
    try:
        # Opened here, as numpy leaves a file open that turns out not to be an npz.
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            arrays = {
                key: _member(name, file, key) for key in ("x_train", "y_train", "x_test", "y_test") if key in file
            }
    except (OSError, ValueError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(f"dataset {name}: {path} is damaged ({error}); save it again with {SAVE_NPZ}") from error
    for key in ("x_train", "y_train"):
        if key not in arrays:
            raise UserError(f"dataset {name}: {path} has no array {key}; save it with {SAVE_NPZ}")
    if ("x_test" in arrays) != ("y_test" in arrays):
        raise UserError(f"dataset {name}: {path} has only one of x_test and y_test; give both or neither")
    for key in ("x_train", "y_train", "x_test", "y_test"):
        if key in arrays and arrays[key].ndim == 0:
            raise UserError(f"dataset {name}: {key} is a single value, not an array; save one row per point")
    x_train, y_train = arrays["x_train"], arrays["y_train"]
    return Raw(x_train, y_train, arrays.get("x_test", x_train[:0]), arrays.get("y_test", y_train[:0]))


def _member(name: str, file: Any, key: str) -> NDArray[Any]:
    """Return one array of an npz; arrays of Python objects, as pandas gives them, are refused by name."""
    try:
        array: NDArray[Any] = file[key]
    except ValueError as error:
        if "allow_pickle" not in str(error):
            raise
        kind = "str" if key.startswith("y") else "float"
        raise UserError(f"dataset {name}: {key} holds Python objects; save {key}.astype({kind}) instead") from error
    return array


def _hint(path: Path) -> str:
    """Return the end of the sentence about a file that is no npz: what it is and what to do."""
    if path.suffix.lower() in (".csv", ".tsv", ".txt"):
        return "; set source: csv to read it as a table, with the column of the labels as target"
    with path.open("rb") as file:
        if file.read(6) == b"\x93NUMPY":
            return f" but a single array; save points and labels together with {SAVE_NPZ}"
    return f"; save points and labels with {SAVE_NPZ}"


READERS: dict[str, Reader] = {
    "sklearn": _read_sklearn,
    "torchvision": _read_torchvision,
    "npz": _read_npz,
    "csv": _read_csv,
}
