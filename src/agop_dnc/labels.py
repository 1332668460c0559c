"""Class labels: one rule for what users call their classes, and the targets of least squares."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor


def encode(y: Any, classes: Sequence[Any] | Any | None = None) -> tuple[Tensor, Any]:
    """Return labels as codes 0 … K−1, with the K classes that the codes stand for.

    The classes are the distinct labels in sorted order, unless they are given. So `classes[codes]` are the labels again (see
    :func:`decode`).

    Args:
        y: N labels, one per point: a tensor, an array, a list or a pandas Series of integers of any width, whole floats,
            booleans or strings.
        classes: the classes in the order of their codes; y may then lack some of them.

    Returns:
        codes: N integers (int64), on y's device if y is a tensor.
        classes: K labels of y's own kind: a tensor if y is a tensor, else an array.

    Raises:
        ValueError: if y is not one label per point, or holds a missing value, a fraction, or a label that is not among
            the given classes.

    >>> codes, classes = encode(["cat", "dog", "cat"])
    >>> codes, classes.tolist()
    (tensor([0, 1, 0]), ['cat', 'dog'])
    >>> encode(torch.tensor([5, 17, 5]), classes=[0, 5, 17])[0]
    tensor([1, 2, 1])
    """
    values = _labels(y)
    if classes is None:
        found, codes = np.unique(values, return_inverse=True)
    else:
        found = _labels(classes)
        order = np.argsort(found, kind="stable")
        if len(np.unique(found)) < len(found):
            raise ValueError(f"classes names a class twice: {_listed(found)}")
        if (values.dtype.kind in "US") != (found.dtype.kind in "US"):
            raise ValueError(
                f"labels of {values.dtype} cannot be among classes of {found.dtype}; give both as one kind"
            )
        places = np.searchsorted(found[order], values).clip(max=len(found) - 1)
        codes = order[places] if len(found) else places
        unknown = values[found[codes] != values] if len(found) else values
        if len(unknown):
            raise ValueError(f"label {unknown[0]} is not among the classes {_listed(found)}")
    encoded = torch.from_numpy(codes.reshape(-1).astype(np.int64))
    if isinstance(y, Tensor):
        return encoded.to(y.device), torch.as_tensor(found, dtype=y.dtype, device=y.device)
    return encoded, found


def decode(codes: Tensor, classes: Any) -> Any:
    """Return the labels that codes (N) stand for, of the same kind as the classes of :func:`encode`.

    >>> decode(torch.tensor([1, 0]), np.array(["cat", "dog"])).tolist()
    ['dog', 'cat']
    """
    return classes[codes.to(classes.device)] if isinstance(classes, Tensor) else classes[codes.cpu().numpy()]


def signed_one_hot(codes: Tensor, K: int | None = None) -> Tensor:
    """Return N×K targets in float64: +1 for the class, −1 elsewhere (paper, Section 3.1).

    Args:
        codes: N integers 0 … K−1 (see :func:`encode`).
        K: the number of classes; the largest code and one more if not given.

    >>> signed_one_hot(torch.tensor([0, 1]))
    tensor([[ 1., -1.],
            [-1.,  1.]], dtype=torch.float64)
    """
    return torch.nn.functional.one_hot(codes.long(), -1 if K is None else K).double().mul_(2).sub_(1)


def _labels(y: Any) -> np.ndarray[Any, Any]:
    """Return labels as a one-dimensional array of integers, floats, booleans or strings."""
    if isinstance(y, Tensor):
        y = y.detach().cpu()
        y = (y.float() if y.dtype == torch.bfloat16 else y).numpy()
    values = np.asarray(y)
    if values.ndim != 1:
        raise ValueError(
            f"labels must be one per point, not of shape {values.shape}; of one-hot rows take argmax(1), of a column ravel()"
        )
    if values.dtype.kind == "O":
        values = _of_objects(values)
    if values.dtype.kind not in "biufUS":
        raise ValueError(f"labels must be integers, whole floats, booleans or strings, not {values.dtype}")
    if values.dtype.kind == "f" and not np.array_equal(values, np.round(values)):
        wrong = values[values != np.round(values)][0]
        raise ValueError(f"labels must be whole numbers or strings, but one is {wrong}")
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise ValueError("labels must be finite; drop or fill the points without a label")
    return values


def _of_objects(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return an array of Python objects, such as a pandas column of strings, as one of a single type."""
    if all(isinstance(label, str) for label in values):
        return values.astype(str)
    if all(isinstance(label, (bool, int, float, np.generic)) for label in values):
        return np.asarray(values.tolist())
    kinds = sorted({type(label).__name__ for label in values})
    raise ValueError(f"labels must be all numbers or all strings, without missing values; these are {', '.join(kinds)}")


def _listed(classes: np.ndarray[Any, Any], at_most: int = 8) -> str:
    shown = ", ".join(str(label) for label in classes[:at_most])
    return shown if len(classes) <= at_most else f"{shown}, … ({len(classes)} in all)"
