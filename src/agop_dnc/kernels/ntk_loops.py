r"""The CNTK's inner loops for the CPU, compiled by numba: all layers of one pair stay in the first-level cache.

What is computed is what :mod:`.ntk` says; `_angle` is θ = atan2(R, S) by a polynomial, so that loops over positions become
vector instructions. With a = |S| and √(NN′) = √(R² + a²),

    ψ = atan(min(R, a) / max(R, a)) = 2 atan(m),   m = min(R, a) / (max(R, a) + √(NN′)) ≤ tan(π/8),

θ is ψ or π/2 − ψ, and π minus that if S < 0; at R = S = 0 it comes out as π/2. With t = m², atan(m)/m is 1 + t·p(t);
`coefficients` are those of p, highest first, in the precision of the angles. Pairs with R² ≤ `parallel`·NN′ count as parallel.

numba keeps compiled loops on disk until this file changes. It does not look at others, so nothing that is compiled here may
come from another module: what does is an argument.
"""

# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, cast

import numba  # type: ignore[import-untyped,import-not-found,unused-ignore]
import numpy as np

from .numba_cache import keep

# No reordering of sums: NN′ − S² is taken as a product that must not be multiplied out.
_ELEMENTWISE = frozenset({"contract", "nsz", "nnan", "ninf", "arcp"})


def _compiled(reordered: frozenset[str] = frozenset(), kept: bool = False, **options: Any) -> Callable[..., Any]:
    """Return a decorator that has numba compile a loop, and keep it on disk if some folder can be written to."""

    def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
        fastmath = set(_ELEMENTWISE | reordered)
        loop: Any = numba.njit(fastmath=fastmath, nogil=True, error_model="numpy", **options)(function)
        if kept:
            keep(loop)
        return cast("Callable[..., Any]", loop)

    return compiled


@_compiled(inline="always")
def _angle(r, s, h, real, coefficients):
    a = abs(s)
    m = min(r, a) / (max(r, a) + h + np.finfo(real).tiny)
    t = m * m
    polynomial = real(0)
    for c in coefficients:
        polynomial = polynomial * t + c
    psi = m + m
    psi += psi * (t * polynomial)  # the 1 is added last, in one rounding with the product
    acute = psi if r < a else real(math.pi / 2) - psi
    return acute if s >= real(0) else real(math.pi) - acute


@_compiled(inline="always")
def _sine(product, s, real, parallel):
    squared = (product - s) * (product + s)
    squared = squared if squared > parallel * (product * product) else 0.0
    return math.sqrt(real(squared))


@_compiled(kept=True)
def angles(R, S, h, coefficients, theta):
    """Put θ = atan2(R, S) in place, with h = √(R² + S²)."""
    for p in range(R.size):
        theta[p] = _angle(R[p], S[p], h[p], R.dtype.type, coefficients)


@_compiled()
def _layer(S, T, h, h_z, coefficients, parallel):
    """Put A in place of S and Θ in place of T."""
    real = T.dtype.type
    for p in range(h.size):
        product, s = h[p] * h_z[p], S[p]
        r = _sine(product, s, real, parallel)
        theta = _angle(r, real(s), real(product), real, coefficients)
        S[p] = s + (1 / math.pi) * (r - real(s) * theta)
        T[p] = T[p] * (real(1) - theta * real(1 / math.pi))


@_compiled()
def _copy(S, length, T):
    for p in range(length):
        T[p] = T.dtype.type(S[p])


@_compiled()
def _add(S, length, T):
    for p in range(length):
        T[p] += T.dtype.type(S[p])


@_compiled()
def _box_along(A, stride, q, length, out):
    if q == 3:
        for p in range(length):
            out[p] = A[p] + A[p + stride] + A[p + 2 * stride]
        return
    for p in range(length):
        out[p] = A[p]
    for step in range(1, q):
        for p in range(length):
            out[p] += A[p + step * stride]


@_compiled()
def _box(A, width, q, length, scratch):
    """Box sums of A in its own place, `length` of them."""
    _box_along(A, 1, q, length + (q - 1) * width, scratch)
    _box_along(scratch, width, q, length, A)


@_compiled()
def _box_transpose(A, width, q, length, scratch):
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


@_compiled()
def _first_products(u, v, boxed, width, q, length, S, scratch):
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
        _box(S, width, q, length, scratch)


@_compiled(frozenset({"reassoc"}))
def _weighted_sum(S, T, weights):
    total = 0.0
    for p in range(weights.size):
        total += weights[p] * (S[p] + np.float64(T[p]))
    return total


@_compiled(kept=True)
def entries(
    U, V, roots, roots_z, triangular, boxed, width, q, lengths, weights, coefficients, parallel, block, first, step, K
):
    """Fill rows `first`, `first` + `step`, … of K; if `triangular`, U is V, and what is above the diagonal goes below it, too."""
    S, scratch = np.empty(lengths[0]), np.empty(lengths[0])
    T, scratch_T = np.empty(lengths[0], U.dtype), np.empty(lengths[0], U.dtype)
    for left in range(0, V.shape[0], block):
        right = min(left + block, V.shape[0])
        for i in range(first, U.shape[0], step):
            for j in range(max(left, i) if triangular else left, right):
                _first_products(U[i], V[j], boxed, width, q, lengths[1], S, scratch)
                _copy(S, lengths[1], T)
                start = 0
                for index in range(1, lengths.size):
                    length = lengths[index]
                    if index > 1:
                        _box(S, width, q, length, scratch)
                        _box(T, width, q, length, scratch_T)
                        _add(S, length, T)
                    here = slice(start, start + length)
                    _layer(S, T, roots[i, here], roots_z[j, here], coefficients, parallel)
                    start += length
                K[i, j] = _weighted_sum(S, T, weights)
                if triangular:
                    K[j, i] = K[i, j]


@_compiled()
def _forward(S, T, R, kappa, h, h_z, coefficients, parallel, A, Theta):
    real = T.dtype.type
    for p in range(h.size):
        product, s = h[p] * h_z[p], S[p]
        r = _sine(product, s, real, parallel)
        theta = _angle(r, real(s), real(product), real, coefficients)
        R[p], kappa[p] = r, real(1) - theta * real(1 / math.pi)
        A[p] = s + (1 / math.pi) * (r - real(s) * theta)
        Theta[p] = T[p] * kappa[p]


@_compiled()
def _backward(S, T, R, kappa, h_z, A_bar, Theta_bar, N_bar):
    """S̄ in place of Ā, T̄ in place of Θ̄; N̄′ is added to."""
    for p in range(h_z.size):
        N = h_z[p] * h_z[p]
        slope = Theta_bar[p] * T[p] * (1 / math.pi) / R[p] if R[p] > 0.0 else 0.0
        N_bar[p] += (A_bar[p] * R[p] * (1 / math.pi) - slope * S[p]) / (2.0 * N) if N > 0.0 else 0.0
        Theta_bar[p] *= kappa[p]
        A_bar[p] = A_bar[p] * kappa[p] + slope + Theta_bar[p]


@_compiled(kept=True)
def sweep(U, v, roots, roots_z, width, q, lengths, weights, coefficients, parallel, first, step, S_bar, N_bar):
    """Fill rows `first`, `first` + `step`, … of S̄ and N̄′ for the pairs of images U with the image v."""
    depth = lengths.size - 1
    S, T = np.empty((depth, lengths[1])), np.empty((depth, lengths[1]))
    R, kappa = np.empty((depth, lengths[1])), np.empty((depth, lengths[1]))
    A, Theta, below = np.empty(lengths[0]), np.empty(lengths[0]), np.empty(lengths[0])
    scratch = np.empty(lengths[0])
    starts = np.zeros(depth + 1, np.int64)
    for index in range(depth):
        starts[index + 1] = starts[index] + lengths[index + 1]
    for i in range(first, U.shape[0], step):
        _first_products(U[i], v, False, width, q, lengths[1], A, scratch)
        for index in range(depth):
            length = lengths[index + 1]
            if index > 0:
                _box(A, width, q, length, scratch)
                _box(Theta, width, q, length, scratch)
            for p in range(length):
                S[index, p] = A[p]
                T[index, p] = A[p] if index == 0 else Theta[p] + A[p]
            here = slice(starts[index], starts[index + 1])
            _forward(
                S[index],
                T[index],
                R[index],
                kappa[index],
                roots[i, here],
                roots_z[here],
                coefficients,
                parallel,
                A,
                Theta,
            )
        for p in range(lengths[depth]):
            A[p], Theta[p], below[p] = weights[p], weights[p], 0.0
        for index in range(depth - 1, -1, -1):
            here = slice(starts[index], starts[index + 1])
            _backward(S[index], T[index], R[index], kappa[index], roots_z[here], A, Theta, below)
            if index > 0:
                for bar in (A, Theta, below):
                    _box_transpose(bar, width, q, lengths[index + 1], scratch)
        for p in range(lengths[1]):
            S_bar[i, p], N_bar[i, p] = A[p], below[p]
