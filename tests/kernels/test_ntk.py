"""The CNTK and its AGOP over patches against brute force, autograd and neural-tangents."""

import math
import os
import re
import subprocess
import sys
from functools import cache
from itertools import product
from pathlib import Path

import make_ntk_oracle
import mpmath
import numpy as np
import pytest
import torch
from conftest import REPOSITORY

from agop_dnc.kernels import ntk, ntk_tiles
from agop_dnc.kernels.ntk import ConvolutionalNTK
from agop_dnc.kernels.patches import Geometry

ORACLE = Path(__file__).with_name("ntk_oracle.npz")
SHAPES = [(1, 1, 1), (1, 3, 1), (2, 2, 3), (3, 2, 2), (1, 3, 3), (2, 4, 1)]  # channels, filter size, depth


@pytest.fixture(params=["torch", "numba"])
def backend(request):
    if request.param == "numba":
        pytest.importorskip("numba")
    return request.param


def random_psd(d, draw):
    B = draw(d, d, seed=2)
    return B @ B.T / d


# -- An independent kernel: by definition, a pair of images, a position and a layer at a time -----------------------------


def entry_by_definition(x, z, q, depth, M):
    """K(x, z) of C×H×W arrays by the recursion over layers at each position, with the arc cosine.

    In 40 digits, as the arc cosine near 1 leaves half of them.
    """
    images = [x, z]

    def patch(image, row, column):
        return [mpmath.mpf(value) for value in images[image][:, row : row + q, column : column + q].flatten().tolist()]

    def window(row, column):
        return product(range(row, row + q), range(column, column + q))

    @cache
    def before(a, b, layer, position):  # covariance of two images' inputs to a layer's ReLU
        if layer == 1:
            return mpmath.fsum(
                u * m * v
                for u, row in zip(patch(a, *position), M.tolist(), strict=True)
                for m, v in zip(row, patch(b, *position), strict=True)
            )
        return mpmath.fsum(after(a, b, layer - 1, near) for near in window(*position))

    def angle(layer, position):
        scale = mpmath.sqrt(before(0, 0, layer, position) * before(1, 1, layer, position))
        return mpmath.acos(max(-1, min(1, before(0, 1, layer, position) / scale))) if scale else 0, scale

    @cache
    def after(a, b, layer, position):  # 2E[relu(u)relu(v)]
        if a == b:
            return before(a, a, layer, position)
        theta, scale = angle(layer, position)
        return scale * (mpmath.sin(theta) + (mpmath.pi - theta) * mpmath.cos(theta)) / mpmath.pi

    @cache
    def tangent(layer, position):  # of the layers up to this one, behind its ReLU
        below = before(0, 1, layer, position)
        if layer > 1:
            below += mpmath.fsum(tangent(layer - 1, near) for near in window(*position))
        return below * (1 - angle(layer, position)[0] / mpmath.pi)

    sides = [side - depth * (q - 1) for side in x.shape[1:]]
    positions = list(product(range(sides[0]), range(sides[1])))
    with mpmath.workdps(40):
        return float(mpmath.fsum(tangent(depth, p) + after(0, 1, depth, p) for p in positions) / len(positions))


def by_definition(X, Z, q, depth, M):
    return torch.tensor([[entry_by_definition(x, z, q, depth, M) for z in Z] for x in X], dtype=torch.float64)


# -- The same on tensors, for autograd ------------------------------------------------------------------------------------


def unfolded(images, q):
    """Patches n×P×P′×d in (channel, row, column) order."""
    windows = images.unfold(2, q, 1).unfold(3, q, 1)
    return windows.permute(0, 2, 3, 1, 4, 5).flatten(3)


def predictor(x, z, alpha, q, depth, M):
    """Σ_i α_ic K(x_i, z) as a function of the patches z (P×P′×d), of which x (n×P×P′×d) are the centres'.

    Where patches are parallel the arc cosine's slope is taken as 0, and so is R's.
    """

    def box(A):
        rows, columns = (side - q + 1 for side in A.shape[1:])
        return sum(A[:, i : i + rows, j : j + columns] for i, j in product(range(q), range(q)))

    S = T = torch.einsum("npqd,de,pqe->npq", x, M, z)
    N, N_z = torch.einsum("npqd,de,npqe->npq", x, M, x), torch.einsum("pqd,de,pqe->pq", z, M, z)[None]
    for layer in range(depth):
        R2 = N * N_z - S**2
        parallel = N * N_z >= R2 / 1e-13
        R = torch.where(parallel, 0.0, torch.where(parallel, 1.0, R2).sqrt())
        theta = torch.where(parallel, torch.where(S > 0, 0.0, math.pi), torch.atan2(torch.where(parallel, 1.0, R), S))
        A, Theta = (R + S * (math.pi - theta)) / math.pi, T * (1 - theta / math.pi)
        if layer + 1 < depth:
            S, N, N_z = box(A), box(N), box(N_z)
            T = box(Theta) + S
    return alpha.T @ (A + Theta).mean((1, 2))


def agop_by_autograd(X, alpha, Z, q, depth, M):
    x = unfolded(X, q)
    G = torch.zeros_like(M)
    for z in unfolded(Z, q):
        J = torch.func.jacrev(lambda patches: predictor(x, patches, alpha, q, depth, M))(z)
        g = J.flatten(0, 2)
        G += g.T @ g / (len(Z) * z.shape[0] * z.shape[1])
    return G


@pytest.mark.parametrize(("channels", "q", "depth"), SHAPES)
@pytest.mark.parametrize("given", [False, True])
# The two bounds of the specification; float32 images are rounded before both computations.
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 1e-6)])
def test_kernel_equals_its_definition(backend, channels, q, depth, given, dtype, tolerance, draw):
    height, width = depth * (q - 1) + 2, depth * (q - 1) + 3
    X, Z = draw(4, channels, height, width).to(dtype), draw(3, channels, height, width, seed=1).to(dtype)
    X[1, :, :2] = 0  # patches of zeros
    Z[0] = X[0]  # an image in both
    Z[1] = 3 * X[2]  # parallel in all patches
    M = random_psd(channels * q * q, draw) if given else None
    expected = by_definition(X.double(), Z.double(), q, depth, torch.eye(channels * q * q).double() if M is None else M)
    K = ConvolutionalNTK(q, depth, backend).matrix(X, Z, M)
    assert K.dtype == dtype
    assert (K.double() - expected).abs().max() < tolerance * expected.abs().max()


@pytest.mark.parametrize(("channels", "q", "depth"), SHAPES)
@pytest.mark.parametrize("given", [False, True])
def test_patch_agop_equals_autograd(backend, channels, q, depth, given, draw):
    side = depth * (q - 1) + 3
    X, Z = draw(5, channels, side, side), draw(3, channels, side, side, seed=1)
    X[1, :, :2] = 0
    Z[0] = X[0]
    alpha = draw(5, 2, seed=3)
    M = random_psd(channels * q * q, draw) if given else None
    expected = agop_by_autograd(X, alpha, Z, q, depth, torch.eye(channels * q * q).double() if M is None else M)
    G = ConvolutionalNTK(q, depth, backend).patch_agop(X, alpha, Z, M)
    assert (G - expected).norm() < 1e-8 * expected.norm()


def test_patch_agop_in_float32_is_that_of_the_same_images_in_float64(backend, draw):
    X, Z, alpha = draw(5, 1, 8, 8).float(), draw(3, 1, 8, 8, seed=1).float(), draw(5, 2, seed=2)
    kernel = ConvolutionalNTK(3, 3, backend)
    G = kernel.patch_agop(X, alpha.float(), Z)
    expected = kernel.patch_agop(X.double(), alpha.float().double(), Z.double())
    assert G.dtype == torch.float32
    torch.testing.assert_close(G.double(), expected, rtol=1e-6, atol=1e-7 * float(expected.max()))


def test_gradient_at_a_patch_of_zeros_is_the_mean_of_the_one_sided_derivatives(backend):
    # One 1×1 patch: K(x, z) = 2xz for xz > 0 and 0 otherwise, of slopes 2x and 0 at z = 0.
    X, alpha = torch.full((1, 1, 1, 1), 3.0, dtype=torch.float64), torch.ones(1, 1, dtype=torch.float64)
    G = ConvolutionalNTK(1, 1, backend).patch_agop(X, alpha, torch.zeros_like(X))
    torch.testing.assert_close(G, torch.full((1, 1), 9.0, dtype=torch.float64))


@pytest.mark.parametrize("name", make_ntk_oracle.CASES)
def test_kernel_and_patch_agop_equal_those_stored_of_neural_tangents(backend, name):
    _, _, q, depth, _ = make_ntk_oracle.CASES[name]
    X, Z, alpha, M = map(torch.from_numpy, make_ntk_oracle.inputs(name))
    kernel = ConvolutionalNTK(q, depth, backend)
    with np.load(ORACLE) as stored:
        K, G = torch.from_numpy(stored[f"{name}_K"]), torch.from_numpy(stored[f"{name}_G"])
    # neural-tangents leaves √eps of angles between equal images: the first entry is compared apart.
    ours, same = kernel.matrix(X, Z, M), torch.zeros_like(K, dtype=torch.bool)
    same[0, 0] = True
    assert (ours - K)[~same].abs().max() < 1e-10 * K.abs().max()
    assert (ours - K)[same].abs().max() < 1e-7 * K.abs().max()
    single = kernel.matrix(X.float(), Z.float(), M.float())
    assert (single - K)[~same].abs().max() < 1e-6 * K.abs().max()
    assert (kernel.patch_agop(X, alpha, Z, M) - G).norm() < 1e-8 * G.norm()


@pytest.mark.parametrize("name", make_ntk_oracle.CASES)
def test_stored_values_are_those_of_neural_tangents(name):
    pytest.importorskip("neural_tangents")
    with np.load(ORACLE) as stored:
        for part, value in zip("KG", make_ntk_oracle.by_neural_tangents(name), strict=True):
            np.testing.assert_allclose(value, stored[f"{name}_{part}"], rtol=1e-9, atol=1e-12 * np.abs(value).max())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_both_backends_agree(dtype, draw):
    pytest.importorskip("numba")
    X, Z = draw(6, 2, 9, 11).to(dtype), draw(4, 2, 9, 11, seed=1).to(dtype)
    M, alpha = random_psd(18, draw), draw(6, 3, seed=2)
    fused, plain = ConvolutionalNTK(3, 3, "numba"), ConvolutionalNTK(3, 3, "torch")
    # In float32 angles carry an error of some 1e-7; K and the AGOP are sums of many.
    tolerance = 1e-13 if dtype == torch.float64 else 5e-7
    for given in (None, M):
        K = plain.matrix(X, Z, given)
        assert (fused.matrix(X, Z, given) - K).abs().max() < tolerance * K.abs().max()
        G = plain.patch_agop(X, alpha, Z, given)
        assert (fused.patch_agop(X, alpha, Z, given) - G).norm() < tolerance * G.norm()


@pytest.mark.parametrize("given", [False, True])
def test_the_size_of_tiles_does_not_matter(backend, given, draw, monkeypatch):
    X, Z, alpha = draw(7, 1, 8, 8), draw(5, 1, 8, 8, seed=1), draw(7, 2, seed=2)
    M = random_psd(9, draw) if given else None
    kernel = ConvolutionalNTK(3, 2, backend)
    whole = [kernel.matrix(X, Z, M), kernel.matrix(X, X, M), kernel.patch_agop(X, alpha, Z, M), kernel.diagonal(X, M)]
    for images in (1, 2, 3):
        monkeypatch.setattr(
            ntk, "slices", lambda n, _, side=images: [slice(i, min(i + side, n)) for i in range(0, n, side)]
        )
        parts = [
            kernel.matrix(X, Z, M),
            kernel.matrix(X, X, M),
            kernel.patch_agop(X, alpha, Z, M),
            kernel.diagonal(X, M),
        ]
        for part, expected in zip(parts, whole, strict=True):
            torch.testing.assert_close(part, expected, rtol=1e-12, atol=1e-13)


def test_tiles_keep_to_their_memory(monkeypatch):
    geometry = Geometry(28, 28, 3, 3)
    X = torch.zeros(1, 1, 28, 28)
    for fused in (True, False):
        side = ntk_tiles.tile_side(geometry, X, torch.eye(9), fused)
        images, pairs = (
            2 * side * ntk_tiles.image_bytes(geometry, 9 * geometry.lengths[1], 4),
            0 if fused else 64 * side**2 * 28 * 28,
        )
        assert images <= ntk_tiles.TILE_BYTES["cpu"]
        assert pairs <= ntk_tiles.TILE_BYTES["cpu"]
        assert side > 1


def test_the_number_of_threads_does_not_matter(backend, draw):
    X, Z, alpha = draw(7, 1, 8, 8), draw(5, 1, 8, 8, seed=1), draw(7, 2, seed=2)
    kernel, before = ConvolutionalNTK(3, 2, backend), torch.get_num_threads()
    results = []
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            results.append((kernel.matrix(X, Z), kernel.matrix(X, X), kernel.patch_agop(X, alpha, Z)))
    finally:
        torch.set_num_threads(before)
    for one, three in zip(*results, strict=True):
        torch.testing.assert_close(one, three, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_diagonal_equals_the_definition_and_symmetric_matrices_have_it(backend, dtype, draw):
    X, M = draw(4, 2, 7, 8).to(dtype), random_psd(8, draw)
    kernel = ConvolutionalNTK(2, 3, backend)
    diagonal, K = kernel.diagonal(X, M), kernel.matrix(X, X, M)
    expected = by_definition(X.double(), X.double(), 2, 3, M).diagonal()
    torch.testing.assert_close(diagonal.double(), expected, rtol=1e-6 if dtype == torch.float32 else 1e-10, atol=0)
    assert torch.equal(K.diagonal(), diagonal)
    assert torch.equal(K, K.T)


def test_kernel_is_homogeneous_and_survives_extreme_scales_in_float32(backend, draw):
    X, Z = draw(3, 1, 8, 8).float(), draw(2, 1, 8, 8, seed=1).float()
    kernel = ConvolutionalNTK(3, 2, backend)
    # Powers of two, so that nothing is rounded: equal to the bit.
    assert torch.equal(kernel.matrix(2.0**50 * X, 2.0**-60 * Z), 2.0**-10 * kernel.matrix(X, Z))


def test_kernel_is_positive_semi_definite(backend, draw):
    X = draw(20, 1, 8, 8)
    eigenvalues = torch.linalg.eigvalsh(ConvolutionalNTK(3, 3, backend).matrix(X, X))
    assert eigenvalues[0] > 0


@pytest.mark.parametrize(("real", "bound"), [(np.float32, 3e-7), (np.float64, 2.5e-15)])
def test_fused_angle_is_within_its_bound(real, bound):
    ntk_numba = pytest.importorskip("agop_dnc.kernels.ntk_numba", exc_type=ImportError)
    # The polynomial's share of π/4 (2e-8, 2e-15), and some five roundings of numbers up to π.
    theta = np.concatenate([np.linspace(0, np.pi, 200_001), np.logspace(-7, 0, 10_001)])
    R, S = np.sin(theta).clip(0).astype(real), np.cos(theta).astype(real)
    h = np.hypot(R.astype(float), S).astype(real)
    angles = np.empty_like(R)
    ntk_numba.ntk_loops.angles(R, S, h, ntk_numba.coefficients(R.dtype), angles)
    assert np.abs(angles - np.arctan2(R.astype(float), S.astype(float))).max() < bound
    small = theta < 1e-3
    relative = np.abs(angles[small] / np.arctan2(R[small].astype(float), S[small].astype(float)).clip(1e-30) - 1)
    assert relative[theta[small] > 0].max() < 4 * np.finfo(real).eps


KEPT = """
import numpy as np
from agop_dnc.kernels import ntk_loops, ntk_numba

one = np.ones(1)
theta = one.copy()
ntk_loops.angles(one, one, np.sqrt(2 * one), ntk_numba.coefficients(one.dtype), theta)
print(float(theta[0]), sum(ntk_loops.angles.stats.cache_hits.values()))
"""


@pytest.fixture
def angle_of_a_process(tmp_path):
    """Return a function that runs KEPT in a process: the angle, and whether the loop came from disk."""

    def run(before=""):
        environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path), "PYTHONPATH": str(REPOSITORY / "src")}
        command = [sys.executable, "-c", before + KEPT]
        done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
        angle, hits = done.stdout.split()
        assert float(angle) == pytest.approx(math.pi / 4, abs=2.5e-15)
        return hits == "1"

    pytest.importorskip("numba")
    return run


def test_compiled_loops_are_kept_for_the_next_process(angle_of_a_process):
    assert [angle_of_a_process(), angle_of_a_process()] == [False, True]


def test_damaged_files_of_kept_loops_are_ignored(angle_of_a_process, tmp_path):
    angle_of_a_process()
    kept = [path for path in tmp_path.rglob("*.nb[ic]") if "angles" in path.name]
    assert len(kept) == 2  # the index, and the code
    for path in kept:
        path.write_bytes(path.read_bytes()[:100])
    assert not angle_of_a_process()


@pytest.mark.parametrize(
    "fault",
    [
        "from numba.core import caching; caching.CacheImpl._locator_classes = []",  # no folder can be written to
        "import os; os.replace = lambda *_: 1 / 0",
    ],
    ids=["no folder", "no room"],
)
def test_loops_run_where_they_cannot_be_kept(angle_of_a_process, fault):
    assert not angle_of_a_process(fault)
    assert not angle_of_a_process(fault)


def test_compiled_loops_take_nothing_from_other_modules():
    """numba would not notice an edit of them, and run what it compiled before it."""
    source = (REPOSITORY / "src" / "agop_dnc" / "kernels" / "ntk_loops.py").read_text()
    imported = [line for line in source.splitlines() if re.match(r"\s*(from \.|(from|import) agop)", line)]
    assert imported == ["from .numba_cache import keep"]  # which the decorator calls, and no loop


@pytest.mark.parametrize(("terms", "bound"), [(6, 2e-8), (11, 2e-15)])
def test_arctan_polynomial_is_within_its_bound(terms, bound):
    ntk_numba = pytest.importorskip("agop_dnc.kernels.ntk_numba", exc_type=ImportError)
    m = np.linspace(1e-6, math.tan(math.pi / 8), 100_001)
    approximation = m * np.polynomial.polynomial.polyval(m**2, ntk_numba.arctan_polynomial(terms))
    assert np.abs(approximation / np.arctan(m) - 1).max() < bound


def test_box_transpose_is_the_adjoint_of_box(draw):
    geometry = Geometry(6, 7, 3, 1)
    A, B = draw(geometry.lengths[0]), draw(geometry.lengths[1], seed=1)
    torch.testing.assert_close(geometry.box(A) @ B, A @ geometry.box_transpose(B))


def test_backend_without_numba_is_torch(draw, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    X = draw(2, 1, 5, 5)
    torch.testing.assert_close(ConvolutionalNTK(3, 2).matrix(X, X), ConvolutionalNTK(3, 2, "torch").matrix(X, X))
    with pytest.raises(ValueError, match="needs numba"):
        ConvolutionalNTK(3, 2, "numba").matrix(X, X)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_gpu_and_cpu_agree(draw):
    X, Z, alpha, M = draw(6, 2, 9, 9), draw(4, 2, 9, 9, seed=1), draw(6, 3, seed=2), random_psd(18, draw)
    kernel = ConvolutionalNTK(3, 3)
    for dtype, tolerance in ((torch.float64, 1e-12), (torch.float32, 5e-7)):
        K, G = kernel.matrix(X.to(dtype), Z.to(dtype), M), kernel.patch_agop(X.to(dtype), alpha, Z.to(dtype), M)
        there = [A.to("cuda", dtype) for A in (X, Z, M)]
        assert (kernel.matrix(*there).cpu() - K).abs().max() < tolerance * K.abs().max()
        assert (kernel.patch_agop(there[0], alpha.cuda(), *there[1:]).cpu() - G).norm() < tolerance * G.norm()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"X": torch.zeros(2, 5, 5)}, "n×C×H×W"),
        ({"X": torch.zeros(0, 1, 5, 5)}, "n×C×H×W"),
        ({"X": torch.zeros(2, 1, 5, 5, dtype=torch.int64)}, "float32 or float64"),
        ({"X": torch.zeros(2, 1, 5, 6)}, "same shape"),
        ({"X": torch.zeros(2, 1, 5, 5, dtype=torch.float64)}, "same shape, precision"),
        ({"X": torch.full((2, 1, 5, 5), torch.nan)}, "finite"),
        ({"X": torch.zeros(2, 1, 4, 4), "Z": torch.zeros(2, 1, 4, 4)}, "smaller than the 5×5"),
        ({"M": torch.eye(4)}, "M must be 9×9"),
        ({"M": torch.full((9, 9), torch.nan)}, "M must be finite"),
        ({"M": torch.ones(9, 9).tril()}, "symmetric"),
        ({"M": -torch.eye(9)}, "positive semi-definite"),
    ],
)
def test_bad_input_is_one_sentence(change, sentence):
    given = {"X": torch.zeros(2, 1, 5, 5), "Z": torch.zeros(3, 1, 5, 5), "M": None} | change
    with pytest.raises(ValueError, match=sentence):
        ConvolutionalNTK(3, 2).matrix(**given)


def test_bad_settings_and_coefficients_are_one_sentence():
    with pytest.raises(ValueError, match="filter_size must be"):
        ConvolutionalNTK(0, 1)
    with pytest.raises(ValueError, match="depth must be"):
        ConvolutionalNTK(3, 1.5)
    with pytest.raises(ValueError, match="unknown backend"):
        ConvolutionalNTK(3, 1, "fortran")
    X = torch.ones(2, 1, 5, 5)
    with pytest.raises(ValueError, match="coefficients"):
        ConvolutionalNTK(3, 1).patch_agop(X, torch.ones(3, 1), X)
