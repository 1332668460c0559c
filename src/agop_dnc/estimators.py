"""Recursive Feature Machines and Deep RFM as scikit-learn estimators.

They take what scikit-learn takes, arrays, lists and data frames, and PyTorch tensors as well, and give NumPy arrays. They compute in PyTorch,
on a GPU if there is one.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from dataclasses import fields, is_dataclass, replace
from numbers import Integral
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import (
    BaseEstimator,
    ClassifierMixin,
    ClassNamePrefixFeaturesOutMixin,
    MultiOutputMixin,
    RegressorMixin,
    TransformerMixin,
)
from sklearn.utils import check_array, check_random_state, column_or_1d
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import Tensor
from tqdm import tqdm

from .models import deep_rfm, rfm
from .models.deep_rfm import DeepRFM
from .models.rfm import RFM, Iterate
from .pipeline.device import available_bytes
from .pipeline.forecasts import deep_rfm_bytes
from .randomness import generator

Array = NDArray[Any]


class _TorchEstimator(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator, ABC):  # type: ignore[misc]
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
        return {name: _moved(value, torch.device("cpu")) for name, value in state.items()}

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
            _off_torch(X),
            reset=fitting,
            dtype=self.precision,
            ensure_all_finite=False,
            ensure_min_samples=smallest,
        )
        _check_finite("X", X, "impute them first, with scikit-learn's SimpleImputer say, or drop these rows")
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


class _Classifier(ClassifierMixin, _TorchEstimator):  # type: ignore[misc]
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
        y = column_or_1d(_off_torch(y), warn=True)
        if y.dtype.kind == "f":
            _check_finite("y", y, "drop these points or give them a label")
        check_classification_targets(y)
        _check_length(y, n)
        self.classes_, indices = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"y holds one class only, {self.classes_[0]!r}; a classifier needs points of two or more")
        return torch.as_tensor(indices)


class _RFMEstimator(_TorchEstimator):
    """An RFM with the iterate chosen on validation points."""

    def __init__(
        self,
        *,
        kernel: str = "laplace",
        bandwidth: float = 10.0,
        ridge: float = 1e-3,
        iterations: int = 5,
        center_gradients: bool = False,
        agop_scale: str = "mean",
        diagonal: bool = False,
        validation_fraction: float = 0.2,
        precision: str = "float64",
        device: str = "auto",
        random_state: Any = None,
        bandwidth_mode: str = "fixed",
        agop_power: float = 1.0,
        early_stopping: float | None = 0.1,
        refit: bool = True,
        progress: bool = False,
    ) -> None:
        self.kernel = kernel
        self.bandwidth = bandwidth
        self.ridge = ridge
        self.iterations = iterations
        self.center_gradients = center_gradients
        self.agop_scale = agop_scale
        self.diagonal = diagonal
        self.validation_fraction = validation_fraction
        self.precision = precision
        self.device = device
        self.random_state = random_state
        self.bandwidth_mode = bandwidth_mode
        self.agop_power = agop_power
        self.early_stopping = early_stopping
        self.refit = refit
        self.progress = progress

    @property
    def M_(self) -> Array:
        """Return the matrix M of the fitted predictor's kernel (d×d), a diagonal one if `diagonal`."""
        check_is_fitted(self)
        M: Array = self._iterate.M.cpu().numpy()
        return np.diag(M) if M.ndim == 1 else M.copy()

    @property
    def feature_importances_(self) -> Array:
        """Return the diagonal of `M_`, (d)."""
        check_is_fitted(self)
        M = self._iterate.M
        return (M if M.ndim == 1 else M.diagonal()).cpu().numpy().copy()

    def transform(self, X: Any) -> Array:
        """Return X M^{1/2} (n×d) for points X (n×d): the space in which the kernel is the plain one."""
        check_is_fitted(self)
        return self._iterate.transform(self._at(X)).cpu().numpy()

    @property
    def _n_features_out(self) -> int:
        return int(self.n_features_in_)

    def _outputs(self, X: Any) -> Tensor:
        check_is_fitted(self)
        return self._iterate(self._at(X)).cpu()

    def _at(self, X: Any) -> Tensor:
        return _tensor(self._points(X)).to(self._iterate.root)

    def _settings(self) -> rfm.Settings:
        names = [field.name for field in fields(rfm.Settings)]
        return rfm.Settings(**{name: getattr(self, name) for name in names})

    def _fit(self, X: Array, Y: Tensor, validation: tuple[Array, Tensor] | None, groups: Tensor | None) -> Tensor:
        """Fit to X (n×d) and Y (n×K); return the chosen iterate's outputs at the validation points, and keep those points' targets.

        validation: points and targets to choose the iterate by; if None, a share of X is set aside for it, of each of the `groups` (n integers) if
        there are any.
        """
        settings = self._settings()
        if not 0 <= self.validation_fraction < 1:
            raise ValueError(f"validation_fraction must be at least 0 and below 1, not {self.validation_fraction}")
        self._check_memory(len(X), lambda n: rfm.peak_bytes(n, X.shape[1], Y.shape[1], self.precision))
        points, targets = _tensor(X).to(self._device()), Y.to(self._device(), rfm.PRECISIONS[self.precision])
        if validation is None:
            held_out = _held_out(len(X), self.validation_fraction, groups, self._seed())
            train, val = (
                torch.as_tensor(~held_out, device=points.device),
                torch.as_tensor(held_out, device=points.device),
            )
            X_train, Y_train, X_val, Y_val = points[train], targets[train], points[val], targets[val]
        else:
            X_train, Y_train, X_val, Y_val = (
                points,
                targets,
                _tensor(validation[0]).to(points),
                validation[1].to(targets),
            )
        outputs: list[Tensor] = []

        def score(iterate: Iterate) -> float:
            outputs.append(iterate(X_val))
            return self._validation_score(outputs[-1], Y_val)

        with tqdm(total=settings.iterations + 1, desc=type(self).__name__, disable=not self.progress) as bar:
            model = RFM(settings)
            model.fit(
                X_train, Y_train, score if len(X_val) else None, self.early_stopping, watch=lambda _: bar.update()
            )
        assert model.iterate is not None
        self._iterate = model.iterate
        self.best_iteration_ = model.iterate.iteration
        self.validation_scores_ = np.array(model.scores)
        if validation is None and len(X_val) and self.refit:
            self._iterate = rfm.refitted(model.iterate, points, targets, settings.ridge)
        chosen = outputs[self.best_iteration_] if outputs else targets[:0]
        self._validation_targets = Y_val.cpu()
        return chosen.cpu()

    @abstractmethod
    def _validation_score(self, outputs: Tensor, Y: Tensor) -> float:
        """Return how well outputs (n×K) fit targets Y (n×K); the higher, the better."""

    def _validation_points(self, X_val: Any, y_val: Any) -> Array | None:
        """Return the given validation points, checked as X is, or None."""
        if (X_val is None) != (y_val is None):
            raise ValueError("X_val and y_val belong together; give both or neither")
        return None if X_val is None else self._points(X_val)


class RFMRegressor(MultiOutputMixin, RegressorMixin, _RFMEstimator):  # type: ignore[misc]
    """Regression by a Recursive Feature Machine.

    A kernel ridge regression whose kernel k(x, z) = k(M^{1/2}x, M^{1/2}z) learns M, the average gradient outer product of the predictor itself.
    The iterate with the least squared error on validation points is kept: on those given to `fit`, or on a share of the points, after which the
    predictor, with the M found, is fitted once more to all points. Targets are taken as they are: with `agop_scale="mean"` M grows as their
    square, so standardise them or use `agop_scale="max"`.

    Args:
        kernel: `laplace`, exp(−‖x − z‖_M / L); `gaussian`, exp(−‖x − z‖_M² / (2L²)); or `quadratic`, (xᵀMz)².
        bandwidth: L.
        ridge: what is added to the kernel matrix's diagonal.
        iterations: updates of M, at most; 0 is the plain kernel.
        center_gradients: whether M is the covariance of the gradients rather than their second moment.
        agop_scale: `mean`, M as it is, or `max`, M with largest entry 1.
        diagonal: whether M is diagonal.
        validation_fraction: share of the points by which the iterate is chosen if `fit` is given none; with 0 the last iterate is kept.
        precision: `float64` or `float32`.
        device: `auto` (a GPU if there is one), `cpu` or `cuda`.
        random_state: seed of the validation split; None counts as 0, so that two fits are equal.
        bandwidth_mode: `fixed`, or `adaptive`: L times the median distance ‖x_i − x_j‖_M in every iteration.
        agop_power: M is that power of the AGOP.
        early_stopping: stop when the validation score is worse than the best by this share; None for never.
        refit: whether, after an internal split, the predictor is fitted to all points with the M found.
        progress: whether to show a progress bar.

    Attributes:
        M_: d×d, the matrix that the fitted predictor uses.
        feature_importances_: its diagonal.
        best_iteration_: the number of updates of M behind it.
        validation_scores_: minus the mean squared error on the validation points, per iteration.

    Source: Radhakrishnan, Beaglehole, Pandit, Belkin, *Mechanism for feature learning in neural networks and backpropagation-free machine
    learning models*, Science 2024.

    >>> X = np.random.default_rng(0).normal(size=(200, 5))
    >>> model = RFMRegressor().fit(X, X[:, 0] * X[:, 1])
    >>> [int(feature) for feature in sorted(np.argsort(model.feature_importances_)[-2:])]
    [0, 1]
    """

    def fit(self, X: Any, y: Any, X_val: Any = None, y_val: Any = None) -> Self:
        """Fit to points X (n×d) with targets y (n, or n×K); return itself.

        X_val and y_val, if given, choose the iterate, and the predictor is fitted to X and y alone.
        """
        if y is None:
            validate_data(self, X, None)
        points = self._points(X, fitting=True)
        targets = self._targets(y, len(points))
        self._single, targets = targets.ndim == 1, _columns(targets)
        points_val = self._validation_points(X_val, y_val)
        validation = (
            None if points_val is None else (points_val, _columns(self._targets(y_val, len(points_val), "y_val")))
        )
        if validation and validation[1].shape[1] != targets.shape[1]:
            raise ValueError(
                f"y_val has {validation[1].shape[1]} targets per point and y has {targets.shape[1]}; give them the same"
            )
        self._fit(points, targets, validation, None)
        return self

    def predict(self, X: Any) -> Array:
        """Return the predictions for points X (n×d): of y's shape, n or n×K."""
        outputs: Array = self._outputs(X).numpy()
        return outputs[:, 0] if self._single else outputs

    def _targets(self, y: Any, n: int, name: str = "y") -> Tensor:
        y = check_array(_off_torch(y), ensure_2d=False, dtype="float64", ensure_all_finite=False, input_name=name)
        _check_length(y, n, name)
        if y.ndim > 2:
            raise ValueError(f"{name} must have one or two dimensions, not {y.ndim}; give n targets or n×K")
        _check_finite(name, y, "drop these points")
        return _tensor(y)

    def _validation_score(self, outputs: Tensor, Y: Tensor) -> float:
        return -float((outputs - Y).square().mean())


class RFMClassifier(_Classifier, _RFMEstimator):
    """Classification by a Recursive Feature Machine: least squares on the one-hot labels, the largest output is the class.

    Parameters and attributes are those of :class:`RFMRegressor`; `validation_scores_` are accuracies, and `classes_` the labels. `predict_proba` is
    the softmax of the outputs divided by a temperature, which minimises the log loss on the validation points (Guo et al., 2017), with
    labels smoothed by one count per class so that it stays finite when these points are separated. Without validation points it
    is the probability vector nearest to the outputs, which estimate the probabilities but are not calibrated.

    >>> X = np.random.default_rng(0).normal(size=(200, 5))
    >>> model = RFMClassifier().fit(X, np.where(X[:, 0] * X[:, 1] > 0, "same", "different"))
    >>> model.predict([[2.0, 2.0, 0.0, 0.0, 0.0], [2.0, -2.0, 0.0, 0.0, 0.0]])
    array(['same', 'different'], dtype='<U9')
    """

    def fit(self, X: Any, y: Any, X_val: Any = None, y_val: Any = None) -> Self:
        """Fit to points X (n×d) with labels y (n, of any kind); return itself.

        X_val and y_val, if given, choose the iterate and calibrate the probabilities, and the predictor is fitted to X and y alone.
        """
        if y is None:
            validate_data(self, X, None)
        points = self._points(X, fitting=True)
        indices = self._labels(y, len(points))
        K = len(self.classes_)
        points_val = self._validation_points(X_val, y_val)
        validation = None
        if points_val is not None:
            validation = points_val, _one_hot(self._known_labels(y_val, len(points_val)), K)
        outputs = self._fit(points, _one_hot(indices, K), validation, indices)
        self.temperature_ = _temperature(outputs, self._validation_targets.argmax(1)) if len(outputs) else None
        return self

    def predict_proba(self, X: Any) -> Array:
        """Return the probabilities (n×K) of the classes, in the order of `classes_`; see the class for how they are calibrated."""
        outputs = self._outputs(X).double()
        if self.temperature_ is None:
            return _nearest_probabilities(outputs).numpy()
        return (outputs / self.temperature_).softmax(1).numpy()

    def _known_labels(self, y_val: Any, n: int) -> Tensor:
        y_val = column_or_1d(_off_torch(y_val), warn=True)
        _check_length(y_val, n, "y_val")
        unknown = sorted(set(y_val.tolist()) - set(self.classes_.tolist()), key=str)
        if unknown:
            raise ValueError(f"y_val holds the label {unknown[0]!r}, which y does not; leave such points out")
        return torch.as_tensor(np.searchsorted(self.classes_, y_val))

    def _validation_score(self, outputs: Tensor, Y: Tensor) -> float:
        return float((outputs.argmax(1) == Y.argmax(1)).double().mean())


class DeepRFMClassifier(_Classifier):
    """Classification by a Deep RFM (Beaglehole, Súkeník, Mondelli, Belkin, NeurIPS 2024, Algorithm 1).

    Each layer divides every point by its norm, fits a kernel machine, maps the points by the root of its AGOP and by random features. Every layer
    is fitted to all points; the last one's kernel machine predicts.

    Args:
        depth: layers.
        activation: of the random features, `relu` or `cos`.
        kernel: `laplace` or `gaussian`.
        bandwidth: of the kernel.
        width: number of random features.
        feature_bandwidth: scale of the Cauchy weights of `cos`.
        ridge: what is added to the kernel matrix's diagonal.
        agop_scale: `mean` over the points, `sum`, or `max`, largest entry 1.
        precision: `float64` or `float32`.
        device: `auto` (a GPU if there is one), `cpu` or `cuda`.
        random_state: seed of the random features; None counts as 0.
        progress: whether to show a progress bar.

    Attributes:
        classes_: the labels.
        M_: the AGOP of the first layer, d×d, the one in the coordinates of X (after each row is divided by its norm).
        feature_importances_: its diagonal.

    >>> X = np.random.default_rng(0).normal(size=(60, 5))
    >>> model = DeepRFMClassifier(depth=2, width=16).fit(X, np.where(X[:, 0] > 0, "right", "left"))
    >>> model.transform(X).shape, model.score(X, np.where(X[:, 0] > 0, "right", "left"))
    ((60, 16), 1.0)
    """

    def __init__(
        self,
        *,
        depth: int = 20,
        activation: str = "relu",
        kernel: str = "laplace",
        bandwidth: float = 2.0,
        width: int = 1024,
        feature_bandwidth: float = 0.05,
        ridge: float = 0.0,
        agop_scale: str = "mean",
        precision: str = "float64",
        device: str = "auto",
        random_state: Any = None,
        progress: bool = False,
    ) -> None:
        self.depth = depth
        self.activation = activation
        self.kernel = kernel
        self.bandwidth = bandwidth
        self.width = width
        self.feature_bandwidth = feature_bandwidth
        self.ridge = ridge
        self.agop_scale = agop_scale
        self.precision = precision
        self.device = device
        self.random_state = random_state
        self.progress = progress

    def fit(self, X: Any, y: Any) -> Self:
        """Fit to points X (n×d) with labels y (n, of any kind); return itself."""
        if y is None:
            validate_data(self, X, None)
        points = self._points(X, fitting=True)
        indices = self._labels(y, len(points))
        names = list(deep_rfm.Settings.model_fields)
        settings = deep_rfm.Settings(**{name: getattr(self, name) for name in names})
        self._check_memory(len(points), lambda n: _deep_rfm_peak(n, points.shape[1], settings))
        with tqdm(total=settings.depth, desc=type(self).__name__, disable=not self.progress) as bar:
            self._model = DeepRFM(settings, self._seed()).fit(
                _tensor(points).to(self._device()), indices.to(self._device()), watch=lambda _: bar.update()
            )
        self.depth_ = settings.depth
        return self

    def predict_proba(self, X: Any) -> Array:
        """Return the probabilities (n×K) of the classes, in the order of `classes_`.

        The outputs f ∈ [−1, 1] of least squares on ±1 targets estimate 2p − 1; returned is the probability vector nearest to (f + 1)/2. A Deep RFM
        without ridge interpolates its training labels, so that these are not calibrated.
        """
        return _nearest_probabilities((self._outputs(X).double() + 1) / 2).numpy()

    def transform(self, X: Any, layer: int | None = None) -> Array:
        """Return the features (n×width) of points X (n×d) after the given layer, counted from 1; the last if not given."""
        check_is_fitted(self)
        return self._model.transform(_tensor(self._points(X)), layer).cpu().numpy()

    @property
    def M_(self) -> Array:
        """Return the AGOP of the first layer (d×d), at the scale that the layer uses."""
        check_is_fitted(self)
        root = self._model.layers[0].agop_sqrt
        return (root @ root).cpu().numpy()

    @property
    def feature_importances_(self) -> Array:
        """Return the diagonal of `M_` (d)."""
        return np.diagonal(self.M_).copy()

    @property
    def _n_features_out(self) -> int:
        return int(self._model.settings.width)

    def _outputs(self, X: Any) -> Tensor:
        check_is_fitted(self)
        return self._model.decision_function(_tensor(self._points(X))).cpu()


def _deep_rfm_peak(n: int, d: int, settings: deep_rfm.Settings) -> int:
    """Return the peak memory of fitting a Deep RFM whose layers are all kept: each has its points, a d×d root and its weights."""
    widest, itemsize = max(d, settings.width), rfm.PRECISIONS[settings.precision].itemsize
    kept = settings.depth * (n + 2 * widest) * widest * itemsize
    return deep_rfm_bytes(n, d, 0, settings.width, settings.precision) + kept


def _off_torch(values: Any) -> Any:
    """Return a PyTorch tensor as a NumPy array, and anything else as it is."""
    return values.detach().cpu().numpy() if isinstance(values, Tensor) else values


def _tensor(values: Array) -> Tensor:
    """Return an array as a tensor, which shares its memory if that may be written to, as PyTorch knows no other."""
    return torch.as_tensor(values if values.flags.writeable else values.copy())


def _columns(targets: Tensor) -> Tensor:
    return targets[:, None] if targets.ndim == 1 else targets


def _check_finite(name: str, values: Array, remedy: str) -> None:
    wrong = ~np.isfinite(values)
    if wrong.any():
        rows = np.flatnonzero(wrong.reshape(len(values), -1).any(1))
        raise ValueError(
            f"{name} holds NaN or infinity (inf) in {len(rows):,} of its {len(values):,} rows, first in row {rows[0]}; {remedy}"
        )


def _check_length(y: Array, n: int, name: str = "y") -> None:
    if len(y) != n:
        raise ValueError(f"{name} has {len(y):,} rows for {n:,} points; give one target or label per point")


def _one_hot(indices: Tensor, classes: int) -> Tensor:
    return torch.nn.functional.one_hot(indices, classes).double()


def _held_out(n: int, fraction: float, groups: Tensor | None, seed: int) -> NDArray[np.bool_]:
    """Return which of n points are set aside: a share of each group, rounded, and never all of one."""
    order = torch.randperm(n, generator=generator(seed, "rfm", "validation")).numpy()
    membership = np.zeros(n, dtype=int) if groups is None else groups.numpy()
    held_out = np.zeros(n, dtype=bool)
    for group in np.unique(membership):
        members = order[membership[order] == group]
        held_out[members[: min(len(members) - 1, int(fraction * len(members) + 0.5))]] = True
    return held_out


def _temperature(outputs: Tensor, labels: Tensor) -> float:
    """Return the T > 0 for which softmax(outputs / T) has the least log loss against the labels, smoothed by one count per class.

    The loss is convex in 1/T; its derivative is the mean of Σ_k (p_k − y_k) f_k, whose zero bisection finds.
    """
    outputs = outputs.double()
    n, K = outputs.shape
    Y = (_one_hot(labels, K) * n + 1) / (n + K)

    def derivative(inverse: float) -> float:
        return float((((outputs * inverse).softmax(1) - Y) * outputs).sum(1).mean())

    low, high = np.log(1e-2), np.log(1e4)
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if derivative(float(np.exp(middle))) < 0 else (low, middle)
    return float(np.exp(-low))


def _nearest_probabilities(outputs: Tensor) -> Tensor:
    """Return the Euclidean projection of every row (n×K) on the probability simplex: max(f − τ, 0), with τ such that it sums to 1."""
    falling = outputs.sort(1, descending=True).values
    counts = torch.arange(1, outputs.shape[1] + 1, dtype=outputs.dtype)
    thresholds = (falling.cumsum(1) - 1) / counts
    support = (falling > thresholds).sum(1, keepdim=True)
    return (outputs - thresholds.gather(1, support - 1)).clamp(min=0)


def _moved(value: Any, device: torch.device) -> Any:
    """Return a value with the tensors in it, in lists, dataclasses and a Deep RFM, on a device."""
    if isinstance(value, Tensor):
        return value.to(device)
    if isinstance(value, list):
        return [_moved(item, device) for item in value]
    if isinstance(value, DeepRFM):
        moved = copy.copy(value)
        moved.layers, moved.final = _moved(value.layers, device), _moved(value.final, device)
        return moved
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{field.name: _moved(getattr(value, field.name), device) for field in fields(value)})
    return value
