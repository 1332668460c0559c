"""Forecasts: what is asked of a scheduler before anything runs."""

import pytest
import torch

from agop_dnc.data import prepared
from agop_dnc.models import deep_rfm
from agop_dnc.pipeline import forecasts
from agop_dnc.studies.deep_rfm import rows

SETTINGS = {"precision": "float64", "width": 1024, "depth": 20}
TRAINED = {"epochs": 10, "measure_every": 5, "hidden_layers": 5, "width": 512}


def test_deep_rfm_forecast_is_two_matrices_and_what_goes_with_them():
    needed = forecasts.deep_rfm_bytes(50_000, 784, 0, 1024, "float64")
    assert 2 * 50_000**2 * 8 < needed < 2.2 * 50_000**2 * 8
    assert forecasts.deep_rfm_bytes(50_000, 784, 0, deep_rfm.Settings().width, deep_rfm.Settings().precision) == needed
    assert forecasts.deep_rfm(50_000, (1, 28, 28), SETTINGS).bytes > needed


@pytest.mark.parametrize(("precision", "n", "itemsize"), [("float64", 4000, 8), ("float32", 5600, 4)])
def test_peak_memory_of_deep_rfm_is_as_forecast(precision, n, itemsize, peak_of):
    """On a GPU: tests/test_devices.py."""
    y = torch.arange(n) * 10 // n
    X = torch.randn(n, 128, dtype=torch.float64)
    X[:, :10] += 4 * torch.nn.functional.one_hot(y)  # round the corners of a simplex
    settings = deep_rfm.Settings(depth=1, width=256, precision=precision)
    points = prepared.Arrays(X, y, X[:0], y[:0], (1, 8, 16))
    peak = peak_of(lambda: list(rows.measure(points, settings, 0)))
    assert peak == pytest.approx(forecasts.deep_rfm_bytes(n, 128, 0, 256, precision), rel=0.15)
    assert peak < 2.5 * n * n * itemsize + forecasts.CHUNK_BYTES


def test_deep_rfm_at_the_papers_scale_needs_at_most_two_and_a_half_matrices():
    matrix = 50_000**2 * 8
    for d, width in ((784, 1024), (3072, 1024), (784, 4096), (3072, 4096)):
        assert 2 * matrix < forecasts.deep_rfm_bytes(50_000, d, 10_000, width, "float64") < 2.5 * matrix


def test_time_of_deep_rfm_grows_as_cube_of_many_points():
    one, two = (forecasts.deep_rfm(n, (1, 8, 8), SETTINGS).seconds for n in (100_000, 200_000))
    assert 7 < two / one < 8


@pytest.mark.parametrize("architecture", ["mlp", "resnet18", "vgg11"])
def test_time_of_training_is_proportional_to_epochs_and_points(architecture):
    def seconds(n, epochs):
        return forecasts.training(architecture, n, (1, 28, 28), TRAINED | {"epochs": epochs}).seconds - 30

    assert seconds(2000, 10) == pytest.approx(2 * seconds(1000, 10))
    assert seconds(1000, 30) == pytest.approx(3 * seconds(1000, 10))
    assert forecasts.measuring(architecture, 1000, (1, 28, 28), TRAINED).seconds > 30


# Seconds on one thread of two shared cores, start-up included, for the default run's jobs on 1,500 digits of 8×8.
MEASURED = {"mlp": (160, 20), "resnet18": (12, 45), "vgg11": (24, 92)}


@pytest.mark.parametrize("architecture", MEASURED)
def test_jobs_of_default_run_take_at_most_three_times_their_forecast(architecture):
    epochs, seconds = MEASURED[architecture]
    forecast = forecasts.training(architecture, 1500, (1, 8, 8), TRAINED | {"epochs": epochs}).seconds
    assert seconds < 3 * forecast
    assert forecast < 30 * seconds


def test_networks_of_the_paper_fit_a_schedulers_limits_on_a_gpu():
    papers = {"mlp": 500, "resnet18": 300, "vgg11": 600}
    for architecture, epochs in papers.items():
        settings = TRAINED | {"epochs": epochs, "measure_every": 10}
        forecast = forecasts.training(architecture, 50_000, (3, 32, 32), settings, forecasts.GPU_RATE)
        assert 60 < forecast.seconds < 3 * 3600


@pytest.mark.parametrize(("visible", "count"), [("", 0), ("-1", 0), ("0", 1), ("3,5", 2)])
def test_gpus_here_counts_visible_gpus(monkeypatch, visible, count):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert forecasts.gpus_here() == count
