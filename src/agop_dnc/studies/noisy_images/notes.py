"""Captions and sentences of the notebooks on images in noise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from ...notes import title
from ..judging import LEAST_SEEDS, interval
from .figures import PUBLISHED_DIGITS, chosen_rounds


def digits_caption(settings: Mapping[str, Any]) -> str:
    """Return what was run for Figure C2."""
    side, q, seeds = settings["side"], settings["filter_size"], settings["seeds"]
    return (
        f"{title(settings['dataset'])} in noise: {settings['n']:,} training, {settings['n_validation']:,} validation and "
        f"{settings['n_test']:,} test images of {side}×{side}; patches of {q}×{q}, kernel of depth {settings['depth']}, "
        f"ridge {settings['ridge']:g}; AGOP over {settings['agop_images']} images. One line or point per seed "
        f"({', '.join(map(str, seeds))}), which draws the training and validation images, their noise and places; means are thick. "
        "Dashed: the published run's accuracy before any update, and the best after."
    )


def digits_found(table: pd.DataFrame) -> str:
    """Return in a sentence what was found, from the run's numbers alone.

    Args:
        table: Rows of noisy_images.csv for the digits.
    """
    found = chosen_rounds(table)
    gain, optimistic = 100 * (found.by_validation - found["first"]), 100 * (found.by_test - found["first"])
    rounds = ", ".join(str(int(value)) for value in found.validation_round)
    return (
        f"- The CNTK reaches {percent(found['first'])} of the test images, and the round that validation data choose (updates by seed: {rounds}) "
        f"{percent(found.by_validation)}: a gain of {points(gain)}. Chosen by the test data themselves, as the released code does, the gain "
        f"would read {points(optimistic)}. The published run, with 4,000 training images, went from {100 * PUBLISHED_DIGITS[0]:.1f} % to "
        f"{100 * PUBLISHED_DIGITS[1]:.1f} %."
    )


def stars_found(table: pd.DataFrame) -> str:
    """Return per number of training images how far the test accuracy goes with the updates of M, from the run's numbers alone.

    Args:
        table: Rows of noisy_images.csv for the stars.
    """
    lines = []
    for n, rows in table.groupby("n"):
        wide = rows.pivot(index="seed", columns="round", values="value").sort_index(axis=1)
        last = int(wide.columns.max())
        updates = "one update" if last == 1 else f"{last} updates"
        gain = 100 * (wide[last] - wide[0])
        lines.append(
            f"- {n:,} training images: the test accuracy is {percent(wide[0])} before any update and {percent(wide[last])} after {updates}, a "
            f"difference of {points(gain)}; guessing is right in 50 % of the images."
        )
    return "\n".join(lines)


def percent(values: pd.Series[float]) -> str:
    """Return a mean accuracy in percent."""
    return f"{100 * values.mean():.1f} %"


def points(values: pd.Series[float]) -> str:
    """Return a mean in points of accuracy, with its 95 % interval if there are seeds enough."""
    if len(values) < LEAST_SEEDS:
        return f"{values.mean():.1f} points"
    low, mean, high = interval(values)
    return f"{mean:.1f} points ({low:.1f} to {high:.1f})"
