"""The average gradient outer product (AGOP) of a kernel machine (paper, Section 3.2)."""

from __future__ import annotations

import torch
from torch import Tensor

from .radial import Kernel, distances, gram, row_chunks


def kernel_agop(kernel: Kernel, X: Tensor, alpha: Tensor, r: Tensor | None = None) -> Tensor:
    r"""AGOP of the kernel machine f(x) = Σ_j k(x, x_j) α_j at its own centres: d×d, symmetric.

    With P_ij = w(‖x_i − x_j‖) the kernel's slopes, the gradient of output k at x_i is −Σ_j P_ij α_jk (x_i − x_j). Over all
    points that is −B_k X with B_k = diag(Pα_k) − P diag(α_k), and N·AGOP = Xᵀ (Σ_k B_kᵀ B_k) X, which is computed

    - *by outputs*: the N×d product B_k X for each output in turn, 2K(N²d + Nd²) operations; or
    - *by pairs*: Σ_k B_kᵀB_k = diag(Σ_k s_k²) − P∘(Sαᵀ) − P∘(αSᵀ) + (PᵀP)∘(ααᵀ), S = Pα, with one product of
      N×N matrices, 2(N³ + N²d + Nd²) operations,

    whichever is less work: the first for many points, the second for many outputs.

    X: N×d centres. alpha: N×K coefficients. r: the N×N distances of X, if they are at hand; *they are overwritten*.
    Beside r, memory is one N×N buffer (by pairs) or N×d (by outputs). Raises ValueError where the shapes do not agree.

    >>> X, alpha = torch.tensor([[0.0], [1.0]]), torch.tensor([[1.0], [0.0]])
    >>> from agop_dnc.kernels import Gaussian
    >>> kernel_agop(Gaussian(1.0), X, alpha)  # f(x) = exp(−x²/2): f′(0) = 0, f′(1) = −exp(−1/2)
    tensor([[0.1839]])
    """
    if X.ndim != 2 or alpha.ndim != 2 or len(alpha) != len(X):
        raise ValueError(f"centres must be N×d and coefficients N×K, not {tuple(X.shape)} and {tuple(alpha.shape)}")
    P = kernel.slope_(distances(X) if r is None else r)
    (N, d), K = X.shape, alpha.shape[1]
    by_outputs, by_pairs = K * N * d * (N + d), N * (N * N + N * d + d * d)
    M = _agop_by_outputs(P, X, alpha) if by_outputs <= by_pairs else _agop_by_pairs(P, X, alpha)
    # Where classes are all but points, slopes and coefficients are huge and the squares by pairs cancel; those by outputs cannot.
    if bool((M.diagonal() < 0).any()):
        M = _agop_by_outputs(P, X, alpha)
    return (M + M.T).div_(2 * N)


def _agop_by_outputs(P: Tensor, X: Tensor, alpha: Tensor) -> Tensor:
    N, d = X.shape
    M = X.new_zeros(d, d)
    S = P @ alpha
    for k in range(alpha.shape[1]):
        weighted = alpha[:, k, None] * X
        for rows in row_chunks(N, d * X.element_size()):
            gradients = S[rows, k, None] * X[rows] - P[rows] @ weighted
            M.addmm_(gradients.T, gradients)
    return M


def _agop_by_pairs(P: Tensor, X: Tensor, alpha: Tensor) -> Tensor:
    S = P @ alpha
    A = gram(P)  # P is symmetric
    for rows in row_chunks(len(P), 2 * P.shape[1] * P.element_size()):
        A[rows].mul_(alpha[rows] @ alpha.T)
        A[rows].sub_((S[rows] @ alpha.T).addmm_(alpha[rows], S.T).mul_(P[rows]))
    A.diagonal().add_(S.square().sum(1))
    return X.T @ (A @ X)


def matrix_sqrt(M: Tensor) -> Tensor:
    """The symmetric square root of a symmetric positive semi-definite matrix; eigenvalues below 0 by rounding count as 0.

    >>> matrix_sqrt(torch.tensor([[4.0, 0.0], [0.0, 9.0]]))
    tensor([[2.0000, 0.0000],
            [0.0000, 3.0000]])
    """
    eigenvalues, vectors = torch.linalg.eigh(M)
    half = vectors * eigenvalues.clamp_(min=0).pow(0.25)
    root: Tensor = half @ half.T
    return root
