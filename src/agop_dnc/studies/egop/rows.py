"""AGOPs of predictors against the expected one of their target: the rows of egop.csv."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from ...data.synthetic import Target
from ...models.rfm import Settings, iterates
from ...pipeline.tables import Row


def egop_rows(
    target: Target, n: int, noise: float, seed: int, settings: Mapping[str, Any], device: torch.device
) -> Iterator[Row]:
    """Yield rows of egop.csv, without target, noise, n and seed.

    Models: `target`, the target's own gradients at the n points, which is as near as n points allow; `laplace`, the plain kernel's predictor;
    `rfm` after 1, 2, … updates of M. Each with gradients as they are (`raw`) and less their mean (`centred`), which also decides by which AGOP M
    is updated. Metrics: see :func:`distances`.

    Args:
        target: The target.
        n: Training points.
        noise: The noise's standard deviation.
        seed: The seed of points and noise.
        settings: The study's settings.
        device: Where the predictors are fitted.
    """
    X, y = target.sample(n, seed, noise)
    for gradients, centred in (("raw", False), ("centred", True)):
        chosen = Settings(
            bandwidth=settings["bandwidth"],
            ridge=settings["ridge"],
            iterations=settings["iterations"],
            center_gradients=centred,
        )
        own = target.gradient(X)
        own = own - own.mean(0) if centred else own
        agops = [("target", 0, own.T @ own / n)]
        for iterate in iterates(X.to(device), y.to(device)[:, None], chosen):
            if iterate.iteration:  # M after t + 1 updates is the AGOP of the predictor after t
                model = "rfm" if iterate.iteration > 1 else "laplace"
                agops.append((model, iterate.iteration - 1, iterate.M.cpu()))
        for model, iteration, agop in agops:
            for metric, value in distances(agop, target.egop).items():
                yield {
                    "model": model,
                    "iteration": iteration,
                    "gradients": gradients,
                    "metric": metric,
                    "value": value,
                }


def distances(G: Tensor, egop: Tensor) -> dict[str, float]:
    r"""Return how far a matrix G (d×d) is from an expected gradient outer product (d×d, of rank r).

    `relative_error`, ‖G − EGOP‖_F/‖EGOP‖_F; `scaled_error`, the same after the best scaling of G, min_c ‖cG − EGOP‖_F/‖EGOP‖_F; `cosine`,
    ⟨G, EGOP⟩/(‖G‖‖EGOP‖); `sin_theta`, the sine of the largest angle between the leading r-dimensional eigenspaces; `scale`, tr G/tr EGOP.
    """
    cosine = float((G * egop).sum() / (G.norm() * egop.norm()))
    return {
        "relative_error": float((G - egop).norm() / egop.norm()),
        "scaled_error": max(0.0, 1 - cosine**2) ** 0.5,
        "cosine": cosine,
        "sin_theta": sin_theta(leading_space(G, rank(egop)), leading_space(egop, rank(egop))),
        "scale": float(G.trace() / egop.trace()),
    }


def rank(egop: Tensor) -> int:
    """Return the rank of an expected gradient outer product."""
    return int(torch.linalg.matrix_rank(egop, hermitian=True))


def leading_space(G: Tensor, r: int) -> Tensor:
    """Return an orthonormal basis (d×r) of the eigenspace of the r largest eigenvalues."""
    vectors: Tensor = torch.linalg.eigh(G).eigenvectors
    return vectors[:, -r:]


def sin_theta(U: Tensor, V: Tensor) -> float:
    """Return the sine of the largest angle between the spaces of two orthonormal bases (d×r): ‖(I − VVᵀ)U‖₂.

    >>> e1, e2 = torch.eye(2)[:, :1], torch.eye(2)[:, 1:]
    >>> sin_theta(e1, e1), sin_theta(e1, e2)
    (0.0, 1.0)
    """
    return float(torch.linalg.matrix_norm(U - V @ (V.T @ U), 2))
