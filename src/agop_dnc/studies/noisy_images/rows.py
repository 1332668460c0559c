"""Fit ConvRFMs to images in noise: the rows of noisy_images.csv, and the images that Figures C1 and C2 show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from ...data.prepared import Dataset
from ...errors import UserError
from ...kernels.agop import matrix_sqrt
from ...labels import signed_one_hot
from ...models.conv_rfm import Round, Settings, accuracy, rounds
from ...pipeline.tables import Row
from ...randomness import generator
from .images import embed_in_noise, stars_in_noise

SHOWN = 4  # test images
MODEL = ("filter_size", "depth", "ridge", "rounds", "agop_images")
Points = tuple[Tensor, Tensor]


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
    chosen = conv_rfm_settings(settings)
    rows, M = [], None
    for fitted, measured in accuracies((X, y), {"test": (X_test, y_test)}, 2, chosen):
        rows += [{"n": n, "seed": seed, **row} for row in measured]
        M = fitted.M
    return rows, shown(X_test[y_test == 1][:SHOWN], M, chosen.filter_size)


def digits_rows(dataset: Dataset, seed: int, settings: Mapping[str, Any]) -> tuple[list[Row], dict[str, Tensor]]:
    """Return the accuracies after each round of a ConvRFM on digits in noise, and what Figure C2 shows of it.

    Args:
        dataset: Digits in one channel.
        seed: Of which images are for training and which for validation, of their order, and of the noise and places of all images.
        settings: The study's job settings for digits.

    Returns:
        Rows with n, seed, round, metric (`validation_accuracy`, `test_accuracy`) and value; and images as :func:`stars_rows` does.

    Raises:
        UserError: If the dataset has too few points, or its images are not in one channel or too large.
    """
    points = draw_points(dataset, seed, settings)
    noisy = {}
    for part, (digits, labels) in points.items():
        purpose = generator(seed, "digits in noise", part)
        try:
            noisy[part] = embed_in_noise(digits, purpose, settings["side"], settings["sigma"]), labels
        except ValueError as error:
            raise UserError(f"dataset {settings['dataset']} cannot be put in noise: {error}") from error
    chosen = conv_rfm_settings(settings)
    rows, M = [], None
    for fitted, measured in accuracies(noisy.pop("train"), noisy, len(dataset.classes), chosen):
        rows += [{"n": settings["n"], "seed": seed, **row} for row in measured]
        M = fitted.M
    return rows, shown(noisy["test"][0][:SHOWN], M, chosen.filter_size)


def conv_rfm_settings(settings: Mapping[str, Any]) -> Settings:
    """Return the settings of a ConvRFM among those of a job."""
    return Settings(**{name: settings[name] for name in MODEL if name in settings})


def draw_points(dataset: Dataset, seed: int, settings: Mapping[str, Any]) -> dict[str, Points]:
    """Draw training and validation points from a dataset's training points, and take its first test points.

    Args:
        dataset: Images, N×C×H×W.
        seed: Of the draw. Training points are in drawn order, so that the first of them, over which the AGOP is averaged, are of all classes.
        settings: `dataset` (its name), `n`, `n_validation` and `n_test`.

    Returns:
        By `train`, `validation` and `test` images in float64, divided by the largest value of the training points, and labels.

    Raises:
        UserError: If there are fewer points than that.
    """
    name, n, held_out, n_test = (settings[key] for key in ("dataset", "n", "n_validation", "n_test"))
    available, tested = len(dataset.x_train), len(dataset.x_test)
    if n + held_out > available:
        raise UserError(
            f"dataset {name}: {n:,} points for training and {held_out:,} for validation are more than its {available:,}; raise datasets.{name}.n"
        )
    if n_test > tested:
        raise UserError(
            f"dataset {name}: n_test is {n_test:,} but {tested:,} test points are there; raise datasets.{name}.n_test"
        )
    order = torch.randperm(available, generator=generator(seed, "conv_rfm", "points")).numpy()
    largest = float(dataset.x_train.max())
    chosen = {
        "train": (dataset.x_train[order[:n]], dataset.y_train[order[:n]]),
        "validation": (dataset.x_train[order[n : n + held_out]], dataset.y_train[order[n : n + held_out]]),
        "test": (dataset.x_test[:n_test], dataset.y_test[:n_test]),
    }
    return {part: (torch.tensor(x, dtype=torch.float64) / largest, torch.tensor(y)) for part, (x, y) in chosen.items()}


def accuracies(
    train: Points, others: Mapping[str, Points], classes: int, settings: Settings
) -> Iterator[tuple[Round, list[Row]]]:
    """Fit a ConvRFM to one-hot targets in float32, yielding each round with its accuracies.

    Args:
        train: Images and labels.
        others: Images and labels by what they are called.
        classes: The number of classes.
        settings: Of the ConvRFM.

    Yields:
        The round, and rows with round, metric (`<name>_accuracy`) and value.
    """
    X, y = train
    targets = (signed_one_hot(y, classes) + 1) / 2
    for fitted in rounds(X.float(), targets, settings):
        yield (
            fitted,
            [
                {"round": fitted.index, "metric": f"{name}_accuracy", "value": accuracy(fitted, x.float(), labels)}
                for name, (x, labels) in others.items()
            ],
        )


def shown(images: Tensor, M: Tensor | None, q: int) -> dict[str, Tensor]:
    """Return what figures show of some images and of M; nothing if M was never updated.

    Args:
        images: s×C×h×w.
        M: d×d with d = Cq².
        q: Side of the patches.

    Returns:
        `before` (s×h×w: the first channel), `after` (s×p×p: the norm of each patch after M^{1/2}) and `vectors` (4×q×q: the first
        channel of M's leading eigenvectors).
    """
    if M is None:
        return {}
    M = M.double()
    patches = torch.nn.functional.unfold(images, q)  # s×d×P
    side = images.shape[-1] - q + 1
    after = torch.linalg.vector_norm(matrix_sqrt(M) @ patches, dim=1).reshape(len(images), side, side)
    vectors = torch.linalg.eigh(M)[1].flip(1)[:, :4].T.reshape(4, -1, q, q)
    return {"before": images[:, 0], "after": after, "vectors": vectors[:, 0]}
