"""The study of phenomena against oracles: images by loops over pixels, diagonals by autograd, and planted features."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from agop_dnc.data.prepared import Dataset
from agop_dnc.errors import UserError
from agop_dnc.studies.phenomena import images, models, notes, pruning, quantities, rows, study
from agop_dnc.studies.phenomena.study import PhenomenaSection

CPU = torch.device("cpu")
SETTINGS = PhenomenaSection().model_dump() | {"width": 24, "steps": 60, "iterations": 2, "points": 90, "shares": [0.25]}


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def no_show(name, image):
    """Show nothing."""


def labelled(n, shape=(1, 8, 8), classes=2, seed=0):
    """Random images of values below 1, with labels in turn."""
    x = torch.rand(n, *shape, generator=seeded(seed), dtype=torch.float64) * 0.9
    return images.Labelled(x, torch.arange(n) % classes)


# The star


@pytest.mark.parametrize(("shape", "inputs"), [((1, 28, 28), 28), ((3, 32, 32), 56), ((1, 8, 8), 4), ((3, 16, 12), 18)])
def test_star_covers_its_inputs_in_the_corner(shape, inputs):
    mask = images.star_mask(shape)
    assert mask.shape == shape
    assert mask.sum() == inputs
    _, rows_on, columns_on = mask.nonzero().T
    assert max(rows_on.max(), columns_on.max()) < 7
    assert min(rows_on.min(), columns_on.min()) == 0
    assert not mask[2:].any(), "the third channel stays as it is"


def test_star_has_the_shape_of_the_released_notebook():
    drawn = ["".join("*" if on else "." for on in line) for line in images.star_mask((1, 28, 28))[0, :7, :7].tolist()]
    assert drawn == ["...*...", "..***..", "*******", ".*****.", "..***..", ".*****.", ".**.**."]


def test_vectors_have_no_corner():
    with pytest.raises(UserError, match="a star needs images"):
        images.star_mask((1, 1, 20))


def test_star_is_drawn_into_the_chosen_images_alone():
    given, mask = labelled(6, (3, 32, 32)), images.star_mask((3, 32, 32))
    before = given.x.clone()
    starred = torch.tensor([True, False, True, False, False, False])
    found = images.with_star(given, mask, starred)
    for image, has_star, old in zip(found, starred, before, strict=True):
        for place in np.ndindex(3, 32, 32):
            assert image[place] == (1.0 if has_star and mask[place] else old[place])
    assert torch.equal(given.x, before), "the images that were given have changed"


def test_star_is_kept_removed_and_moved(monkeypatch):
    """Follow the test images to the model: which have a star, and with which labels."""
    seen = []

    def accuracy(self, X, y):
        seen.append(((X.reshape(-1, 8, 8)[:, :2, :2] == 1).all((1, 2)), y))
        return 0.0

    monkeypatch.setattr(models.Fitted, "accuracy", accuracy)
    monkeypatch.setattr(rows, "KINDS", ("rfm",))
    train, test = labelled(60, classes=3), labelled(30, classes=3, seed=1)
    settings = SETTINGS | {"star_classes": [0, 2]}
    found = [row["metric"] for row in rows.spurious_rows(train, test, settings, 0, CPU, no_show)]
    assert [metric for metric in found if metric.startswith(("train_", "accuracy_"))] == [
        *("train_accuracy", "accuracy_kept", "accuracy_removed", "accuracy_moved")
    ] * 2
    for training, own in ((seen[:4], True), (seen[4:], False)):
        (fitted, y), *tested = training
        assert torch.equal(fitted, (y == 1) & own), "training images of the last class alone have a star"
        for (stars, labels), expected in zip(tested, ("kept", "removed", "moved"), strict=True):
            assert Counter(labels.tolist()) == {0: 10, 1: 10}
            of_class = [stars[labels == label].double().mean().item() for label in (0, 1)]
            assert of_class == {"kept": [0, 1], "removed": [0, 0], "moved": [1, 0]}[expected]


def test_a_model_that_sees_the_star_alone_is_fooled_by_it():
    """Images of noise, in which only the star tells the classes apart: the shares and accuracies are known."""
    train, test = labelled(200), labelled(60, seed=1)
    settings = SETTINGS | {"star_classes": [0, 1], "points": 200, "steps": 400}
    found = pd.DataFrame(rows.spurious_rows(train, test, settings, 0, CPU, no_show))
    last = found[found.stage == found.groupby(["model", "training"]).stage.transform("max")]
    value = last.set_index(["model", "training", "metric"]).value
    assert value["chance", "", "agop_share"] == 4 / 64
    assert value["chance", "", "accuracy"] == 0.5
    for kind in ("rfm", "network"):
        assert value[kind, "star", "accuracy_kept"] > 0.95
        assert value[kind, "star", "accuracy_removed"] == pytest.approx(0.5, abs=0.1)
        assert value[kind, "star", "accuracy_moved"] < 0.05
        assert value[kind, "star", "agop_share"] > 0.5 > 0.2 > value[kind, "plain", "agop_share"]
        assert value[kind, "plain", "accuracy_kept"] < 0.8


def test_only_some_classes_are_left_with_their_places_as_labels():
    given = labelled(12, classes=4)
    found = images.only_classes(given, [3, 1])
    assert found.y.tolist() == [1, 0, 1, 0, 1, 0]
    assert torch.equal(found.x, given.x[[1, 3, 5, 7, 9, 11]])
    with pytest.raises(UserError, match="no image of class 7"):
        images.only_classes(given, [0, 7])


# Pairs


def test_pairs_are_of_one_class_and_framed():
    hard, easy = labelled(40, (3, 10, 12), classes=4), labelled(20, (1, 8, 8), classes=5, seed=1)
    left, right, y = rows.bias_pairs(easy, hard, 1.0, 0, "train")
    assert left.shape == right.shape == (len(y), 3, 10, 12)
    assert len(y) == 16, "the fifth class has no hard image"
    assert sorted(set(y.tolist())) == [0, 1, 2, 3]
    for one, other, label in zip(left, right, y, strict=True):
        assert any(torch.equal(one, x) for x in hard.x[hard.y == label])
        assert any(
            torch.equal(other, nn.functional.pad(x.repeat(3, 1, 1), (2, 2, 1, 1))) for x in easy.x[easy.y == label]
        )
    assert len({tuple(image.flatten().tolist()) for image in left}) == 16, "no hard image is taken twice"


def test_without_a_hard_dataset_another_image_of_the_class_is_in_noise():
    easy = labelled(4000, (1, 4, 4), classes=2)
    exact, *_ = rows.bias_pairs(easy, None, 0.0, 0, "train")
    noisy, right, y = rows.bias_pairs(easy, None, 2.0, 0, "train")
    assert torch.equal(right, easy.x)
    assert torch.equal(y, easy.y)
    assert float((noisy - exact).std()) == pytest.approx(2.0, rel=0.02)
    assert not (exact == easy.x).all((1, 2, 3)).all()


def test_partners_are_dealt_out_again_when_all_are_taken():
    y, pool = torch.tensor([0, 0, 0, 0, 0, 1]), torch.tensor([1, 0, 1, 0])
    found = images.partners(y, pool, seeded())
    assert torch.equal(pool[found], y)
    assert sorted(Counter(found[:5].tolist()).values()) == [2, 3]
    with pytest.raises(UserError, match="no image of class 2"):
        images.partners(torch.tensor([2]), pool, seeded())


def test_swapped_halves_are_of_another_class():
    y = torch.randint(4, (500,), generator=seeded())
    found = images.of_another_class(y, seeded(1))
    assert (y[found] != y).all()
    others = Counter(y[found][y == 0].tolist())
    assert min(others.values()) > 15, "all other classes are drawn"
    with pytest.raises(UserError, match="two classes or more"):
        images.of_another_class(torch.zeros(3, dtype=torch.long), seeded())


def test_half_that_tells_the_class_has_the_trace_and_the_say():
    """Left halves are bright above in one class and below in the other; right halves say nothing, so they must have nothing."""
    n, y = 160, torch.arange(160) % 2
    noise = torch.rand(n, 1, 4, 4, generator=seeded(), dtype=torch.float64)
    easy = images.Labelled(noise, y)
    below = (torch.arange(4) // 2)[:, None] == y[:, None, None, None]
    told = images.Labelled(noise.flip(0) * 0.2 + 0.8 * below, y)
    settings = SETTINGS | {"points": n, "steps": 400}
    found = pd.DataFrame(rows.bias_rows(easy, easy, (told, told), settings, 0, CPU, no_show))
    last = found[found.stage == found.groupby(["model", "inputs"]).stage.transform("max")]
    value = last.set_index(["model", "inputs", "metric"]).value
    assert value["chance", "both", "agop_share"] == 0.5
    for kind in ("rfm", "network"):
        assert value[kind, "both", "agop_share"] < 0.2
        assert value[kind, "both", "accuracy_kept"] == value[kind, "both", "accuracy_easy_swapped"] == 1
        assert value[kind, "both", "accuracy_hard_swapped"] == 0
        assert value[kind, "hard", "accuracy_kept"] == 1
        assert value[kind, "permuted", "agop_share"] > value[kind, "both", "agop_share"]


# Pruning


def test_exactly_the_largest_are_kept():
    scores = torch.rand(50, generator=seeded())
    for number in (1, 7, 50):
        kept = pruning.keep_largest(scores, number)
        expected = sorted(sorted(range(50), key=lambda i: -scores[i])[:number])
        assert kept.tolist() == expected
    assert pruning.keep_largest(torch.ones(5), 3).tolist() == [0, 1, 2]


def test_threshold_is_a_share_of_the_largest():
    diagonal = torch.rand(100, generator=seeded()) * 7
    for threshold in (0.0, 0.05, 0.5):
        expected = sum(float(entry) > threshold * float(diagonal.max()) for entry in diagonal)
        assert pruning.number_above(diagonal, threshold) == expected
    assert pruning.number_above(torch.zeros(4), 0.05) == 1


def test_share_of_a_trace_is_the_sum_over_the_mask():
    diagonal, mask = torch.rand(24, generator=seeded()), torch.rand(2, 3, 4, generator=seeded(1)) > 0.5
    under = total = 0.0
    for index, place in enumerate(np.ndindex(2, 3, 4)):
        total += float(diagonal[index])
        under += float(diagonal[index]) if mask[place] else 0.0
    assert pruning.share_of(diagonal, mask) == pytest.approx(under / total, rel=1e-6)


def test_scores_are_what_they_are_called(draw):
    X, diagonals = draw(30, 6), {"agop": torch.arange(6.0), "nfm": -torch.arange(6.0)}
    assert pruning.scores("agop", diagonals, X, 0) is diagonals["agop"]
    assert pruning.scores("nfm", diagonals, X, 0) is diagonals["nfm"]
    torch.testing.assert_close(pruning.scores("variance", diagonals, X, 0), X.T.cov().diagonal())
    one, other = (pruning.scores("random", diagonals, X, seed) for seed in (0, 1))
    assert torch.equal(one, pruning.scores("random", {}, X.square(), 0))
    assert not torch.equal(one, other)


def test_pruned_network_starts_from_the_weights_that_it_had():
    whole = models.start_network(10, 3, SETTINGS, seed=4)
    kept = torch.tensor([1, 4, 9])
    pruned = models.start_network(10, 3, SETTINGS, seed=4, kept=kept)
    first, *others = whole.parameters()
    first_pruned, *others_pruned = pruned.parameters()
    assert torch.equal(first_pruned, first[:, kept])
    assert all(torch.equal(a, b) for a, b in zip(others, others_pruned, strict=True))
    x = torch.rand(5, 10, generator=seeded())
    masked = torch.zeros_like(x).index_copy(1, kept, x[:, kept])
    torch.testing.assert_close(pruned(x[:, kept]), whole(masked))


@pytest.mark.parametrize("kind", rows.KINDS)
def test_a_model_with_few_inputs_ignores_the_others(kind, draw):
    X, y, kept = draw(40, 6), torch.arange(40) % 2, torch.tensor([0, 5])
    X[:, 0] += 2 * y
    fitted = models.fit(kind, X, y, SETTINGS, 0, kept)
    other = X.clone()
    other[:, 1:5] = 100.0
    assert torch.equal(fitted.predict(X), fitted.predict(other))
    assert fitted.accuracy(X, y) > 0.8
    assert all(len(diagonal) == 2 for diagonal in fitted.diagonals.values())


def test_the_pixel_that_tells_the_class_is_kept_and_enough():
    """Of 16 pixels one tells the class; it must be among the four of largest AGOP, and the random four of this seed lack it."""
    given, other = labelled(90, (1, 4, 4)), labelled(60, (1, 4, 4), seed=1)
    for part in (given, other):
        part.x[:, 0, 2, 1] = 0.1 + 0.8 * part.y
    shown = {}
    found = pd.DataFrame(rows.ticket_rows(given, other, SETTINGS, 1, CPU, shown.__setitem__))
    tested = found[found.metric == "test_accuracy"].set_index(["model", "criterion", "choice"]).value
    random = pruning.keep_largest(pruning.scores("random", {}, given.x.flatten(1), 1), 4)
    assert 9 not in random
    for kind in ("rfm", "network"):
        assert shown[f"ticket_{kind}"][0, 2, 1] == 1
        assert tested[kind, "agop", "share"] > 0.95
        assert tested[kind, "random", "share"] < 0.7
        assert set(found[(found.model == kind)].criterion) == {"all", *pruning.CRITERIA[kind]}
    shares = found[found.metric == "share"]
    assert (shares[(shares.choice == "share") & (shares.criterion != "all")].value == 4 / 16).all()
    for kind, picture in (("rfm", shown["ticket_rfm"]), ("network", shown["ticket_network"])):
        at = shares[(shares.model == kind) & (shares.choice == "threshold")].value
        assert (at == float(picture.sum()) / 16).all()


# Models


def test_diagonals_of_a_network_are_those_of_autograd(draw):
    X = draw(12, 5).float()
    network = models.start_network(5, 3, SETTINGS, seed=0)
    found = models.network_diagonals(network, X)
    agop = torch.zeros(5, 5)
    for x in X:
        jacobian = torch.autograd.functional.jacobian(lambda point: network(point[None])[0], x)
        agop += jacobian.T @ jacobian / len(X)
    torch.testing.assert_close(found["agop"].float(), agop.diagonal(), rtol=1e-4, atol=1e-8)
    W = next(network.parameters()).detach()
    torch.testing.assert_close(found["nfm"].float(), (W.T @ W).diagonal())


def test_diagonal_of_m_is_that_of_the_predictor_before(draw):
    """M after one update is the AGOP of the plain Laplace machine, by autograd, over its largest entry."""
    X, y = draw(25, 4), torch.arange(25) % 3
    fitted = models.fit("rfm", X, y, SETTINGS | {"iterations": 1}, 0)
    assert torch.equal(fitted.stages[0]["agop"], torch.ones(4, dtype=torch.float64))
    K = torch.exp(-torch.cdist(X, X) / SETTINGS["bandwidth"])
    targets = nn.functional.one_hot(y).double()
    alpha = torch.linalg.solve(K + SETTINGS["ridge"] * torch.eye(25, dtype=torch.float64), targets)
    agop = torch.zeros(4, 4, dtype=torch.float64)
    for i in range(25):
        others = torch.arange(25) != i  # the gradient at a point's own centre counts as 0

        def outputs(x, others=others):
            return torch.exp(-(x - X[others]).norm(dim=1) / SETTINGS["bandwidth"]) @ alpha[others]

        jacobian = torch.autograd.functional.jacobian(outputs, X[i])
        agop += jacobian.T @ jacobian / 25
    torch.testing.assert_close(fitted.diagonals["agop"], agop.diagonal() / agop.max(), rtol=1e-6, atol=1e-9)


def test_a_network_makes_as_many_steps_as_it_is_told(monkeypatch, draw):
    made = []

    def stepper(network, velocity, X, targets, learning_rate, batch_size):
        return lambda batch: made.append(batch)

    monkeypatch.setattr(models, "stepper", stepper)
    models.fit("network", draw(20, 3), torch.arange(20) % 2, SETTINGS | {"steps": 7, "batch_size": 8}, 0)
    assert [len(batch) for batch in made] == [8, 8, 4, 8, 8, 4, 8]
    assert sorted(torch.cat(made[:3]).tolist()) == list(range(20))
    assert not torch.equal(made[0], made[3])


@pytest.mark.parametrize("learning_rate", [1e6, 5.0])
def test_a_network_that_diverges_or_dies_says_what_to_do(learning_rate, draw):
    with pytest.raises(UserError, match=r"lower phenomena\.learning_rate"):
        models.fit("network", 100 * draw(20, 3), torch.arange(20) % 2, SETTINGS | {"learning_rate": learning_rate}, 0)


def test_pixels_lie_between_0_and_1():
    x = np.array([[[[2.0, 4.0]]], [[[3.0, 6.0]]]])
    dataset = Dataset(x, np.array([0, 1]), x + 3, np.array([0, 1]), x.mean(0), x.std(0))
    train, test = images.pixels(dataset)
    assert train.x.flatten().tolist() == [0, 0.5, 0.25, 1]
    assert test.x.flatten().tolist() == [0.75, 1, 1, 1], "beyond the training images' range it is cut off"


def test_points_are_drawn_for_the_seed_without_repetition():
    given = images.Labelled(torch.arange(50.0).reshape(-1, 1, 1, 1), torch.arange(50))
    one, again, other = (images.draw_points(given, 20, seed, "star") for seed in (0, 0, 1))
    assert torch.equal(one.y, again.y)
    assert not torch.equal(one.y, other.y)
    assert len(set(one.y.tolist())) == 20
    assert len(images.draw_points(given, 100, 0, "star")) == 50


# Notes


def test_intervals_need_three_seeds():
    table = pd.DataFrame({"model": ["a", "a", "a", "b", "b"], "value": [1.0, 2.0, 3.0, 1.0, 2.0]})
    found = quantities.intervals(table, ["model"]).set_index("model")
    # t(0.975, 2) = 4.303, standard error 1/√3
    assert found.loc["a", ["low", "mean", "high"]].tolist() == pytest.approx([2 - 2.484, 2, 2 + 2.484], abs=1e-3)
    assert found.loc["b", "mean"] == 1.5
    assert np.isnan(found.loc["b", "low"])


def test_sentence_on_tickets_compares_seed_by_seed():
    records = []
    for criterion, accuracy in (("all", 0.9), ("agop", 0.8), ("variance", 0.7), ("random", 0.5)):
        for choice, level in [("share", 0.1), ("threshold", 0.05)] if criterion != "all" else [("share", 1.0)]:
            for seed in (0, 1):
                about = {"dataset": "digits", "seed": seed, "model": "rfm", "criterion": criterion, "choice": choice}
                about["level"] = level
                records.append(about | {"metric": "share", "value": 0.25})
                records.append(about | {"metric": "train_accuracy", "value": 1.0})
                records.append(about | {"metric": "test_accuracy", "value": accuracy + 0.05 * seed})
    said = notes.ticket_sentences(pd.DataFrame(records))
    assert "Digits, RFM: accuracy is 0.925 with all pixels (on training images 1.000)" in said
    assert "25 % of all, it is 0.825, with as many random ones 0.525" in said
    assert "AGOP less random, in points of accuracy: +30.0 at 10 % of the pixels." in said
    assert "AGOP less largest variance, in points of accuracy: +10.0 at 10 % of the pixels." in said
    assert "NFM" not in said


def test_hard_datasets_stand_next_to_named_ones(load):
    digits = {"digits": {"source": "sklearn"}, "other": {"source": "sklearn"}}
    base = {"datasets": digits, "deep_rfm": {"enabled": False}, "networks": {"enabled": False}}
    with pytest.raises(UserError, match=r"phenomena\.hard names 'other', which is not among phenomena\.datasets"):
        load(base | {"phenomena": {"datasets": ["digits"], "hard": {"other": "digits"}}})
    with pytest.raises(UserError, match="must not repeat itself"):
        load(base | {"phenomena": {"datasets": ["digits"], "shares": [0.5, 0.5]}})
    both = load(base | {"phenomena": {"datasets": ["digits", "other"], "hard": {"digits": "other"}}, "seeds": [5]})
    small, large = (study.forecast(both, name, (2000, (1, 28, 28)), 5e9) for name in ("other", "digits"))
    assert small.seconds < large.seconds
    assert small.bytes < large.bytes
    parts = study.parts(both)
    assert parts["simplicity_bias"] == ["phenomena/digits/simplicity_bias_5.csv"]
    assert len(parts["lottery_tickets"]) == 2
    assert {figure.name: figure.datasets for figure in study.figures(both)} == {
        "figure_r4": ("digits", "other"),
        "figure_r5": ("digits",),
        "figure_r6": ("digits", "other"),
    }
