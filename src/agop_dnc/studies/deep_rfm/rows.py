"""Fit Deep RFMs and measure every layer: the rows of deep_rfm.csv and the Gram matrices."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from ...collapse.metrics import centred_gram, collapse, gram_deviation, thin
from ...data.prepared import Arrays
from ...kernels.regression import KernelPredictor
from ...labels import signed_one_hot
from ...models.deep_rfm import PRECISIONS, Settings, final_predictor, layers
from .references import chance, small_class_metrics

GRAM_POINTS = 1000  # the most points of a stored Gram matrix


@dataclass(frozen=True)
class Measurement:
    """The measurement of one layer.

    Attributes:
        layer: The layer, counted from 1.
        rows: Its rows of deep_rfm.csv.
        grams: Thinned Gram matrices, by the layer under which they are shown.
    """

    layer: int
    rows: list[dict[str, Any]]
    grams: dict[int, Tensor]


def gram_points(y: Tensor) -> Tensor:
    """Return the indices of the samples whose Gram matrices are kept: at most 1,000, evenly spaced within each class."""
    return thin(y, GRAM_POINTS)


def measure(arrays: Arrays, settings: Settings, seed: int, gram_layers: Iterable[int] = ()) -> Iterator[Measurement]:
    """Fit a Deep RFM to a dataset and measure every layer as soon as it is fitted (paper, Figures 1, 3 to 6).

    Rows have the columns layer, component, metric and value. The components are `x`, the normalised input x; `agop`, x M^{1/2}; and
    `features`, σ(x M^{1/2} Wᵀ + b).

    Args:
        arrays: The training points (N×d) with their labels (N), and the test points.
        settings: What defines the Deep RFM.
        seed: Seed of the random features.
        gram_layers: Layers whose Gram matrices are kept, counted as in the paper: layer 1 shows X, and layer l > 1 shows
            X̃ = X M^{1/2} of layer l − 1.

    Yields:
        One measurement per layer 1 … L, and one for L + 1 with only the final predictor's rows.
    """
    y, Y = arrays.y_train, signed_one_hot(arrays.y_train)
    K = Y.shape[1]
    X_test = arrays.x_test.to(PRECISIONS[settings.precision])
    kept = gram_points(y)
    features = arrays.x_train
    for index, (layer, projected, features) in enumerate(layers(arrays.x_train, Y, settings, seed), start=1):
        components = {"x": layer.predictor.X, "agop": projected, "features": features}
        rows = _predictor_rows(index, layer.predictor, X_test, arrays.y_test) + [
            _row(index, component, metric, value)
            for component, points in components.items()
            for metric, value in collapse(points, y).items()
        ]
        rows += [
            _row(index, "agop", metric, value)
            for metric, value in (gram_deviation(projected, y) | small_class_metrics(projected, y)).items()
        ]
        rows.append(_row(index, "agop", "nc2_random", chance(K, projected.shape[1]).nc2_median))
        shown = {1: layer.predictor.X, 2: projected} if index == 1 else {index + 1: projected}
        grams = {i: centred_gram(points, y, kept) for i, points in shown.items() if i in gram_layers}
        X_test = layer(X_test)
        yield Measurement(index, rows, grams)
    last, final = settings.depth + 1, final_predictor(features, Y, settings)
    yield Measurement(last, _predictor_rows(last, final, X_test, arrays.y_test), {})


def _predictor_rows(index: int, predictor: KernelPredictor, X_test: Tensor, y_test: Tensor) -> list[dict[str, Any]]:
    measured = {"interpolation_error": predictor.interpolation_error, "ridge_used": predictor.ridge_used}
    if len(X_test):
        measured["test_accuracy"] = float((predictor(X_test).argmax(1) == y_test).double().mean())
    return [_row(index, "x", metric, value) for metric, value in measured.items()]


def _row(layer: int, component: str, metric: str, value: float) -> dict[str, Any]:
    return {"layer": layer, "component": component, "metric": metric, "value": value}
