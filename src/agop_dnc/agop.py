r"""The average gradient outer product (AGOP) (paper, Section 3.2) and the Neural Feature Ansatz (Section 6).

AGOP(f, X) = (1/N) Σ_i J(x_i)ᵀ J(x_i), with J the K×d Jacobian of f: R^d → R^K. The Jacobians themselves (N×K×d numbers)
are never formed.
"""

from __future__ import annotations

import math
from functools import cached_property

import torch
from torch import Tensor

from .kernels import Kernel, distances, gram, row_chunks


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


class LayerAgop:
    r"""The AGOP of a network at a linear layer's input, W.shape[1]×W.shape[1] but kept in the row space of W.

    With δ_ik the gradient of output k at the layer's pre-activations for point i, the gradient at its input is Wᵀδ_ik, so that

        AGOP = Wᵀ S W,   S = (1/N) Σ_ik δ_ik δ_ikᵀ   (width×width).

    With Wᵀ = QT (Q: d×r with orthonormal columns, r = min(d, width); the QR decomposition, or Q = I where width ≥ d),
    AGOP = Q (TSTᵀ) Qᵀ, its square root is Q (TSTᵀ)^{1/2} Qᵀ and the neural feature matrix WᵀW = Q (TTᵀ) Qᵀ: all that is
    asked of them is found in r×r matrices, also where d = 8192. W: width×d. S: width×width. All in float64.
    """

    def __init__(self, W: Tensor, S: Tensor) -> None:
        if S.shape != (len(W), len(W)):
            raise ValueError(f"S must be {len(W)}×{len(W)}, not {tuple(S.shape)}")
        self.W, self.S = W.double(), S.double()

    @property
    def matrix(self) -> Tensor:
        """The AGOP itself, d×d."""
        full: Tensor = self.W.T @ (self.S @ self.W)
        return full

    def root_features(self, X: Tensor) -> Tensor:
        """Rows of X (n×d) times AGOP^{1/2}, in the coordinates Q: n×r, with the same inner products as the n×d ones."""
        return X.double() @ self._root_map

    def correlations(self) -> dict[str, float]:
        """Pearson correlations of WᵀW with AGOP^{1/2} (`sqrt_agop`) and with the AGOP (`agop`): the Neural Feature Ansatz.

        NaN where one of them has equal entries throughout.
        """
        Q, nfm = self._row_space[0], self._nfm
        return {
            name: _pearson(nfm, matrix, Q.sum(0), len(Q))
            for name, matrix in (("sqrt_agop", self._root), ("agop", self._agop))
        }

    def null_correlations(self, frame: Tensor) -> dict[str, float]:
        """The same with the AGOP's eigenvectors replaced by a frame of R^d (see :func:`random_frame`), its eigenvalues kept."""
        Q, nfm = self._row_space[0], self._nfm
        frame = frame.to(Q)
        turned = Q.T @ frame
        overlap = (nfm @ turned).mul_(turned).sum(0)  # f_bᵀ WᵀW f_b
        ones = Q.sum(0)
        moments = (float(ones @ nfm @ ones), float(nfm.square().sum()))
        eigenvalues = self._eigen[0]
        return {
            name: _pearson_of_sums(
                float((overlap * values).sum()),
                moments,
                (float((frame.sum(0).square() * values).sum()), float(values.square().sum())),
                len(Q),
            )
            for name, values in (("sqrt_agop", eigenvalues.sqrt()), ("agop", eigenvalues))
        }

    @cached_property
    def _row_space(self) -> tuple[Tensor, Tensor]:
        """Q and T."""
        width, d = self.W.shape
        if width >= d:
            return torch.eye(d).to(self.W), self.W.T
        Q, T = torch.linalg.qr(self.W.T)
        return Q, T

    @cached_property
    def _nfm(self) -> Tensor:
        """The neural feature matrix in the coordinates Q, r×r; so are the AGOP and its root."""
        T = self._row_space[1]
        return T @ T.T

    @cached_property
    def _agop(self) -> Tensor:
        T = self._row_space[1]
        return T @ self.S @ T.T

    @cached_property
    def _eigen(self) -> tuple[Tensor, Tensor]:
        eigenvalues, vectors = torch.linalg.eigh(self._agop)
        return eigenvalues.clamp_(min=0), vectors

    @cached_property
    def _root(self) -> Tensor:
        eigenvalues, vectors = self._eigen
        half = vectors * eigenvalues.pow(0.25)
        return half @ half.T

    @cached_property
    def _root_map(self) -> Tensor:
        return self._row_space[0] @ self._root


def random_frame(d: int, width: int, generator: torch.Generator) -> Tensor:
    """min(d, width) orthonormal vectors of R^d in random directions, as columns, in float64."""
    frame: Tensor = torch.linalg.qr(torch.randn(d, min(d, width), dtype=torch.float64, generator=generator))[0]
    return frame


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
