r"""Deep Recursive Feature Machines (paper, Algorithm 1).

For l = 1 … L: divide every sample by its ℓ2 norm; solve α = (k(X, X) + ridge·I)⁻¹ Y; M = AGOP of f = k(·, X) α at X;
X̃ = X M^{1/2}; X ← σ(X̃ Wᵀ + b). After the last layer normalise once more and solve for the final predictor.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .agop import kernel_agop, matrix_sqrt
from .data import Arrays
from .errors import UserError
from .features import FeatureMap, feature_map, to
from .forecasts import deep_rfm_bytes
from .kernel_regression import KernelPredictor, fit_predictor, normalised
from .kernels import KERNELS
from .metrics import centred_gram, collapse, gram_deviation, thin
from .randomness import generator

PRECISIONS = {"float64": torch.float64, "float32": torch.float32}
AGOP_SCALES = ("mean", "max", "sum")
GRAM_POINTS = 1000  # of a stored Gram matrix, at most


@dataclass(frozen=True)
class Settings:
    """What defines a Deep RFM; the defaults are the paper's for ReLU.

    depth: layers L. kernel: `laplace` or `gaussian`, of the given bandwidth. activation: `relu` or `cos`, of the given
    width; feature_bandwidth: scale of the Cauchy weights of cos. ridge: added to the kernel matrix's diagonal. agop_scale:
    `mean` over the points (Section 3.2), `sum` (Algorithm 1) or `max`, largest entry 1 (the released code). precision: of
    kernel, solve, AGOP and features.
    """

    depth: int = 20
    activation: str = "relu"
    kernel: str = "laplace"
    bandwidth: float = 2.0
    width: int = 1024
    feature_bandwidth: float = 0.05
    ridge: float = 0.0
    agop_scale: str = "mean"
    precision: str = "float64"

    def __post_init__(self) -> None:
        choices = {"kernel": KERNELS, "activation": ("relu", "cos"), "agop_scale": AGOP_SCALES, "precision": PRECISIONS}
        for name, known in choices.items():
            if getattr(self, name) not in known:
                raise ValueError(f"unknown {name} '{getattr(self, name)}'; known are {', '.join(known)}")
        for name in ("depth", "width", "bandwidth", "feature_bandwidth"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, not {getattr(self, name)}")
        if not self.ridge >= 0:
            raise ValueError(f"ridge must be 0 or more, not {self.ridge}")


@dataclass(frozen=True)
class Layer:
    """One layer of a fitted Deep RFM: its predictor, M^{1/2} (d×d) and its random features."""

    predictor: KernelPredictor
    agop_sqrt: Tensor
    features: FeatureMap

    def agop_features(self, X: Tensor) -> Tensor:
        """X̃ = X M^{1/2} (n×d) of inputs of any norm (n×d), which are normalised first."""
        return normalised(X) @ self.agop_sqrt

    def __call__(self, X: Tensor) -> Tensor:
        """σ(X M^{1/2} Wᵀ + b) (n×width) of inputs of any norm (n×d)."""
        return self.features(self.agop_features(X))


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
        predictor, r = fit_predictor(kernel, X, Y, settings.ridge)
        M = kernel_agop(kernel, X, predictor.alpha, r)
        del r  # what was the distances is of no use any more, and the largest thing in memory
        purpose = ("deep_rfm", settings.activation, index)
        drawn = feature_map(
            settings.activation, X.shape[1], settings.width, generator(seed, *purpose), settings.feature_bandwidth
        )
        layer = Layer(predictor, matrix_sqrt(_scaled(M, settings.agop_scale, len(X))), to(drawn, X.device, precision))
        agop_features = layer.agop_features(X)
        X = layer.features(agop_features)
        yield layer, agop_features, X


def final_predictor(features: Tensor, Y: Tensor, settings: Settings) -> KernelPredictor:
    """The predictor on the last layer's features (N×width), normalised once more, for targets Y (N×K)."""
    kernel = KERNELS[settings.kernel](settings.bandwidth)
    return fit_predictor(kernel, normalised(features), Y.to(features), settings.ridge)[0]


class DeepRFM:
    """A Deep RFM to fit to one's own data.

    >>> X, y = torch.randn(30, 5, generator=torch.Generator().manual_seed(0)), torch.arange(30) % 3
    >>> model = DeepRFM(Settings(depth=2, width=16)).fit(X, y)
    >>> model.transform(X, layer=2).shape, bool((model.predict(X) == y).all())
    (torch.Size([30, 16]), True)
    """

    def __init__(self, settings: Settings | None = None, seed: int = 0) -> None:
        self.settings = settings or Settings()
        self.seed = seed
        self.layers: list[Layer] = []
        self.final: KernelPredictor | None = None

    def fit(self, X: Tensor, y: Tensor) -> DeepRFM:
        """Fit to inputs X (N×d) with labels y (N integers 0 … K−1), on X's device; returns itself."""
        Y = signed_one_hot(y)
        self.layers, last = [], X
        for layer, _, features in layers(X, Y, self.settings, self.seed):
            self.layers.append(layer)
            last = features
        self.final = final_predictor(last, Y, self.settings)
        return self

    def transform(self, X: Tensor, layer: int | None = None) -> Tensor:
        """Features (n×width) of new points (n×d) after the given layer, counted from 1; the last if not said, 0 for X itself."""
        X, depth = self._ready(X), len(self.layers)
        layer = depth if layer is None else layer
        if not 0 <= layer <= depth:
            raise ValueError(f"layer must be 0 to {depth}, not {layer}")
        for fitted in self.layers[:layer]:
            X = fitted(X)
        return X

    def decision_function(self, X: Tensor) -> Tensor:
        """Outputs (n×K) of the final predictor for new points (n×d)."""
        X = self.transform(X)
        assert self.final is not None
        return self.final(X)

    def predict(self, X: Tensor) -> Tensor:
        """Labels (n) of new points (n×d)."""
        return self.decision_function(X).argmax(1)

    def _ready(self, X: Tensor) -> Tensor:
        if self.final is None:
            raise RuntimeError("this Deep RFM is not fitted yet; call fit first")
        return X.to(self.final.X)


@dataclass(frozen=True)
class Measurement:
    """One layer's rows for the table, and the Gram matrices (thinned, by the layer they are shown as) that it gives."""

    layer: int
    rows: list[dict[str, Any]]
    grams: dict[int, Tensor]


def gram_points(y: Tensor) -> Tensor:
    """Indices of the samples of which Gram matrices are kept: at most 1,000, evenly spaced within each class."""
    return thin(y, GRAM_POINTS)


def signed_one_hot(y: Tensor) -> Tensor:
    """N×K targets in float64: +1 for the class, −1 elsewhere (paper, Section 3.1).

    >>> signed_one_hot(torch.tensor([0, 1]))
    tensor([[ 1., -1.],
            [-1.,  1.]], dtype=torch.float64)
    """
    return torch.nn.functional.one_hot(y).double().mul_(2).sub_(1)


def measure(arrays: Arrays, settings: Settings, seed: int, gram_layers: Iterable[int] = ()) -> Iterator[Measurement]:
    """Fit a Deep RFM to a dataset and measure every layer as it is done (paper, Figures 1, 3 to 6).

    Yields one measurement a layer, 1 … L, and one for L + 1, which holds only the final predictor's. Rows have the columns
    layer, component (`x`, the normalised input; `agop`, x M^{1/2}; `features`, σ(x M^{1/2} Wᵀ + b)), metric, value.
    `gram_layers` counts as the paper does: layer 1 shows X, layer l > 1 shows X̃ = X M^{1/2} of layer l − 1.
    """
    y, Y = arrays.y_train, signed_one_hot(arrays.y_train)
    X_test = arrays.x_test.to(PRECISIONS[settings.precision])
    kept = gram_points(y)
    features = arrays.x_train
    for index, (layer, agop_features, features) in enumerate(layers(arrays.x_train, Y, settings, seed), start=1):
        components = {"x": layer.predictor.X, "agop": agop_features, "features": features}
        rows = _predictor_rows(index, layer.predictor, X_test, arrays.y_test) + [
            _row(index, component, metric, value)
            for component, points in components.items()
            for metric, value in collapse(points, y).items()
        ]
        rows += [_row(index, "agop", metric, value) for metric, value in gram_deviation(agop_features, y).items()]
        shown = {1: layer.predictor.X, 2: agop_features} if index == 1 else {index + 1: agop_features}
        grams = {i: centred_gram(points, y, kept) for i, points in shown.items() if i in gram_layers}
        X_test = layer(X_test)
        yield Measurement(index, rows, grams)
    last, final = settings.depth + 1, final_predictor(features, Y, settings)
    yield Measurement(last, _predictor_rows(last, final, X_test, arrays.y_test), {})


def forecast_bytes(n: int, d: int, n_test: int, settings: Settings) -> int:
    """Peak memory of fitting a Deep RFM to n points in d dimensions, n_test test points carried along (see :mod:`.forecasts`)."""
    return deep_rfm_bytes(n, d, n_test, settings.width, PRECISIONS[settings.precision].itemsize)


def check_memory(needed: int, available: int, n: int, precision: str) -> None:
    """Raise UserError where a Deep RFM will not fit, with the numbers and the remedies."""
    if needed > available:
        remedies = f"a smaller n than {n:,}" + (" or precision: float32" if precision == "float64" else "")
        raise UserError(
            f"a Deep RFM on {n:,} points needs about {needed / 2**30:.1f} GiB of memory and {available / 2**30:.1f} GiB "
            f"are available; use {remedies}"
        )


def _predictor_rows(index: int, predictor: KernelPredictor, X_test: Tensor, y_test: Tensor) -> list[dict[str, Any]]:
    measured = {"interpolation_error": predictor.interpolation_error, "ridge_used": predictor.ridge_used}
    if len(X_test):
        measured["test_accuracy"] = float((predictor(X_test).argmax(1) == y_test).double().mean())
    return [_row(index, "x", metric, value) for metric, value in measured.items()]


def _row(layer: int, component: str, metric: str, value: float) -> dict[str, Any]:
    return {"layer": layer, "component": component, "metric": metric, "value": value}


def _scaled(M: Tensor, scale: str, n: int) -> Tensor:
    """An AGOP that is the mean over n points, at the scale asked for (for cosine features the scale decides)."""
    return M / M.max() if scale == "max" else M * {"mean": 1.0, "sum": float(n)}[scale]
