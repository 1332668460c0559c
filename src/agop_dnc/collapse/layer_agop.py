r"""The average gradient outer product (AGOP) (paper, Section 3.2) and the Neural Feature Ansatz (Section 6).

AGOP(f, X) = (1/N) Σ_i J(x_i)ᵀ J(x_i), with J the K×d Jacobian of f: R^d → R^K. The Jacobians themselves (N×K×d numbers)
are never formed.
"""

from __future__ import annotations

import math
from functools import cached_property

import torch
from torch import Tensor


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
        """Return the AGOP itself, d×d."""
        full: Tensor = self.W.T @ (self.S @ self.W)
        return full

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
        """Return the same with the AGOP's eigenvectors replaced by a frame of R^d (see :func:`random_frame`), its eigenvalues kept."""
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

    def weight_preserving_null(self, rotation: Tensor) -> dict[str, float]:
        r"""Return the same correlations with S's eigenvectors rotated and the weights kept: `sqrt_agop`, `agop`.

        The AGOP becomes WᵀRΛRᵀW, with Λ the eigenvalues of S and R a random rotation of R^width. It still shares W with the
        neural feature matrix, so what is left of the correlation is what any gradients with this spectrum give, and what goes
        is due to *which* directions the gradients take.

        Args:
            rotation: R, width×width and orthogonal (see :func:`random_frame`); signs of its columns do not matter.
        """
        values, T, ones = self._spectrum, self._row_space[1], self._row_space[0].sum(0)
        B = (T @ rotation.to(T)[:, : len(values)]) * values.sqrt()
        # The eigenvectors times the roots of the eigenvalues μ of BBᵀ, from the smaller of BBᵀ and BᵀB.
        if len(values) < len(B):
            mu, V = torch.linalg.eigh(B.T @ B)
            C = B @ V
        else:
            mu, V = torch.linalg.eigh(B @ B.T)
            C = V * mu.clamp(min=0).sqrt()
        kept = mu > 0
        mu, C = mu[kept], C[:, kept]
        overlap, sums = ((self._nfm @ C) * C).sum(0), (ones @ C).square()
        nfm = (float(ones @ self._nfm @ ones), float(self._nfm.square().sum()))
        d = self.W.shape[1]
        return {
            name: _pearson_of_sums(
                float((overlap * scale).sum()),
                nfm,
                (float((sums * scale).sum()), float((mu * scale).square().sum())),
                d,
            )
            for name, scale in (("sqrt_agop", mu.rsqrt()), ("agop", torch.ones_like(mu)))
        }

    def eigenmap(self, power: float) -> Tensor:
        """Return diag(λ^power) Vᵀ (r×d), with λ the AGOP's eigenvalues from the largest and V its eigenvectors in R^d."""
        eigenvalues, vectors = self._eigen
        scaled = (vectors * eigenvalues.pow(power)).flip(1)
        full: Tensor = (self._row_space[0] @ scaled).T
        return full

    @cached_property
    def _spectrum(self) -> Tensor:
        """Return the eigenvalues of S that are not rounding, largest first."""
        values: Tensor = torch.linalg.eigvalsh(self.S).flip(0)
        return values[values > values[0] * len(values) * torch.finfo(values.dtype).eps]

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
        """Return the neural feature matrix in the coordinates Q, r×r; so are the AGOP and its root."""
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
