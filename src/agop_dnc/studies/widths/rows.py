r"""Follow X̃ = X M^{1/2} through a Deep RFM with more random features than points, and measure its NC1 and NC2.

The gradients of a kernel machine are combinations of its centres, so that the AGOP acts within their span. With X = LQᵀ, the
columns of Q (d×n) orthonormal, distances between points are those between the rows of L (n×n), and with S the AGOP of the same
machine at L,

    M = Q S Qᵀ,   M^{1/2} = Q S^{1/2} Qᵀ,   X̃ = L S^{1/2} Qᵀ.

NC1 and NC2 do not change under Q. So a layer with D > n features costs n²D + nD² operations instead of the D³ of a root of M.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from ...collapse.metrics import collapse
from ...kernels.agop import kernel_agop, matrix_sqrt
from ...kernels.features import feature_map, to
from ...kernels.radial import KERNELS
from ...kernels.regression import fit_predictor, normalised
from ...labels import signed_one_hot
from ...models.deep_rfm import PRECISIONS
from ...models.settings import DeepRfmSettings
from ...pipeline.tables import Row
from ...randomness import generator

METRICS = ("nc1", "nc2")


def span(X: Tensor) -> tuple[Tensor, Tensor | None]:
    """Return coordinates L (n×m) of points X (n×d) in their span and its basis Q (d×m), X = LQᵀ with m = min(n, d).

    Points in n dimensions or fewer are their own coordinates, with None for the basis.
    """
    if X.shape[1] <= len(X):
        return X, None
    Q, R = torch.linalg.qr(X.T)
    return R.T, Q


def projections(X: Tensor, Y: Tensor, settings: DeepRfmSettings, seed: int) -> Iterator[Tensor]:
    """Yield X̃ = X M^{1/2} of every layer of a Deep RFM, in coordinates of its span (n×min(n, d)).

    The recursion and its random draws are those of :func:`agop_dnc.models.deep_rfm.layers`.

    Args:
        X: Inputs (n×d).
        Y: Targets (n×K).
        settings: The Deep RFM's.
        seed: Of the random features.
    """
    kernel, precision = KERNELS[settings.kernel](settings.bandwidth), PRECISIONS[settings.precision]
    X, Y = X.to(precision), Y.to(precision)
    for index in range(1, settings.depth + 1):
        X = normalised(X)
        L, Q = span(X)
        predictor, r = fit_predictor(kernel, L, Y, settings.ridge, measure_error=False)
        S = _scaled(kernel_agop(kernel, L, predictor.alpha, r), Q, settings.agop_scale, len(X))
        projected = L @ matrix_sqrt(S)
        yield projected
        if index < settings.depth:
            drawn = generator(seed, "deep_rfm", settings.activation, index)
            features = feature_map(settings.activation, X.shape[1], settings.width, drawn, settings.feature_bandwidth)
            X = to(features, X.device, precision)(projected if Q is None else projected @ Q.T)


def measure(X: Tensor, y: Tensor, settings: DeepRfmSettings, seed: int) -> Iterator[Row]:
    """Yield NC1 and NC2 of X̃ at every layer: rows of widths.csv without dataset and activation.

    Args:
        X: Inputs (n×d).
        y: Labels (n).
        settings: The Deep RFM's.
        seed: Of the random features.
    """
    for layer, projected in enumerate(projections(X, signed_one_hot(y), settings, seed), start=1):
        found = collapse(projected, y)
        for metric in METRICS:
            yield {"width": settings.width, "seed": seed, "layer": layer, "metric": metric, "value": found[metric]}


def _scaled(S: Tensor, Q: Tensor | None, scale: str, n: int) -> Tensor:
    """Return the AGOP in coordinates of the span, at the scale asked for; a positive semi-definite M is largest on its diagonal."""
    if scale == "max":
        diagonal = S.diagonal() if Q is None else (Q @ S).mul_(Q).sum(1)
        return S / diagonal.max()
    return S * {"mean": 1.0, "sum": float(n)}[scale]
