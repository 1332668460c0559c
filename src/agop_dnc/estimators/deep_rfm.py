"""Offer Deep RFM as a classifier of scikit-learn."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import Tensor
from tqdm import tqdm

from ..models import deep_rfm, rfm
from ..models.deep_rfm import DeepRFM
from ..pipeline.forecasts import deep_rfm_bytes
from .base import (
    Array,
    Classifier,
    as_tensor,
    nearest_probabilities,
)


class DeepRFMClassifier(Classifier):
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
                as_tensor(points).to(self._device()), indices.to(self._device()), watch=lambda _: bar.update()
            )
        self.depth_ = settings.depth
        return self

    def predict_proba(self, X: Any) -> Array:
        """Return the probabilities (n×K) of the classes, in the order of `classes_`.

        The outputs f ∈ [−1, 1] of least squares on ±1 targets estimate 2p − 1; returned is the probability vector nearest to (f + 1)/2. A Deep RFM
        without ridge interpolates its training labels, so that these are not calibrated.
        """
        return nearest_probabilities((self._outputs(X).double() + 1) / 2).numpy()

    def transform(self, X: Any, layer: int | None = None) -> Array:
        """Return the features (n×width) of points X (n×d) after the given layer, counted from 1; the last if not given."""
        check_is_fitted(self)
        return self._model.transform(as_tensor(self._points(X)), layer).cpu().numpy()

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
        return self._model.decision_function(as_tensor(self._points(X))).cpu()


def _deep_rfm_peak(n: int, d: int, settings: deep_rfm.Settings) -> int:
    """Return the peak memory of fitting a Deep RFM whose layers are all kept: each has its points, a d×d root and its weights."""
    widest, itemsize = max(d, settings.width), rfm.PRECISIONS[settings.precision].itemsize
    kept = settings.depth * (n + 2 * widest) * widest * itemsize
    return deep_rfm_bytes(n, d, 0, settings.width, settings.precision) + kept
