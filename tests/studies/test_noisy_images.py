"""The noisy images and their study: statistics, where star and digit lie, rows against a direct computation, figures, claims."""

import dataclasses

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch

from agop_dnc.data.prepared import Dataset
from agop_dnc.errors import UserError
from agop_dnc.kernels.ntk import ConvolutionalNTK
from agop_dnc.randomness import generator
from agop_dnc.studies.judging import Context, judge
from agop_dnc.studies.noisy_images import claims, figures, notes, rows
from agop_dnc.studies.noisy_images.images import embed_in_noise, stars_in_noise

STAR = """
...#...
..###..
#######
.#####.
..###..
.#####.
.##.##.
"""


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_stars_have_their_shape_in_two_channels_and_lie_on_18_by_18_places():
    X, y = stars_in_noise(6000, seeded())
    shape = torch.tensor([[pixel == "#" for pixel in line] for line in STAR.split()])
    assert shape.sum() == 28
    places = set()
    for image in X[y == 1]:
        rows, columns = (image[0] == 1).nonzero().T
        top, left = int(rows.min()), int(columns.min())
        places.add((top - 3, left - 7))
        for channel in image[:2]:
            assert torch.equal(channel[top : top + 7, left : left + 7] == 1, shape)
            assert (channel == 1).sum() == 28
        assert (image[2] != 1).all()
    # 3,000 draws leave a given one of 324 places out with probability 1e-4.
    assert {row for row, _ in places} == {column for _, column in places} == set(range(18))
    assert len(places) > 315
    assert (X[y == 0] != 1).all()


def test_stars_classes_are_balanced_in_random_order_and_noise_has_its_deviation():
    X, y = stars_in_noise(1000, seeded())
    assert y.sum() == 500
    assert 0 < y[:20].sum() < 20
    noise = X[y == 0]
    # 1.5 million pixels: the mean is within 4 standard errors of 0, the deviation within 0.1% of 0.3.
    assert abs(float(noise.mean())) < 4 * 0.3 / noise.numel() ** 0.5
    assert float(noise.std()) == pytest.approx(0.3, rel=1e-2)
    assert stars_in_noise(5, seeded())[1].sum() == 2


def test_draws_depend_on_the_generator_alone():
    torch.manual_seed(1)
    X, y = stars_in_noise(10, seeded())
    torch.manual_seed(2)
    X_again, y_again = stars_in_noise(10, seeded())
    assert torch.equal(X, X_again)
    assert torch.equal(y, y_again)
    assert not torch.equal(X, stars_in_noise(10, seeded(1))[0])


def test_digits_overwrite_a_window_on_14_by_14_places():
    digits = torch.rand(3000, 28, 28, generator=seeded(1), dtype=torch.float64)
    X = embed_in_noise(digits, seeded())
    assert X.shape == (3000, 1, 42, 42)
    places = set()
    for image, digit in zip(X[:, 0], digits, strict=True):
        ((top, left),) = (image == digit[0, 0]).nonzero().tolist()
        assert torch.equal(image[top : top + 28, left : left + 28], digit)
        places.add((top, left))
    assert {row for row, _ in places} == {column for _, column in places} == set(range(14))
    torch.testing.assert_close(embed_in_noise(digits[:, None], seeded()), X)


def test_noise_around_digits_has_half_the_root_of_sigma_as_deviation():
    for sigma in (1.0, 4.0):
        corner = embed_in_noise(torch.zeros(2000, 4, 4), seeded(), side=42, sigma=sigma)
        noise = corner[corner != 0]
        assert float(noise.std()) == pytest.approx(0.5 * sigma**0.5, rel=1e-2)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: stars_in_noise(1, seeded()), "two images or more"),
        (lambda: embed_in_noise(torch.zeros(2, 784), seeded()), "digits must be n×h×w"),
        (lambda: embed_in_noise(torch.zeros(2, 28, 28, dtype=torch.uint8), seeded()), "numbers in"),
        (lambda: embed_in_noise(torch.full((2, 28, 28), 255.0), seeded()), "divide by the largest"),
        (lambda: embed_in_noise(torch.full((2, 28, 28), torch.nan), seeded()), "lie in"),
        (lambda: embed_in_noise(torch.zeros(2, 28, 28), seeded(), side=28), "side must be larger"),
        (lambda: embed_in_noise(torch.zeros(2, 28, 28), seeded(), sigma=-1.0), "sigma must be"),
    ],
)
def test_bad_input_is_one_sentence(make, sentence):
    with pytest.raises(ValueError, match=sentence):
        make()


# -- The study --------------------------------------------------------------------------------------------------------------

DIGITS = {
    "dataset": "mine",
    "n": 10,
    "n_validation": 4,
    "n_test": 6,
    "side": 9,
    "sigma": 1.0,
    "filter_size": 3,
    "depth": 2,
    "ridge": 1e-2,
    "rounds": 2,
    "agop_images": 5,
}


@pytest.fixture
def digits():
    """Images of 6×6 in two classes, ordered by class, whose largest value is 16."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, 17, (24, 1, 6, 6)).astype(np.uint8)
    x[0, 0, 0, 0] = 16
    y = np.repeat([0, 1], 8)
    return Dataset(x[:16], y, x[16:], np.arange(8) % 2, x[:16].mean(0), np.ones((1, 6, 6)))


def solved(X, y, X_new, M, settings):
    """Return the classes that kernel ridge regression on one-hot targets gives new images, and its coefficients."""
    kernel = ConvolutionalNTK(settings["filter_size"], settings["depth"], "torch")
    K = kernel.matrix(X, X, M).double()
    scale = K.max()
    alpha = torch.linalg.solve(K / scale + settings["ridge"] * torch.eye(len(X)), torch.eye(2).double()[y])
    return (kernel.matrix(X_new, X, M).double() / scale @ alpha).argmax(1), alpha


def test_rows_of_digits_are_those_of_a_direct_computation(digits):
    found, shown = rows.digits_rows(digits, 3, DIGITS)
    table = pd.DataFrame(found)
    order = torch.randperm(16, generator=generator(3, "conv_rfm", "points")).numpy()
    parts = {
        "train": (digits.x_train[order[:10]], digits.y_train[order[:10]]),
        "validation": (digits.x_train[order[10:14]], digits.y_train[order[10:14]]),
        "test": (digits.x_test[:6], digits.y_test[:6]),
    }
    noisy = {
        name: embed_in_noise(torch.tensor(x / 16.0), generator(3, "digits in noise", name), 9).float()
        for name, (x, _) in parts.items()
    }
    labels = {name: torch.tensor(y) for name, (_, y) in parts.items()}
    M = None
    for index in range(2):
        for part in ("validation", "test"):
            predicted, alpha = solved(noisy["train"], labels["train"], noisy[part], M, DIGITS)
            expected = float((predicted == labels[part]).double().mean())
            own = table[(table["round"] == index) & (table.metric == f"{part}_accuracy")]
            assert own.value.tolist() == [expected]
        kernel = ConvolutionalNTK(3, 2, "torch")
        G = kernel.patch_agop(noisy["train"], alpha.float(), noisy["train"][:5], M)
        M = G / G.trace()
    assert set(table.n) == {10}
    assert set(table.seed) == {3}
    torch.testing.assert_close(
        shown["before"],
        embed_in_noise(torch.tensor(parts["test"][0] / 16.0), generator(3, "digits in noise", "test"), 9)[:4, 0],
    )
    assert shown["after"].shape == (4, 7, 7)
    assert shown["vectors"].shape == (4, 3, 3)


def test_rows_of_stars_are_those_of_a_direct_computation():
    settings = {"n_test": 10, "filter_size": 3, "depth": 1, "ridge": 1e-3, "rounds": 1}
    found, shown = rows.stars_rows(8, 1, settings)
    X, y = stars_in_noise(8, generator(1, "stars", "train", 8))
    X_test, y_test = stars_in_noise(10, generator(1, "stars", "test"))
    predicted, _ = solved(X.float(), y, X_test.float(), None, settings)
    assert [row["value"] for row in found] == [float((predicted == y_test).double().mean())]
    assert not shown  # M was never updated


def test_seeds_draw_other_points_and_validation_points_are_none_of_training(digits):
    marked = dataclasses.replace(digits, x_train=np.arange(1, 17).reshape(16, 1, 1, 1) * np.ones((16, 1, 6, 6)))
    drawn = {seed: rows.draw_points(marked, seed, DIGITS) for seed in (0, 1)}
    marks = {
        seed: [(16 * parts[part][0][:, 0, 0, 0]).round().int().tolist() for part in ("train", "validation")]
        for seed, parts in drawn.items()
    }
    for train, validation in marks.values():
        assert not set(train) & set(validation)
        assert len(train) == 10
        assert len(validation) == 4
    assert marks[0] != marks[1]
    assert set(drawn[0]["train"][1].tolist()) == {0, 1}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"n": 15}, "15 points for training and 4 for validation are more than its 16; raise datasets.mine.n"),
        ({"n_test": 9}, "n_test is 9 but 8 test points are there"),
        ({"side": 6}, "dataset mine cannot be put in noise: side must be larger than the digits"),
    ],
)
def test_digits_that_do_not_fit_are_refused_in_one_sentence(digits, changes, sentence):
    with pytest.raises(UserError, match=sentence):
        rows.digits_rows(digits, 0, DIGITS | changes)


def configured(**digits_section):
    return {
        "run": "mine",
        "datasets": {"digits": {"source": "sklearn", "n": 100, "n_test": 50}},
        "deep_rfm": {"enabled": False},
        "networks": {"enabled": False},
        "noisy_images": {
            "digits": {"dataset": "digits", "n": 60, "n_validation": 40, "n_test": 50, "side": 12} | digits_section
        },
    }


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"dataset": "digit"}, "noisy_images.digits.dataset is 'digit', which is not among the datasets"),
        ({"n": 61}, "takes 101 points for training and validation, and digits has 100; raise datasets.digits.n"),
        ({"n_test": 51}, "takes 51 test points, and digits has 50"),
        ({"filter_size": 5}, "images of 12×12, and 3 convolutions of 5×5 need 13×13 or larger"),
    ],
)
def test_settings_that_do_not_go_together_are_one_sentence(load, changes, sentence):
    with pytest.raises(UserError, match=sentence):
        load(configured(**changes))


def test_filters_larger_than_the_stars_images_are_refused(load):
    content = configured()
    content["noisy_images"] = {"filter_size": 11, "depth": 4}
    with pytest.raises(UserError, match="images of 32×32, and 4 convolutions of 11×11 need 41×41"):
        load(content)


def table_of_digits(test, validation, n=1000):
    """Return rows as in noisy_images.csv: for each seed a list of accuracies by round."""
    return pd.DataFrame(
        {"dataset": "mnist", "n": n, "seed": seed, "round": index, "metric": f"{name}_accuracy", "value": value}
        for name, by_seed in (("test", test), ("validation", validation))
        for seed, values in enumerate(by_seed)
        for index, value in enumerate(values)
    )


TEST = [[0.40, 0.44, 0.46, 0.45], [0.41, 0.45, 0.44, 0.47], [0.39, 0.43, 0.44, 0.44]]
VALIDATION = [[0.40, 0.44, 0.44, 0.43], [0.38, 0.40, 0.41, 0.42], [0.40, 0.44, 0.47, 0.43]]


def test_rounds_are_chosen_on_validation_and_on_test_data():
    found = figures.chosen_rounds(table_of_digits(TEST, VALIDATION))
    assert found.validation_round.tolist() == [1, 3, 2]  # the first of equals
    assert found.by_validation.tolist() == [0.44, 0.47, 0.44]
    assert found.by_test.tolist() == [0.46, 0.47, 0.44]
    assert found["first"].tolist() == [0.40, 0.41, 0.39]


def verdict(table, claim="conv-2"):
    found = dict(claims.findings({"noisy_images": table}, Context({})))
    return judge(next(one for one in claims.CLAIMS if one.id == claim), found[claim])[0]


def test_conv_2_is_judged_by_the_round_that_validation_data_choose():
    row = verdict(table_of_digits(TEST, VALIDATION))
    assert row["verdict"] == "reproduced"
    assert (row["low"] + row["high"]) / 2 == pytest.approx(5.0)  # gains of 4, 6 and 5 points
    assert "n 1,000 (paper 4,000)" in row["as_paper"]
    # A gain that only the test data would find is none.
    level = [[0.5, 0.1, 0.1, 0.1]] * 3
    assert verdict(table_of_digits(TEST, level))["verdict"] == "not reproduced"


def test_conv_2_is_about_mnist_and_four_rounds():
    fewer = table_of_digits([values[:3] for values in TEST], [values[:3] for values in VALIDATION])
    assert verdict(fewer)["measured"] == "the claim is about 4 rounds, and 3 were run"
    other = table_of_digits(TEST, VALIDATION).assign(dataset="digits")
    assert verdict(other)["measured"] == "the claim is about MNIST"
    # More rounds than four do not count.
    more = table_of_digits([[*values, 1.0] for values in TEST], [[*values, 1.0] for values in VALIDATION])
    assert verdict(more)["low"] == verdict(table_of_digits(TEST, VALIDATION))["low"]


def test_stars_and_digits_are_judged_each_by_its_own_rows():
    stars = pd.DataFrame(
        {"dataset": "stars", "n": 50, "seed": seed, "round": index, "metric": "test_accuracy", "value": value}
        for seed in range(3)
        for index, value in enumerate((0.78, 0.94 + seed / 100))
    )
    both = pd.concat([stars, table_of_digits(TEST, VALIDATION)])
    assert verdict(both, "conv-1")["verdict"] == "reproduced"
    assert verdict(both) == verdict(table_of_digits(TEST, VALIDATION))
    assert "which were not run" in verdict(table_of_digits(TEST, VALIDATION), "conv-1")["measured"]


def pictures(side=9):
    return {
        "before": np.ones((4, side, side)),
        "after": np.ones((4, side - 2, side - 2)),
        "vectors": np.ones((4, 3, 3)),
    }


def test_the_digits_figure_draws_every_seed_and_the_published_numbers():
    figure = figures.digits_figure(table_of_digits(TEST, VALIDATION), pictures(), "a caption")
    by_round, chosen = figure.subfigs[0].axes
    curves = [list(line.get_ydata()) for line in by_round.lines]
    for values in TEST + VALIDATION:
        assert values in curves
    for axis in (by_round, chosen):
        levels = {line.get_ydata()[0] for line in axis.lines if line.get_linestyle() == "--"}
        assert levels == {0.520, 0.594}
    assert len(figure.subfigs[1].axes) == 12
    plt.close(figure)
    without = figures.digits_figure(table_of_digits(TEST, VALIDATION), {}, "a caption")
    assert not without.subfigs[1].axes
    plt.close(without)


def test_the_stars_figure_draws_every_seed():
    stars = pd.DataFrame({"seed": [0, 0, 1, 1], "round": [0, 1, 0, 1], "value": [0.7, 0.9, 0.6, 0.8], "n": 50})
    figure = figures.stars_figure(stars, pictures(), "a caption")
    curves = [list(line.get_ydata()) for line in figure.subfigs[0].axes[0].lines]
    assert [0.7, 0.9] in curves
    assert [0.6, 0.8] in curves
    assert len(figure.subfigs[1].axes) == 12
    plt.close(figure)


def test_the_sentence_says_what_was_found():
    said = notes.digits_found(table_of_digits(TEST, VALIDATION))
    assert "The CNTK reaches 40.0 %" in said
    assert "(updates by seed: 1, 3, 2) 45.0 %: a gain of 5.0 points (2.5 to 7.5)" in said
    assert "would read 5.7 points" in said


def test_sentences_say_what_an_update_does_to_stars():
    accuracies = {0: [0.78, 0.80, 0.79], 1: [0.94, 0.95, 0.93]}
    rows = [
        {"n": 50, "seed": seed, "round": index, "value": value}
        for index, values in accuracies.items()
        for seed, value in enumerate(values)
    ]
    said = notes.stars_found(pd.DataFrame(rows))
    assert "79.0 % before any update and 94.0 % after one update" in said
    assert "15.0 points (12.5 to 17.5)" in said
