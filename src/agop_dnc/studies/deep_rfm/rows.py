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
from .references import small_class_metrics

GRAM_POINTS = 1000  # of a stored Gram matrix, at most


@dataclass(frozen=True)
class Measurement:
    """One layer's rows for the table, and the Gram matrices (thinned, by the layer they are shown as) that it gives."""

    layer: int
    rows: list[dict[str, Any]]
    grams: dict[int, Tensor]


def gram_points(y: Tensor) -> Tensor:
    """Indices of the samples of which Gram matrices are kept: at most 1,000, evenly spaced within each class."""
    return thin(y, GRAM_POINTS)


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
        rows += [
            _row(index, "agop", metric, value)
            for metric, value in (gram_deviation(agop_features, y) | small_class_metrics(agop_features, y)).items()
        ]
        shown = {1: layer.predictor.X, 2: agop_features} if index == 1 else {index + 1: agop_features}
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
