"""Offer ConvRFM as a classifier of images for scikit-learn."""

from __future__ import annotations

from numbers import Real
from typing import Any, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from ..models import conv_rfm
from ..randomness import generator
from .base import Array, moved, nearest_probabilities

_PRECISIONS = {"float32": torch.float32, "float64": torch.float64}


class ConvRFMClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Convolutional Recursive Feature Machine: a kernel machine on images whose kernel learns what in a patch matters.

    It takes N×C×H×W or N×H×W arrays or PyTorch tensors, with labels of any kind. Ridge and round are those with the best
    accuracy on validation data, for which `fit` takes some of its own unless it is given others; then it fits to all of its
    data with both. If the test set is given as validation data, this is the choice of the released code; its accuracy is
    then no estimate for new data.

    Args:
        filter_size: q, the side of patches and filters.
        depth: Number of convolutions of the kernel.
        ridge: Added to the kernel matrix's diagonal, its largest entry being 1: a number, or several to choose among.
        rounds: Number of solves, one more than updates of M.
        agop_images: How many images, the first, the AGOP is averaged over; all if None.
        validation_fraction: Share of the images of each class that `fit` holds out to choose ridge and round; None to take
            the last round, with the only ridge given.
        precision: `float32` or `float64`.
        device: `auto`, or a device of PyTorch.
        random_state: Seed of the choice of validation data.

    Attributes:
        classes_: The K labels.
        M_: The matrix of the round chosen, d×d with trace 1, for patches in (channel, row, column) order.
        ridge_: The ridge chosen.
        round_: The round chosen, the number of updates of M.
        scores_: Accuracy on validation data of every ridge and round, a list of :class:`.conv_rfm.Score`.
        image_shape_: (C, H, W) of the images.

    >>> X = np.random.default_rng(0).normal(size=(20, 6, 6))
    >>> y = np.where(np.arange(20) % 2, "odd", "even")
    >>> model = ConvRFMClassifier(depth=1, rounds=2).fit(X, y)
    >>> model.M_.shape, model.predict(X).shape
    ((9, 9), (20,))
    """

    def __init__(
        self,
        filter_size: int = 3,
        depth: int = 3,
        ridge: Any = 1e-3,
        rounds: int = 4,
        agop_images: int | None = 20,
        validation_fraction: float | None = 0.2,
        precision: str = "float32",
        device: str = "auto",
        random_state: int | None = 0,
    ) -> None:
        self.filter_size = filter_size
        self.depth = depth
        self.ridge = ridge
        self.rounds = rounds
        self.agop_images = agop_images
        self.validation_fraction = validation_fraction
        self.precision = precision
        self.device = device
        self.random_state = random_state

    def fit(self, X: Any, y: Any, X_val: Any = None, y_val: Any = None) -> Self:
        """Fit to images with labels.

        Args:
            X: Images, N×C×H×W or N×H×W.
            y: N labels.
            X_val: Images by which ridge and round are chosen, in place of some of X.
            y_val: Their labels.

        Returns:
            The estimator.

        Raises:
            ValueError: If shapes do not agree, values are not finite, there is one class only, or a setting is out of range.
        """
        ridges = self._ridges()
        images = self._images(X)
        labels = _labels(y, len(images))
        self.classes_, indices = np.unique(labels, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"there is one class only, {self.classes_[0]!r}; classification needs two or more")
        self.image_shape_ = tuple(images.shape[1:])
        settings = conv_rfm.Settings(self.filter_size, self.depth, ridges[0], self.rounds, self.agop_images)
        targets = torch.from_numpy(indices).to(images.device)
        Y = torch.nn.functional.one_hot(targets)
        if (X_val is None) != (y_val is None):
            raise ValueError("X_val and y_val go together; give both or neither")
        if X_val is not None:
            held_out = self._images(X_val, fitted=True)
            round_, self.scores_ = conv_rfm.choose(images, Y, held_out, self._known(y_val, held_out), settings, ridges)
        elif self.validation_fraction is None:
            if len(ridges) > 1:
                raise ValueError(
                    "choosing among ridges needs validation data; set validation_fraction or give one ridge"
                )
            *_, round_ = conv_rfm.rounds(images, Y, settings)
            self.scores_ = []
        else:
            purpose = generator(int(self.random_state or 0), "conv_rfm", "validation")
            kept, held = conv_rfm.split(targets.cpu(), self.validation_fraction, purpose)
            kept, held = kept.to(images.device), held.to(images.device)
            chosen, self.scores_ = conv_rfm.choose(images[kept], Y[kept], images[held], targets[held], settings, ridges)
            again = conv_rfm.Settings(
                self.filter_size, self.depth, chosen.settings.ridge, chosen.index + 1, self.agop_images
            )
            *_, round_ = conv_rfm.rounds(images, Y, again)
        self.ridge_, self.round_ = round_.settings.ridge, round_.index
        d = images.shape[1] * self.filter_size**2
        self.M_: Array = np.eye(d) / d if round_.M is None else round_.M.cpu().numpy()
        # A fit on a GPU can be pickled there and loaded without one: the predictor is moved where it is used.
        self._predictor = moved(round_, torch.device("cpu"))
        return self

    def decision_function(self, X: Any) -> Array:
        """Return the outputs, n×K, for images; for two classes the second's less the first's (n)."""
        outputs = self._outputs(X)
        return outputs[:, 1] - outputs[:, 0] if outputs.shape[1] == 2 else outputs

    def predict(self, X: Any) -> Array:
        """Return the labels (n) of images n×C×H×W or n×H×W."""
        indices = self._outputs(X).argmax(1)
        labels: Array = self.classes_[indices]
        return labels

    def predict_proba(self, X: Any) -> Array:
        """Return probabilities (n×K) of images: the nearest point of the probability simplex to the outputs.

        Outputs of least squares on one-hot targets estimate probabilities but may leave the simplex. The largest of a row
        stays the largest.
        """
        probabilities: Array = nearest_probabilities(torch.from_numpy(self._outputs(X))).numpy()
        return probabilities

    def _outputs(self, X: Any) -> Array:
        check_is_fitted(self)
        images = self._images(X, fitted=True)
        outputs: Array = moved(self._predictor, images.device)(images).cpu().double().numpy()
        return outputs

    def _ridges(self) -> list[float]:
        ridges = [self.ridge] if isinstance(self.ridge, Real) else list(self.ridge)
        if not ridges:
            raise ValueError("ridge must be a number or a list of one or more; it is empty")
        return [float(ridge) for ridge in ridges]

    def _images(self, X: Any, fitted: bool = False) -> Tensor:
        """Return images as an N×C×H×W tensor of the estimator's precision, on its device."""
        if self.precision not in _PRECISIONS:
            raise ValueError(f"unknown precision {self.precision!r}; known are {', '.join(_PRECISIONS)}")
        images = X if isinstance(X, Tensor) else torch.from_numpy(np.asarray(X, dtype=self.precision))
        if images.ndim == 3:
            images = images[:, None]
        if images.ndim != 4 or 0 in images.shape:
            raise ValueError(
                f"images must be N×C×H×W or N×H×W with none of these 0, not of shape {tuple(images.shape)}"
            )
        if fitted and tuple(images.shape[1:]) != self.image_shape_:
            raise ValueError(f"images must be {self.image_shape_} each, as those of fit, not {tuple(images.shape[1:])}")
        device = ("cuda" if torch.cuda.is_available() else "cpu") if self.device == "auto" else self.device
        return images.detach().to(device, _PRECISIONS[self.precision])

    def _known(self, y: Any, images: Tensor) -> Tensor:
        """Return labels of validation data as integers."""
        labels = _labels(y, len(images))
        unknown = sorted(set(labels.tolist()) - set(self.classes_.tolist()))
        if unknown:
            raise ValueError(f"validation data have the label {unknown[0]!r}, which no training image has")
        return torch.from_numpy(np.searchsorted(self.classes_, labels)).to(images.device)


def _labels(y: Any, count: int) -> Array:
    labels = np.asarray(y.detach().cpu() if isinstance(y, Tensor) else y)
    if labels.ndim != 1 or len(labels) != count:
        raise ValueError(f"labels must be {count}, one per image, not of shape {labels.shape}")
    if labels.dtype.kind == "f":
        if not np.isfinite(labels).all():
            raise ValueError("labels must not be NaN or infinite; drop these images or give them a label")
        if (labels != np.round(labels)).any():
            raise ValueError("labels must be classes, but some are fractions; this is not a regressor")
    return labels
