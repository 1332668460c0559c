"""What collapse is good for: out-of-distribution points, fixed readouts, and the claims that are judged by them."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import roc_auc_score

from agop_dnc.collapse import metrics
from agop_dnc.collapse.scores import FeatureScores
from agop_dnc.data.datasets import prepare
from agop_dnc.errors import UserError
from agop_dnc.models.deep_rfm import DeepRFM, Settings
from agop_dnc.studies import judging
from agop_dnc.studies.judging import NOT_REPRODUCED, NOT_TESTED, REPRODUCED, UNDECIDED, Context
from agop_dnc.studies.uses import claims, figures, notes, points, readouts, rows
from agop_dnc.studies.uses.settings import ReadoutJobSettings, ScoringSettings, SmallMlpSettings

OOD_COLUMNS = ["dataset", "model", "seed", "layer", "score", "points", "metric", "value"]
READOUT_COLUMNS = ["dataset", "loss", "dimension", "readout", "seed", "metric", "value"]
SPREAD, ACROSS = (-0.001, 0.0, 0.001), (-0.05, 0.0, 0.05)


def scored(gain=0.05, spread=SPREAD, accuracy=1.0, kinds=("held_out", "noise"), model="mlp"):
    """Two layers of features and a readout; in the last layer the angle's AUROC is that of the softmax and `gain` more."""
    lines = []
    for seed, extra in enumerate(spread):
        about = ("digits", model, seed)
        lines += [(*about, 3, "outputs", points, "accuracy", accuracy) for points in ("train", "test")]
        for i, kind in enumerate(kinds):
            softmax = 0.8 + 0.05 * i
            # What must not be looked at: other layers, scores and metrics.
            lines += [(*about, layer, "angle", kind, "auroc", 0.1) for layer in (0, 1)]
            lines += [(*about, 1, "softmax", kind, "auroc", 0.99), (*about, 2, "distance", kind, "auroc", 0.2)]
            lines += [(*about, 2, "angle", kind, "fpr95", 0.7), (*about, 3, "softmax", kind, "fpr95", 0.1)]
            lines += [
                (*about, 2, "angle", kind, "auroc", softmax + gain + extra),
                (*about, 3, "softmax", kind, "auroc", softmax),
            ]
    return pd.DataFrame(lines, columns=OOD_COLUMNS)


def compared(gain=0.0, spread=SPREAD, learned=1.0, fixed=1.0, dimension=9):
    """Learned and fixed readouts, whose test accuracies differ by `gain`."""
    lines = []
    for seed, extra in enumerate(spread):
        for readout, fitted, tested in (("learned", learned, 0.95), ("fixed", fixed, 0.95 + gain + extra)):
            about = ("digits", "squared_error", dimension, readout, seed)
            lines += [(*about, "train_accuracy", fitted), (*about, "test_accuracy", tested), (*about, "nc1", 0.3)]
    return pd.DataFrame(lines, columns=READOUT_COLUMNS)


def judged(claim, **tables):
    found, evidence = judging.evaluate([claims.SOURCE], tables, Context({"digits": [50] * 10}))
    rows = [row for row in found if row["claim"] == claim]
    assert len(rows) == 1
    return rows[0], [e["value"] for e in evidence if e["claim"] == claim]


@pytest.mark.parametrize(
    ("gain", "spread", "verdict"),
    [
        (0.05, SPREAD, REPRODUCED),
        (0.0, (0.0, 0.0, 0.0), REPRODUCED),  # as well as
        (-0.05, SPREAD, NOT_REPRODUCED),
        (0.01, ACROSS, UNDECIDED),
        (0.05, (0.0, 0.0), NOT_TESTED),
    ],
)
def test_the_rule_of_use_1_gives_each_verdict(gain, spread, verdict):
    assert judged("use-1", out_of_distribution=scored(gain, spread))[0]["verdict"] == verdict


@pytest.mark.parametrize(
    ("gain", "spread", "verdict"),
    [
        (0.02, SPREAD, REPRODUCED),
        (-0.005, SPREAD, REPRODUCED),
        (-0.01, (0.0, 0.0, 0.0), NOT_REPRODUCED),  # the bound itself is outside
        (-0.03, SPREAD, NOT_REPRODUCED),
        (-0.01, ACROSS, UNDECIDED),
        (0.02, (0.0, 0.0), NOT_TESTED),
    ],
)
def test_the_rule_of_use_2_gives_each_verdict(gain, spread, verdict):
    assert judged("use-2", readouts=compared(gain, spread))[0]["verdict"] == verdict


def test_use_1_is_the_mean_over_kinds_of_the_last_layers_difference():
    table = scored(0.1)
    first = (table.points == "noise") & (table.score == "angle") & (table.layer == 2) & (table.metric == "auroc")
    table.loc[first, "value"] -= 0.3
    row, values = judged("use-1", out_of_distribution=table)
    np.testing.assert_allclose(values, [0.1 - 0.15 + extra for extra in SPREAD])
    assert row["measured"].endswith("means by kind: held-out classes +0.1; noise -0.2")
    assert row["model"] == "MLP, squared error"
    assert row["as_paper"] == "differs: settings, of which the slides give none"


def test_use_2_is_the_paired_difference_by_loss_and_dimension():
    table = pd.concat([compared(0.01), compared(-0.05, dimension=10).assign(loss="cross_entropy")])
    found, evidence = judging.evaluate([claims.SOURCE], {"readouts": table}, Context({}))
    verdicts = {row["model"]: row["verdict"] for row in found if row["claim"] == "use-2"}
    assert verdicts == {"MLP, squared error, d=9": REPRODUCED, "MLP, cross-entropy, d=10": NOT_REPRODUCED}
    np.testing.assert_allclose([e["value"] for e in evidence if e["model"].endswith("d=9")], [0.009, 0.01, 0.011])


def test_networks_that_have_not_fitted_are_not_judged():
    row, _ = judged("use-1", out_of_distribution=scored(accuracy=0.98))
    assert row["verdict"] == NOT_TESTED
    assert "training accuracy 0.98" in row["measured"]
    assert judged("use-2", readouts=compared(learned=0.9))[0]["verdict"] == NOT_TESTED
    # A simplex that keeps its network from fitting is what the claim denies.
    assert judged("use-2", readouts=compared(-0.3, fixed=0.7))[0]["verdict"] == NOT_REPRODUCED


def test_a_table_that_is_missing_leaves_the_other_claim_alone():
    assert judged("use-1", readouts=compared())[0]["verdict"] == NOT_TESTED
    assert judged("use-2", readouts=compared())[0]["verdict"] == REPRODUCED
    row, _ = judged("use-2", out_of_distribution=scored())
    assert row["verdict"] == NOT_TESTED
    assert "no readouts.csv" in row["measured"]


# Points of other distributions.


@pytest.fixture(scope="module")
def digits():
    return prepare("digits", {"source": "sklearn", "n": 300, "n_test": 120})


@pytest.fixture(scope="module")
def split(digits):
    return points.split(digits, 3, 2, {"other": digits})


def test_held_out_classes_go_round_with_the_seed(digits):
    for seed, out in ((0, [0, 1, 2]), (2, [6, 7, 8]), (3, [9, 0, 1])):
        found = points.split(digits, 3, seed)
        kept = [c for c in range(10) if c not in out]
        train, test = (np.isin(y, kept) for y in (digits.y_train, digits.y_test))
        assert found.arrays.y_train.tolist() == [kept.index(y) for y in digits.y_train[train]]
        assert found.arrays.y_test.tolist() == [kept.index(y) for y in digits.y_test[test]]
        assert len(found.others["held_out"]) == int((~test).sum())


def test_all_points_are_standardised_by_the_training_points_that_are_kept(digits, split):
    kept = ~np.isin(digits.y_train, [6, 7, 8])
    raw = digits.x_train[kept].reshape(-1, 64).astype(float)
    mean, std = raw.mean(0), raw.std(0, ddof=1)
    scaled = np.where(std > 0, (raw - mean) / np.where(std > 0, std, 1), 0)
    np.testing.assert_allclose(split.arrays.x_train, scaled, atol=1e-12)
    out = digits.x_test[np.isin(digits.y_test, [6, 7, 8])].reshape(-1, 64)
    np.testing.assert_allclose(
        split.others["held_out"], np.where(std > 0, (out - mean) / np.where(std > 0, std, 1), 0), atol=1e-12
    )
    assert len(split.others["other"]) == len(digits.x_test)


def test_noise_rotations_and_photographs_are_what_they_are_called(digits, split):
    test = digits.x_test[~np.isin(digits.y_test, [6, 7, 8])]
    kept = digits.x_train[~np.isin(digits.y_train, [6, 7, 8])]
    mean, std = kept.mean(0).ravel(), kept.std(0, ddof=1).ravel()
    varying = std > 0
    back = {name: found.numpy() * std + mean for name, found in split.others.items()}
    turned = np.stack([np.rot90(image[0]) for image in test]).reshape(len(test), -1)
    np.testing.assert_allclose(back["rotated"][:, varying], turned[:, varying], atol=1e-9)
    noise = split.others["noise"][:, varying]
    assert abs(float(noise.mean())) < 5 / noise.numel() ** 0.5
    assert abs(float(noise.std()) - 1) < 5 / (2 * noise.numel()) ** 0.5
    assert (split.others["noise"][:, ~varying] == 0).all()
    photographs = back["photographs"][:, varying]
    assert kept.min() <= photographs.min() < photographs.max() <= kept.max() + 1e-9
    assert len(photographs) == len(test) == len(noise)
    # Neighbouring pixels of a photograph are alike.
    images = back["photographs"].reshape(-1, 8, 8)[:, 2:6, 2:6]
    assert np.corrcoef(images[:, :, 1:].ravel(), images[:, :, :-1].ravel())[0, 1] > 0.9


def test_points_are_drawn_again_for_the_same_seed(digits, split):
    same = points.split(digits, 3, 2, {"other": digits})
    assert all(torch.equal(same.others[name], found) for name, found in split.others.items())
    other = points.split(digits, 3, 3)
    assert not torch.equal(other.others["noise"][:5], split.others["noise"][:5])


def test_what_cannot_be_split_is_a_mistake(digits):
    with pytest.raises(UserError, match=r"uses\.held_out is 9"):
        points.split(digits, 9, 0)
    smaller = prepare("digits", {"source": "sklearn", "n": 300, "n_test": 0})
    with pytest.raises(UserError, match="too few test points"):
        points.split(smaller, 3, 0)


# Scores of models.

SCORING = ScoringSettings(neighbours=5)


def test_rows_of_a_deep_rfm_score_its_own_features(split):
    settings = Settings(depth=2, width=24)
    table = pd.DataFrame(rows.deep_rfm_rows(split, settings, 1, SCORING))
    model = DeepRFM(settings, seed=1).fit(split.arrays.x_train, split.arrays.y_train)
    inside, outside = split.arrays.x_test, split.others["noise"]
    labels = np.r_[np.ones(len(inside)), np.zeros(len(outside))]

    def auroc(layer, score):
        chosen = table[(table.layer == layer) & (table.score == score) & (table.points == "noise")]
        return chosen[chosen.metric == "auroc"].value.item()

    for layer in (1, 2):
        fitted = model.layers[layer - 1]
        projected = [fitted.projected(model.transform(X, layer - 1)) for X in (split.arrays.x_train, inside, outside)]
        found = FeatureScores(projected[0], split.arrays.y_train, 5).score(torch.cat(projected[1:]))
        for score, values in found.items():
            # Some scores differ by rounding alone, and so do their ranks.
            assert auroc(layer, score) == pytest.approx(roc_auc_score(labels, values.numpy()), abs=1e-6)
        outputs = fitted.predictor(torch.cat([model.transform(X, layer - 1) for X in (inside, outside)]))
        assert auroc(layer, "softmax") == pytest.approx(roc_auc_score(labels, outputs.softmax(1).amax(1).numpy()))
    final = torch.cat([model.decision_function(X) for X in (inside, outside)])
    assert auroc(3, "energy") == pytest.approx(roc_auc_score(labels, final.logsumexp(1).numpy()))
    accuracy = table[(table.metric == "accuracy") & (table.points == "test")].value.item()
    assert accuracy == float((model.predict(inside) == split.arrays.y_test).double().mean())
    assert set(table[table.metric == "auroc"].points) == set(split.others)
    assert (table[table.metric == "nc1"].layer == [0, 1, 2]).all()


@pytest.mark.parametrize("loss", ["squared_error", "cross_entropy"])
def test_rows_of_a_network_have_every_layer_and_score(split, loss):
    settings = SmallMlpSettings(hidden_layers=2, width=24, epochs=60)
    table = pd.DataFrame(rows.network_rows(split, settings, loss, 0, SCORING))
    scored = table[table.metric == "auroc"]
    assert sorted(scored[scored.score == "angle"].layer.unique()) == [0, 1, 2]
    assert scored[scored.score == "softmax"].layer.unique().tolist() == [3]
    assert scored.value.between(0, 1).all()
    accuracy = table[table.metric == "accuracy"].set_index("points").value
    assert accuracy["train"] > 0.9
    nc1 = table[table.metric == "nc1"].set_index("layer").value
    assert nc1[2] < nc1[0]
    assert nc1[0] == pytest.approx(metrics.nc1(split.arrays.x_train, split.arrays.y_train), rel=1e-5)


# Readouts.

READOUTS = ReadoutJobSettings(
    hidden_layers=1,
    width=24,
    init_scale=0.3,
    epochs=5,
    learning_rate=0.1,
    momentum=0.9,
    losses=["squared_error"],
    larger=12,
)


@pytest.fixture(scope="module")
def floats(digits):
    return digits.arrays(torch.float32)


def test_readouts_differ_in_the_readout_alone(floats):
    learned, fixed = (readouts.build_with(readout, floats, 9, READOUTS, 0) for readout in readouts.READOUTS)
    before = [layer.weight for layer in learned.head[::2][:1]]
    assert torch.equal(before[0], fixed.head[0].weight)
    assert torch.equal(learned.head[2].weight, fixed.head[2].weight)
    assert not torch.equal(learned.head[3].weight, fixed.head[3].weight)
    gram = fixed.head[3].weight @ fixed.head[3].weight.T
    torch.testing.assert_close(gram.double(), metrics.simplex_gram(10), rtol=0, atol=1e-6)


def test_rows_of_readouts_are_measured_on_the_features(floats):
    table = pd.DataFrame([row for part in readouts.readout_rows(floats, READOUTS, 0) for row in part])
    assert table[["dimension", "readout"]].drop_duplicates().to_numpy().tolist() == [
        [d, readout] for d in (9, 10, 12) for readout in readouts.READOUTS
    ]
    fixed = table[(table.dimension == 9) & (table.readout == "fixed")].set_index("metric").value
    # 64 → 24 → 9, and a readout of 90 weights that are not trained and need no gradient.
    assert fixed["parameters"] == 64 * 24 + 24 * 9
    assert fixed["operations"] == 2 * 64 * 24 + 3 * 24 * 9 + 2 * 90
    learned = table[(table.dimension == 9) & (table.readout == "learned")].set_index("metric").value
    assert learned["parameters"] == fixed["parameters"] + 90
    assert learned["operations"] == fixed["operations"] + 90
    network = readouts.build_with("fixed", floats, 9, READOUTS, 0)
    readout = network.head[-1].weight.clone()
    found = readouts.trained_and_measured(network, floats, "squared_error", READOUTS, 0)
    assert torch.equal(network.head[-1].weight, readout)
    with torch.no_grad():
        h = (floats.x_train @ network.head[0].weight.T).relu() @ network.head[2].weight.T
        outputs = h @ readout.T
    means = metrics.class_means(h, floats.y_train)
    assert found["nc1"] == pytest.approx(metrics.nc1(h, floats.y_train), rel=1e-5) == pytest.approx(fixed["nc1"])
    assert found["nc3"] == pytest.approx(metrics.nc3(readout, means), rel=1e-4)
    assert found["train_accuracy"] == float((outputs.argmax(1) == floats.y_train).double().mean())
    target = 2 * torch.nn.functional.one_hot(floats.y_train, 10) - 0.2
    assert found["train_loss"] == pytest.approx(float((outputs - target).square().mean()), rel=1e-5)
    assert found["train_loss"] < found["untrained_train_loss"]


def test_targets_of_the_squared_error_are_a_simplexs_and_probabilities_stay():
    y = torch.tensor([0, 2])
    centred = readouts.centred_targets(y, 3, "squared_error")
    torch.testing.assert_close(centred.sum(1), torch.zeros(2, dtype=torch.float64))
    torch.testing.assert_close(centred[0] - centred[0, 1], torch.tensor([2.0, 0.0, 0.0], dtype=torch.float64))
    assert readouts.centred_targets(y, 3, "cross_entropy").tolist() == [[1, 0, 0], [0, 0, 1]]


# Figures and sentences with few seeds.


@pytest.mark.parametrize("spread", [SPREAD, (0.0,)])
def test_figures_and_sentences_take_few_seeds_and_datasets(spread):
    table = pd.concat([scored(0.05, spread), scored(-0.1, spread, model="relu")])
    nc1 = [
        ("digits", model, seed, 2, "features", "train", "nc1", 0.1)
        for model in ("mlp", "relu")
        for seed, _ in enumerate(spread)
    ]
    table = pd.concat([table, pd.DataFrame(nc1, columns=OOD_COLUMNS)])
    panels = notes.scored_panels(table)
    assert list(panels.values()) == ["Digits: MLP, squared error", "Digits: Deep RFM, ReLU features"]
    figure = figures.separation_figure(table, list(panels), panels, "A caption.")
    assert len(figure.axes) == 6
    text = notes.separation_sentences(table)
    assert ("the angle is better" in text) == ("the softmax is better" in text) == (len(spread) == 3)
    summary = notes.separation_summary(table[table.model == "mlp"]).set_index("score")
    assert summary.loc["angle to the nearest vertex", "AUROC, noise"].startswith("0.9")


def test_the_sentences_on_readouts_follow_the_numbers():
    lines = []
    for seed, extra in enumerate(SPREAD):
        for readout, accuracy, nc1, parameters in (("learned", 0.9, 0.4, 100), ("fixed", 0.95 + extra, 0.2, 10)):
            values = {
                "train_accuracy": 1.0,
                "test_accuracy": accuracy,
                "nc1": nc1,
                "nc2": nc1,
                "parameters": parameters,
                "operations": 5,
            }
            lines += [("digits", "squared_error", 9, readout, seed, *value) for value in values.items()]
    table = pd.DataFrame(lines, columns=READOUT_COLUMNS)
    text = notes.readout_sentences(table)
    assert "the difference is 0.05 (0.0475 to 0.0525), the simplex is better" in text
    assert "It trains 10 parameters instead of 100." in text
    panels = notes.compared_panels(table)
    figure = figures.readouts_figure(table, list(panels), panels, {"digits": 10}, "A caption.")
    assert len(figure.axes) == 5
    assert notes.readout_summary(table)["trained parameters"].tolist() == [100, 10]
