"""Curves that fall with depth: decades, straight lines, exponentials with a floor."""

import numpy as np
import pytest
from scipy.optimize import differential_evolution

from agop_dnc.studies.deep_rfm.decay import decades_fallen, fit_decay, straightness

LAYERS = np.arange(1, 21)


@pytest.mark.parametrize(
    ("a", "r", "c"), [(2.0, 0.5, 1e-3), (0.7, 0.3, 0.3), (1.0, 0.9, 0.05), (1e-2, 0.8, 1e-8), (5.0, 0.05, 1e-4)]
)
def test_an_exact_exponential_with_a_floor_is_recovered(a, r, c):
    fit = fit_decay(LAYERS, a * r**LAYERS + c)
    # Stopped when a step moves the parameters by less than 1e-8 to 1e-12 of themselves.
    assert fit[:3] == pytest.approx((a, r, c), rel=1e-5)
    assert fit.r_squared == pytest.approx(1, abs=1e-9)


def test_an_exponential_without_a_floor_has_none():
    fit = fit_decay(LAYERS, 3 * 0.4**LAYERS)
    assert fit[:2] == pytest.approx((3, 0.4), rel=1e-6)
    assert fit.c < 1e-3 * 3 * 0.4**20
    assert fit.r_squared == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("seed", range(6))
def test_no_better_fit_is_found_by_a_global_search(seed):
    rng = np.random.default_rng(seed)
    r, c, noise = rng.uniform(0.2, 0.95), 10 ** rng.uniform(-6, 0), rng.uniform(0.05, 0.8)
    values = (2 * r**LAYERS + c) * np.exp(noise * rng.normal(size=20))
    logs = np.log(values)

    def squares(theta):
        return ((np.logaddexp(theta[0] + LAYERS * theta[1], theta[2]) - logs) ** 2).sum()

    box = [(-10, 15), (-5, -1e-9), (logs.min() - 10, logs.max())]
    best = differential_evolution(squares, box, seed=0, tol=1e-10, maxiter=400, popsize=20).fun
    total = ((logs - logs.mean()) ** 2).sum()
    assert fit_decay(LAYERS, values).r_squared >= 1 - best / total - 1e-6


def test_a_floor_never_fits_worse_than_a_falling_line():
    rng = np.random.default_rng(0)
    for _ in range(5):
        values = 0.7**LAYERS * np.exp(0.3 * rng.normal(size=20))
        assert fit_decay(LAYERS, values).r_squared >= straightness(LAYERS, values) - 1e-9


def test_a_curve_that_rises_is_no_decay():
    assert fit_decay(LAYERS, 1.2**LAYERS).r_squared < 1e-6
    assert straightness(LAYERS, 1.2**LAYERS) == pytest.approx(1)  # a line takes either slope; the decades do not
    assert decades_fallen(LAYERS, 1.2**LAYERS) < 0


def test_a_curve_that_stays_put_has_no_r_squared():
    assert straightness(LAYERS, np.full(20, 0.3)) == 0
    assert fit_decay(LAYERS, np.full(20, 0.3)).r_squared == 0


def test_rounding_is_left_out():
    values = np.where(LAYERS < 9, 0.05**LAYERS, 1e-16 * LAYERS)
    assert decades_fallen(LAYERS, values) == pytest.approx(7 * np.log10(20))
    assert straightness(LAYERS, values) == pytest.approx(1)
    assert fit_decay(LAYERS, values).r_squared == pytest.approx(1)
    assert np.isnan(decades_fallen([1, 2], [1.0, 0.0]))


def test_the_straightness_is_the_squared_correlation():
    rng = np.random.default_rng(0)
    values = np.exp(-0.3 * LAYERS + rng.normal(size=20))
    assert straightness(LAYERS, values) == pytest.approx(np.corrcoef(LAYERS, np.log(values))[0, 1] ** 2, rel=1e-12)


def test_three_layers_are_too_few_for_three_parameters():
    with pytest.raises(ValueError, match="give four or more"):
        fit_decay([1, 2, 3], [1.0, 0.5, 0.3])
