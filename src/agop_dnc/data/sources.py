"""Where datasets come from: scikit-learn, torchvision or a user's npz, each read to the four arrays that all of them have.

A reader takes what the configuration calls the dataset, its settings, and where torchvision's datasets are and whether to fetch one that is not.
It gives x_train, y_train, x_test, y_test as they come, images channels last, and raises UserError for what cannot be read.
"""

from __future__ import annotations

import textwrap
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError, did_you_mean
from . import downloads

TORCHVISION = {"mnist": "MNIST", "cifar10": "CIFAR10", "svhn": "SVHN"}
Images = NDArray[Any]
Labels = NDArray[np.int64]


def _read_sklearn(name: str, settings: Mapping[str, Any], root: Path, download: bool) -> dict[str, Any]:
    from sklearn.datasets import load_digits

    digits = load_digits()
    x = digits.images.astype(np.uint8)  # grey levels 0 … 16
    return {"x_train": x, "y_train": digits.target, "x_test": x[:0], "y_test": digits.target[:0]}


def _read_torchvision(name: str, settings: Mapping[str, Any], root: Path, download: bool) -> dict[str, Any]:
    import torchvision.datasets

    known = settings.get("dataset", name)
    if known not in TORCHVISION:
        raise UserError(
            f"dataset {name}: torchvision's '{known}' is not among those known here{did_you_mean(known, TORCHVISION)}"
        )
    kind = getattr(torchvision.datasets, TORCHVISION[known])
    splits = [{"split": "train"}, {"split": "test"}] if known == "svhn" else [{"train": True}, {"train": False}]
    root = root.expanduser()  # torchvision does so where it downloads, but not where it reads
    get = downloads.read_or_fetch if download else downloads.read
    try:
        train, test = get(kind, splits, root)
    except Exception as error:  # torchvision raises whatever its readers and the network do
        raise UserError(_torchvision_trouble(name, kind, root, download, error)) from error

    def parts(split: Any) -> tuple[Images, Labels]:
        x = np.asarray(split.data)
        # SVHN comes channels first; images here are channels last until _images has seen them.
        return (x.transpose(0, 2, 3, 1) if known == "svhn" else x), np.asarray(
            getattr(split, "targets", getattr(split, "labels", None))
        )

    (x_train, y_train), (x_test, y_test) = parts(train), parts(test)
    return {"x_train": x_train, "y_train": y_train, "x_test": x_test, "y_test": y_test}


def _torchvision_trouble(name: str, kind: Any, root: Path, download: bool, error: Exception) -> str:
    said = textwrap.shorten(str(error), 400, placeholder=" …").rstrip(".:") or "no reason given"
    reason = f"{type(error).__name__}: {said}"
    if download:
        return (
            f"dataset {name}: downloading to {root} failed ({reason}); check the network and the disk and start again, "
            "or put the files there"
        )
    files = downloads.unreadable(kind, root)
    return (
        f"dataset {name}: no whole copy of it is under {root} "
        f"({'missing or damaged: ' + ', '.join(files) if files else reason}); "
        "set data.root to where it is, or data.download: true to fetch it"
    )


def _read_npz(name: str, settings: Mapping[str, Any], root: Path, download: bool) -> dict[str, Any]:
    path = Path(settings["path"])
    try:
        # Opened here, as numpy leaves a file open that turns out not to be an npz.
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            arrays = {key: file[key] for key in ("x_train", "y_train", "x_test", "y_test") if key in file}
    except FileNotFoundError as error:
        raise UserError(f"dataset {name}: there is no file {path}; mend its path in the configuration") from error
    except (OSError, ValueError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(
            f"dataset {name}: {path} cannot be read as npz ({error}); write it again with numpy.savez"
        ) from error
    for key in ("x_train", "y_train"):
        if key not in arrays:
            raise UserError(
                f"dataset {name}: {path} has no array {key}; add it with numpy.savez(path, x_train=…, y_train=…)"
            )
    if ("x_test" in arrays) != ("y_test" in arrays):
        raise UserError(f"dataset {name}: {path} has only one of x_test and y_test; give both or neither")
    arrays.setdefault("x_test", arrays["x_train"][:0])
    arrays.setdefault("y_test", arrays["y_train"][:0])
    return arrays


READERS = {"sklearn": _read_sklearn, "torchvision": _read_torchvision, "npz": _read_npz}
