r"""Deep Recursive Feature Machines (paper, Algorithm 1).

For l = 1 … L: divide every sample by its ℓ2 norm; solve α = (k(X, X) + ridge·I)⁻¹ Y; M = AGOP of f = k(·, X) α at X;
X̃ = X M^{1/2}; X ← σ(X̃ Wᵀ + b). After the last layer normalise once more and solve for the final predictor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..kernels.agop import kernel_agop, matrix_sqrt
from ..kernels.features import FeatureMap, feature_map, to
from ..kernels.radial import KERNELS, RadialKernel
from ..kernels.regression import KernelPredictor, fit_predictor, normalised
from ..labels import decode, encode, signed_one_hot
from ..randomness import generator
from .settings import DeepRfmSettings

Settings = DeepRfmSettings
PRECISIONS = {"float64": torch.float64, "float32": torch.float32}


@dataclass(frozen=True)
class SpherePredictor(KernelPredictor):
    """The kernel machine f(x) = k(x / ‖x‖, X) α of a layer, X having normalised rows."""

    def __call__(self, X_new: Tensor) -> Tensor:
        """Return the outputs (n×K) for inputs (n×d) of any norm."""
        return super().__call__(normalised(X_new))


@dataclass(frozen=True)
class Layer:
    """One layer of a fitted Deep RFM: its predictor, M^{1/2} (d×d) and its random features."""

    predictor: SpherePredictor
    agop_sqrt: Tensor
    features: FeatureMap

    def projected(self, X: Tensor) -> Tensor:
        """X̃ = X M^{1/2} (n×d) of inputs of any norm (n×d), which are normalised first."""
        return normalised(X) @ self.agop_sqrt

    def __call__(self, X: Tensor) -> Tensor:
        """σ(X M^{1/2} Wᵀ + b) (n×width) of inputs of any norm (n×d)."""
        return self.features(self.projected(X))


def layers(X: Tensor, Y: Tensor, settings: Settings, seed: int = 0) -> Iterator[tuple[Layer, Tensor, Tensor]]:
    """Fit a Deep RFM, yielding each layer as it is done, with X M^{1/2} (N×d) and σ(X M^{1/2} Wᵀ + b) (N×width).

    Nothing of a layer is kept here once the next is asked for, so that depth costs no memory. The final predictor is not
    among what is yielded: :func:`final_predictor` fits it to the last features. X: N×d. Y: N×K targets (one-hot, ±1).
    Raises ValueError on mismatched shapes or values that are not finite.
    """
    if X.ndim != 2 or Y.ndim != 2 or len(X) != len(Y):
        raise ValueError(f"inputs must be N×d and targets N×K, not {tuple(X.shape)} and {tuple(Y.shape)}")
    precision = PRECISIONS[settings.precision]
    kernel = KERNELS[settings.kernel](settings.bandwidth)
    X, Y = X.to(precision), Y.to(precision)
    for index in range(1, settings.depth + 1):
        X = normalised(X)
        predictor, r = _fit_on_the_sphere(kernel, X, Y, settings.ridge)
        M = kernel_agop(kernel, X, predictor.alpha, r)
        del r  # what was the distances is of no use any more, and the largest thing in memory
        purpose = ("deep_rfm", settings.activation, index)
        drawn = feature_map(
            settings.activation, X.shape[1], settings.width, generator(seed, *purpose), settings.feature_bandwidth
        )
        layer = Layer(predictor, matrix_sqrt(_scaled(M, settings.agop_scale, len(X))), to(drawn, X.device, precision))
        projected = layer.projected(X)
        X = layer.features(projected)
        yield layer, projected, X


def final_predictor(features: Tensor, Y: Tensor, settings: Settings) -> SpherePredictor:
    """Return the predictor on the last layer's features (N×width), normalised once more, for targets Y (N×K)."""
    kernel = KERNELS[settings.kernel](settings.bandwidth)
    return _fit_on_the_sphere(kernel, normalised(features), Y.to(features), settings.ridge)[0]


def _fit_on_the_sphere(kernel: RadialKernel, X: Tensor, Y: Tensor, ridge: float) -> tuple[SpherePredictor, Tensor]:
    """Fit to normalised inputs X (N×d); return the predictor and the N×N distances."""
    predictor, r = fit_predictor(kernel, X, Y, ridge)
    return SpherePredictor(**vars(predictor)), r


class DeepRFM:
    """A Deep RFM to fit to your own data.

    Args:
        settings: What defines it; or give the settings as keywords, as in ``DeepRFM(depth=3)``.
        seed: Of the random features.
        keywords: Fields of :class:`.settings.DeepRfmSettings` that differ from `settings`.

    >>> X, y = torch.randn(30, 5, generator=torch.Generator().manual_seed(0)), torch.arange(30) % 3
    >>> model = DeepRFM(depth=2, width=16).fit(X, y)
    >>> model.transform(X, layer=2).shape, bool((model.predict(X) == y).all())
    (torch.Size([30, 16]), True)
    """

    def __init__(self, settings: Settings | None = None, seed: int = 0, **keywords: Any) -> None:
        self.settings = (settings or Settings()).replace(**keywords)
        self.seed = seed
        self.layers: list[Layer] = []
        self.final: SpherePredictor | None = None
        self.classes_: Any = None

    def fit(self, X: Any, y: Any, watch: Callable[[Layer], object] | None = None) -> DeepRFM:
        """Fit to points with labels, on the points' device, and return itself.

        Args:
            X: Inputs (N×d), a tensor or an array.
            y: N labels of any kind (see :func:`.labels.encode`).
            watch: Called with every layer when it is done.
        """
        X = torch.as_tensor(X)
        codes, self.classes_ = encode(y)
        Y = signed_one_hot(codes.to(X.device), len(self.classes_))
        self.layers, last = [], X
        for layer, _, features in layers(X, Y, self.settings, self.seed):
            self.layers.append(layer)
            last = features
            if watch is not None:
                watch(layer)
        self.final = final_predictor(last, Y, self.settings)
        return self

    def transform(self, X: Any, layer: int | None = None) -> Tensor:
        """Features (n×width) of new points (n×d) after the given layer, counted from 1; the last if not said, 0 for X itself."""
        features, depth = self._ready(X), len(self.layers)
        layer = depth if layer is None else layer
        if not 0 <= layer <= depth:
            raise ValueError(f"layer must be 0 to {depth}, not {layer}")
        for fitted in self.layers[:layer]:
            features = fitted(features)
        return features

    def decision_function(self, X: Any) -> Tensor:
        """Outputs (n×K) of the final predictor for new points (n×d)."""
        features = self.transform(X)
        assert self.final is not None
        return self.final(features)

    def predict(self, X: Any) -> Any:
        """Return the labels (n) of new points (n×d), of the kind that was fitted: a tensor, or an array."""
        return decode(self.decision_function(X).argmax(1), self.classes_)

    def _ready(self, X: Any) -> Tensor:
        if self.final is None:
            raise RuntimeError("this Deep RFM is not fitted yet; call fit first")
        points: Tensor = torch.as_tensor(X).to(self.final.X)
        return points


def _scaled(M: Tensor, scale: str, n: int) -> Tensor:
    """Return an AGOP that is the mean over n points, at the scale asked for (for cosine features the scale decides)."""
    return M / M.max() if scale == "max" else M * {"mean": 1.0, "sum": float(n)}[scale]
