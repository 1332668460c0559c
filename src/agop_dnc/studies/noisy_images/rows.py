"""Fit ConvRFMs to stars in noise: the rows of noisy_images.csv, and the images that Figure C1 shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ...kernels.agop import matrix_sqrt
from ...labels import signed_one_hot
from ...models.conv_rfm import Settings, accuracy, rounds
from ...pipeline.tables import Row
from ...randomness import generator
from .images import stars_in_noise

SHOWN = 4  # test images with a star


def stars_rows(n: int, seed: int, settings: Mapping[str, Any]) -> tuple[list[Row], dict[str, Tensor]]:
    """Return the test accuracy after each round of a ConvRFM on stars in noise, and what Figure C1 shows of it.

    Args:
        n: Training images.
        seed: Of the images.
        settings: The study's job settings.

    Returns:
        Rows with n, seed, round, metric and value; and `before` (s×32×32: the first channel of test images with a star), `after`
        (s×p×p: the norm of each patch of them after M^{1/2}) and `vectors` (4×q×q: the first channel of M's leading eigenvectors).
    """
    X, y = stars_in_noise(n, generator(seed, "stars", "train", n))
    X_test, y_test = stars_in_noise(settings["n_test"], generator(seed, "stars", "test"))
    names = ("filter_size", "depth", "ridge", "rounds")
    chosen = Settings(**{name: settings[name] for name in names})
    targets = (signed_one_hot(y) + 1) / 2
    rows, M = [], None
    for fitted in rounds(X.float(), targets, chosen):
        measured = accuracy(fitted, X_test.float(), y_test)
        rows.append({"n": n, "seed": seed, "round": fitted.index, "metric": "test_accuracy", "value": measured})
        M = fitted.M
    shown = X_test[y_test == 1][:SHOWN]
    return rows, {} if M is None else _shown(shown, M.double(), chosen.filter_size)


def _shown(images: Tensor, M: Tensor, q: int) -> dict[str, Tensor]:
    patches = torch.nn.functional.unfold(images, q)  # s×d×P
    side = images.shape[-1] - q + 1
    after = torch.linalg.vector_norm(matrix_sqrt(M) @ patches, dim=1).reshape(len(images), side, side)
    vectors = torch.linalg.eigh(M)[1].flip(1)[:, :4].T.reshape(4, -1, q, q)
    return {"before": images[:, 0], "after": after, "vectors": vectors[:, 0]}
