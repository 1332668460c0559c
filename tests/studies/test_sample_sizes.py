"""Deep RFM against the number of training points: quantities of known curves, trends of known lines, settings that do not fit."""

import numpy as np
import pandas as pd
import pytest

from agop_dnc.errors import UserError
from agop_dnc.studies import all as studies
from agop_dnc.studies.sample_sizes import figures, notes, trends

SERIES = {"MNIST": ["small", "middle", "large"]}
POINTS = {"small": 1000, "middle": 2000, "large": 4000}


def curve(dataset, seed, rate, nc2, accuracies):
    """Return the rows of deep_rfm.csv in which NC1 falls by `rate` decades per layer."""
    rows = []
    for layer, accuracy in enumerate(accuracies, start=1):
        about = {"dataset": dataset, "activation": "relu", "seed": seed, "layer": layer}
        values = {"nc1": 10.0 ** (-rate * layer), "nc2": nc2, "nc2_random": 0.29}
        rows += [about | {"component": "agop", "metric": metric, "value": value} for metric, value in values.items()]
        rows.append(about | {"component": "x", "metric": "test_accuracy", "value": accuracy})
    return rows


@pytest.fixture
def table():
    return pd.DataFrame(
        row
        for seed in (0, 1)
        for i, dataset in enumerate(POINTS)
        for row in curve(dataset, seed, 0.5 + 0.1 * i, 0.2 * 2.0**-i, [0.8, 0.9, 0.85 + 0.01 * i])
    )


def test_quantities_are_those_of_the_curves(table):
    found = trends.summarise(table, SERIES, POINTS)
    of_largest = found[(found.n == 4000) & (found.seed == 1)].set_index("quantity").value
    expected = {"rate": 0.7, "nc1": 10**-2.1, "nc2": 0.05}
    expected |= {"first_accuracy": 0.8, "best_accuracy": 0.9, "last_accuracy": 0.87}
    assert of_largest.to_dict() == pytest.approx(expected, rel=1e-12)


def test_layers_at_rounding_count_for_nothing(table):
    deep = pd.DataFrame(curve("small", 0, 5.0, 0.2, [0.8] * 4))  # 1e-5, 1e-10, and twice below 1e-12
    found = trends.summarise(deep, {"MNIST": ["small"]}, POINTS).set_index("quantity").value
    assert "nc1" not in found
    assert found["layers"] == 2
    assert found["rate"] == pytest.approx(5.0)


@pytest.fixture
def deep():
    """NC1 is rounding (below 1e-12) after 2, 2 and 3 of 4 layers."""
    rates = dict(zip(POINTS, (5.0, 4.4, 3.8), strict=True))
    return pd.DataFrame(row for name, rate in rates.items() for row in curve(name, 0, rate, 0.2, [0.8] * 4))


@pytest.mark.parametrize(("quantity", "expected"), [("nc2", 0.2 * 2.0**-5), ("rate", 1.0)])
def test_trend_goes_on_along_the_line(table, quantity, expected):
    found = trends.summarise(table, SERIES, POINTS)
    rows = found[found.quantity == quantity]
    (value,) = trends.trend(rows, [32_000])
    assert value == pytest.approx(expected, rel=1e-9)


def test_trend_of_layers_is_a_line_against_log_n(deep):
    found = trends.summarise(deep, SERIES, POINTS)
    (value,) = trends.trend(found[found.quantity == "layers"], [32_000])
    assert value == pytest.approx(7 / 3 + 4 / 2)  # from a mean of 7/3 at 2,000, half a layer per doubling


def test_two_sizes_have_no_trend(table):
    found = trends.summarise(table, {"MNIST": ["small", "large"]}, POINTS)
    with pytest.raises(ValueError, match="3 sizes"):
        trends.trend(found[found.quantity == "nc2"], [10_000])


def test_trend_of_an_accuracy_is_a_power_law_of_the_errors():
    n = np.array([1000, 2000, 4000])
    rows = pd.DataFrame({"seed": 0, "n": n, "quantity": "last_accuracy", "value": 1 - 0.2 * (n / 1000) ** -0.5})
    assert trends.trend(rows, [16_000, 1e12]) == pytest.approx([0.95, 1 - 0.2e-4 / 10**0.5], rel=1e-9)
    perfect = trends.trend(rows.assign(value=1.0), [10])
    assert perfect == pytest.approx([1 - trends.LEAST_ERROR])


def test_sentences_state_the_ends_and_the_trend(table):
    said = notes.found_sentences(trends.summarise(table, SERIES, POINTS), 32_000)
    assert "NC2 goes from 0.2 at n = 1,000 to 0.05 at n = 4,000 (a straight line gives 0.00625 at n = 32,000)" in said
    assert "rounding" not in said
    without = notes.found_sentences(trends.summarise(table, {"MNIST": ["small", "large"]}, POINTS), 32_000)
    assert "straight" not in without


def test_sentences_say_how_far_the_lines_of_layers_and_fall_agree(deep):
    said = notes.found_sentences(trends.summarise(deep, SERIES, POINTS), 32_000)
    # 3 layers of 3.8 decades at 4,000; lines against log n go on from 0, 1 and 2 to 5 doublings.
    assert "the number of layers before NC1 is rounding goes from 2 at n = 1,000 to 3 at n = 4,000" in said
    layers, fall = (np.polyval(np.polyfit([0, 1, 2], values, 1), 5) for values in ([2, 2, 3], [5.0, 4.4, 3.8]))
    assert (
        "give 11.4 decades from the start to rounding at n = 4,000, and the two straight lines give "
        f"{layers * fall:.1f} at n = 32,000" in said
    )


def test_a_size_whose_nc1_is_not_rounding_in_the_end_has_no_number_of_layers(deep):
    """What its last layer says is a lower bound, and no point of a trend."""
    unfinished = pd.concat([deep[deep.dataset != "large"], pd.DataFrame(curve("large", 0, 2.0, 0.2, [0.8] * 4))])
    found = trends.summarise(unfinished, SERIES, POINTS)
    assert found[found.quantity == "layers"].n.tolist() == [1000, 2000]
    said = notes.found_sentences(found, 32_000)
    assert "the last layer's NC1 is 1e-08 at n = 4,000" in said
    assert "At n = 4,000 NC1 is not yet rounding at the last layer." in said
    assert "At n = 4,000 NC1 is not yet rounding at the last layer." in notes.caption(found, 32_000)
    drawn = figures.sizes_figure(found, notes.panels(found), trends.random_nc2(unfinished, SERIES), 32_000, "caption")
    assert drawn.axes[1].get_title() == "layers before NC1 is rounding"
    assert list(drawn.axes[1].lines[0].get_xdata()) == [1000, 2000]


def test_curves_that_are_rounding_at_once_have_no_fall_to_speak_of():
    at_once = pd.DataFrame(row for dataset in POINTS for row in curve(dataset, 0, 13.0, 0.2, [0.8] * 3))
    said = notes.found_sentences(trends.summarise(at_once, SERIES, POINTS), 32_000)
    assert "the number of layers before NC1 is rounding goes from 0" in said
    assert "decades" not in said


def test_figure_shows_every_size_and_the_target(table):
    found = trends.summarise(table, SERIES, POINTS)
    drawn = figures.sizes_figure(found, notes.panels(found), trends.random_nc2(table, SERIES), 32_000, "caption")
    nc2 = drawn.axes[2]
    points = nc2.lines[0]
    assert np.array_equal(points.get_xdata(), [1000, 2000, 4000])
    assert points.get_ydata() == pytest.approx([0.2, 0.1, 0.05])
    assert drawn.axes[1].get_title() == "NC1 at the last layer"
    assert [label.get_text() for label in drawn.axes[0].get_xticklabels()] == ["1k", "2k", "4k", "32k"]


def test_figure_counts_layers_where_nc1_is_rounding_in_the_end(deep):
    found = trends.summarise(deep, SERIES, POINTS)
    drawn = figures.sizes_figure(found, notes.panels(found), trends.random_nc2(deep, SERIES), 32_000, "caption")
    assert drawn.axes[1].get_title() == "layers before NC1 is rounding"
    assert list(drawn.axes[1].lines[0].get_ydata()) == [2, 2, 3]


@pytest.mark.parametrize(
    ("entry", "series", "message"),
    [
        ({"n": 100}, ["digits", "digits", "small"], "twice"),
        ({"n": 100, "labels": "random"}, ["digits", "small"], "labels are random"),
        ({"n": 100, "shuffle": True}, ["digits", "small"], "differ in shuffle"),
        ({"n": 100}, ["digits", "smal"], "did you mean 'small'"),
    ],
)
def test_series_that_cannot_be_meant_are_refused(tmp_path, entry, series, message):
    path = tmp_path / "config.yaml"
    path.write_text("run: sizes\nnetworks: {enabled: false}\n")
    datasets = {"digits": {"source": "sklearn", "n": 200}, "small": {"source": "sklearn"} | entry}
    with pytest.raises(UserError, match=message):
        studies.load([path], {"datasets": datasets, "sample_sizes": {"series": {"Digits": series}}})
