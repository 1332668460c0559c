r"""The CNTK on the CPU by fused loops: their arguments, and threads.

The loops release the interpreter's lock and run in as many Python threads as PyTorch has; no pair's result depends on them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.polynomial import Polynomial, chebyshev
from numpy.typing import NDArray
from torch import Tensor

from . import ntk_loops
from .ntk import PARALLEL, Prepared
from .patches import Geometry

# Terms of the polynomial: the least for which its error is below half a unit in the last place, or as near as rounding lets it.
# On [0, tan²(π/8)] the function atan(√t)/√t, whose nearest singularity is t = −1, is a polynomial up to an error that falls
# 25-fold per term: below 2e-8 with 6 terms and 2e-15 with 11.
TERMS: dict[Any, int] = {np.float32: 6, np.float64: 11}
# The images z of as many pairs as these stay in the second-level cache while x changes.
_BLOCK_BYTES = 2**18


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
def coefficients(dtype: np.dtype[Any]) -> tuple[Any, ...]:
    """Return the coefficients of :func:`arctan_polynomial` but the first, which is 1, in one precision, highest first."""
    return tuple(arctan_polynomial(TERMS[dtype.type]).astype(dtype)[:0:-1])


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
    block = max(1, _BLOCK_BYTES // (V[0].nbytes + B.roots[0].numpy().nbytes))
    windows = (geometry.width, geometry.filter_size, lengths, weights)
    angles = (coefficients(U.dtype), PARALLEL)
    given = (U, V, A.roots.numpy(), B.roots.numpy(), A is B, boxed, *windows, *angles, block)
    _in_threads(lambda first, step: ntk_loops.entries(*given, first, step, K))
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
    windows = (geometry.width, geometry.filter_size, lengths, weights)
    angles = (coefficients(U.dtype), PARALLEL)
    given = (U, v, A.roots.numpy(), b.roots[0].numpy(), *windows, *angles)
    _in_threads(lambda first, step: ntk_loops.sweep(*given, first, step, S_bar, N_bar))
    return torch.from_numpy(S_bar), torch.from_numpy(N_bar)


def _in_threads(function: Callable[[int, int], object]) -> None:
    """Call function(first, step) for first = 0 … step − 1, one call per thread that PyTorch may use."""
    threads = torch.get_num_threads()
    if threads == 1:
        function(0, 1)
        return
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(function, range(threads), [threads] * threads))
