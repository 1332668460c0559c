"""Offer Recursive Feature Machines as a regressor and a classifier of scikit-learn."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import fields
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import (
    MultiOutputMixin,
    RegressorMixin,
)
from sklearn.utils import check_array, column_or_1d
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import Tensor
from tqdm import tqdm

from ..models import rfm
from ..models.rfm import RFM, Iterate
from ..randomness import generator
from .base import (
    Array,
    Classifier,
    TorchEstimator,
    as_tensor,
    check_finite,
    check_length,
    nearest_probabilities,
    off_torch,
    one_hot,
)


class _RFMEstimator(TorchEstimator):
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
        return as_tensor(self._points(X)).to(self._iterate.root)

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
        points, targets = as_tensor(X).to(self._device()), Y.to(self._device(), rfm.PRECISIONS[self.precision])
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
                as_tensor(validation[0]).to(points),
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
        y = check_array(off_torch(y), ensure_2d=False, dtype="float64", ensure_all_finite=False, input_name=name)
        check_length(y, n, name)
        if y.ndim > 2:
            raise ValueError(f"{name} must have one or two dimensions, not {y.ndim}; give n targets or n×K")
        check_finite(name, y, "drop these points")
        return as_tensor(y)

    def _validation_score(self, outputs: Tensor, Y: Tensor) -> float:
        return -float((outputs - Y).square().mean())


class RFMClassifier(Classifier, _RFMEstimator):
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
            validation = points_val, one_hot(self._known_labels(y_val, len(points_val)), K)
        outputs = self._fit(points, one_hot(indices, K), validation, indices)
        self.temperature_ = _temperature(outputs, self._validation_targets.argmax(1)) if len(outputs) else None
        return self

    def predict_proba(self, X: Any) -> Array:
        """Return the probabilities (n×K) of the classes, in the order of `classes_`; see the class for how they are calibrated."""
        outputs = self._outputs(X).double()
        if self.temperature_ is None:
            return nearest_probabilities(outputs).numpy()
        return (outputs / self.temperature_).softmax(1).numpy()

    def _known_labels(self, y_val: Any, n: int) -> Tensor:
        y_val = column_or_1d(off_torch(y_val), warn=True)
        check_length(y_val, n, "y_val")
        unknown = sorted(set(y_val.tolist()) - set(self.classes_.tolist()), key=str)
        if unknown:
            raise ValueError(f"y_val holds the label {unknown[0]!r}, which y does not; leave such points out")
        return torch.as_tensor(np.searchsorted(self.classes_, y_val))

    def _validation_score(self, outputs: Tensor, Y: Tensor) -> float:
        return float((outputs.argmax(1) == Y.argmax(1)).double().mean())


def _columns(targets: Tensor) -> Tensor:
    return targets[:, None] if targets.ndim == 1 else targets


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
    Y = (one_hot(labels, K) * n + 1) / (n + K)

    def derivative(inverse: float) -> float:
        return float((((outputs * inverse).softmax(1) - Y) * outputs).sum(1).mean())

    low, high = np.log(1e-2), np.log(1e4)
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if derivative(float(np.exp(middle))) < 0 else (low, middle)
    return float(np.exp(-low))
