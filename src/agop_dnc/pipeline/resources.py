"""What a job asks a scheduler for, from its forecast: memory, run time, and whether it shares a scheduler's job with others."""

from __future__ import annotations

import json
from pathlib import Path

from ..data.settings import DatasetSettings
from .forecasts import Forecast, Shape

# Points and images if neither the configuration nor the prepared data say.
USUAL_POINTS = {"sklearn": 1500, "torchvision": 50_000, "npz": 50_000, "csv": 10_000}
USUAL_SHAPES: dict[str, Shape] = {
    "sklearn": (1, 8, 8),
    "torchvision": (3, 32, 32),
    "npz": (3, 32, 32),
    "csv": (1, 1, 100),
}
# The least that any job asks for, in MB and minutes.
LEAST_MEMORY, LEAST_TIME = 2000, 20
# Seconds of a forecast below which a job is short: a scheduler's own job, with the Snakemakes that start in it, costs some three.
SHORT = 300


def size_of(settings: DatasetSettings, facts: str | Path) -> tuple[int, Shape]:
    """Return the points and image shape of a dataset: what was prepared, or what its settings suggest.

    Args:
        settings: The dataset's section of the configuration.
        facts: The JSON that preparing it leaves; it may not exist yet.
    """
    if Path(facts).exists():
        known = json.loads(Path(facts).read_text(encoding="utf-8"))
        channels, height, width = known["image_shape"]
        return known["points"], (channels, height, width)
    return settings.n or USUAL_POINTS[settings.source], USUAL_SHAPES[settings.source]


def memory_mb(forecast: Forecast | None, attempt: int) -> int:
    """Return the memory to ask for, in MB: a quarter more than forecast, and half as much again with every further attempt.

    >>> memory_mb(None, 1), memory_mb(Forecast(8e9, 60.0), 1), memory_mb(Forecast(8e9, 60.0), 2)
    (2000, 10000, 15000)
    """
    needed = 0 if forecast is None else forecast.bytes * 1.25 / 1e6
    return int(max(LEAST_MEMORY, needed) * (1 + 0.5 * (attempt - 1)))


def runtime_minutes(forecast: Forecast | None, attempt: int) -> int:
    """Return the run time to ask for, in minutes: three times the forecast, and as much again with every further attempt.

    >>> runtime_minutes(None, 1), runtime_minutes(Forecast(8e9, 3600.0), 1), runtime_minutes(Forecast(8e9, 3600.0), 2)
    (20, 180, 360)
    """
    needed = 0 if forecast is None else 3 * forecast.seconds / 60
    return int(max(LEAST_TIME, needed) * attempt)


def is_short(forecasts: list[Forecast]) -> bool:
    """Return whether jobs that depend on each other end within five minutes together."""
    return sum(forecast.seconds for forecast in forecasts) < SHORT
