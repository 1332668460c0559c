r"""Score how much a point looks like the training points, from features: the simplex of collapsed classes, and what it is compared with.

Every score is larger the more a point is in-distribution. With class means μ_c, their mean μ_G, and P the projection on the
span of the centred means μ_c − μ_G, a point x has

- `angle`: max_c cos(x − μ_G, μ_c − μ_G), the cosine of the angle to the nearest vertex of the simplex;
- `distance`: −min_c ‖x − μ_c‖;
- `subspace`: ‖P(x − μ_G)‖² / ‖x − μ_G‖², the share of the norm in the subspace of the class means;
- `mahalanobis`: −min_c (x − μ_c)ᵀ Σ⁻¹ (x − μ_c), Σ = (1 − s) Σ_W + s (tr Σ_W / d) I (Lee et al. 2018; the shrinkage s as collapsed
  features leave Σ_W without rank);
- `neighbours`: minus the distance to the k-th nearest training point, all features divided by their norms (Sun et al. 2022).

Of a classifier's outputs z: `softmax`, max_c of softmax(z) (Hendrycks and Gimpel 2017), and `energy`, log Σ_c exp z_c (Liu et al.
2020).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from scipy.stats import rankdata
from torch import Tensor

from .metrics import class_means

SIMPLEX_SCORES = ("angle", "distance", "subspace")
FEATURE_SCORES = (*SIMPLEX_SCORES, "mahalanobis", "neighbours")
OUTPUT_SCORES = ("softmax", "energy")
ACCEPTED = 0.95  # share of in-distribution points above the threshold of `false_positive_rate`


class FeatureScores:
    """The scores of points by their features, for one layer's training features.

    Args:
        X: The training points' features (N×d).
        y: Their labels 0 … K−1 (N).
        neighbours: k of the nearest neighbours.
        shrinkage: s of the shared covariance, from 0 (not included if Σ_W has no inverse) to 1.

    Raises:
        ValueError: If there are fewer than k training points, or class means that coincide.
    """

    def __init__(self, X: Tensor, y: Tensor, neighbours: int = 10, shrinkage: float = 1e-3) -> None:
        if len(X) < neighbours:
            raise ValueError(f"{neighbours} neighbours cannot be found among {len(X)} points")
        self._X, self._y, self._k, self._shrinkage = X.double(), y, neighbours, shrinkage
        self._means = class_means(X, y)
        self._centre = self._means.mean(0)
        self._centred = self._means - self._centre
        if not (torch.linalg.vector_norm(self._centred, dim=1) > 0).all():
            raise ValueError("a class's mean is the mean of all; there is no direction to compare a point's with")
        self._basis = torch.linalg.svd(self._centred, full_matrices=False)[2][: len(self._means) - 1].T
        self._unit = _normalised(self._X)
        self._factor: Tensor | None = None

    def score(self, X: Tensor) -> dict[str, Tensor]:
        """Return every score of points with these features (n×d), by name: n numbers each."""
        X = X.double()
        return {name: made(self, X) for name, made in _SCORES.items()}

    def _angle(self, X: Tensor) -> Tensor:
        return (_normalised(X - self._centre) @ _normalised(self._centred).T).amax(1)

    def _distance(self, X: Tensor) -> Tensor:
        return -torch.stack([torch.linalg.vector_norm(X - mean, dim=1) for mean in self._means]).amin(0)

    def _subspace(self, X: Tensor) -> Tensor:
        shares: Tensor = (_normalised(X - self._centre) @ self._basis).square().sum(1)
        return shares

    def _mahalanobis(self, X: Tensor) -> Tensor:
        L = self._cholesky()
        means, points = (torch.linalg.solve_triangular(L, rows.T, upper=False).T for rows in (self._means, X))
        return -torch.stack([(points - mean).square().sum(1) for mean in means]).amin(0)

    def _neighbours(self, X: Tensor) -> Tensor:
        # kthvalue has no deterministic implementation on a GPU.
        nearest = torch.cdist(_normalised(X), self._unit).topk(self._k, dim=1, largest=False).values
        return -nearest.amax(1)

    def _cholesky(self) -> Tensor:
        if self._factor is None:
            residuals = self._X - self._means[self._y]
            within = residuals.T @ residuals / len(residuals)
            s = self._shrinkage
            within.mul_(1 - s).diagonal().add_(s * residuals.square().sum() / residuals.numel())
            self._factor = torch.linalg.cholesky(within)
        return self._factor


_SCORES: dict[str, Callable[[FeatureScores, Tensor], Tensor]] = {
    "angle": FeatureScores._angle,
    "distance": FeatureScores._distance,
    "subspace": FeatureScores._subspace,
    "mahalanobis": FeatureScores._mahalanobis,
    "neighbours": FeatureScores._neighbours,
}


def output_scores(outputs: Tensor) -> dict[str, Tensor]:
    """Return the scores of points by a classifier's outputs (n×K), by name: n numbers each."""
    outputs = outputs.double()
    return {"softmax": outputs.softmax(1).amax(1), "energy": outputs.logsumexp(1)}


def auroc(inside: Tensor, outside: Tensor) -> float:
    """Return the probability that an in-distribution point has a larger score than another, ties counting half: chance is 0.5.

    It is the area under the curve of the rates of points accepted, (U − n(n + 1)/2) / (n·m) with U the sum of the n in-distribution
    points' ranks among all n + m.

    >>> auroc(torch.tensor([2.0, 3.0]), torch.tensor([1.0, 2.0]))
    0.875
    """
    n, m = len(inside), len(outside)
    ranks = rankdata(np.concatenate([inside.cpu().numpy(), outside.cpu().numpy()]))
    return float((ranks[:n].sum() - n * (n + 1) / 2) / (n * m))


def false_positive_rate(inside: Tensor, outside: Tensor, accepted: float = ACCEPTED) -> float:
    """Return the share of other points at or above the largest threshold that accepts this share of the in-distribution points.

    With scores that are drawn alike it is `accepted` itself, which is its chance level.

    >>> false_positive_rate(torch.arange(20.0), torch.tensor([0.0, 1.0, 5.0, 30.0]))
    0.75
    """
    rejected = int(np.floor((1 - accepted) * len(inside) + 1e-9))
    threshold = inside.sort().values[rejected]
    return float((outside >= threshold).double().mean())


def _normalised(X: Tensor) -> Tensor:
    return torch.nn.functional.normalize(X, dim=1, eps=torch.finfo(X.dtype).tiny)
