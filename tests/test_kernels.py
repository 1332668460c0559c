"""Kernels, distances and the AGOP of kernel machines against autograd, brute force and a public package."""

import pytest
import torch
from torch.func import jacrev, vmap

from agop_dnc.kernels import agop, blocks, radial
from agop_dnc.kernels.radial import Gaussian, Laplace

KERNELS = [Laplace(2.0), Gaussian(1.5)]


def kernel_by_definition(kernel, x, Z):
    """k(x, Z) such that autograd takes the Laplace kernel's gradient at x = z as 0."""
    squared = (x - Z).square().sum(-1)
    if isinstance(kernel, Gaussian):
        return torch.exp(-squared / (2 * kernel.bandwidth**2))
    coincident = squared == 0
    r = torch.where(coincident, 1.0, squared).sqrt()
    return torch.where(coincident, 1.0, torch.exp(-r / kernel.bandwidth))


def agop_by_autograd(kernel, X, alpha):
    J = vmap(jacrev(lambda x: kernel_by_definition(kernel, x, X) @ alpha))(X)
    return torch.einsum("nkd,nke->de", J, J) / len(X)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize(("N", "d"), [(40, 7), (12, 30)])
@pytest.mark.parametrize("coincident", [False, True])
@pytest.mark.parametrize("way", [None, agop._agop_by_outputs, agop._agop_by_pairs])
def test_agop_equals_autograd(kernel, N, d, coincident, way, draw, monkeypatch):
    X, alpha = draw(N, d), draw(N, 3, seed=1)
    if coincident:
        X[3] = X[0]
        X[5] = X[4]
    if way:  # whichever would not be chosen at this size as well
        monkeypatch.setattr(agop, "_agop_by_outputs", way)
        monkeypatch.setattr(agop, "_agop_by_pairs", way)
    expected = agop_by_autograd(kernel, X, alpha)
    error = (agop.kernel_agop(kernel, X, alpha) - expected).norm() / expected.norm()
    # Products of float64 matrices of this size leave some 1e-15; 1e-8 is what is promised.
    assert error < 1e-12


@pytest.mark.parametrize("kernel", KERNELS)
def test_agop_is_the_same_whatever_the_chunks(kernel, draw, monkeypatch):
    X, alpha = draw(50, 6), draw(50, 4, seed=1)
    whole = agop.kernel_agop(kernel, X, alpha)
    monkeypatch.setattr(blocks, "CHUNK_BYTES", 1000)
    torch.testing.assert_close(agop.kernel_agop(kernel, X, alpha), whole, rtol=1e-12, atol=1e-14)


def test_agop_agrees_with_xrfm_on_the_laplace_kernel(draw):
    xrfm = pytest.importorskip("xrfm.rfm_src.kernels")
    X, alpha = draw(30, 5), draw(30, 2, seed=1)
    theirs = xrfm.LaplaceKernel(bandwidth=2.0, exponent=1.0)
    gradients = theirs.get_function_grads(X, X, alpha.T)  # K×N×d
    expected = torch.einsum("knd,kne->de", gradients, gradients) / len(X)
    # xrfm adds a small constant to distances before dividing by them.
    torch.testing.assert_close(agop.kernel_agop(Laplace(2.0), X, alpha), expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("kernel", KERNELS)
def test_slope_is_minus_the_derivative_over_the_distance(kernel):
    r = torch.linspace(0.1, 4, 20, dtype=torch.float64, requires_grad=True)
    assert kernel.slope_(torch.zeros(1)) == 0
    value = kernel.value_(r.clone())
    (derivative,) = torch.autograd.grad(value.sum(), r)
    torch.testing.assert_close(kernel.slope_(r.detach().clone()), -derivative / r.detach(), rtol=1e-12, atol=0)


def collapsed(draw, spread, N=60, d=20, K=3):
    """Unit vectors that differ from their class's by about `spread`, with the distances computed from the differences."""
    means = draw(K, d)
    X = means[torch.arange(N) % K] + spread * draw(N, d, seed=1)
    X /= X.norm(dim=1, keepdim=True)
    return X


@pytest.mark.parametrize("spread", [1.0, 1e-3, 1e-5, 1e-8, 1e-12])
def test_distances_do_not_cancel(spread, draw):
    X = collapsed(draw, spread)
    exact = (X[:, None] - X).square().sum(-1).sqrt()
    error = ((radial.distances(X) - exact).abs() / exact.clamp(min=1e-300)).max()
    assert error < 1e-7
    cross = ((radial.distances(X[:7], X) - exact[:7]).abs() / exact[:7].clamp(min=1e-300)).nan_to_num().max()
    assert cross < 1e-7


@pytest.mark.parametrize("spread", [1.0, 1e-3, 1e-5])
def test_float32_distances_are_right_to_rounding(spread, draw):
    X = collapsed(draw, spread).float()
    exact = (X.double()[:, None] - X.double()).square().sum(-1).sqrt()
    error = ((radial.distances(X).double() - exact).abs() / exact.clamp(min=1e-300)).max()
    assert error < 2e-7  # twice float32's eps, and the promised 1e-7


def test_coincident_points_are_at_distance_zero(draw):
    X = draw(20, 6)
    X[11] = X[2]
    r = radial.distances(X)
    assert r[11, 2] == 0
    assert (r.diagonal() == 0).all()
    assert (radial.distances(X[2:3], X)[0, [2, 11]] == 0).all()


def test_chunks_of_distances_fit_together(draw, monkeypatch):
    X = collapsed(draw, 1e-6)
    whole = radial.distances(X)
    monkeypatch.setattr(blocks, "CHUNK_BYTES", 8 * 60 * 7)
    torch.testing.assert_close(radial.distances(X), whole, rtol=1e-7, atol=0)


def test_distances_refuse_points_of_different_dimension(draw):
    with pytest.raises(ValueError, match="n×d and m×d"):
        radial.distances(draw(3, 2), draw(3, 4))


def test_agop_refuses_shapes_that_do_not_agree(draw):
    with pytest.raises(ValueError, match="N×K"):
        agop.kernel_agop(Laplace(), draw(3, 2), draw(4, 2))


def test_matrix_square_root_squares_back(draw):
    A = draw(8, 5)
    M = A @ A.T  # rank 5 of 8: three eigenvalues are rounding, of either sign
    root = agop.matrix_sqrt(M)
    torch.testing.assert_close(root @ root, M, rtol=0, atol=1e-12)
    torch.testing.assert_close(root, root.T, rtol=0, atol=1e-14)


@pytest.fixture
def float32_eigh_fails(monkeypatch):
    real = torch.linalg.eigh

    def eigh(M):
        if M.dtype == torch.float32:
            raise torch.linalg.LinAlgError("the algorithm failed to converge")
        return real(M)

    monkeypatch.setattr(torch.linalg, "eigh", eigh)


def test_a_square_root_that_float32_cannot_find_is_found_in_float64(draw, float32_eigh_fails):
    A = draw(8, 5)
    M = A @ A.T
    root = agop.matrix_sqrt(M.float())
    assert root.dtype == torch.float32
    torch.testing.assert_close(root @ root, M.float(), rtol=0, atol=1e-5)  # a hundred roundings of entries below 20


@pytest.mark.parametrize("precision", [torch.float32, torch.float64])
def test_a_matrix_with_nan_has_no_square_root(precision):
    with pytest.raises(torch.linalg.LinAlgError):
        agop.matrix_sqrt(torch.full((3, 3), float("nan"), dtype=precision))
