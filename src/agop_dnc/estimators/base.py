"""Check input, memory and device for all estimators, and turn outputs into labels and probabilities."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from dataclasses import fields, is_dataclass, replace
from numbers import Integral
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import (
    BaseEstimator,
    ClassifierMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.utils import check_random_state, column_or_1d
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import validate_data
from torch import Tensor

from ..models import rfm
from ..models.deep_rfm import DeepRFM
from ..pipeline.device import available_bytes

Array = NDArray[Any]


class TorchEstimator(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator, ABC):  # type: ignore[misc]
    """What the estimators share: checked input, the device, the memory, pickling."""

    precision: str
    device: str
    random_state: Any

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.transformer_tags.preserves_dtype = [self.precision]
        return tags

    def __getstate__(self) -> dict[str, Any]:
        """Return the state with every tensor on the CPU, so that a fit on a GPU can be loaded without one."""
        state = super().__getstate__()
        return {name: moved(value, torch.device("cpu")) for name, value in state.items()}

    @abstractmethod
    def _outputs(self, X: Any) -> Tensor:
        """Return the outputs (n×K), on the CPU, at points X (n×d)."""

    def _points(self, X: Any, fitting: bool = False) -> Array:
        """Return X as an n×d array of the estimator's precision."""
        if self.precision not in rfm.PRECISIONS:
            raise ValueError(f"unknown precision {self.precision!r}; known are {', '.join(rfm.PRECISIONS)}")
        smallest = 2 if fitting else 1
        X = validate_data(
            self,
            off_torch(X),
            reset=fitting,
            dtype=self.precision,
            ensure_all_finite=False,
            ensure_min_samples=smallest,
        )
        check_finite("X", X, "impute them first, with scikit-learn's SimpleImputer say, or drop these rows")
        return X  # type: ignore[no-any-return]

    def _device(self) -> torch.device:
        there = torch.cuda.is_available()
        if self.device == "auto":
            return torch.device("cuda" if there else "cpu")
        try:
            device = torch.device(self.device)
        except (RuntimeError, TypeError):
            raise ValueError(f"unknown device {self.device!r}; use 'auto', 'cpu' or 'cuda'") from None
        if device.type == "cuda" and not there:
            raise ValueError(f"device is {self.device!r} but PyTorch sees no GPU; use device='auto' or 'cpu'")
        return device

    def _seed(self) -> int:
        """Return the seed: an integer `random_state` itself, 0 for None, or a number drawn from a RandomState."""
        if self.random_state is None:
            return 0
        if isinstance(self.random_state, Integral):
            return int(self.random_state)
        return int(check_random_state(self.random_state).randint(2**31))

    def _check_memory(self, n: int, needed_bytes: Any) -> None:
        """Raise ValueError if `needed_bytes(n)` are more than there are."""
        device = self._device()
        available = available_bytes(device)
        if needed_bytes(n) <= available:
            return
        fitting = n
        while fitting > 1 and needed_bytes(fitting) > available:
            fitting = int(0.95 * fitting)
        remedy = " or set precision='float32'" if self.precision == "float64" else ""
        raise ValueError(
            f"{type(self).__name__} on {n:,} points needs about {needed_bytes(n) / 2**30:.1f} GiB of memory for its kernel matrices and "
            f"{available / 2**30:.1f} GiB are available ({device.type}); fit to {fitting:,} points or fewer{remedy}"
        )


class Classifier(ClassifierMixin, TorchEstimator):  # type: ignore[misc]
    """What the classifiers share: labels of any kind, and outputs of which the largest is the prediction."""

    classes_: Array

    def predict(self, X: Any) -> Array:
        """Return the predicted labels (n) of points X (n×d)."""
        indices = self._outputs(X).argmax(1).numpy()
        labels: Array = self.classes_[indices]
        return labels

    def decision_function(self, X: Any) -> Array:
        """Return the outputs (n×K) at points X (n×d); for two classes the second's less the first's (n)."""
        outputs: Array = self._outputs(X).numpy()
        return outputs[:, 1] - outputs[:, 0] if outputs.shape[1] == 2 else outputs

    def _labels(self, y: Any, n: int) -> Tensor:
        """Set `classes_` from the labels y and return y as integers 0 … K−1."""
        y = column_or_1d(off_torch(y), warn=True)
        if y.dtype.kind == "f":
            check_finite("y", y, "drop these points or give them a label")
        check_classification_targets(y)
        check_length(y, n)
        self.classes_, indices = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"y holds one class only, {self.classes_[0]!r}; a classifier needs points of two or more")
        return torch.as_tensor(indices)


def off_torch(values: Any) -> Any:
    """Return a PyTorch tensor as a NumPy array, and anything else as it is."""
    return values.detach().cpu().numpy() if isinstance(values, Tensor) else values


def as_tensor(values: Array) -> Tensor:
    """Return an array as a tensor, which shares its memory if that may be written to, as PyTorch knows no other."""
    return torch.as_tensor(values if values.flags.writeable else values.copy())


def check_finite(name: str, values: Array, remedy: str) -> None:
    """Raise ValueError, with the remedy, if values hold NaN or infinity."""
    wrong = ~np.isfinite(values)
    if wrong.any():
        rows = np.flatnonzero(wrong.reshape(len(values), -1).any(1))
        raise ValueError(
            f"{name} holds NaN or infinity (inf) in {len(rows):,} of its {len(values):,} rows, first in row {rows[0]}; {remedy}"
        )


def check_length(y: Array, n: int, name: str = "y") -> None:
    """Raise ValueError if there is not one target or label for each of n points."""
    if len(y) != n:
        raise ValueError(f"{name} has {len(y):,} rows for {n:,} points; give one target or label per point")


def one_hot(indices: Tensor, classes: int) -> Tensor:
    """Return labels 0 … K−1 (n) as n×K zeros and ones in float64."""
    return torch.nn.functional.one_hot(indices, classes).double()


def nearest_probabilities(outputs: Tensor) -> Tensor:
    """Return the Euclidean projection of every row (n×K) on the probability simplex: max(f − τ, 0), with τ such that it sums to 1."""
    falling = outputs.sort(1, descending=True).values
    counts = torch.arange(1, outputs.shape[1] + 1, dtype=outputs.dtype)
    thresholds = (falling.cumsum(1) - 1) / counts
    support = (falling > thresholds).sum(1, keepdim=True)
    return (outputs - thresholds.gather(1, support - 1)).clamp(min=0)


def moved(value: Any, device: torch.device) -> Any:
    """Return a value with the tensors in it, in lists, dataclasses and a Deep RFM, on a device."""
    if isinstance(value, Tensor):
        return value.to(device)
    if isinstance(value, list):
        return [moved(item, device) for item in value]
    if isinstance(value, DeepRFM):
        copied = copy.copy(value)
        copied.layers, copied.final = moved(value.layers, device), moved(value.final, device)
        return copied
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{field.name: moved(getattr(value, field.name), device) for field in fields(value)})
    return value
