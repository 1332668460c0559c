"""Turn the arrays that a source gives into images and labels, or say in one sentence why that cannot be done."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError
from .prepared import Images

COLOURS = (1, 3)  # channels of grey and of colour images
SAVE_NPZ = "numpy.savez('my.npz', x_train=…, y_train=…)"


def as_images(name: str, part: str, x: NDArray[Any], axes: str | None = None) -> Images:
    """Return N×H×W[×C] images, N×C×H×W images or N×d vectors as N×C×H×W numbers.

    Args:
        name: The dataset's name, for errors.
        part: The array's name, `x_train` or `x_test`, for errors.
        x: Pixels of any integer, boolean or floating type. Integers that fit become uint8.
        axes: `channels_last` or `channels_first`, the order of the axes of a four-dimensional array. If None, it is
            channels_last, and an array that looks otherwise is refused.

    Raises:
        UserError: If the numbers or their shape cannot be meant.
    """
    x = _as_pixels(name, part, x)
    if x.ndim not in (2, 3, 4) or 0 in x.shape[1:]:
        raise UserError(f"dataset {name}: {part} has shape {x.shape}; give N×H×W, N×H×W×C or N×d")
    if x.ndim == 2:
        return x[:, None, None, :]
    if x.ndim == 3:
        return x[:, None]
    if axes is None and x.shape[1] in COLOURS and x.shape[3] not in COLOURS:
        raise UserError(
            f"dataset {name}: {part} has shape {x.shape}, which looks like N×C×H×W, but images are read as N×H×W×C; set "
            f"axes: channels_first (or axes: channels_last if {x.shape[1]} is the height), or save "
            f"{part}.transpose(0, 2, 3, 1)"
        )
    return x if axes == "channels_first" else x.transpose(0, 3, 1, 2)


def as_labels(name: str, part: str, y: NDArray[Any]) -> NDArray[Any]:
    """Return one label per point: whole numbers as int64, strings and booleans as strings.

    Args:
        name: The dataset's name, for errors.
        part: The array's name, `y_train` or `y_test`, for errors.
        y: Labels of shape N or N×1: integers, whole floating-point numbers, strings or booleans.

    Raises:
        UserError: If these are not labels.
    """
    y = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
    if y.ndim == 1 and y.dtype.kind in "US":
        return y.astype(np.str_)
    if y.ndim == 1 and y.dtype.kind == "b":
        return y.astype(np.str_)
    if y.ndim == 1 and (y.dtype.kind in "iu" or (y.dtype.kind == "f" and (y == np.round(y)).all())):
        return y.astype(np.int64)
    remedy = "save numpy.argmax(y, axis=1) if it is one-hot" if y.ndim == 2 else "give whole numbers or strings"
    raise UserError(
        f"dataset {name}: {part} must be one class label per point, not {y.dtype} of shape {y.shape}; {remedy}"
    )


def check_alike(name: str, x_train: Images, y_train: NDArray[Any], x_test: Images, y_test: NDArray[Any]) -> None:
    """Raise UserError unless each point has a label and test points are like training points."""
    for part, x, y in (("train", x_train, y_train), ("test", x_test, y_test)):
        if len(x) != len(y):
            raise UserError(
                f"dataset {name}: x_{part} has {len(x):,} points but y_{part} has {len(y):,}; give one label per point"
            )
    if len(x_test) and x_test.shape[1:] != x_train.shape[1:]:
        raise UserError(
            f"dataset {name}: test images are {x_test.shape[1:]} but training images {x_train.shape[1:]}; make them alike"
        )
    if len(y_test) and y_test.dtype.kind != y_train.dtype.kind:
        raise UserError(
            f"dataset {name}: y_train holds {_kind(y_train)} but y_test holds {_kind(y_test)}; name the classes alike"
        )


def choose_points(name: str, y: NDArray[Any], per_class: list[int] | None) -> NDArray[np.int64]:
    """Return the indices of the points to keep, ordered by class: all of them, or the first so many of each class."""
    order = np.argsort(y, kind="stable")
    if per_class is None:
        return order
    classes, counts = np.unique(y, return_counts=True)
    if len(per_class) != len(classes):
        raise UserError(
            f"dataset {name}: per_class gives {len(per_class)} counts for {len(classes)} classes; give one per class"
        )
    for label, wanted, there in zip(classes, per_class, counts, strict=True):
        if wanted > there:
            raise UserError(
                f"dataset {name}: per_class wants {wanted} points of class {label}, which has {there}; lower it"
            )
    return np.concatenate([order[y[order] == label][:wanted] for label, wanted in zip(classes, per_class, strict=True)])


def find_classes(name: str, y: NDArray[Any]) -> NDArray[Any]:
    """Return the sorted distinct labels of the training points; raise UserError if they are too few for collapse."""
    classes, counts = np.unique(y, return_counts=True)
    if len(classes) < 2:
        raise UserError(f"dataset {name}: its training points are all of one class; neural collapse needs at least 2")
    if counts.min() < 2:
        rare = classes[counts.argmin()]
        raise UserError(
            f"dataset {name}: class {rare} has {counts.min()} training point; give it at least 2, or raise n"
        )
    return classes


def _as_pixels(name: str, part: str, x: NDArray[Any]) -> NDArray[Any]:
    if x.dtype.kind not in "biuf":
        raise UserError(f"dataset {name}: {part} holds {x.dtype}; give numbers, as {part}.astype(float) does")
    if x.dtype.kind == "f":
        if not np.isfinite(x).all():
            raise UserError(f"dataset {name}: {part} holds NaN or infinite values; remove or replace them")
        return x.astype(np.float64) if x.dtype.itemsize > 8 else x  # PyTorch knows no longer numbers
    fits = x.dtype.kind == "b" or (x.size > 0 and x.min() >= 0 and x.max() <= 255)
    return x.astype(np.uint8, copy=False) if fits else x


def _kind(y: NDArray[Any]) -> str:
    return "strings" if y.dtype.kind == "U" else "numbers"
