"""The average gradient outer product (AGOP) of a kernel machine (paper, Section 3.2)."""

from __future__ import annotations

import torch
from torch import Tensor

from .blocks import gram, row_chunks
from .kernel import PairKernel

# A mean gradient is subtracted from sums of squares only if at least this share of them is left: of float64's 16 digits 12 remain.
_LEFT = 1e-4


def kernel_agop(
    kernel: PairKernel,
    X: Tensor,
    alpha: Tensor,
    r: Tensor | None = None,
    *,
    centred: bool = False,
    diagonal: bool = False,
) -> Tensor:
    r"""Return the AGOP of the kernel machine f(x) = Σ_j k(x, x_j) α_j at its own centres.

    With P_ij the kernel's slopes, the gradient of output k at x_i is −Σ_j P_ij α_jk (x_i − x_j), or Σ_j P_ij α_jk x_j for a kernel of the
    inner product. Over all points that is −B_k X with B_k = diag(Pα_k) − P diag(α_k), without the first term for an inner product, and
    N·AGOP = Xᵀ (Σ_k B_kᵀ B_k) X, which is computed

    - *by outputs*: the N×d product B_k X for each output in turn, 2K(N²d + Nd²) operations; or
    - *by pairs*: Σ_k B_kᵀB_k = diag(Σ_k s_k²) − P∘(Sαᵀ) − P∘(αSᵀ) + (PᵀP)∘(ααᵀ), S = Pα, with one product of
      N×N matrices, 2(N³ + N²d + Nd²) operations,

    whichever is less work: the first for many points, the second for many outputs. Neither holds an N×K×d array. Centred, it is the sum of the
    outputs' covariances of gradients, Σ_k Cov(∇f_k); the mean gradient −(1/N) Xᵀ B_kᵀ1 takes N²K operations.

    Args:
        kernel: a kernel of one number per pair.
        X: N×d centres.
        alpha: N×K coefficients.
        r: the N×N `kernel.pairs(X)` (distances of a radial kernel), if they are at hand; *they are overwritten*.
        centred: whether each output's mean gradient is subtracted from its gradients.
        diagonal: whether the diagonal is all that is wanted.

    Returns:
        The AGOP, d×d and symmetric, or its diagonal (d). In addition to r, memory is one N×N buffer (by pairs) or N×d (by outputs).

    Raises:
        ValueError: If the shapes do not agree.

    >>> X, alpha = torch.tensor([[0.0], [1.0]]), torch.tensor([[1.0], [0.0]])
    >>> from agop_dnc.kernels.radial import Gaussian
    >>> kernel_agop(Gaussian(1.0), X, alpha)  # f(x) = exp(−x²/2): f′(0) = 0, f′(1) = −exp(−1/2)
    tensor([[0.1839]])
    """
    if X.ndim != 2 or alpha.ndim != 2 or len(alpha) != len(X):
        raise ValueError(f"centres must be N×d and coefficients N×K, not {tuple(X.shape)} and {tuple(alpha.shape)}")
    P = kernel.slope_(kernel.pairs(X) if r is None else r)
    (N, d), K = X.shape, alpha.shape[1]
    S = P @ alpha if kernel.translation_invariant else None
    mean = _mean_gradients(P, X, alpha, S) if centred else None
    by_outputs, by_pairs = K * N * d * (N + d), N * (N * N + N * d + d * d)
    M = (_agop_by_outputs if by_outputs <= by_pairs else _agop_by_pairs)(P, X, alpha, S, mean, diagonal)
    # If classes are all but points, slopes and coefficients are huge and the squares by pairs cancel, as they do if gradients hardly
    # differ from their mean; those by outputs cannot.
    squares = M if diagonal else M.diagonal()
    smallest = torch.zeros_like(squares) if mean is None else mean.square().sum(1).mul_(N * _LEFT)
    if by_outputs > by_pairs and bool((squares < smallest).any()):
        M = _agop_by_outputs(P, X, alpha, S, mean, diagonal)
    return M.div_(N) if diagonal else (M + M.T).div_(2 * N)


def _mean_gradients(P: Tensor, X: Tensor, alpha: Tensor, S: Tensor | None) -> Tensor:
    """Return (1/N) Σ_i B_k x_i as the columns of a d×K matrix."""
    column_sums = -alpha * P.sum(1, keepdim=True)  # P is symmetric
    return X.T @ (column_sums if S is None else column_sums.add_(S)).div_(len(X))


def _agop_by_outputs(
    P: Tensor, X: Tensor, alpha: Tensor, S: Tensor | None, mean: Tensor | None, diagonal: bool
) -> Tensor:
    N, d = X.shape
    M = X.new_zeros(d) if diagonal else X.new_zeros(d, d)
    for k in range(alpha.shape[1]):
        weighted = alpha[:, k, None] * X
        for rows in row_chunks(N, d * X.element_size()):
            own = 0.0 if S is None else S[rows, k, None] * X[rows]
            gradients = own - P[rows] @ weighted
            if mean is not None:
                gradients -= mean[:, k]
            if diagonal:
                M += gradients.square_().sum(0)
            else:
                M.addmm_(gradients.T, gradients)
    return M


def _agop_by_pairs(
    P: Tensor, X: Tensor, alpha: Tensor, S: Tensor | None, mean: Tensor | None, diagonal: bool
) -> Tensor:
    A = gram(P)  # P is symmetric
    for rows in row_chunks(len(P), 2 * P.shape[1] * P.element_size()):
        A[rows].mul_(alpha[rows] @ alpha.T)
        if S is not None:
            A[rows].sub_((S[rows] @ alpha.T).addmm_(alpha[rows], S.T).mul_(P[rows]))
    if S is not None:
        A.diagonal().add_(S.square().sum(1))
    M = (X * (A @ X)).sum(0) if diagonal else X.T @ (A @ X)
    if mean is not None:
        M -= len(X) * (mean.square().sum(1) if diagonal else mean @ mean.T)
    return M


def matrix_power(M: Tensor, power: float) -> Tensor:
    """Return a power of a symmetric positive semi-definite matrix; eigenvalues below 0 by rounding count as 0.

    >>> matrix_power(torch.tensor([[16.0, 0.0], [0.0, 1.0]]), 0.25)
    tensor([[2.0000, 0.0000],
            [0.0000, 1.0000]])
    """
    eigenvalues, vectors = _eigh(M)
    half = vectors * eigenvalues.clamp_(min=0).pow(power / 2)
    result: Tensor = half @ half.T
    return result


def _eigh(M: Tensor) -> tuple[Tensor, Tensor]:
    """Return eigenvalues and eigenvectors; where LAPACK's float32 routine does not converge, those found in float64, rounded."""
    try:
        eigenvalues, vectors = torch.linalg.eigh(M)
    except torch.linalg.LinAlgError:  # type: ignore[attr-defined]
        if M.dtype == torch.float64:
            raise
        eigenvalues, vectors = (found.to(M.dtype) for found in torch.linalg.eigh(M.double()))
    return eigenvalues, vectors


def matrix_sqrt(M: Tensor) -> Tensor:
    """Return the symmetric square root of a symmetric positive semi-definite matrix; eigenvalues below 0 by rounding count as 0.

    >>> matrix_sqrt(torch.tensor([[4.0, 0.0], [0.0, 9.0]]))
    tensor([[2.0000, 0.0000],
            [0.0000, 3.0000]])
    """
    return matrix_power(M, 0.5)
