r"""Neural collapse: NC1 to NC4, and the Gram matrix that shows it.

Features X are N×d, one sample a row; labels y are integers 0 … K−1, each class with at least one point. With class
means μ_c and global mean μ_G, *the mean of the class means* (paper, Section 3.4),

    Σ_W = (1/N) Σ_c Σ_i (x_ci − μ_c)(x_ci − μ_c)ᵀ,   Σ_B = (1/K) Σ_c (μ_c − μ_G)(μ_c − μ_G)ᵀ,   Σ_T = Σ_W + Σ_B.

Everything here is summed in float64 whatever the features' precision, and no d×d matrix is ever formed.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class ClassMoments:
    """What the metrics need of labelled features: K×d class means, their K×d deviations from the global mean, N×d residuals."""

    means: Tensor
    centred_means: Tensor
    residuals: Tensor

    @property
    def trace_within(self) -> float:
        """tr Σ_W."""
        return float(self.residuals.square().sum() / len(self.residuals))

    @property
    def trace_between(self) -> float:
        """tr Σ_B."""
        return float(self.centred_means.square().sum() / len(self.means))


def class_means(X: Tensor, y: Tensor) -> Tensor:
    """The K×d means of the rows of X with the same label, in float64.

    Raises ValueError where X is not N×d, y not N integers, or a class between 0 and max(y) has no point.
    """
    _check_labelled(X, y)
    counts = torch.bincount(y)
    if (counts == 0).any():
        raise ValueError(f"class {int((counts == 0).nonzero()[0])} has no point; labels must be 0 … K−1")
    sums = torch.zeros(len(counts), X.shape[1], dtype=torch.float64, device=X.device)
    return sums.index_add_(0, y, X.double()) / counts[:, None]


def class_moments(X: Tensor, y: Tensor) -> ClassMoments:
    """Class means, centred class means and residuals of X (N×d) with labels y (N)."""
    means = class_means(X, y)
    return ClassMoments(means, means - means.mean(0), X.double() - means[y])


def nc1(X: Tensor, y: Tensor) -> float:
    """NC1 = tr Σ_W / tr Σ_B (paper, Section 3.4): 0 when every class is a point.

    Infinite where the class means coincide but the points do not, NaN where all points coincide.

    >>> X = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    >>> nc1(X, torch.tensor([0, 0, 1, 1]))
    1.0
    """
    return _nc1(class_moments(X, y))


def nc1_pinv(X: Tensor, y: Tensor) -> float:
    """(1/K) tr(Σ_W Σ_B⁺), with the pseudo-inverse (the authors' slides).

    With the thin singular value decomposition of the centred means, M = Q diag(s) Vᵀ, Σ_B⁺ = K V diag(s⁻²) Vᵀ, so the
    value is Σ_r ‖R v_r‖² / (N s_r²), R the residuals: N×K numbers instead of d×d.
    """
    return _nc1_pinv(class_moments(X, y))


def nc2(X: Tensor, y: Tensor) -> float:
    """NC2 = ‖μ̃ μ̃ᵀ − Σ_ETF‖_F (paper, Section 3.4), Σ_ETF = K/(K−1) (I − 11ᵀ/K), μ̃ the centred, row-normalised means."""
    return _nc2(class_moments(X, y))


def nc2_mse(X: Tensor, y: Tensor) -> float:
    """The mean squared entry of NC2's difference, which the released code plots."""
    return _nc2_mse(class_moments(X, y))


def nc2_normalised(X: Tensor, y: Tensor) -> float:
    """‖μ̃μ̃ᵀ/‖μ̃μ̃ᵀ‖_F − (I − 11ᵀ/K)/√(K−1)‖_F (the authors' slides)."""
    return _nc2_normalised(class_moments(X, y))


def nc3(A: Tensor, X: Tensor, y: Tensor) -> float:
    """‖Aμ̃ᵀ/‖Aμ̃ᵀ‖_F − (I − 11ᵀ/K)/√(K−1)‖_F, A the K×d readout of the features X (the authors' slides)."""
    mu = _normalised_rows(class_moments(X, y).centred_means)
    if A.shape != mu.shape:
        raise ValueError(f"the readout must be K×d = {tuple(mu.shape)}, not {tuple(A.shape)}")
    return _distance_to_simplex(A.double() @ mu.T)


def nc4(output: Tensor, X: Tensor, y: Tensor) -> float:
    """The share of points where arg max of the output (N×K) is not the class whose mean is nearest in X (the authors' slides)."""
    means = class_means(X, y)
    if output.shape != (len(X), len(means)):
        raise ValueError(f"the output must be N×K = {(len(X), len(means))}, not {tuple(output.shape)}")
    # ‖x − μ‖² less the ‖x‖² that is the same for every class.
    distance = means.square().sum(1) - 2 * X.double() @ means.T
    return float((output.argmax(1) != distance.argmin(1)).double().mean())


def collapse(X: Tensor, y: Tensor) -> dict[str, float]:
    """Every NC1 and NC2 of the contract, from one pass over the features."""
    moments = class_moments(X, y)
    return {
        "nc1": _nc1(moments),
        "nc1_pinv": _nc1_pinv(moments),
        "nc2": _nc2(moments),
        "nc2_mse": _nc2_mse(moments),
        "nc2_normalised": _nc2_normalised(moments),
    }


def centred_gram(X: Tensor, y: Tensor, kept: Tensor | None = None) -> Tensor:
    """The matrix of cosines between samples after the global mean is taken off (paper, Figures 1, 5, 6).

    N×N, or of the samples at the indices `kept` alone (the mean is still that of all). Under collapse to a simplex: 1 within
    a class, −1/(K−1) between classes. A sample at the global mean has cosine 0.
    """
    shown = X if kept is None else X[kept]
    rows = _normalised_rows(shown.double() - class_means(X, y).mean(0))
    return rows @ rows.T


def thin(y: Tensor, at_most: int) -> Tensor:
    """Indices of at most `at_most` samples, evenly spaced within each class, the classes' shares kept; sorted.

    Thinning samples leaves every entry of their Gram matrix as it was; averaging blocks would look more collapsed.

    >>> thin(torch.tensor([0, 0, 0, 0, 1, 1]), 4).tolist()
    [0, 3, 4]
    """
    classes, counts = torch.unique(y, return_counts=True)
    if len(classes) > at_most:
        raise ValueError(f"{at_most} samples cannot show {len(classes)} classes")
    if len(y) <= at_most:
        return torch.arange(len(y), device=y.device)
    # One of each class, and of the rest a share of the class's rest.
    shares = 1 + (counts - 1) * (at_most - len(classes)) // (len(y) - len(classes))
    kept = []
    for label, share in zip(classes, shares.tolist(), strict=True):
        members = (y == label).nonzero().flatten()
        kept.append(members[torch.linspace(0, len(members) - 1, share).round().long()])
    return torch.cat(kept).sort().values


def _nc1(moments: ClassMoments) -> float:
    within, between = moments.trace_within, moments.trace_between
    if between == 0:
        return float("inf") if within > 0 else float("nan")
    return within / between


def _nc1_pinv(moments: ClassMoments) -> float:
    _, s, Vt = torch.linalg.svd(moments.centred_means, full_matrices=False)
    kept = s > s[0] * max(moments.means.shape) * torch.finfo(s.dtype).eps
    projected = (moments.residuals @ Vt[kept].T).square().mean(0)
    return float((projected / s[kept].square()).sum())


def _nc2(moments: ClassMoments) -> float:
    return float(torch.linalg.matrix_norm(_nc2_difference(moments)))


def _nc2_mse(moments: ClassMoments) -> float:
    return float(_nc2_difference(moments).square().mean())


def _nc2_normalised(moments: ClassMoments) -> float:
    return _distance_to_simplex(_mean_gram(moments))


def _nc2_difference(moments: ClassMoments) -> Tensor:
    K = len(moments.means)
    return _mean_gram(moments) - K / (K - 1) * _centring(K, moments.means)


def _mean_gram(moments: ClassMoments) -> Tensor:
    mu = _normalised_rows(moments.centred_means)
    return mu @ mu.T


def _distance_to_simplex(G: Tensor) -> float:
    K = len(G)
    return float(torch.linalg.matrix_norm(G / torch.linalg.matrix_norm(G) - _centring(K, G) / (K - 1) ** 0.5))


def _centring(K: int, like: Tensor) -> Tensor:
    return torch.eye(K, dtype=like.dtype, device=like.device) - 1 / K


def _normalised_rows(X: Tensor) -> Tensor:
    """Each row divided by its norm; a zero row stays zero."""
    return torch.nn.functional.normalize(X, dim=1, eps=torch.finfo(X.dtype).tiny)


def _check_labelled(X: Tensor, y: Tensor) -> None:
    if X.ndim != 2:
        raise ValueError(f"features must be N×d, not of shape {tuple(X.shape)}")
    if y.shape != X.shape[:1] or y.dtype != torch.int64:
        raise ValueError(f"labels must be {len(X)} integers (int64), not {tuple(y.shape)} of {y.dtype}")
