r"""The kernel matrices of a Deep RFM and an RFM, layer by layer, compared with Theorems 5.3 and 5.4.

Theorem 5.3 assumes that a kernel matrix is a Gram matrix plus a multiple of the identity. Here, a constant, a linear and an identity
part are fitted to real kernel matrices, A ≈ a 11ᵀ + b G + c I. Let G̃ be the cosines of X̃ = X M^{1/2}, let its random features have
the cosines G ≈ a′11ᵀ + b′G̃ + c′I, and let the next layer's kernel matrix be k ≈ a 11ᵀ + b G + c I. Then

    k ≈ const·11ᵀ + b b′ (G̃ + λ_map I + λ̂ I),   λ_map = c′/(b′s),   λ̂ = (c + ridge)/(b b′s),

where s, the mean cosine in G̃ within classes minus the one between classes, converts G̃ to the theorem's unit, in which a collapsed
Gram matrix is I_K ⊗ 11ᵀ. The constants are left out, since the theorem has none.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ...collapse.metrics import nc1
from ...data.prepared import Arrays
from ...kernels.agop import kernel_agop, matrix_sqrt
from ...kernels.radial import KERNELS, RadialKernel, distances
from ...kernels.regression import fit_predictor, normalised
from ...labels import signed_one_hot
from ...models.deep_rfm import Settings, layers
from ..collapse_iteration.theorem import collapsed_gram, rate
from ..kernel_learning.problem import alignment, objective, optimum

Row = dict[str, Any]


@dataclass(frozen=True)
class Parts:
    """The parts of A ≈ constant·11ᵀ + linear·G + identity·I.

    Attributes:
        constant: The constant part.
        linear: The linear part.
        identity: The identity part.
        explained: The share of the variance off the diagonal that the fit explains.
    """

    constant: float
    linear: float
    identity: float
    explained: float


def parts(A: Tensor, G: Tensor) -> Parts:
    """Return the constant, linear and identity parts of A in terms of G.

    The constant and linear parts are the least-squares fit to the entries off the diagonal. The identity part is the mean of what the
    diagonal has beyond that fit.

    Args:
        A: A symmetric matrix, shape (N, N).
        G: A symmetric matrix, shape (N, N).

    Returns:
        The parts.

    >>> G = torch.tensor([[1.0, 0.5, 0.0], [0.5, 1.0, 0.2], [0.0, 0.2, 1.0]], dtype=torch.float64)
    >>> found = parts(2 + 3 * G + 4 * torch.eye(3), G)
    >>> [round(value, 6) for value in (found.constant, found.linear, found.identity, found.explained)]
    [2.0, 3.0, 4.0, 1.0]
    """
    off = ~torch.eye(len(A), dtype=torch.bool, device=A.device)
    a, g = A[off], G[off]
    centred_a, centred_g = a - a.mean(), g - g.mean()
    linear = (centred_a * centred_g).sum() / centred_g.square().sum()
    constant = a.mean() - linear * g.mean()
    left = (centred_a - linear * centred_g).square().sum() / centred_a.square().sum()
    identity = (A.diagonal() - constant - linear * G.diagonal()).mean()
    return Parts(float(constant), float(linear), float(identity), float(1 - left))


def trace_deep_rfm(arrays: Arrays, settings: Settings, seed: int, mu: float) -> Iterator[Row]:
    """Fit a Deep RFM to a dataset and compare the kernel matrix k of every layer's predictor with the theorems.

    For Theorem 5.4 the metrics are `alignment` and `centred_alignment` with the collapsed matrix, and `objective` as a share of the
    optimum. For Theorem 5.3, from the second layer on, they are `ridge` (λ̂), `map_ridge` (λ_map), and `predicted_rate`, the factor by
    which the theorem's iteration multiplies the distance to collapse, with the shares `explained_kernel` and `explained_map` that the
    linear fits explain. `distance`, the root of NC1 of X̃ = X M^{1/2}, is the distance within classes relative to the one between them.

    Args:
        arrays: The training points (N×d) and their labels (N).
        settings: What defines the Deep RFM.
        seed: Seed of the random features.
        mu: μ of the objective.

    Yields:
        Rows with the columns layer, metric and value.
    """
    y = arrays.y_train
    n, feature_parts, signal = len(y) / (int(y.max()) + 1), None, 0.0
    for index, (layer, projected, features) in enumerate(
        layers(arrays.x_train, signed_one_hot(y), settings, seed), start=1
    ):
        X = layer.predictor.X
        k = layer.predictor.kernel.matrix(X)
        measured = _against_collapse(k, y, mu) | {"distance": nc1(projected, y) ** 0.5}
        if feature_parts is not None:
            found = parts(k, X @ X.T)
            ridge, map_ridge = _ridges(found, feature_parts, signal, layer.predictor.ridge_used)
            measured |= {"ridge": ridge, "map_ridge": map_ridge, "predicted_rate": rate(ridge, map_ridge, n)}
            measured |= {"explained_kernel": found.explained, "explained_map": feature_parts.explained}
        cosines = _cosines(projected)
        feature_parts, signal = parts(_cosines(features), cosines), _signal(cosines, y)
        for metric, value in measured.items():
            yield {"layer": index, "metric": metric, "value": value}


def trace_rfm(arrays: Arrays, settings: Settings, mu: float) -> Iterator[Row]:
    """Fit an RFM to a dataset and compare its kernel matrix at every iteration with Theorem 5.4.

    The points stay the same and the metric M of the kernel k_M(x, z) = k(M^{1/2}x, M^{1/2}z) is learned. M starts as I; each iteration
    replaces it by the AGOP of the predictor with k_M, divided by its largest entry. The AGOP at x is M^{1/2} (AGOP at M^{1/2}x) M^{1/2}.
    The metrics are `alignment`, `centred_alignment`, `objective` and `distance`, as in :func:`trace_deep_rfm`.

    Args:
        arrays: The training points (N×d) and their labels (N).
        settings: The kernel, the ridge, and as `depth` the number of iterations.
        mu: μ of the objective.

    Yields:
        Rows with the columns layer (the iteration), metric and value.
    """
    y, kernel = arrays.y_train, KERNELS[settings.kernel](settings.bandwidth)
    X, Y = normalised(arrays.x_train.double()), signed_one_hot(arrays.y_train)
    root = torch.eye(X.shape[1], dtype=X.dtype, device=X.device)
    for index in range(1, settings.depth + 1):
        mapped = X @ root
        r = distances(mapped)
        measured = _against_collapse(kernel.value_(r.clone()), y, mu) | {"distance": nc1(mapped, y) ** 0.5}
        predictor, r = fit_predictor(kernel, mapped, Y, settings.ridge, r)
        M = root @ kernel_agop(kernel, mapped, predictor.alpha, r) @ root
        root = matrix_sqrt(M / M.max())
        for metric, value in measured.items():
            yield {"layer": index, "metric": metric, "value": value}


def collapsed_alignment(kernel: RadialKernel, y: Tensor, mu: float) -> tuple[float, float]:
    """Return a kernel's alignment and share of the optimum if points on the sphere have collapsed to a simplex.

    Both are below 1, because a kernel of fixed bandwidth does not vanish between classes.

    Args:
        kernel: The kernel.
        y: Labels, shape (N,).
        mu: μ of the objective.

    Returns:
        The alignment with k*, and the objective as a share of the optimum.
    """
    K = int(y.max()) + 1
    same = collapsed_gram(y)
    r = (1 - same) * (2 + 2 / (K - 1)) ** 0.5
    k = kernel.value_(r)
    return alignment(k, y), objective(k, y, mu) / optimum(y, mu)


def _against_collapse(k: Tensor, y: Tensor, mu: float) -> Row:
    centred, target = _centred(k), _centred(collapsed_gram(y).to(k))
    aligned = (centred * target).sum() / (torch.linalg.matrix_norm(centred) * torch.linalg.matrix_norm(target))
    return {
        "alignment": alignment(k, y),
        "centred_alignment": float(aligned),
        "objective": objective(k, y, mu) / optimum(y, mu),
    }


def _ridges(kernel: Parts, feature: Parts, signal: float, ridge: float) -> tuple[float, float]:
    """Return λ̂ and λ_map in the theorem's unit."""
    unit = feature.linear * signal
    return (kernel.identity + ridge) / (kernel.linear * unit), feature.identity / unit


def _signal(cosines: Tensor, y: Tensor) -> float:
    """Return the mean cosine of two points of one class minus that of two points of different classes."""
    same = y[:, None] == y
    within = same & ~torch.eye(len(y), dtype=torch.bool, device=y.device)
    return float(cosines[within].mean() - cosines[~same].mean())


def _cosines(X: Tensor) -> Tensor:
    X = normalised(X)
    return X @ X.T


def _centred(k: Tensor) -> Tensor:
    """Return HkH with H = I − 11ᵀ/N."""
    return k - k.mean(0) - k.mean(1, keepdim=True) + k.mean()
