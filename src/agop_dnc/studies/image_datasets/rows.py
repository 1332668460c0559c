"""Fit ConvRFMs to a dataset of images: rows of image_datasets.csv."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ...data.prepared import Dataset
from ...errors import UserError
from ...pipeline.tables import Row
from ..noisy_images.rows import accuracies, conv_rfm_settings, draw_points


def measure(dataset: Dataset, name: str, seed: int, settings: Mapping[str, Any]) -> Iterator[Row]:
    """Yield the accuracies of each ridge and round of a ConvRFM on a dataset's images, scaled to [0, 1].

    Args:
        dataset: Images of any number of channels.
        name: The dataset's.
        seed: Of which points are for training and which for validation, and of their order.
        settings: The study's job settings.

    Yields:
        Rows with n, seed, ridge, round, metric (`validation_accuracy`, `test_accuracy`) and value.

    Raises:
        UserError: If the dataset has too few points, or its images are smaller than the filters.
    """
    points = draw_points(dataset, seed, {**settings, "dataset": name})
    train = points.pop("train")
    for ridge in settings["ridges"]:
        chosen = conv_rfm_settings({**settings, "ridge": ridge})
        try:
            for _, measured in accuracies(train, points, len(dataset.classes), chosen):
                yield from ({"n": settings["n"], "seed": seed, "ridge": ridge, **row} for row in measured)
        except ValueError as error:
            raise UserError(f"dataset {name} does not fit the kernel: {error}") from error
