"""Fit RFMs to modular arithmetic: the rows of modular_arithmetic.csv, and the M that is drawn."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ...data.modular import ModularTable
from ...models.rfm import Iterate, Settings, iterates
from ...pipeline.tables import Row
from . import features


def rfm_settings(kernel: str, settings: Mapping[str, Any]) -> Settings:
    """Return the settings of the published runs: M ← AGOP^{1/2} with centred gradients.

    Their Gaussian kernel exp(−‖x − z‖² / L) is ours with the bandwidth √(L/2).
    """
    return Settings(
        kernel=kernel,
        bandwidth=math.sqrt(settings["bandwidth"] / 2),
        ridge=settings["ridge"],
        iterations=settings["iterations"],
        center_gradients=True,
        agop_power=0.5,
    )


def rfm_rows(
    table: ModularTable, kernel: str, settings: Mapping[str, Any], device: torch.device, kept: list[Tensor]
) -> Iterator[Row]:
    """Fit an RFM and yield rows of modular_arithmetic.csv, without p, operation, kernel and seed, as they are found.

    Metrics by iteration, the number of updates of M: `train_accuracy`, `test_accuracy`; from the first update on `circulant_deviation`, of the
    off-diagonal block of the AGOP M², `circulant_deviation_root`, of M, and in the end `alignment`, the cosine similarity of each AGOP with
    the last.

    Args:
        table: All pairs modulo p.
        kernel: `quadratic` or `gaussian`.
        settings: The study's settings.
        device: Where the RFM is fitted.
        kept: Takes M of every iteration.
    """
    X, Y = table.X.to(device), table.Y.to(device)
    operation = table.operation
    for iterate in iterates(X[table.train], Y[table.train], rfm_settings(kernel, settings)):
        kept.append(iterate.M.cpu())
        yield from _rows("rfm", iterate.iteration, accuracies(iterate, table, X))
        if iterate.iteration:
            yield from _rows("rfm", iterate.iteration, deviations(kept[-1], operation))
    agops = [M @ M for M in kept]
    for iteration, agop in enumerate(agops):
        yield from _rows("rfm", iteration, {"alignment": cosine(agop, agops[-1])})


def random_circulant_rows(
    table: ModularTable, kernel: str, seed: int, settings: Mapping[str, Any], device: torch.device
) -> Iterator[Row]:
    """Fit the plain kernel with a random block-circulant M, and yield its accuracies."""
    X, Y = table.X.to(device), table.Y.to(device)
    M = features.random_circulant_metric(table.operation, table.p, seed)
    if kernel == "gaussian":  # whose bandwidth is for points at distances of 1 or so
        M = M / M.diagonal().mean()
    plain = replace(rfm_settings(kernel, settings), iterations=0)
    (iterate,) = iterates(X[table.train], Y[table.train], plain, M.to(device))
    yield from _rows("random_circulant", 0, accuracies(iterate, table, X) | deviations(M, table.operation))


def accuracies(iterate: Iterate, table: ModularTable, X: Tensor) -> dict[str, float]:
    """Return the shares of training and of test pairs whose largest output is the result."""
    right = {}
    for name, rows in (("train_accuracy", table.train), ("test_accuracy", table.test)):
        guessed = iterate(X[rows]).argmax(1).cpu()
        right[name] = float((guessed == table.y[rows]).double().mean())
    return right


def deviations(M: Tensor, operation: str) -> dict[str, float]:
    """Return the circulant deviations of the off-diagonal blocks of the AGOP M² and of M."""
    return {
        name: features.circulant_deviation(
            features.off_diagonal_block(matrix, operation), features.OF_DIFFERENCES[operation]
        )
        for name, matrix in (("circulant_deviation", M @ M), ("circulant_deviation_root", M))
    }


def cosine(A: Tensor, B: Tensor) -> float:
    """Return the cosine similarity ⟨A, B⟩/(‖A‖ ‖B‖) of two matrices."""
    return float((A * B).sum() / (A.norm() * B.norm()))


def _rows(model: str, iteration: int, values: Mapping[str, float]) -> Iterable[Row]:
    return [
        {"model": model, "iteration": iteration, "metric": metric, "value": value} for metric, value in values.items()
    ]
