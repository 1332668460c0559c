r"""Recursive Feature Machines: kernel machines that learn the metric M of their kernel (Radhakrishnan, Beaglehole, Pandit, Belkin, 2024).

With k_M(x, z) = k(M^{1/2}x, M^{1/2}z) and M = I at first, iterate: solve α = (k_M(X, X) + ridge·I)⁻¹ Y; M ← AGOP of f = k_M(·, X) α at X.
For Laplace and Gaussian kernels k_M is a function of ‖x − z‖_M, for the quadratic one it is (xᵀMz)². Everything is computed at the points
X M^{1/2}, where the kernel is the plain one: the AGOP of f at X is M^{1/2} (AGOP at X M^{1/2}) M^{1/2}.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..kernels.agop import kernel_agop, matrix_power, matrix_sqrt
from ..kernels.blocks import CHUNK_BYTES
from ..kernels.inner_product import Quadratic
from ..kernels.kernel import PairKernel
from ..kernels.radial import KERNELS as RADIAL
from ..kernels.regression import KernelPredictor, fit_kernel_machine, fit_predictor

PRECISIONS = {"float64": torch.float64, "float32": torch.float32}
KERNELS = (*RADIAL, "quadratic")
AGOP_SCALES = ("mean", "max")
BANDWIDTH_MODES = ("fixed", "adaptive")
# Points whose distances give the median of an adaptive bandwidth: some two million pairs.
_MEDIAN_POINTS = 2000


@dataclass(frozen=True)
class Settings:
    """What defines an RFM; the defaults are those of the papers for the Laplace kernel.

    kernel: `laplace`, exp(−‖x − z‖_M / L); `gaussian`, exp(−‖x − z‖_M² / (2L²)); or `quadratic`, (xᵀMz)². bandwidth: L; the quadratic kernel has
    none. bandwidth_mode: `fixed`, or `adaptive`: in every iteration L is `bandwidth` times the median distance ‖x_i − x_j‖_M (of 2,000 evenly
    spaced points if there are more; a median of 0 counts as 1). ridge: added to the kernel matrix's diagonal; it is not multiplied by n.
    iterations: updates of M; there is one more solve. center_gradients: whether each output's mean gradient is subtracted, which makes M the
    covariance of the gradients and deletes linear directions. agop_scale: M as it is, `mean` over the points, or with largest entry 1,
    `max`, for which the size of the targets does not matter. agop_power: M is that power of the AGOP. diagonal: whether M is
    diagonal. precision: of everything, `float64` or `float32`.
    """

    kernel: str = "laplace"
    bandwidth: float = 10.0
    bandwidth_mode: str = "fixed"
    ridge: float = 1e-3
    iterations: int = 5
    center_gradients: bool = False
    agop_scale: str = "mean"
    agop_power: float = 1.0
    diagonal: bool = False
    precision: str = "float64"

    def __post_init__(self) -> None:
        choices = {
            "kernel": KERNELS,
            "bandwidth_mode": BANDWIDTH_MODES,
            "agop_scale": AGOP_SCALES,
            "precision": PRECISIONS,
        }
        for name, known in choices.items():
            if getattr(self, name) not in known:
                raise ValueError(f"unknown {name} {getattr(self, name)!r}; known are {', '.join(known)}")
        for name in ("bandwidth", "agop_power"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, not {getattr(self, name)}")
        for name in ("ridge", "iterations"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} must be 0 or more, not {getattr(self, name)}")
        if self.iterations != int(self.iterations):
            raise ValueError(f"iterations must be a whole number, not {self.iterations}")
        if self.kernel == "quadratic" and self.bandwidth_mode == "adaptive":
            raise ValueError("the quadratic kernel has no bandwidth to adapt; set bandwidth_mode to 'fixed'")


@dataclass(frozen=True)
class Iterate:
    """An RFM after some updates of M: its metric and the predictor with it.

    iteration: the number of updates, 0 for the plain kernel. M: d×d, or its diagonal (d). root: M^{1/2}, likewise. predictor: the kernel
    machine on X M^{1/2}.
    """

    iteration: int
    M: Tensor
    root: Tensor
    predictor: KernelPredictor

    def transform(self, X: Tensor) -> Tensor:
        """Return X M^{1/2} (n×d) for points X (n×d)."""
        return _projected(X, self.root)

    def __call__(self, X: Tensor) -> Tensor:
        """Return the outputs (n×K) at points X (n×d)."""
        return self.predictor(self.transform(X))


def iterates(X: Tensor, Y: Tensor, settings: Settings, M: Tensor | None = None) -> Iterator[Iterate]:
    """Fit an RFM on X's device, yielding every iterate as it is done: iteration 0, then one after each update of M.

    An update is made when the next iterate is asked for, so that whoever stops early does not pay for it. Peak memory: two N×N buffers; one while
    an iterate is out.

    Args:
        X: N×d points, taken as they are.
        Y: N×K targets.
        settings: what defines the RFM.
        M: the metric to begin with, symmetric positive semi-definite d×d, or d if `settings.diagonal`; the identity if not given.

    Raises:
        ValueError: If shapes do not agree or values are not finite.
    """
    if X.ndim != 2 or Y.ndim != 2 or len(X) != len(Y) or not len(X):
        raise ValueError(f"inputs must be N×d and targets N×K, not {tuple(X.shape)} and {tuple(Y.shape)}")
    for name, values in (("inputs", X), ("targets", Y)):
        if not bool(torch.isfinite(values).all()):
            raise ValueError(f"the {name} hold NaN or infinite values; impute them or leave these points out")
    X = X.to(PRECISIONS[settings.precision])
    Y = Y.to(X)
    M, root = _first(X, settings.diagonal, M)
    for iteration in range(int(settings.iterations) + 1):
        projected = _projected(X, root)
        kernel, pairs = _kernel(settings, projected)
        predictor, pairs = fit_predictor(kernel, projected, Y, settings.ridge, pairs, measure_error=False)
        yield Iterate(iteration, M, root, predictor)
        if iteration == settings.iterations:
            return
        G = kernel_agop(
            kernel,
            projected,
            predictor.alpha,
            pairs,
            centred=settings.center_gradients,
            diagonal=settings.diagonal,
        )
        del predictor, pairs  # the largest things in memory, unless the caller keeps them
        M, root = _metric(M * G if settings.diagonal else root @ G @ root, settings)


class RFM:
    """An RFM to fit to one's own data.

    >>> X = torch.randn(200, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    >>> model = RFM(Settings(iterations=2)).fit(X, X[:, :1] * X[:, 1:2])
    >>> model.predict(X).shape, model.M.diagonal().argsort()[-2:].sort().values
    (torch.Size([200, 1]), tensor([0, 1]))
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()
        self.iterate: Iterate | None = None
        self.scores: list[float] = []

    def fit(
        self,
        X: Tensor,
        Y: Tensor,
        score: Callable[[Iterate], float] | None = None,
        early_stopping: float | None = 0.1,
        watch: Callable[[Iterate], object] | None = None,
    ) -> RFM:
        """Fit to points X (N×d) with targets Y (N×K), on X's device; return itself.

        Args:
            X: N×d points.
            Y: N×K targets.
            score: of an iterate, on validation points, say; the higher, the better. The iterate with the best is kept, the earliest of equals;
                without a score it is the last.
            early_stopping: stop when an iterate's score is worse than the best by more than this share of its size; None for never.
            watch: called with every iterate.
        """
        self.scores = []
        for iterate in iterates(X, Y, self.settings):
            if watch is not None:
                watch(iterate)
            if score is None:
                self.iterate = iterate
                continue
            self.scores.append(score(iterate))
            best = max(self.scores)
            if self.scores.index(best) == iterate.iteration:
                self.iterate = iterate
            if early_stopping is not None and best - self.scores[-1] > early_stopping * abs(best):
                break
        return self

    @property
    def M(self) -> Tensor:
        """Return the metric that the predictor uses: d×d, or its diagonal (d)."""
        return self._fitted().M

    def transform(self, X: Tensor) -> Tensor:
        """Return X M^{1/2} (n×d) for points X (n×d)."""
        iterate = self._fitted()
        return iterate.transform(X.to(iterate.root))

    def predict(self, X: Tensor) -> Tensor:
        """Return the outputs (n×K) at points X (n×d)."""
        iterate = self._fitted()
        return iterate(X.to(iterate.root))

    def _fitted(self) -> Iterate:
        if self.iterate is None:
            raise RuntimeError("this RFM is not fitted yet; call fit first")
        return self.iterate


def peak_bytes(n: int, d: int, outputs: int, precision: str) -> int:
    """Return the peak memory of fitting an RFM to n points in d dimensions, above that of the data.

    Two n×n buffers (distances with the kernel matrix, or slopes with their product), the points X M^{1/2} of two iterates, their float64 copy
    and one output's gradients, coefficients, some matrices as large as M, and a chunk of rows.
    """
    itemsize = PRECISIONS[precision].itemsize
    return 2 * n * n * itemsize + n * d * (4 * itemsize + 8) + 4 * n * outputs * itemsize + 10 * d * d * 8 + CHUNK_BYTES


def _first(X: Tensor, diagonal: bool, M: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return the metric to begin with and its root."""
    d = X.shape[1]
    if M is None:
        M = X.new_ones(d) if diagonal else torch.eye(d, dtype=X.dtype, device=X.device)
        return M, M
    shape = (d,) if diagonal else (d, d)
    if M.shape != shape:
        raise ValueError(f"M must have the shape {shape}, not {tuple(M.shape)}")
    M = M.to(X)
    return M, M.sqrt() if diagonal else matrix_sqrt(M)


def _projected(X: Tensor, root: Tensor) -> Tensor:
    return X * root if root.ndim == 1 else X @ root


def _kernel(settings: Settings, projected: Tensor) -> tuple[PairKernel, Tensor]:
    """Return the kernel, with its bandwidth, and its pairs' numbers at the projected points."""
    if settings.kernel == "quadratic":
        quadratic = Quadratic()
        return quadratic, quadratic.pairs(projected)
    make = RADIAL[settings.kernel]
    r = make(settings.bandwidth).pairs(projected)
    adaptive = settings.bandwidth_mode == "adaptive"
    return make(settings.bandwidth * (_median_distance(r) if adaptive else 1.0)), r


def _median_distance(r: Tensor) -> float:
    """Return the median of the distances r (N×N) between different points, of at most 2,000 of them; 1 if it is 0."""
    if len(r) < 2:
        return 1.0
    chosen = torch.linspace(0, len(r) - 1, min(len(r), _MEDIAN_POINTS), device=r.device).round().long()
    i, j = torch.triu_indices(len(chosen), len(chosen), offset=1, device=r.device)
    return float(r[chosen[i], chosen[j]].median()) or 1.0


def _metric(G: Tensor, settings: Settings) -> tuple[Tensor, Tensor]:
    """Return M, the AGOP G (d×d, or its diagonal) to its power and at its scale, and M^{1/2}."""
    if G.ndim == 1:
        M = G.clamp_(min=0).pow(settings.agop_power)
    else:
        M = (G + G.T).div_(2)
        M = M if settings.agop_power == 1 else matrix_power(M, settings.agop_power)
    largest = float(M.max())
    if settings.agop_scale == "max" and largest > 0:  # the AGOP of a constant is 0 and stays so
        M = M / largest
    return M, M.sqrt() if M.ndim == 1 else matrix_sqrt(M)


def refitted(iterate: Iterate, X: Tensor, Y: Tensor, ridge: float) -> Iterate:
    """Return an iterate whose predictor, with the same M and bandwidth, is fitted to other points X (N×d) and targets Y (N×K)."""
    predictor = fit_kernel_machine(iterate.predictor.kernel, iterate.transform(X), Y, ridge)
    return replace(iterate, predictor=predictor)
