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

    The sum of squares has several minima (one that follows the fall, one that follows the floor). For a given rate r and
    ratio ρ = c/a, the best log a is the mean of log y − log(r^l + ρ), so that a grid over r and ρ finds the valleys; a
    descent from the best point of each third of the rates, and the best line without a floor, give the minimum.

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
    _, (log_a, log_r, log_c) = min(_minima(x - start, logs), key=lambda found: found[0])
    fitted = np.logaddexp(log_a + log_r * (x - start), log_c)
    a = float(np.exp(log_a - log_r * start))
    return Decay(a, float(np.exp(log_r)), float(np.exp(log_c)), _r_squared(logs, fitted))


# log r stays below 0 and above that of a curve that is at its floor after one layer.
_LOG_R = (-40.0, -1e-9)
# The grid: rates from 1e-3 to 0.999, dense where curves bend, and floors from 1e-14 to 100 times a.
_GRID_LOG_R = -np.geomspace(1e-3, 7, 60)
_GRID_LOG_RATIO = np.log(np.geomspace(1e-14, 100, 60))


def _minima(x: Array, logs: Array) -> list[tuple[float, Array]]:
    """Sums of squares with (log a, log r, log c) at the minima that are found; x starts at 0."""
    shapes = np.logaddexp(_GRID_LOG_R[:, None, None] * x, _GRID_LOG_RATIO[:, None])
    residuals = logs - shapes
    squares = residuals.var(axis=2)
    found = [_without_floor(x, logs)]
    for rates in np.array_split(np.arange(len(_GRID_LOG_R)), 3):
        rate, ratio = np.unravel_index(squares[rates].argmin(), squares[rates].shape)
        rate += rates[0]
        log_a = residuals[rate, ratio].mean()
        found.append(_descent(x, logs, np.array([log_a, _GRID_LOG_R[rate], log_a + _GRID_LOG_RATIO[ratio]])))
    return found


def _descent(x: Array, logs: Array, start: Array) -> tuple[float, Array]:
    """Return the least value, and where it is, that a descent from a start reaches."""
    lower, upper = [-np.inf, _LOG_R[0], -np.inf], [np.inf, _LOG_R[1], np.inf]
    fit = least_squares(_residuals, start, _jacobian, bounds=(lower, upper), args=(x, logs), x_scale="jac", xtol=1e-12)
    return 2 * float(fit.cost), fit.x


def _without_floor(x: Array, logs: Array) -> tuple[float, Array]:
    """Return the fit with c = 0, a straight line whose slope is below 0."""
    slope = float(np.clip(np.polyfit(x, logs, 1)[0], *_LOG_R))
    intercept = float(np.mean(logs - slope * x))
    return float(((intercept + slope * x - logs) ** 2).sum()), np.array([intercept, slope, -np.inf])


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
