"""Fit every model to points of a polynomial: the rows of polynomials.csv, and the learned M next to the truth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...data.synthetic import Target, hermite_pair, orthonormal_pair, product
from ...models.rfm import Settings, iterates
from ...pipeline.tables import Row
from ...randomness import generator
from .network import train

# Rows and columns of the block of M that is drawn.
BLOCK = 10


def target_and_directions(name: str, d: int, degree: int, seed: int) -> tuple[Target, Tensor]:
    """Return a polynomial and an orthonormal basis (d×2) of the directions that it depends on."""
    if name == "product":
        return product(d), torch.eye(d, dtype=torch.float64)[:, :2]
    u, v = orthonormal_pair(d, seed)
    return hermite_pair(u, v, degree), torch.stack([u, v], 1)


def polynomial_rows(
    name: str,
    n: int,
    seed: int,
    settings: Mapping[str, Any],
    device: torch.device,
    metrics: dict[str, Tensor] | None = None,
) -> Iterator[Row]:
    """Fit every model to n points of a polynomial and yield rows of polynomials.csv without their target, n and seed.

    Models: `laplace`, the plain kernel; `rfm` and `rfm_centred` after each update of M, the latter with centred gradients; `laplace_true`, the
    plain kernel given the two directions alone; `network`. Metrics: `r2` at the test points; `cosine`, ⟨M, EGOP⟩/(‖M‖ ‖EGOP‖).

    Args:
        name: `product` or `hermite_pair`.
        n: Training points.
        seed: The seed of everything random.
        settings: The study's settings.
        device: Where the kernel machines are fitted.
        metrics: Takes the last M of `rfm` and `rfm_centred`, in coordinates whose first two are the target's directions.
    """
    target, U = target_and_directions(name, settings["d"], settings["degree"], seed)
    # One draw, so that no training point is a test point.
    X, y = (part.to(device) for part in target.sample(settings["n_test"] + n, seed))
    X_test, y_test, X, y = X[:-n], y[:-n], X[-n:], y[-n:]
    kernel = Settings(bandwidth=settings["bandwidth"], ridge=settings["ridge"], iterations=settings["iterations"])

    def row(model: str, iteration: int, metric: str, value: float) -> Row:
        return {"model": model, "iteration": iteration, "metric": metric, "value": value}

    for model, centred in (("rfm", False), ("rfm_centred", True)):
        for iterate in iterates(X, y[:, None], replace(kernel, center_gradients=centred)):
            if iterate.iteration == 0 and centred:
                continue  # the plain kernel again
            shown = model if iterate.iteration else "laplace"
            yield row(shown, iterate.iteration, "r2", r_squared(iterate(X_test)[:, 0], y_test))
            if iterate.iteration:
                yield row(shown, iterate.iteration, "cosine", cosine(iterate.M.cpu(), target.egop))
        if metrics is not None:
            Q = basis(U, seed)
            metrics[model] = Q.T @ iterate.M.cpu() @ Q
    if metrics is not None:
        metrics["truth"] = Q.T @ target.egop @ Q
    true = U.to(device)
    (given,) = iterates(X @ true, y[:, None], replace(kernel, iterations=0))
    yield row("laplace_true", 0, "r2", r_squared(given(X_test @ true)[:, 0], y_test))
    names = ("width", "epochs", "learning_rate", "batch_size", "init_scale")
    network = train(X, y, seed, **{key: settings[key] for key in names})
    yield row("network", 0, "r2", r_squared(network(X_test), y_test))


def r_squared(predicted: Tensor, y: Tensor) -> float:
    """Return R² = 1 − Σ(f − y)²/Σ(y − ȳ)².

    >>> r_squared(torch.tensor([1.0, 3.0]), torch.tensor([1.0, 3.0])), r_squared(torch.tensor([2.0, 2.0]), torch.tensor([1.0, 3.0]))
    (1.0, 0.0)
    """
    return 1 - float((predicted - y).square().sum() / (y - y.mean()).square().sum())


def cosine(A: Tensor, B: Tensor) -> float:
    """Return the cosine similarity ⟨A, B⟩/(‖A‖ ‖B‖) of two matrices; NaN if one is 0."""
    return float((A * B).sum() / (A.norm() * B.norm()))


def basis(U: Tensor, seed: int) -> Tensor:
    """Return an orthonormal basis (d×d) whose first columns are U (d×r); the others are drawn, or those of the identity if they can be."""
    d, r = U.shape
    identity = torch.eye(d, dtype=U.dtype)
    if torch.equal(U, identity[:, :r]):
        return identity
    rest = torch.randn(d, d - r, dtype=U.dtype, generator=generator(seed, "basis"))
    Q, _ = torch.linalg.qr(torch.cat([U, rest], 1))
    return torch.cat([U, Q[:, r:]], 1)  # the factorisation may turn signs


def leading_blocks(metrics: Mapping[str, Tensor]) -> dict[str, NDArray[np.float64]]:
    """Return the leading 10×10 blocks of matrices, for a figure."""
    return {name: M[:BLOCK, :BLOCK].numpy() for name, M in metrics.items()}
