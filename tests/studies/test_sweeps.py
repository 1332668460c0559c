"""The sweeps of widths, test points and initialisation scales, against brute force on tiny data."""

import numpy as np
import pandas as pd
import pytest
import torch
import yaml

from agop_dnc.collapse import metrics
from agop_dnc.collapse.network import measure as measured
from agop_dnc.data import datasets
from agop_dnc.errors import UserError
from agop_dnc.labels import signed_one_hot
from agop_dnc.models import networks
from agop_dnc.models.deep_rfm import DeepRFM, Settings, layers
from agop_dnc.models.networks import hidden_names
from agop_dnc.models.settings import TrainingSettings
from agop_dnc.models.training import train
from agop_dnc.studies import all as studies
from agop_dnc.studies.generalisation import notes as generalisation_notes
from agop_dnc.studies.generalisation import rows as generalisation
from agop_dnc.studies.scales import notes as scales_notes
from agop_dnc.studies.scales import quantities
from agop_dnc.studies.scales import rows as scales
from agop_dnc.studies.scales.settings import TrainToSettings
from agop_dnc.studies.widths import floors
from agop_dnc.studies.widths import notes as widths_notes
from agop_dnc.studies.widths import rows as widths


@pytest.fixture
def tested(draw):
    """The three classes of `arrays`, with 15 test points of their own."""
    y, y_test = torch.arange(3).repeat_interleave(20), torch.arange(3).repeat(5)
    X, X_test = draw(60, 8) + 3 * torch.nn.functional.one_hot(y, 8), draw(15, 8, seed=1)
    X_test += 3 * torch.nn.functional.one_hot(y_test, 8)
    return datasets.Arrays(X, y, X_test, y_test, (1, 2, 4))


# Widths.


@pytest.mark.parametrize("activation", ["relu", "cos"])
@pytest.mark.parametrize("width", [24, 60, 150])
@pytest.mark.parametrize("scale", ["mean", "max", "sum"])
def test_the_recursion_within_the_span_is_the_deep_rfm(arrays, activation, width, scale):
    settings = Settings(depth=3, width=width, activation=activation, agop_scale=scale)
    whole = layers(arrays.x_train, signed_one_hot(arrays.y_train), settings, 0)
    inside = widths.projections(arrays.x_train, signed_one_hot(arrays.y_train), settings, 0)
    for (_, projected, _), coordinates in zip(whole, inside, strict=True):
        assert coordinates.shape == (60, min(60, projected.shape[1]))
        # Two ways to the root of a matrix of condition 1e8 and more: its small eigenvalues are the root of rounding, 1e-8.
        gram = projected @ projected.T
        torch.testing.assert_close(coordinates @ coordinates.T, gram, rtol=0, atol=1e-6 * float(gram.abs().max()))


def test_a_span_and_its_basis_give_the_points(draw):
    X = draw(5, 12)
    L, Q = widths.span(X)
    torch.testing.assert_close(L @ Q.T, X)
    torch.testing.assert_close(Q.T @ Q, torch.eye(5, dtype=torch.float64))
    few, none = widths.span(X.T)
    assert few is not None
    assert none is None


def test_rows_of_a_width_are_nc1_and_nc2_of_every_layer(arrays):
    settings = Settings(depth=3, width=100)
    found = pd.DataFrame(widths.measure(arrays.x_train, arrays.y_train, settings, 1))
    assert found[["width", "seed"]].drop_duplicates().to_numpy().tolist() == [[100, 1]]
    for layer, (_, projected, _) in enumerate(
        layers(arrays.x_train, signed_one_hot(arrays.y_train), settings, 1), start=1
    ):
        values = found[found.layer == layer].set_index("metric").value
        # Rounding grows from layer to layer; here to less than a thousandth of a thousandth.
        assert values["nc1"] == pytest.approx(metrics.nc1(projected, arrays.y_train), rel=1e-6)
        assert values["nc2"] == pytest.approx(metrics.nc2(projected, arrays.y_train), rel=1e-6)


def swept(floor, rate=0.4, depth=20, seeds=(0, 1, 2)):
    """A sweep whose NC2 falls to floor(width, seed), and whose NC1 falls without one."""
    lines = [
        (
            "digits",
            "relu",
            width,
            seed,
            layer,
            metric,
            10 * rate**layer + (floor(width, seed) if metric == "nc2" else 0),
        )
        for width in (64, 256, 1024)
        for seed in seeds
        for metric in ("nc1", "nc2")
        for layer in range(1, depth + 1)
    ]
    return pd.DataFrame(lines, columns=["dataset", "activation", "width", "seed", "layer", "metric", "value"])


def test_floors_that_are_powers_of_the_width_give_their_exponent():
    found = floors.floors(swept(lambda width, seed: 0.5 * width ** -(0.5 + 0.01 * seed)))
    nc2 = found[found.metric == "nc2"]
    assert nc2.reached.all()
    # The fit stops at steps of 1e-8 to 1e-12; see test_decay.
    np.testing.assert_allclose(
        nc2.floor, [0.5 * w ** -(0.5 + 0.01 * s) for w, s in zip(nc2.width, nc2.seed, strict=False)], rtol=1e-4
    )
    slope = floors.slope(nc2)
    assert (slope.seeds, slope.mean) == (3, pytest.approx(-0.51, abs=1e-4))
    # t(0.975, 2) = 4.303; the deviation of −0.50, −0.51, −0.52 is 0.01.
    assert slope.exponent.high - slope.mean == pytest.approx(4.303 * 0.01 / 3**0.5, rel=1e-2)


def test_a_curve_that_still_falls_has_no_floor():
    found = floors.floors(swept(lambda width, seed: 0.1))
    assert not found[found.metric == "nc1"].reached.any()
    assert np.isnan(floors.slope(found[found.metric == "nc1"]).mean)
    text = widths_notes.found_sentences(found, {"digits": 10})
    assert "NC1 has reached a floor in 0 of 9 curves, at too few widths for a slope" in text
    assert (
        "NC2 has reached a floor in 9 of 9 curves. The floor goes from 0.1 at $D = 64$ to 0.1 at $D = 1024$, as $D^{"
        in text
    )


@pytest.mark.parametrize(("turn", "words"), [(0.02, "by way of 0.02 at $D = 256$"), (1.0, "by way of 1 at $D = 256$")])
def test_a_floor_that_turns_is_no_power_of_the_width(turn, words):
    found = floors.floors(swept(lambda width, seed: {64: 0.1, 256: turn, 1024: 0.2}[width]))
    text = widths_notes.found_sentences(found, {"digits": 10})
    assert f"{words}: not along a power of $D$" in text
    assert "exponent over" not in text


def test_two_widths_have_no_power():
    found = floors.floors(swept(lambda width, seed: 0.1))
    text = widths_notes.found_sentences(found[found.width < 1000], {"digits": 10})
    assert "NC2 has reached a floor in 6 of 6 curves, at too few widths for a slope" in text


def test_a_curve_that_hardly_falls_or_rises_has_no_floor():
    for floor, rate in ((30.0, 0.4), (0.0, 1.1)):
        found = floors.floors(swept(lambda width, seed, floor=floor: floor, rate=rate))
        assert not found[found.metric == "nc2"].reached.any()


def test_a_curve_of_three_layers_above_rounding_has_no_fit():
    curve = swept(lambda width, seed: 0.0, rate=1e-4, depth=5)
    found = floors.floors(curve)
    assert found.floor.isna().all()
    assert not found.reached.any()


@pytest.mark.parametrize(
    ("share", "words"), [(0.5, "below their 5th percentile at $D$ = 64, 256, 1024"), (2.0, "at no width")]
)
def test_the_sentence_compares_with_random_directions(share, words):
    found = floors.floors(swept(lambda width, seed: share * floors.random_directions(10, width)[1]))
    text = widths_notes.found_sentences(found, {"digits": 10})
    assert words in text
    assert (
        f"That is {share:.2f} of the median of random directions at $D = 64$ and {share:.2f} of it at $D = 1024$"
        in text
    )


# Test points.


def by_hand(of_training, y, of_test, y_test):
    """NC1 of test points about training means, with their own means, and the share nearest to the own mean, by loops."""
    means = torch.stack([of_training[y == label].mean(0) for label in range(3)])
    own = torch.stack([of_test[y_test == label].mean(0) for label in range(3)])

    def ratio(points, labels, centres):
        within = sum(float((x - centres[label]).square().sum()) for x, label in zip(points, labels, strict=True))
        between = float((centres - centres.mean(0)).square().sum()) / 3
        return within / len(points) / between

    nearest = [min(range(3), key=lambda c, x=x: float((x - means[c]).norm())) for x in of_test]
    share = float(np.mean([a == b for a, b in zip(nearest, y_test.tolist(), strict=True)]))
    return {
        "nc1": ratio(of_test, y_test, means),
        "nc1_own_means": ratio(of_test, y_test, own),
        "nearest_own_mean": share,
    }


def values(table, layer, points):
    return table[(table.layer == layer) & (table.points == points)].set_index("metric").value.to_dict()


@pytest.mark.parametrize("activation", ["relu", "cos"])
def test_test_points_take_the_deep_rfms_own_way(tested, activation):
    settings = Settings(depth=3, width=24, activation=activation)
    table = pd.DataFrame(generalisation.deep_rfm_rows(tested, settings, 0))
    model = DeepRFM(settings, seed=0).fit(tested.x_train, tested.y_train)
    for layer, fitted in enumerate(model.layers, start=1):
        X, X_test = (model.transform(points, layer - 1) for points in (tested.x_train, tested.x_test))
        expected = by_hand(fitted.projected(X), tested.y_train, fitted.projected(X_test), tested.y_test)
        expected["accuracy"] = float((fitted.predictor(X_test).argmax(1) == tested.y_test).double().mean())
        assert values(table, layer, "test") == pytest.approx(expected)
        assert values(table, layer, "train")["nc1"] == pytest.approx(metrics.nc1(fitted.projected(X), tested.y_train))
    right = float((model.predict(tested.x_test) == tested.y_test).double().mean())
    assert values(table, 4, "test") == {"accuracy": pytest.approx(right)}
    assert values(table, 0, "test") == pytest.approx(
        by_hand(tested.x_train, tested.y_train, tested.x_test, tested.y_test)
    )


def network(tested, seed=0):
    return networks.build("mlp", tested.image_shape, 3, seed=seed, hidden_layers=2, width=16).double().eval()


def test_a_networks_rows_agree_with_its_measurement(tested):
    model = network(tested)
    table = pd.DataFrame(generalisation.network_rows(model, tested))
    images = tested.x_train.reshape(-1, *tested.image_shape)
    expected = measured(model, images, tested.y_train, hidden_names(model)).table
    outputs = expected[(expected.component == "output") & (expected.metric == "nc1")].set_index("layer").value
    for layer in (1, 2):
        found = values(table, layer, "train")
        assert found["nc1"] == pytest.approx(outputs[layer]) == found["nc1_own_means"]
    accuracy = expected[expected.metric == "accuracy"].value.item()
    assert values(table, 3, "train")["accuracy"] == pytest.approx(accuracy)
    h = tested.x_train, tested.x_test
    for layer, linear in enumerate(
        [module for module in model.head if isinstance(module, torch.nn.Linear)][:-1], start=1
    ):
        h = tuple((points @ linear.weight.T).clamp(min=0).detach() for points in h)
        assert values(table, layer, "test") == pytest.approx(by_hand(h[0], tested.y_train, h[1], tested.y_test))


def test_points_that_are_tested_on_themselves_collapse_alike(tested):
    same = datasets.Arrays(tested.x_train, tested.y_train, tested.x_train, tested.y_train, tested.image_shape)
    table = pd.DataFrame(generalisation.deep_rfm_rows(same, Settings(depth=2, width=24), 0))
    for layer in (0, 1, 2):
        assert values(table, layer, "train") == pytest.approx(values(table, layer, "test"), rel=1e-6)


def test_a_class_without_test_points_leaves_out_their_own_means(tested):
    kept = tested.y_test < 2
    fewer = datasets.Arrays(
        tested.x_train, tested.y_train, tested.x_test[kept], tested.y_test[kept], tested.image_shape
    )
    table = pd.DataFrame(generalisation.network_rows(network(fewer), fewer))
    assert "nc1_own_means" not in set(table[table.points == "test"].metric)
    assert "nc1" in set(table[table.points == "test"].metric)


def test_a_dataset_without_test_points_is_a_mistake(arrays):
    with pytest.raises(UserError, match=r"no test points; remove it from generalisation\.datasets"):
        next(generalisation.deep_rfm_rows(arrays, Settings(depth=2, width=8), 0))


def followed(test_accuracy, seeds=(0, 1, 2)):
    """A Deep RFM of three layers: NC1 of training points falls two decades, that of test points not; accuracies as given."""
    lines = []
    for seed in seeds:
        for layer in range(5):
            if layer < 4:
                lines += [(seed, layer, "train", "nc1", 10.0 ** (1 - layer)), (seed, layer, "test", "nc1", 0.5)]
            if layer:
                lines += [(seed, layer, "train", "accuracy", 1.0)]
                lines += [(seed, layer, "test", "accuracy", test_accuracy(layer, seed))]
    table = pd.DataFrame(lines, columns=["seed", "layer", "points", "metric", "value"])
    return table.assign(dataset="digits", model="relu")


@pytest.mark.parametrize(
    ("accuracy", "words"),
    [
        (lambda layer, seed: 0.9 - 0.1 * layer + 0.001 * seed * layer, "(a fall: -0.297"),
        (lambda layer, seed: 0.5 + 0.1 * layer + 0.001 * seed * layer, "(a rise: +0.303"),
        (lambda layer, seed: 0.5 + 0.1 * (seed - 1) * layer, "(no change that seeds agree on: +0.000"),
    ],
)
def test_the_sentence_on_test_accuracy_follows_the_numbers(accuracy, words):
    text = generalisation_notes.found_sentences(followed(accuracy))
    assert words in text
    assert (
        "NC1 of training points falls by 2.0 decades, to 0.01, and NC1 of test points falls by 0.0 decades, to 0.5: 50 times"
        in text
    )


# Scales.

TINY = TrainToSettings(hidden_layers=2, width=16, epochs=300, learning_rate=0.1, momentum=0.5, batch_size=16, loss=0.1)


def floats(arrays):
    return datasets.Arrays(
        arrays.x_train.float(), arrays.y_train, arrays.x_test.float(), arrays.y_test, arrays.image_shape
    )


def loss_of(model, images, y):
    with torch.no_grad():
        return float((model(images).double() - signed_one_hot(y)).square().mean())


def test_training_ends_after_the_first_epoch_below_the_loss(tested, tmp_path):
    arrays = floats(tested)
    images = arrays.x_train.reshape(-1, *arrays.image_shape)
    model = networks.build("mlp", arrays.image_shape, 3, seed=0, hidden_layers=2, width=16, init_scale=0.5)
    epoch, reached = scales.train_to(model, images, arrays.y_train, TINY, 0)
    assert reached
    assert 1 < epoch < TINY.epochs
    # The workflow's own training, for as many epochs and for one fewer, ends below the loss and not yet.
    losses = []
    for epochs in (epoch - 1, epoch):
        other = networks.build("mlp", arrays.image_shape, 3, seed=0, hidden_layers=2, width=16, init_scale=0.5)
        settings = TrainingSettings(epochs=epochs, learning_rate=0.1, momentum=0.5, batch_size=16, measure_every=100)
        train(other, images, signed_one_hot(arrays.y_train).float(), settings, 0, tmp_path / str(epochs))
        losses.append(loss_of(other.eval(), images, arrays.y_train))
    assert losses[1] < TINY.loss <= losses[0]
    for one, two in zip(model.parameters(), other.parameters(), strict=True):
        assert torch.equal(one, two)


def test_a_training_that_does_not_get_there_is_marked(tested):
    arrays = floats(tested)
    table = pd.DataFrame(scales.measure(arrays, 0.5, TINY.replace(epochs=1, loss=1e-6), 0))
    assert table[table.metric == "reached"][["epoch", "value"]].to_numpy().tolist() == [[1, 0.0]]
    assert sorted(table.epoch.unique()) == [0, 1]


def test_a_training_that_diverges_names_the_setting(tested):
    with pytest.raises(UserError, match=r"diverged in epoch \d+ .* lower scales\.learning_rate"):
        list(scales.measure(floats(tested), 1.0, TINY.replace(learning_rate=1e4), 0))


def test_rows_of_a_scale_are_the_networks_measurement(tested):
    arrays = floats(tested)
    table = pd.DataFrame(scales.measure(arrays, 0.5, TINY, 0))
    images = arrays.x_train.reshape(-1, *arrays.image_shape)
    model = networks.build("mlp", arrays.image_shape, 3, seed=0, hidden_layers=2, width=16, init_scale=0.5)
    epoch, _ = scales.train_to(model, images, arrays.y_train, TINY, 0)
    keys = ["layer", "component", "metric"]
    expected = measured(model, images, arrays.y_train, hidden_names(model)).table.set_index(keys).value
    end = table[(table.epoch == epoch) & ~table.metric.isin(["reached", "test_accuracy"])].set_index(keys).value
    assert len(end) == 2 * (3 * 2 + 2) + 2
    for key, value in end.items():
        assert value == expected[key]
    row = quantities.quantities(table.assign(dataset="digits", scale=0.5, seed=0)).iloc[0]
    correlations = expected.unstack("metric")
    assert row.excess == pytest.approx((correlations.sqrt_agop - correlations.sqrt_agop_null).mean())
    assert (row.nc1, row.nc2) == (expected[2, "output", "nc1"], expected[2, "output", "nc2"])
    falls = [
        np.log([expected[layer, "input", "nc1"] / expected[layer, part, "nc1"] for part in ("right", "output")])
        for layer in (1, 2)
    ]
    right, whole = np.sum(falls, axis=0)
    assert row.svd_share == pytest.approx(right / whole)
    assert row.reached
    assert row.epochs == epoch


def test_the_share_of_next_to_no_fall_is_left_out():
    lines = [(0, 1, part, "nc1", value) for part, value in (("input", 1.0), ("right", 0.95), ("output", 0.9))]
    rows = pd.DataFrame(lines, columns=["epoch", "layer", "component", "metric", "value"])
    assert np.isnan(quantities.svd_share(rows))
    steeper = rows.assign(value=[1.0, 0.1, 0.01])
    assert quantities.svd_share(steeper) == pytest.approx(0.5)


def test_the_sentences_on_scales_leave_out_what_has_not_reached_the_loss():
    lines = [
        {
            "dataset": "digits",
            "scale": scale,
            "seed": seed,
            "reached": scale > 0.1,
            "epochs": 10 + seed,
            "excess": scale,
        }
        | {"untrained_excess": 0.0, "svd_share": 0.5, "nc1": 1.0, "nc2": 1.0}
        for scale in (0.1, 0.3, 1.0)
        for seed in (0, 1, 2)
    ]
    text = scales_notes.found_sentences(pd.DataFrame(lines))
    assert "6 of 9 networks have reached the loss (not: 3 at scale 0.1)" in text
    assert (
        "is 0.3 (0.3 to 0.3) at scale 0.3 and 1 (1 to 1) at scale 1 (untrained: 0 and 0); the 95 % intervals over seeds are apart"
        in text
    )
    assert (
        "the number of epochs is 11 (8.52 to 13.5) at scale 0.3 and 11 (8.52 to 13.5) at scale 1; the 95 % intervals over seeds overlap"
        in text
    )


# Declarations.

SECTIONS = {
    "widths": {"datasets": ["digits"], "widths": [16, 32], "seeds": [0, 1], "depth": 4},
    "generalisation": {"datasets": ["digits"]},
    "scales": {
        "datasets": ["digits"],
        "scales": [0.5, 1.0],
        "seeds": [0],
        "hidden_layers": 2,
        "width": 16,
        "epochs": 3,
    },
}


def loaded(tmp_path, **changes):
    sections = {name: SECTIONS[name] | changes.get(name, {}) for name in SECTIONS}
    path = tmp_path / "sweeps.yaml"
    content = {
        "run": "sweeps",
        "seeds": [0, 1],
        "datasets": {"digits": {"source": "sklearn", "n": 120, "n_test": changes.get("n_test", 60)}},
        "deep_rfm": {"depth": 2, "gram_layers": [1], "activations": {"relu": {"width": 16}, "cos": {"width": 16}}},
        "networks": {"hidden_layers": 2, "width": 16, "architectures": {"mlp": {"epochs": 2}}},
    }
    path.write_text(yaml.safe_dump(content | sections))
    return studies.load([path])


def test_parts_and_figures_are_those_of_the_sections(tmp_path):
    config = loaded(tmp_path)
    made = studies.parts(config)
    assert made["widths"] == [f"widths/digits/{a}/width_{w}.csv" for a in ("relu", "cos") for w in (16, 32)]
    models = ("relu", "cos", "mlp")
    assert made["generalisation"] == [f"generalisation/digits/{m}/seed_{s}.csv" for m in models for s in (0, 1)]
    assert made["scales"] == ["scales/digits/scale_0.5/seed_0.csv", "scales/digits/scale_1/seed_0.csv"]
    assert {"figure_s5", "figure_s6", "figure_s7"} <= set(studies.figures(config))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"widths": {"widths": [16, 16]}}, "widths.widths is [16, 16]; it must not repeat itself"),
        ({"widths": {"depth": 3}}, "widths.depth is 3; it must be at least 4"),
        ({"scales": {"scales": [0.5, 0.5]}}, "scales.scales is [0.5, 0.5]; it must not repeat itself"),
        ({"scales": {"datasets": ["digit"]}}, "scales.datasets names 'digit'"),
        ({"n_test": 0}, "generalisation.datasets names 'digits', which has n_test: 0"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(tmp_path, changes, words):
    with pytest.raises(UserError) as error:
        loaded(tmp_path, **changes)
    assert words in str(error.value)
