"""RFMs against autograd, a plain transcription of the iteration, a public package and published numbers."""

import math
from dataclasses import replace

import pytest
import torch
from torch.func import jacrev, vmap

from agop_dnc.kernels import agop
from agop_dnc.kernels.inner_product import Quadratic
from agop_dnc.kernels.regression import fit_kernel_machine
from agop_dnc.models import rfm
from agop_dnc.models.rfm import RFM, Iterate, Settings
from agop_dnc.randomness import generator

KERNELS = ["laplace", "gaussian", "quadratic"]


def kernel_by_definition(name, bandwidth, M):
    """k_M(x, Z) for one x, such that autograd takes the Laplace kernel's gradient at x = z as 0."""

    def k(x, Z):
        if name == "quadratic":
            return (Z @ M @ x).square()
        squared = ((x - Z) @ M * (x - Z)).sum(-1)
        if name == "gaussian":
            return torch.exp(-squared / (2 * bandwidth**2))
        coincident = squared == 0
        r = torch.where(coincident, 1.0, squared).sqrt()
        return torch.where(coincident, 1.0, torch.exp(-r / bandwidth))

    return k


def agop_by_autograd(k, X, alpha, centred=False):
    J = vmap(jacrev(lambda x: k(x, X) @ alpha))(X)
    J = J - J.mean(0) if centred else J
    return torch.einsum("nkd,nke->de", J, J) / len(X)


def power(M, exponent):
    values, vectors = torch.linalg.eigh(M)
    return vectors @ torch.diag(values.clamp(min=0) ** exponent) @ vectors.T


def rfm_by_definition(X, Y, settings):
    """The iteration as it is written, with Jacobians from autograd and a general solver: (M, L, predictor) of every iterate."""
    M = torch.eye(X.shape[1], dtype=X.dtype)
    for _ in range(settings.iterations + 1):
        L = settings.bandwidth
        if settings.bandwidth_mode == "adaptive":
            differences = X[:, None] - X
            r = torch.einsum("abd,de,abe->ab", differences, M, differences).clamp(min=0).sqrt()
            L *= float(r[~torch.eye(len(X), dtype=torch.bool)].median())
        k = kernel_by_definition(settings.kernel, L, M)
        alpha = torch.linalg.solve(vmap(lambda x, k=k: k(x, X))(X) + settings.ridge * torch.eye(len(X)), Y)
        yield M, L, lambda Z, k=k, alpha=alpha: vmap(lambda z: k(z, X))(Z) @ alpha
        G = agop_by_autograd(k, X, alpha, settings.center_gradients)
        G = torch.diag(G.diagonal()) if settings.diagonal else G
        M = power(G, settings.agop_power)
        M = M / M.max() if settings.agop_scale == "max" else M


def full(M):
    return torch.diag(M) if M.ndim == 1 else M


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("center_gradients", [False, True])
@pytest.mark.parametrize("diagonal", [False, True])
@pytest.mark.parametrize("K", [1, 3])
def test_metrics_are_the_agop_by_autograd(kernel, center_gradients, diagonal, K, draw):
    X, Y = draw(30, 5), draw(30, K, seed=1)
    settings = Settings(
        kernel, 2.0, ridge=0.5, iterations=3, center_gradients=center_gradients, diagonal=diagonal, agop_scale="max"
    )
    Z = draw(7, 5, seed=2)
    for iterate, (M, _, f) in zip(rfm.iterates(X, Y, settings), rfm_by_definition(X, Y, settings), strict=True):
        assert iterate.M.shape == ((5,) if diagonal else (5, 5))
        assert (full(iterate.M) - M).norm() < 1e-8 * M.norm()
        assert (iterate(Z) - f(Z)).norm() < 1e-8 * f(Z).norm()
    assert iterate.iteration == 3


@pytest.mark.parametrize(
    "changes",
    [
        {"agop_scale": "mean"},
        {"agop_power": 0.5},
        {"agop_power": 0.5, "diagonal": True, "agop_scale": "mean"},
        {"bandwidth_mode": "adaptive", "bandwidth": 0.7},
        {"bandwidth_mode": "adaptive", "kernel": "gaussian", "bandwidth": 1.3},
    ],
)
def test_every_setting_does_what_its_definition_says(changes, draw):
    X, Y = draw(30, 5), draw(30, 2, seed=1)
    settings = replace(Settings(bandwidth=2.0, ridge=0.5, iterations=3, agop_scale="max"), **changes)
    for iterate, (M, L, _) in zip(rfm.iterates(X, Y, settings), rfm_by_definition(X, Y, settings), strict=True):
        assert (full(iterate.M) - M).norm() < 1e-8 * M.norm()
        assert iterate.predictor.kernel.bandwidth == pytest.approx(L, rel=1e-9)
        root = full(iterate.root)
        assert (root @ root - M).norm() < 1e-8 * M.norm()


@pytest.mark.parametrize("kernel", [*KERNELS])
@pytest.mark.parametrize("way", [agop._agop_by_outputs, agop._agop_by_pairs])
@pytest.mark.parametrize("centred", [False, True])
@pytest.mark.parametrize("diagonal", [False, True])
def test_both_ways_to_the_agop_equal_autograd(kernel, way, centred, diagonal, draw, monkeypatch):
    X, alpha = draw(25, 6), draw(25, 4, seed=1)
    X[3] = X[0]
    monkeypatch.setattr(agop, "_agop_by_outputs", way)
    monkeypatch.setattr(agop, "_agop_by_pairs", way)
    machine = Quadratic() if kernel == "quadratic" else rfm.RADIAL[kernel](1.5)
    expected = agop_by_autograd(kernel_by_definition(kernel, 1.5, torch.eye(6).double()), X, alpha, centred)
    found = agop.kernel_agop(machine, X, alpha, centred=centred, diagonal=diagonal)
    error = found - (expected.diagonal() if diagonal else expected)
    # Sums of some hundred products in float64.
    assert error.norm() < 1e-12 * expected.norm()
    if not (centred or diagonal):
        assert (machine.agop(X, alpha) == found).all()


def test_a_centred_agop_of_a_nearly_linear_function_does_not_cancel(draw):
    # Gradients that differ from their mean by 1e-6 of it: their squares by 1e-12.
    X = draw(40, 3)
    kernel, Y = rfm.RADIAL["gaussian"](30.0), (X @ draw(3, 60, seed=1)) + 1e-6 * draw(40, 60, seed=2)
    alpha = fit_kernel_machine(kernel, X, Y, 1e-6).alpha
    expected = agop_by_autograd(kernel_by_definition("gaussian", 30.0, torch.eye(3).double()), X, alpha, centred=True)
    plain = kernel.agop(X, alpha)
    assert expected.norm() < 1e-4 * plain.norm()
    assert (agop.kernel_agop(kernel, X, alpha, centred=True) - expected).norm() < 1e-6 * expected.norm()


def test_centring_deletes_linear_directions():
    # f = x₁² + 2x₂ has E[∇f∇fᵀ] = diag(4, 4) and Cov(∇f) = diag(4, 0).
    X = torch.randn(1500, 2, dtype=torch.float64, generator=generator(0, "test"))
    Y = X[:, :1].square() + 2 * X[:, 1:]
    settings = Settings("gaussian", 2.0, ridge=1e-3, iterations=1)
    plain, centred = (
        list(rfm.iterates(X, Y, replace(settings, center_gradients=c)))[-1].M.diagonal() for c in (False, True)
    )
    # Monte Carlo: x₁² has standard deviation √2 over 1,500 points, so 4x₁² is known to 0.15; ridge and edges take some more.
    torch.testing.assert_close(plain, torch.tensor([4.0, 4.0], dtype=torch.float64), rtol=0, atol=0.6)
    assert 3.4 < centred[0] < 4.6
    assert centred[1] < 0.05


def test_iteration_zero_is_the_plain_kernel_machine(draw):
    X, Y = draw(20, 4), draw(20, 2, seed=1)
    first = next(rfm.iterates(X, Y, Settings(iterations=3)))
    machine = fit_kernel_machine(rfm.RADIAL["laplace"](10.0), X, Y, 1e-3)
    assert first.iteration == 0
    assert (torch.eye(4) == first.M).all()
    torch.testing.assert_close(first(draw(5, 4, seed=2)), machine(draw(5, 4, seed=2)), rtol=1e-10, atol=0)


def test_points_are_taken_as_they_are(draw):
    X, Y = draw(20, 4), draw(20, 1, seed=1)
    model = RFM(Settings(iterations=1)).fit(X, Y)
    assert (model.predict(3 * X) - model.predict(X)).abs().max() > 1e-2


def test_the_metric_to_begin_with_is_used(draw):
    X, Y = draw(25, 4), draw(25, 1, seed=1)
    two = list(rfm.iterates(X, Y, Settings(iterations=2)))
    again = next(rfm.iterates(X, Y, Settings(iterations=0), M=two[2].M))
    torch.testing.assert_close(again(X), two[2](X), rtol=1e-10, atol=1e-12)
    with pytest.raises(ValueError, match=r"M must have the shape \(4, 4\), not \(4,\)"):
        next(rfm.iterates(X, Y, Settings(), M=torch.ones(4)))


def test_scaling_by_the_largest_entry_forgets_the_size_of_the_targets(draw):
    X, Y = draw(40, 4), draw(40, 1, seed=1)
    small, large = (RFM(Settings(iterations=2, agop_scale="max")).fit(X, c * Y) for c in (1.0, 1000.0))
    torch.testing.assert_close(small.M, large.M, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(1000 * small.predict(X), large.predict(X), rtol=1e-8, atol=1e-8)


def test_targets_that_are_all_zero_leave_nothing_to_learn(draw):
    model = RFM(Settings(iterations=2, agop_scale="max")).fit(draw(10, 3), torch.zeros(10, 1))
    assert (model.M == 0).all()
    assert (model.predict(draw(4, 3)) == 0).all()


def test_the_median_distance_of_many_points_is_that_of_evenly_spaced_ones(draw, monkeypatch):
    r = rfm.RADIAL["laplace"](1.0).pairs(draw(400, 3))
    exact = float(r[~torch.eye(400, dtype=torch.bool)].median())
    assert rfm._median_distance(r) == exact
    monkeypatch.setattr(rfm, "_MEDIAN_POINTS", 100)
    assert rfm._median_distance(r) == pytest.approx(exact, rel=0.1)  # 4,950 dependent pairs of a hundred points
    assert rfm._median_distance(torch.zeros(3, 3)) == 1.0
    assert rfm._median_distance(torch.zeros(1, 1)) == 1.0


@pytest.mark.parametrize("diagonal", [False, True])
@pytest.mark.parametrize(("K", "center"), [(1, False), (1, True), (3, False)])
def test_predictions_agree_with_xrfm(diagonal, K, center, draw):
    # With one output their centring, over points and outputs together, is the one per output.
    theirs = pytest.importorskip("xrfm.rfm_src").RFM
    X, Y, Z = draw(80, 6), draw(80, K, seed=1), draw(20, 6, seed=2)
    Y[:, 0] += X[:, 0] * X[:, 1]
    other = theirs("laplace", bandwidth=3.0, device="cpu", diag=diagonal, verbose=False)
    settings = Settings(bandwidth=3.0, ridge=0.1, iterations=3, agop_scale="max", diagonal=diagonal)
    other.fit((X, Y), (X, Y), iters=3, reg=0.1, center_grads=center, return_best_params=False, early_stop_rfm=False)
    ours = RFM(replace(settings, center_gradients=center)).fit(X, Y)
    # They add 1e-8 to M's diagonal before they take its root.
    torch.testing.assert_close(ours.M, other.M, rtol=0, atol=1e-5)
    torch.testing.assert_close(ours.predict(Z), other.predict(Z), rtol=0, atol=1e-5)


def test_adaptive_bandwidths_agree_with_xrfm(draw):
    theirs = pytest.importorskip("xrfm.rfm_src").RFM
    X, Y = draw(80, 6), draw(80, 1, seed=1)
    other = theirs("laplace", bandwidth=0.8, bandwidth_mode="adaptive", device="cpu", verbose=False)
    other.fit((X, Y), (X, Y), iters=2, reg=0.1, return_best_params=False, early_stop_rfm=False)
    settings = Settings(bandwidth=0.8, bandwidth_mode="adaptive", ridge=0.1, iterations=2, agop_scale="max")
    ours = RFM(settings).fit(X, Y)
    assert ours.iterate.predictor.kernel.bandwidth == pytest.approx(other.kernel_obj.bandwidth, rel=1e-5)
    torch.testing.assert_close(ours.predict(X), other.predict(X), rtol=0, atol=1e-5)


@pytest.fixture(scope="module")
def product():
    """y = x₁x₂, x ~ N(0, I₁₀₀), without noise: 2,000 points and 10,000 to test on."""
    draws = generator(0, "test", "product")
    X, Z = (torch.randn(n, 100, dtype=torch.float64, generator=draws) for n in (2000, 10_000))
    return X, X[:, :1] * X[:, 1:2], Z, Z[:, :1] * Z[:, 1:2]


def test_a_product_of_two_among_a_hundred_coordinates_is_learned_as_published(product):
    X, Y, Z, truth = product
    found = {}
    for iterate in rfm.iterates(X, Y, Settings(ridge=1e-4, iterations=5, center_gradients=True)):
        if iterate.iteration in (0, 2, 5):
            left = (iterate(Z) - truth).square().sum() / (truth - truth.mean()).square().sum()
            found[iterate.iteration] = 1 - float(left)
    assert found == {
        0: pytest.approx(0.079, abs=0.01),
        2: pytest.approx(0.906, abs=0.01),
        5: pytest.approx(0.923, abs=0.01),
    }


def test_modular_addition_is_learned_long_after_it_is_fitted():
    # Mallinar et al. (2024), at p = 31 instead of 61, with 70 % of the pairs: a random guess is right one time in 31.
    p = 31
    pairs = torch.cartesian_prod(torch.arange(p), torch.arange(p))
    X = torch.nn.functional.one_hot(pairs, p).double().flatten(1)
    Y = torch.nn.functional.one_hot(pairs.sum(1) % p, p).double()
    order = torch.randperm(p * p, generator=generator(0, "test", "pairs"))
    train, test = order[: int(0.7 * p * p)], order[int(0.7 * p * p) :]
    settings = Settings("quadratic", ridge=1e-8, iterations=20, center_gradients=True, agop_power=0.5)
    fitted, right = [], []
    for iterate in rfm.iterates(X[train], Y[train], settings):
        for part, accuracies in ((train, fitted), (test, right)):
            accuracies.append(float((iterate(X[part]).argmax(1) == Y[part].argmax(1)).double().mean()))
    assert min(fitted) == 1
    assert max(right[:4]) < 1 / p
    assert right[-1] > 0.9


def test_the_best_iterate_by_a_score_is_kept_and_a_much_worse_one_ends_the_fit(draw):
    X, Y = draw(20, 3), draw(20, 1, seed=1)
    given = iter([-1.0, -0.5, -0.54, -0.6, 0.0])
    seen: list[Iterate] = []
    model = RFM(Settings(iterations=9)).fit(X, Y, score=lambda _: next(given), watch=seen.append)
    assert model.scores == [-1.0, -0.5, -0.54, -0.6]
    assert model.iterate is seen[1]
    ties = RFM(Settings(iterations=2)).fit(X, Y, score=lambda _: 0.7, early_stopping=None)
    assert ties.iterate.iteration == 0
    assert len(ties.scores) == 3


@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_everything_is_in_the_given_precision(precision, draw):
    model = RFM(Settings(iterations=2, precision=precision)).fit(draw(30, 4), draw(30, 2, seed=1))
    dtype = rfm.PRECISIONS[precision]
    assert model.M.dtype == model.predict(draw(3, 4)).dtype == model.transform(draw(3, 4)).dtype == dtype


def test_float32_follows_float64(draw):
    X = draw(100, 6)
    Y = X[:, :1] * X[:, 1:2]
    double, single = (RFM(Settings(ridge=1e-2, precision=precision)).fit(X, Y) for precision in ("float64", "float32"))
    # Condition numbers of some 1e4 leave three of float32's seven digits.
    torch.testing.assert_close(single.M.double(), double.M, rtol=0, atol=2e-3 * float(double.M.max()))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"kernel": "linear"}, "unknown kernel 'linear'; known are laplace, gaussian, quadratic"),
        ({"agop_scale": "sum"}, "unknown agop_scale"),
        ({"bandwidth_mode": "median"}, "unknown bandwidth_mode"),
        ({"precision": "half"}, "unknown precision"),
        ({"bandwidth": math.nan}, "bandwidth must be positive"),
        ({"agop_power": 0}, "agop_power must be positive"),
        ({"ridge": -1}, "ridge must be 0 or more"),
        ({"iterations": -1}, "iterations must be 0 or more"),
        ({"iterations": 1.5}, "iterations must be a whole number"),
        ({"kernel": "quadratic", "bandwidth_mode": "adaptive"}, "no bandwidth to adapt"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        Settings(**wrong)


def test_bad_points_are_refused(draw):
    X, Y = draw(10, 3), draw(10, 1, seed=1)
    with pytest.raises(ValueError, match=r"N×d and targets N×K, not \(10, 3\) and \(9, 1\)"):
        next(rfm.iterates(X, Y[:9], Settings()))
    Y[2] = math.nan
    with pytest.raises(ValueError, match="the targets hold NaN or infinite values"):
        next(rfm.iterates(X, Y, Settings()))
    X[2, 1] = math.inf
    with pytest.raises(ValueError, match="the inputs hold NaN or infinite values"):
        next(rfm.iterates(X, Y, Settings()))
    with pytest.raises(RuntimeError, match="call fit first"):
        RFM().predict(X)


def test_an_iterate_owns_no_kernel_matrix(draw):
    iterate = next(rfm.iterates(draw(50, 3), draw(50, 1, seed=1), Settings()))
    tensors = [
        value for value in (*vars(iterate).values(), *vars(iterate.predictor).values()) if torch.is_tensor(value)
    ]
    assert max(tensor.numel() for tensor in tensors) == 150


@pytest.mark.parametrize(("K", "precision"), [(1, "float64"), (40, "float64"), (1, "float32")])
def test_memory_is_two_kernel_matrices_and_as_forecast(K, precision, peak_of):
    # By outputs for K = 1, by pairs for 40 (an n×K×d array would be five kernel matrices).
    n, d, dtype = 4000, 500, rfm.PRECISIONS[precision]
    X, Y = torch.randn(n, d, dtype=dtype), torch.randn(n, K, dtype=dtype)
    peak = peak_of(lambda: list(rfm.iterates(X, Y, Settings(iterations=1, precision=precision))))
    forecast = rfm.peak_bytes(n, d, K, precision)
    matrix = n * n * dtype.itemsize
    assert 2 * matrix < peak < 2.5 * matrix
    assert peak < forecast
    assert forecast < 2 * matrix + 0.35 * 2**30  # chunks, and matrices of n×d and d×d
