r"""Measure how a curve falls with depth: decades, a straight line on the log scale, an exponential with a floor.

Curves are positive numbers by layer. At or below :data:`ROUNDING` a value is rounding and says nothing; such layers are
left out everywhere here.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import least_squares

ROUNDING = 1e-12

Array = NDArray[np.float64]


class Decay(NamedTuple):
    """The curve a·r^l + c over layers l, with its R² on the log scale."""

    a: float
    r: float
    c: float
    r_squared: float


def above_rounding(layers: ArrayLike, values: ArrayLike) -> tuple[Array, Array]:
    """Return the layers and values at which a curve is above rounding."""
    x, y = np.asarray(layers, dtype=float), np.asarray(values, dtype=float)
    kept = y > ROUNDING
    return x[kept], y[kept]


def decades_fallen(layers: ArrayLike, values: ArrayLike) -> float:
    """Return by how many decades a curve falls, log₁₀ of its first value over its last, of those above rounding.

    NaN if fewer than two are.
    """
    _, y = above_rounding(layers, values)
    return float(np.log10(y[0] / y[-1])) if len(y) > 1 else float("nan")


def straightness(layers: ArrayLike, values: ArrayLike) -> float:
    """Return R² of the straight line through the logarithms of a curve, by least squares; 0 for a curve that stays put."""
    x, y = above_rounding(layers, values)
    logs = np.log(y)
    return _r_squared(logs, np.polyval(np.polyfit(x, logs, 1), x))


def fit_decay(layers: ArrayLike, values: ArrayLike) -> Decay:
    r"""Fit a·r^l + c with a > 0, 0 < r < 1 and c ≥ 0 to a curve, by least squares in logarithms.

    The sum of squares has several minima (one that follows the fall, one that follows the floor), so that the descent
    starts from many points: rates from 0.05 to 0.98, with no floor, and with floors below and at the lowest value.

    Args:
        layers: Layers l, any length.
        values: The curve; layers at which it is rounding are left out.

    Returns:
        The best fit, with R² = 1 − Σ(log y − log fit)² / Σ(log y − mean)².

    Raises:
        ValueError: If fewer than four layers are above rounding: three parameters fit any three.
    """
    x, y = above_rounding(layers, values)
    if len(y) < 4:
        raise ValueError(f"three parameters fit any {len(y)} layers; give four or more above rounding")
    logs, start = np.log(y), x[0]
    if np.ptp(logs) == 0:
        return Decay(float(y[0]), 0.5, 0.0, 0.0)
    found = min(_descents(x - start, logs), key=lambda fit: fit[0])
    log_a, log_r, log_c = found[1]
    fitted = np.logaddexp(log_a + log_r * (x - start), log_c)
    return Decay(
        float(np.exp(log_a - log_r * start)), float(np.exp(log_r)), float(np.exp(log_c)), _r_squared(logs, fitted)
    )


# log r stays below 0 and above that of a curve that is at its floor after one layer.
_LOG_R = (-40.0, -1e-9)
_NO_FLOOR = -np.inf


def _descents(x: Array, logs: Array) -> list[tuple[float, Array]]:
    """Sums of squares with (log a, log r, log c) at the minima that are found."""
    low, high = float(logs.min()), float(logs.max())
    lower, upper = [low - 60, _LOG_R[0], low - 40], [high + 60, _LOG_R[1], high + 1]
    found = [_without_floor(x, logs)]
    for rate in (0.05, 0.2, 0.4, 0.6, 0.8, 0.9, 0.98):
        for floor in (low - 5, low - 0.5, low - 0.01):
            guess = np.array([float(logs[0]), np.log(rate), floor])
            fit = least_squares(
                _residuals, guess, _jacobian, bounds=(lower, upper), args=(x, logs), x_scale="jac", xtol=1e-12
            )
            found.append((2 * float(fit.cost), fit.x))
    return found


def _without_floor(x: Array, logs: Array) -> tuple[float, Array]:
    """The fit with c = 0, a straight line whose slope is below 0."""
    slope = float(np.clip(np.polyfit(x, logs, 1)[0], *_LOG_R))
    intercept = float(np.mean(logs - slope * x))
    return float(((intercept + slope * x - logs) ** 2).sum()), np.array([intercept, slope, _NO_FLOOR])


def _residuals(theta: Array, x: Array, logs: Array) -> Array:
    residuals: Array = np.logaddexp(theta[0] + theta[1] * x, theta[2]) - logs
    return residuals


def _jacobian(theta: Array, x: Array, logs: Array) -> Array:
    falling = theta[0] + theta[1] * x
    share = np.exp(falling - np.logaddexp(falling, theta[2]))  # of a·r^l in the sum
    return np.stack([share, share * x, 1 - share], axis=1)


def _r_squared(measured: Array, fitted: Any) -> float:
    total = float(((measured - measured.mean()) ** 2).sum())
    return 1 - float(((measured - fitted) ** 2).sum()) / total if total > 0 else 0.0
