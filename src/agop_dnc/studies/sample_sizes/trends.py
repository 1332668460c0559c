r"""Summarise Deep RFMs by the number n of their training points, and draw their trends on to another n.

Of each curve over layers l = 1 … L at X̃ = X M^{1/2}:

- `rate`: decades by which NC1 falls per layer, the slope of log₁₀ NC1 by least squares over the layers above rounding;
- `layers`: how many layers there are before NC1 is rounding; none if it is not at layer L;
- `nc1`, `nc2`: the values at layer L; no `nc1` if it is rounding there;
- `first_accuracy`, `best_accuracy`, `last_accuracy`: test accuracy of the predictors at layer 1, at the best layer, and of the
  final predictor.

A trend is a straight line through a quantity (NC1 and NC2: its log₁₀; accuracies: log₁₀ of the share of errors) against log₁₀ n by least
squares, and its value at another n the mean over seeds. It says what the value would be if the trend continued beyond the largest n; nothing here shows that it does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..deep_rfm.decay import above_rounding

ACCURACIES = ("first_accuracy", "best_accuracy", "last_accuracy")
LOGARITHMIC = ("nc1", "nc2")
LEAST_ERROR = 1e-4  # of an accuracy of 1, whose logarithm would be infinite
QUANTITIES = ("rate", "layers", "nc1", "nc2", "first_accuracy", "best_accuracy", "last_accuracy")
LEAST_SIZES = 3  # a line through two points has no error to see


def summarise(table: pd.DataFrame, series: Mapping[str, Sequence[str]], points: Mapping[str, int]) -> pd.DataFrame:
    """Return the quantities of every Deep RFM: columns series, activation, n, seed, quantity and value.

    Args:
        table: deep_rfm.csv.
        series: Datasets by series.
        points: Each dataset's n.
    """
    records = []
    for name, datasets in series.items():
        for dataset in datasets:
            own = table[table.dataset == dataset]
            for (activation, seed), rows in own.groupby(["activation", "seed"], sort=False):
                about = {"series": name, "activation": activation, "n": points[dataset], "seed": seed}
                records += [
                    about | {"quantity": quantity, "value": value} for quantity, value in _quantities(rows).items()
                ]
    return pd.DataFrame(records, columns=["series", "activation", "n", "seed", "quantity", "value"])


def _quantities(rows: pd.DataFrame) -> dict[str, float]:
    found = {}
    for metric in ("nc1", "nc2"):
        curve = rows[(rows.component == "agop") & (rows.metric == metric)].sort_values("layer")
        layers, values = above_rounding(curve.layer, curve.value)
        if len(layers) == len(curve):
            found[metric] = float(values[-1])
        elif metric == "nc1":
            found["layers"] = len(layers)
        if metric == "nc1" and len(layers) > 1:
            found["rate"] = float(-np.polyfit(layers, np.log10(values), 1)[0])
    accuracy = rows[rows.metric == "test_accuracy"].sort_values("layer").value
    if len(accuracy):
        found |= {
            "first_accuracy": accuracy.iloc[0],
            "best_accuracy": accuracy.max(),
            "last_accuracy": accuracy.iloc[-1],
        }
    return {quantity: float(found[quantity]) for quantity in QUANTITIES if quantity in found}


def random_nc2(table: pd.DataFrame, series: Mapping[str, Sequence[str]]) -> dict[tuple[str, str], float]:
    """Return NC2 of random directions (median) in the last layer's dimension, by series and activation.

    Args:
        table: deep_rfm.csv.
        series: Datasets by series.
    """
    rows = table[(table.metric == "nc2_random") & (table.layer == table[table.metric == "nc2_random"].layer.max())]
    return {
        (name, str(activation)): float(own.value.median())
        for name, datasets in series.items()
        for activation, own in rows[rows.dataset.isin(datasets)].groupby("activation", sort=False)
    }


def trend(found: pd.DataFrame, n: Sequence[float]) -> NDArray[np.float64]:
    """Return the trend of one quantity at some n, mean over seeds (of the logarithms, if it is fitted to those).

    Args:
        found: Rows of :func:`summarise` of one series, activation and quantity.
        n: Where the trend is wanted.

    Raises:
        ValueError: If no seed has three sizes.
    """
    quantity, lines = found.quantity.iloc[0], []
    for _, rows in found.groupby("seed"):
        if rows.n.nunique() >= LEAST_SIZES:
            values = _straight(rows.value, quantity)
            lines.append(np.polyval(np.polyfit(np.log10(rows.n), values, 1), np.log10(n)))
    if not lines:
        raise ValueError(f"no seed has {LEAST_SIZES} sizes or more")
    mean: NDArray[np.float64] = np.mean(lines, axis=0)
    if quantity in ACCURACIES:
        return 1 - np.power(10, mean)
    return np.power(10, mean) if quantity in LOGARITHMIC else mean


def _straight(values: pd.Series[float], quantity: str) -> pd.Series[float]:
    """Return what a straight line is fitted to."""
    if quantity in ACCURACIES:
        return (1 - values).clip(lower=LEAST_ERROR).map(np.log10)
    return values.map(np.log10) if quantity in LOGARITHMIC else values
