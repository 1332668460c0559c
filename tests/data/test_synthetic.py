"""Targets against autograd, quadrature and Monte Carlo."""

import itertools
import math

import numpy as np
import pytest
import torch

from agop_dnc.data import synthetic

PAIR = synthetic.orthonormal_pair(5, 0)
OBLIQUE = (PAIR[0], 0.6 * PAIR[0] + 0.8 * PAIR[1])
TARGETS = [synthetic.target(name, 5) for name in synthetic.TARGETS]
TARGETS += [synthetic.hermite_pair(*PAIR, p) for p in (1, 2, 3, 4)]
TARGETS += [synthetic.hermite_pair(*OBLIQUE, p) for p in (1, 2, 3)]


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.formula)
def test_gradients_agree_with_autograd(target, draw):
    X = draw(200, 5).requires_grad_()
    (expected,) = torch.autograd.grad(target.function(X).sum(), X)
    # Polynomials of degree 4 of numbers up to about 4: a few hundred times the rounding of 1.
    torch.testing.assert_close(target.gradient(X.detach()), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.formula)
def test_egop_agrees_with_monte_carlo(target):
    """Each entry within 5 standard errors: with 200 entries in all, chance goes beyond in 1 of 9,000 trials."""
    X, _ = target.sample(200_000, seed=1)
    G = target.gradient(X)
    for i, j in itertools.combinations_with_replacement(range(5), 2):
        terms = G[:, i] * G[:, j]
        error = 5 * float(terms.std()) / math.sqrt(len(terms))
        assert abs(float(terms.mean() - target.egop[i, j])) <= error + 1e-12, (i, j)


POLYNOMIALS = ["product", "squared_sum", "staircase", "parabola_and_line", "sine_of_sum", "gaussian_bump"]


@pytest.mark.parametrize("name", POLYNOMIALS)
def test_egop_agrees_with_gauss_hermite_quadrature(name):
    """40 nodes per coordinate are exact to degree 79, and to rounding for sines and Gaussians of this width."""
    target = synthetic.target(name, 3)
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    X = torch.cartesian_prod(*[torch.from_numpy(nodes)] * 3)
    w = torch.cartesian_prod(*[torch.from_numpy(weights / weights.sum())] * 3).prod(1)
    G = target.gradient(X)
    torch.testing.assert_close(G.T @ (w[:, None] * G), target.egop, rtol=1e-6, atol=1e-6)


def test_closed_forms_are_those_of_the_references():
    """The numbers of the table in the literature's notation, entry by entry."""
    assert synthetic.product(4).egop.diagonal().tolist() == [1, 1, 0, 0]
    assert synthetic.staircase(3).egop.tolist() == [[3, 0, 0], [0, 2, 0], [0, 0, 1]]
    assert synthetic.squared_sum(2).egop.tolist() == [[8, 8], [8, 8]]
    assert synthetic.sine_of_sum(2).egop[0, 1] == pytest.approx(0.5091578194443671, rel=1e-15)
    assert synthetic.gaussian_bump(2).egop[0, 0] == pytest.approx(0.16, rel=1e-15)


def test_hermite_polynomials_are_numpys(draw):
    t = draw(50)
    for p in range(7):
        expected = np.polynomial.hermite_e.hermeval(t.numpy(), [0] * p + [1])
        np.testing.assert_allclose(synthetic.hermite(p, t), expected, rtol=1e-10, atol=1e-10)


def test_hermite_pair_has_mean_0_and_variance_2():
    """Each of its two terms is normalised, and they are uncorrelated for orthogonal directions."""
    _, y = synthetic.hermite_pair(*PAIR, 3).sample(200_000, seed=2)
    assert abs(float(y.mean())) < 5 * math.sqrt(2 / len(y))
    error = float((y**2).std()) / math.sqrt(len(y))
    assert abs(float((y**2).mean()) - 2) < 5 * error


def test_noise_does_not_move_the_points():
    target = synthetic.product(4)
    X, y = target.sample(50, seed=3)
    noisy_X, noisy_y = target.sample(50, seed=3, noise=0.1)
    assert torch.equal(X, noisy_X)
    assert torch.equal(y, X[:, 0] * X[:, 1])
    louder = target.sample(50, seed=3, noise=0.2)[1]
    torch.testing.assert_close(louder - y, 2 * (noisy_y - y), rtol=1e-12, atol=1e-14)
    assert not torch.equal(target.sample(50, seed=4)[0], X)
    assert X.dtype == torch.float64


def test_noise_has_the_given_standard_deviation():
    target = synthetic.product(3)
    epsilon = target.sample(40_000, seed=0, noise=0.1)[1] - target.sample(40_000, seed=0)[1]
    assert float(epsilon.std()) == pytest.approx(0.1, rel=5 / math.sqrt(2 * 40_000))


def test_a_drawn_pair_is_orthonormal():
    u, v = synthetic.orthonormal_pair(30, 7)
    assert [float(a @ b) for a, b in ((u, u), (v, v), (u, v))] == pytest.approx([1, 1, 0], abs=1e-14)
    assert not torch.equal(u, synthetic.orthonormal_pair(30, 8)[0])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: synthetic.target("stair", 3), r"no target 'stair'; did you mean 'staircase'\?"),
        (lambda: synthetic.target("staircase", 2), "d is 2; this target needs at least 3 dimensions"),
        (lambda: synthetic.hermite_pair(2 * PAIR[0], PAIR[1], 3), "of norm 1; divide them by their norms"),
        (lambda: synthetic.hermite_pair(*PAIR, 0), "p is 0; the degree must be at least 1"),
    ],
)
def test_targets_that_do_not_exist_get_a_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call()
