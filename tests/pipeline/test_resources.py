"""What a job asks a scheduler for."""

import json

import pytest

from agop_dnc.data.settings import DatasetSettings
from agop_dnc.pipeline import resources
from agop_dnc.pipeline.forecasts import GPU_RATE, Forecast
from agop_dnc.studies.deep_rfm import study as deep_rfm


def test_size_is_that_of_the_prepared_data_if_there_is_any(tmp_path):
    facts = tmp_path / "digits.json"
    settings = DatasetSettings(source="sklearn", n=300)
    assert resources.size_of(settings, facts) == (300, (1, 8, 8))
    facts.write_text(json.dumps({"points": 290, "image_shape": [3, 4, 5]}))
    assert resources.size_of(settings, facts) == (290, (3, 4, 5))


@pytest.mark.parametrize("source", ["sklearn", "torchvision", "npz", "csv"])
def test_size_of_data_without_n_is_the_usual_one(source, tmp_path):
    path = {"path": f"x.{source}"} if source in ("npz", "csv") else {}
    points, shape = resources.size_of(DatasetSettings(source=source, **path), tmp_path / "none.json")
    assert points == resources.USUAL_POINTS[source]
    assert len(shape) == 3


def test_every_attempt_asks_for_more():
    forecast = Forecast(8e9, 3600.0)
    memory, minutes = (
        [ask(forecast, attempt) for attempt in (1, 2, 3)] for ask in (resources.memory_mb, resources.runtime_minutes)
    )
    assert memory == [10_000, 15_000, 20_000]  # a quarter more than forecast, then half as much again
    assert minutes == [180, 360, 540]


def test_light_and_small_jobs_ask_for_the_least():
    small = Forecast(1e6, 1.0)
    assert resources.memory_mb(None, 1) == resources.memory_mb(small, 1) == resources.LEAST_MEMORY
    assert resources.runtime_minutes(None, 1) == resources.runtime_minutes(small, 1) == resources.LEAST_TIME


def test_jobs_are_short_by_their_seconds_together():
    half = Forecast(1.0, resources.SHORT / 2 - 1)
    assert resources.is_short([])
    assert resources.is_short([half, half])
    assert not resources.is_short([half, half, half])


def test_deep_rfm_at_the_papers_scale_asks_for_its_matrices(load, tmp_path):
    config = load("{device: cuda, datasets: {mnist: {source: torchvision}}}")
    size = resources.size_of(config.datasets["mnist"], tmp_path / "none.json")
    for activation in ("relu", "cos"):
        asked = resources.memory_mb(deep_rfm.forecast(config, activation, "mnist", size, GPU_RATE), 1)
        # Two matrices of 50,000² in float64 are 40 GB, 4,096 features 16 GB more; and a quarter more is asked for than is forecast.
        assert 45_000 < asked < 80_000
