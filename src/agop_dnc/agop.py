r"""The average gradient outer product (AGOP) (paper, Section 3.2) and the Neural Feature Ansatz (Section 6).

AGOP(f, X) = (1/N) Σ_i J(x_i)ᵀ J(x_i), with J the K×d Jacobian of f: R^d → R^K. The Jacobians themselves (N×K×d numbers)
are never formed.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from .kernels import Kernel, distances, row_chunks, symmetric_square


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
    A = symmetric_square(P)
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


class LayerAgop:
    r"""The AGOP of a network at a linear layer's input, W.shape[1]×W.shape[1] but kept in the row space of W.

    With δ_ik the gradient of output k at the layer's pre-activations for point i, the gradient at its input is Wᵀδ_ik, so that

        AGOP = Wᵀ S W,   S = (1/N) Σ_ik δ_ik δ_ikᵀ   (width×width).

    With the QR decomposition Wᵀ = QT (Q: d×r with orthonormal columns, r = min(d, width)), AGOP = Q (TSTᵀ) Qᵀ, its square root
    is Q (TSTᵀ)^{1/2} Qᵀ and the neural feature matrix WᵀW = Q (TTᵀ) Qᵀ: all that is asked of them is found in r×r matrices,
    also where d = 8192. W: width×d. S: width×width. All in float64.
    """

    def __init__(self, W: Tensor, S: Tensor) -> None:
        if S.shape != (len(W), len(W)):
            raise ValueError(f"S must be {len(W)}×{len(W)}, not {tuple(S.shape)}")
        self.Q, T = torch.linalg.qr(W.double().T)
        self._agop = T @ S.double() @ T.T
        self._nfm = T @ T.T

    @property
    def matrix(self) -> Tensor:
        """The AGOP itself, d×d."""
        full: Tensor = self.Q @ self._agop @ self.Q.T
        return full

    def root_features(self, X: Tensor) -> Tensor:
        """Rows of X (n×d) times AGOP^{1/2}, in the coordinates Q: n×r, with the same inner products as the n×d ones."""
        root: Tensor = self.Q @ matrix_sqrt(self._agop)
        return X.double() @ root

    def correlations(self) -> dict[str, float]:
        """Pearson correlations of WᵀW with AGOP^{1/2} (`sqrt_agop`) and with the AGOP (`agop`): the Neural Feature Ansatz.

        NaN where one of them has equal entries throughout.
        """
        ones = self.Q.sum(0)
        return {
            name: _pearson(self._nfm, matrix, ones, len(self.Q))
            for name, matrix in (("sqrt_agop", matrix_sqrt(self._agop)), ("agop", self._agop))
        }

    def null_correlations(self, generator: torch.Generator) -> dict[str, float]:
        """The same with the AGOP's eigenvectors replaced by a random orthonormal frame of R^d, its eigenvalues kept."""
        d, r = self.Q.shape
        frame = torch.linalg.qr(torch.randn(d, r, dtype=torch.float64, generator=generator))[0].to(self.Q)
        eigenvalues = torch.linalg.eigvalsh(self._agop).clamp(min=0)
        overlap = (self._nfm @ (self.Q.T @ frame)).mul_(self.Q.T @ frame).sum(0)  # f_bᵀ WᵀW f_b
        return {
            name: _pearson_of_sums(
                float((overlap * values).sum()),
                self._nfm_moments(),
                (float((frame.sum(0).square() * values).sum()), float(values.square().sum())),
                d,
            )
            for name, values in (("sqrt_agop", eigenvalues.sqrt()), ("agop", eigenvalues))
        }

    def _nfm_moments(self) -> tuple[float, float]:
        ones = self.Q.sum(0)
        return float(ones @ self._nfm @ ones), float(self._nfm.square().sum())


def nfa_correlation(A: Tensor, B: Tensor) -> float:
    """Pearson correlation of the entries of two d×d matrices, each less its own mean entry.

    >>> A = torch.tensor([[1.0, 0.0], [0.0, 3.0]])
    >>> round(nfa_correlation(A, 2 * A + 5), 6)
    1.0
    """
    ones = torch.ones(len(A), dtype=torch.float64, device=A.device)
    return _pearson(A.double(), B.double(), ones, len(A))


def _pearson(A: Tensor, B: Tensor, ones: Tensor, d: int) -> float:
    """Correlation of the entries of QAQᵀ and QBQᵀ (d×d), given Qᵀ1."""
    moments = [(float(ones @ M @ ones), float(M.square().sum())) for M in (A, B)]
    return _pearson_of_sums(float((A * B).sum()), moments[0], moments[1], d)


def _pearson_of_sums(inner: float, a: tuple[float, float], b: tuple[float, float], d: int) -> float:
    """Correlation of d² pairs of entries from their inner product, and of each its sum and its sum of squares."""
    covariance = inner - a[0] * b[0] / d**2
    variances = (a[1] - a[0] ** 2 / d**2) * (b[1] - b[0] ** 2 / d**2)
    return covariance / math.sqrt(variances) if variances > 0 else float("nan")
