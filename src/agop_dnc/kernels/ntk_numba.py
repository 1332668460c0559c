r"""The CNTK's inner loops for the CPU, fused with numba: all layers of one pair stay in the first-level cache.

What is computed is what :mod:`.ntk` says; `angle` is θ = atan2(R, S) by a polynomial, so that loops over positions become
vector instructions. With a = |S| and h = √(R² + a²) = √(NN′),

    ψ = atan(min(R, a) / max(R, a)) = 2 atan(m),   m = min(R, a) / (max(R, a) + h) ≤ tan(π/8),

θ is ψ or π/2 − ψ, and π minus that if S < 0; at R = S = 0 it comes out as π/2. On [0, tan²(π/8)] the function atan(√t)/√t, whose nearest singularity is t = −1,
is a polynomial in t up to an error that falls 25-fold per term: below 2e-8 with 6 terms and
2e-15 with 11.

The loops release the interpreter's lock and run in as many Python threads as PyTorch has; no pair's result depends on them.
"""

# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import numba  # type: ignore[import-untyped,import-not-found,unused-ignore]
import numpy as np
import torch
from numpy.polynomial import Polynomial, chebyshev
from numpy.typing import NDArray
from torch import Tensor

from .ntk import PARALLEL, Prepared
from .patches import Geometry

# Terms of the polynomial: the least for which its error is below half a unit in the last place, or as near as rounding lets it.
TERMS: dict[Any, int] = {np.float32: 6, np.float64: 11}
# The images z of as many pairs as these stay in the second-level cache while x changes.
_BLOCK_BYTES = 2**18
# No reordering of sums: NN′ − S² is taken as a product that must not be multiplied out.
_ELEMENTWISE: set[str] = {"contract", "nsz", "nnan", "ninf", "arcp"}
_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy"}


def arctan_polynomial(terms: int) -> NDArray[np.float64]:
    """Return the coefficients of a polynomial in t for atan(√t)/√t on [0, tan²(π/8)], constant first.

    It is 1 + t·h(t), with h interpolated at Chebyshev points, so that small angles are accurate relative to themselves.

    Args:
        terms: Number of coefficients, 2 or more.

    Returns:
        The coefficients, in float64.
    """
    end = math.tan(math.pi / 8) ** 2

    def h(u: Any) -> Any:
        t = (u + 1) / 2 * end
        # atan's own series; 25 terms leave 0.18²⁵ = 2e-19.
        return sum(-((-t) ** k) / (2 * k + 3) for k in range(25))

    in_u = Polynomial(chebyshev.cheb2poly(chebyshev.chebinterpolate(h, terms - 2)))
    return np.concatenate([[1.0], in_u(Polynomial([-1, 2 / end])).coef])


@cache
def _compiled(real: Any) -> tuple[Callable[..., Any], Callable[..., Any], Callable[..., Any]]:
    """Return the loops for one precision: `entries`, `sweep` and `angles` (θ of arrays, for tests)."""
    coefficients = tuple(real(c) for c in arctan_polynomial(TERMS[real])[::-1])
    zero, one, two, half_pi, pi = real(0), real(1), real(2), real(math.pi / 2), real(math.pi)
    inverse_pi, tiny = real(1 / math.pi), real(np.finfo(real).tiny)
    inverse_pi_64, tolerance = 1 / math.pi, PARALLEL

    @numba.njit(fastmath=_ELEMENTWISE, inline="always", **_OPTIONS)
    def angle(r, s, h):
        a = abs(s)
        m = min(r, a) / (max(r, a) + h + tiny)
        t = m * m
        polynomial = zero
        for c in coefficients:
            polynomial = polynomial * t + c
        psi = two * m * polynomial
        acute = psi if r < a else half_pi - psi
        return acute if s >= zero else pi - acute

    @numba.njit(fastmath=_ELEMENTWISE, inline="always", **_OPTIONS)
    def sine(product, s):
        squared = (product - s) * (product + s)
        squared = squared if squared > tolerance * (product * product) else 0.0
        return math.sqrt(real(squared))

    @numba.njit(fastmath=_ELEMENTWISE, **_OPTIONS)
    def angles(R, S, h, theta):
        for p in range(R.size):
            theta[p] = angle(R[p], S[p], h[p])

    @numba.njit(fastmath=_ELEMENTWISE, **_OPTIONS)
    def layer(S, T, h, h_z):
        """Put A in place of S and Θ in place of T."""
        for p in range(h.size):
            product, s = h[p] * h_z[p], S[p]
            r = sine(product, s)
            theta = angle(r, real(s), real(product))
            S[p] = s + inverse_pi_64 * (r - real(s) * theta)
            T[p] = T[p] * (one - theta * inverse_pi)

    @numba.njit(fastmath=_ELEMENTWISE, **_OPTIONS)
    def copy(S, length, T):
        for p in range(length):
            T[p] = real(S[p])

    @numba.njit(fastmath=_ELEMENTWISE, **_OPTIONS)
    def add(S, length, T):
        for p in range(length):
            T[p] += real(S[p])

    @numba.njit(fastmath=_ELEMENTWISE, **_OPTIONS)
    def box_along(A, stride, q, length, out):
        if q == 3:
            for p in range(length):
                out[p] = A[p] + A[p + stride] + A[p + 2 * stride]
            return
        for p in range(length):
            out[p] = A[p]
        for step in range(1, q):
            for p in range(length):
                out[p] += A[p + step * stride]

    @numba.njit(fastmath=_ELEMENTWISE, **_OPTIONS)
    def box(A, width, q, length, scratch):
        """Box sums of A in its own place, `length` of them."""
        box_along(A, 1, q, length + (q - 1) * width, scratch)
        box_along(scratch, width, q, length, A)

    @numba.njit(fastmath=_ELEMENTWISE, **_OPTIONS)
    def box_transpose(A, width, q, length, scratch):
        """Replace A with the adjoint of the box sum: from `length` windows to all pixels of the layer below."""
        longer = length + (q - 1) * width
        for p in range(longer):
            scratch[p] = 0
        for step in range(q):
            for p in range(length):
                scratch[p + step * width] += A[p]
        for p in range(longer + q - 1):
            A[p] = 0
        for step in range(q):
            for p in range(longer):
                A[p + step] += scratch[p]

    @numba.njit(fastmath=_ELEMENTWISE, **_OPTIONS)
    def first_products(u, v, boxed, width, q, length, S, scratch):
        size = u.shape[1]
        for p in range(size):
            S[p] = 0.0
        rows = u.shape[0]
        for k in range(0, rows - rows % 3, 3):
            u0, u1, u2, v0, v1, v2 = u[k], u[k + 1], u[k + 2], v[k], v[k + 1], v[k + 2]
            for p in range(size):
                S[p] += (
                    np.float64(u0[p]) * np.float64(v0[p])
                    + np.float64(u1[p]) * np.float64(v1[p])
                    + np.float64(u2[p]) * np.float64(v2[p])
                )
        for k in range(rows - rows % 3, rows):
            u0, v0 = u[k], v[k]
            for p in range(size):
                S[p] += np.float64(u0[p]) * np.float64(v0[p])
        if boxed:
            box(S, width, q, length, scratch)

    @numba.njit(fastmath=_ELEMENTWISE | {"reassoc"}, **_OPTIONS)
    def weighted_sum(S, T, weights):
        total = 0.0
        for p in range(weights.size):
            total += weights[p] * (S[p] + np.float64(T[p]))
        return total

    @numba.njit(fastmath=_ELEMENTWISE, **_OPTIONS)
    def entries(U, V, roots, roots_z, triangular, boxed, width, q, lengths, weights, block, first, step, K):
        S, scratch = np.empty(lengths[0]), np.empty(lengths[0])
        T, scratch_T = np.empty(lengths[0], real), np.empty(lengths[0], real)
        for left in range(0, V.shape[0], block):
            right = min(left + block, V.shape[0])
            for i in range(first, U.shape[0], step):
                for j in range(max(left, i) if triangular else left, right):
                    first_products(U[i], V[j], boxed, width, q, lengths[1], S, scratch)
                    copy(S, lengths[1], T)
                    start = 0
                    for index in range(1, lengths.size):
                        length = lengths[index]
                        if index > 1:
                            box(S, width, q, length, scratch)
                            box(T, width, q, length, scratch_T)
                            add(S, length, T)
                        layer(S, T, roots[i, start : start + length], roots_z[j, start : start + length])
                        start += length
                    K[i, j] = weighted_sum(S, T, weights)
                    if triangular:
                        K[j, i] = K[i, j]

    @numba.njit(fastmath=_ELEMENTWISE, **_OPTIONS)
    def forward(S, T, R, kappa, h, h_z, A, Theta):
        for p in range(h.size):
            product, s = h[p] * h_z[p], S[p]
            r = sine(product, s)
            theta = angle(r, real(s), real(product))
            R[p], kappa[p] = r, one - theta * inverse_pi
            A[p] = s + inverse_pi_64 * (r - real(s) * theta)
            Theta[p] = T[p] * kappa[p]

    @numba.njit(fastmath=_ELEMENTWISE, **_OPTIONS)
    def backward(S, T, R, kappa, h_z, A_bar, Theta_bar, N_bar):
        """S̄ in place of Ā, T̄ in place of Θ̄; N̄′ is added to."""
        for p in range(h_z.size):
            N = h_z[p] * h_z[p]
            slope = Theta_bar[p] * T[p] * inverse_pi_64 / R[p] if R[p] > 0.0 else 0.0
            N_bar[p] += (A_bar[p] * R[p] * inverse_pi_64 - slope * S[p]) / (2.0 * N) if N > 0.0 else 0.0
            Theta_bar[p] *= kappa[p]
            A_bar[p] = A_bar[p] * kappa[p] + slope + Theta_bar[p]

    @numba.njit(fastmath=_ELEMENTWISE, **_OPTIONS)
    def sweep(U, v, roots, roots_z, width, q, lengths, weights, first, step, S_bar, N_bar):
        depth = lengths.size - 1
        S, T = np.empty((depth, lengths[1])), np.empty((depth, lengths[1]))
        R, kappa = np.empty((depth, lengths[1])), np.empty((depth, lengths[1]))
        A, Theta, below = np.empty(lengths[0]), np.empty(lengths[0]), np.empty(lengths[0])
        scratch = np.empty(lengths[0])
        starts = np.zeros(depth + 1, np.int64)
        for index in range(depth):
            starts[index + 1] = starts[index] + lengths[index + 1]
        for i in range(first, U.shape[0], step):
            first_products(U[i], v, False, width, q, lengths[1], A, scratch)
            for index in range(depth):
                length = lengths[index + 1]
                if index > 0:
                    box(A, width, q, length, scratch)
                    box(Theta, width, q, length, scratch)
                for p in range(length):
                    S[index, p] = A[p]
                    T[index, p] = A[p] if index == 0 else Theta[p] + A[p]
                here = slice(starts[index], starts[index + 1])
                forward(S[index], T[index], R[index], kappa[index], roots[i, here], roots_z[here], A, Theta)
            for p in range(lengths[depth]):
                A[p], Theta[p], below[p] = weights[p], weights[p], 0.0
            for index in range(depth - 1, -1, -1):
                here = slice(starts[index], starts[index + 1])
                backward(S[index], T[index], R[index], kappa[index], roots_z[here], A, Theta, below)
                if index > 0:
                    for bar in (A, Theta, below):
                        box_transpose(bar, width, q, lengths[index + 1], scratch)
            for p in range(lengths[1]):
                S_bar[i, p], N_bar[i, p] = A[p], below[p]

    return entries, sweep, angles


def entries(A: Prepared, B: Prepared, geometry: Geometry) -> Tensor:
    """Return the tile K(x_i, z_j); if A is B, half of it is computed.

    Args:
        A: n images, scaled.
        B: m images, scaled.
        geometry: Of the windows.

    Returns:
        The n×m tile.
    """
    lengths, weights = np.array(geometry.lengths), geometry.weights(geometry.depth).numpy()
    U, V = A.U.numpy(), B.U.numpy()
    boxed = U.shape[-1] != lengths[1]
    K = np.empty((len(U), len(V)), U.dtype)
    real: Any = U.dtype.type
    function = _compiled(real)[0]
    block = max(1, _BLOCK_BYTES // (V[0].nbytes + B.roots[0].numpy().nbytes))
    shape = (geometry.width, geometry.filter_size, lengths, weights)
    given = (U, V, A.roots.numpy(), B.roots.numpy(), A is B, boxed, *shape, block)
    _in_threads(lambda first, step: function(*given, first, step, K))
    return torch.from_numpy(K)


def sweep(A: Prepared, b: Prepared, geometry: Geometry) -> tuple[Tensor, Tensor]:
    """Return S̄ and N̄′ of the first layer for the pairs of n images with one image z, in float64.

    Args:
        A: n images, scaled, with their patches as U.
        b: The image z in the same form.
        geometry: Of the windows.

    Returns:
        Two n×L₁ tensors.
    """
    lengths, weights = np.array(geometry.lengths), geometry.weights(geometry.depth).numpy()
    U, v = A.U.numpy(), b.U[0].numpy()
    S_bar, N_bar = np.empty((2, len(U), lengths[1]))
    real: Any = np.float64
    function = _compiled(real)[1]
    given = (U, v, A.roots.numpy(), b.roots[0].numpy(), geometry.width, geometry.filter_size, lengths, weights)
    _in_threads(lambda first, step: function(*given, first, step, S_bar, N_bar))
    return torch.from_numpy(S_bar), torch.from_numpy(N_bar)


def _in_threads(function: Callable[[int, int], object]) -> None:
    """Call function(first, step) for first = 0 … step − 1, one call per thread that PyTorch may use."""
    threads = torch.get_num_threads()
    if threads == 1:
        function(0, 1)
        return
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(function, range(threads), [threads] * threads))
