"""What holds for any features and any network: invariances of neural collapse and of the AGOP."""

import pytest
import torch
from torch import nn

from agop_dnc.collapse import metrics
from agop_dnc.collapse.layer_agop import LayerAgop
from agop_dnc.collapse.network import gradient_outer_products

hypothesis = pytest.importorskip("hypothesis")
given, settings, st = hypothesis.given, hypothesis.settings, hypothesis.strategies
pytestmark = pytest.mark.filterwarnings("ignore::hypothesis.errors.NonInteractiveExampleWarning")

# Draws are named by their seed, so that an example that fails is small to report and needs no shrinking of matrices.
seeds = st.integers(0, 2**32 - 1)
slow = settings(max_examples=40, deadline=None, derandomize=True, database=None)
few = settings(max_examples=10, deadline=None, derandomize=True, database=None)


def drawn(seed, *shape):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def rotation(seed, d):
    return torch.linalg.qr(drawn(seed + 1, d, d))[0]


@st.composite
def labelled(draw):
    """Points of two to six classes of one to eight points each, in up to twelve dimensions."""
    counts = draw(st.lists(st.integers(1, 8), min_size=2, max_size=6))
    d, seed, spread = draw(st.integers(2, 12)), draw(seeds), draw(st.floats(0.1, 3.0))
    y = torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))
    return drawn(seed, len(counts), d)[y] + spread * drawn(seed + 2, len(y), d), y, seed


def assert_same(X, y, X2, y2, invariant=metrics.COLLAPSE):
    """With two classes NC2 is 0 but for rounding, and so its square; a pseudo-inverse magnifies rounding by 1/s²."""
    first, second = metrics.collapse(X, y), metrics.collapse(X2, y2)
    means = metrics.class_means(X, y)
    s = torch.linalg.svdvals(means - means.mean(0))
    well = bool(s[min(len(s), len(means) - 1) - 1] > 1e-3 * s[0])
    for name in invariant:
        if name != "nc1_pinv" or well:
            assert second[name] == pytest.approx(first[name], rel=1e-6, abs=1e-9), name


@slow
@given(labelled())
def test_neural_collapse_is_invariant_under_rotation(points):
    X, y, seed = points
    assert_same(X, y, X @ rotation(seed, X.shape[1]), y)


@slow
@given(labelled(), st.floats(-20, 20))
def test_neural_collapse_is_invariant_under_a_shift(points, shift):
    X, y, seed = points
    assert_same(X, y, X + shift * drawn(seed + 3, X.shape[1]), y)


@slow
@given(labelled(), st.floats(1e-3, 1e3))
def test_neural_collapse_is_invariant_under_scaling(points, scale):
    X, y, _ = points
    assert_same(X, y, scale * X, y)


@slow
@given(labelled())
def test_neural_collapse_does_not_depend_on_the_order_of_points_or_classes(points):
    X, y, seed = points
    source = torch.Generator().manual_seed(seed)
    order, names = torch.randperm(len(y), generator=source), torch.randperm(int(y.max()) + 1, generator=source)
    assert_same(X, y, X[order], names[y][order])


@slow
@given(labelled(), st.floats(0.1, 0.9))
def test_points_drawn_towards_their_class_means_have_nc1_smaller_by_the_square(points, factor):
    X, y, _ = points
    means = metrics.class_means(X, y)[y]
    expected = factor**2 * metrics.nc1(X, y)
    assert metrics.nc1(means + factor * (X - means), y) == pytest.approx(expected, rel=1e-6, abs=1e-12)


def network_of(seed, d, width, activation):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(d, width), activation(), nn.Linear(width, 3)).double()


@few
@given(seeds, st.integers(2, 8), st.integers(2, 8), st.sampled_from([nn.ReLU, nn.Tanh, nn.GELU]))
def test_the_agop_is_positive_semidefinite_and_equivariant_under_rotation(seed, d, width, activation):
    network, X, Q = network_of(seed, d, width, activation), drawn(seed, 12, d), rotation(seed, d)
    agop = LayerAgop(network[0].weight.detach(), gradient_outer_products(network, X)[0]).matrix
    torch.testing.assert_close(agop, agop.T, rtol=1e-10, atol=1e-14)
    assert torch.linalg.eigvalsh(agop).min() >= -1e-12 * agop.trace()
    with torch.no_grad():
        network[0].weight.copy_(network[0].weight @ Q)  # f(Qx), at Qᵀx
    turned = LayerAgop(network[0].weight.detach(), gradient_outer_products(network, X @ Q)[0]).matrix
    # ReLUs at rounding of 0 could switch; a network of random weights has none at 1e-15.
    torch.testing.assert_close(turned, Q.T @ agop @ Q, rtol=1e-8, atol=1e-12)


@few
@given(seeds, st.integers(2, 8), st.integers(2, 8))
def test_correlations_are_at_most_one_and_the_same_for_any_scale_of_gradients(seed, width, d):
    W, delta = drawn(seed, width, d), drawn(seed + 1, 20, width)
    first, scaled = LayerAgop(W, delta.T @ delta).correlations(), LayerAgop(W, 7 * delta.T @ delta).correlations()
    assert all(abs(value) <= 1 + 1e-12 for value in first.values())
    assert scaled == pytest.approx(first, rel=1e-7)
