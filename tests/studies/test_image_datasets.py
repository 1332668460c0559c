"""The CNTK and ConvRFM on datasets of images: rows against the model, choices, the figure."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch

from agop_dnc.data.prepared import Dataset
from agop_dnc.errors import UserError
from agop_dnc.models import conv_rfm
from agop_dnc.studies import all as studies
from agop_dnc.studies.image_datasets import figures, rows, study
from agop_dnc.studies.noisy_images.rows import draw_points

SETTINGS = {
    "n": 10,
    "n_validation": 4,
    "n_test": 6,
    "filter_size": 3,
    "depth": 2,
    "rounds": 2,
    "agop_images": 5,
    "ridges": [1e-3, 1.0],
}


@pytest.fixture
def pictures():
    """Colour images of 6×6 in three classes."""
    x = np.random.default_rng(0).integers(0, 256, (24, 3, 6, 6)).astype(np.uint8)
    return Dataset(x[:15], np.repeat([0, 1, 2], 5), x[15:], np.arange(9) % 3, x[:15].mean(0), np.ones((3, 6, 6)))


def test_rows_are_the_accuracies_of_every_ridge_and_round(pictures):
    table = pd.DataFrame(rows.measure(pictures, "mine", 1, SETTINGS))
    points = draw_points(pictures, 1, SETTINGS | {"dataset": "mine"})
    (X, y), (X_test, y_test) = points["train"], points["test"]
    assert float(X.max()) <= 1
    Y = torch.eye(3)[y]
    for ridge in SETTINGS["ridges"]:
        model = conv_rfm.Settings(filter_size=3, depth=2, ridge=ridge, rounds=2, agop_images=5)
        expected = [conv_rfm.accuracy(one, X_test.float(), y_test) for one in conv_rfm.rounds(X.float(), Y, model)]
        own = table[(table.ridge == ridge) & (table.metric == "test_accuracy")]
        assert own.sort_values("round").value.tolist() == expected
    assert len(table) == 2 * 2 * 2


def test_images_smaller_than_the_filters_are_refused_in_one_sentence(pictures):
    with pytest.raises(UserError, match=r"dataset mine does not fit the kernel: .*smaller than") as caught:
        list(rows.measure(pictures, "mine", 1, SETTINGS | {"depth": 3}))
    assert "\n" not in str(caught.value)


def table_of(values):
    """Return rows as in image_datasets.csv from (ridge, round, validation, test) of each seed."""
    return pd.DataFrame(
        {
            "dataset": "cifar10",
            "n": 10,
            "seed": seed,
            "ridge": ridge,
            "round": index,
            "metric": f"{name}_accuracy",
            "value": value,
        }
        for seed, own in enumerate(values)
        for ridge, index, validation, test in own
        for name, value in (("validation", validation), ("test", test))
    )


ONE = [(0.1, 0, 0.5, 0.40), (0.1, 1, 0.6, 0.45), (1.0, 0, 0.55, 0.42), (1.0, 1, 0.5, 0.50)]


def test_ridge_and_round_are_chosen_on_validation_data_also_for_the_cntk():
    found = figures.choices(table_of([ONE])).iloc[0]
    assert (found.cntk, found.conv_rfm) == (0.42, 0.45)
    assert (found.ridge, found["round"]) == (0.1, 1)
    assert (found.cntk_by_test, found.conv_rfm_by_test) == (0.42, 0.50)


def test_the_table_has_the_slides_numbers_next_to_ours():
    steps = figures.steps_table(figures.choices(table_of([ONE] * 3)), {"cifar10": "cifar10"})
    row = steps.iloc[0]
    assert row["dataset"] == "CIFAR-10"
    assert (row["step"], row["from"], row["to"]) == pytest.approx((3.0, 3.0, 3.0))
    assert row["step, slides"] == pytest.approx(0.23)
    said = figures.found_sentences(steps)
    assert "42.0 % with the CNTK and 45.0 % with ConvRFM, a step of 3.00 points (3.00 to 3.00: above 0)" in said
    assert "chosen on test data it would be 8.00. The slides' step is 0.23 points, from 67.74 %" in said
    other = figures.steps_table(figures.choices(table_of([ONE]).assign(dataset="mine")), {"mine": "mine"})
    assert "slides" not in figures.found_sentences(other)


@pytest.mark.parametrize(
    ("dataset", "source", "title"),
    [
        ("cifar10_jpeg", "cifar10", "CIFAR-10 (JPEG)"),
        ("mine", "cifar10", "CIFAR-10"),
        ("gtsrb", "gtsrb", "GTSRB"),
        ("mine", "mine", "mine"),
    ],
)
def test_a_dataset_is_called_by_its_own_title_first(dataset, source, title):
    table = table_of([ONE]).assign(dataset=dataset)
    assert figures.steps_table(figures.choices(table), {dataset: source})["dataset"].tolist() == [title]


def test_the_figure_draws_a_panel_per_dataset():
    table = pd.concat([table_of([ONE] * 2), table_of([ONE] * 2).assign(dataset="mine")])
    figure = figures.images_figure(table, {"cifar10": "cifar10", "mine": "mine"}, "a caption")
    first, second, steps = figure.axes
    assert [axis.get_title() for axis in (first, second)] == ["CIFAR-10", "mine"]
    dashed = [list(line.get_ydata()) for line in first.lines if line.get_linestyle() == "--"]
    assert dashed == [[0.6774, 0.6797]]
    assert not [line for line in second.lines if line.get_linestyle() == "--"]
    crosses = [line.get_ydata()[0] for line in steps.lines if line.get_marker() == "x"]
    assert crosses == pytest.approx([0.23])
    assert [text.get_text() for text in steps.get_xticklabels()] == ["CIFAR-10", "mine"]
    plt.close(figure)


def configuration(tmp_path, section):
    """Return a configuration of CIFAR-10 from a file of one's own."""
    path = tmp_path / "images.yaml"
    path.write_text(f"datasets: {{mine: {{source: npz, path: mine.npz}}}}\nimage_datasets: {section}\n")
    return studies.load([str(path)])


def test_a_dataset_is_compared_with_the_slides_name_that_it_is_given(tmp_path):
    named = configuration(tmp_path, "{datasets: [mine], slides: {mine: cifar10}}")
    (figure,) = study.figures(named)
    assert figure.parameters["sources"] == {"mine": "cifar10"}
    assert "slides" not in study.job_settings(named)


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ("{datasets: [mine], slides: {cifar10_jpeg: cifar10}}", "slides names cifar10_jpeg"),
        ("{datasets: [mine], slides: {mine: cifar}}", "slides.mine"),
    ],
)
def test_a_name_that_the_slides_or_the_section_lack_is_refused(tmp_path, section, said):
    with pytest.raises(UserError, match=said):
        study.check(configuration(tmp_path, section))
