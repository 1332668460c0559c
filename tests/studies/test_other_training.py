"""Collapse under other training, against the measurement of the same network and by hand."""

import pandas as pd
import pytest
import torch

from agop_dnc.collapse import metrics
from agop_dnc.collapse.network import measure
from agop_dnc.data import datasets
from agop_dnc.errors import UserError
from agop_dnc.models.heads import with_batch_norm
from agop_dnc.models.networks import build, hidden_names
from agop_dnc.models.objectives import descend, noisy_labels, targets_of
from agop_dnc.models.settings import ObjectiveSettings
from agop_dnc.studies.other_training import figures, notes, quantities, rows
from agop_dnc.studies.other_training.settings import Training, WaysSettings
from agop_dnc.studies.other_training.study import STUDY

SETTINGS = WaysSettings(
    hidden_layers=2, width=16, epochs=4, learning_rate=0.1, batch_size=16, weight_decay=[0.01], label_noise=[0.5, 1.0]
)
WAYS = {
    "cross-entropy": Training(loss="cross_entropy"),
    "weight decay 0.01": Training(weight_decay=0.01),
    "batch norm.": Training(batch_norm=True),
    "label noise 0.5": Training(label_noise=0.5),
}


@pytest.fixture
def floats(draw):
    """Three classes of 20 points and as many test points, in single precision."""
    y = torch.arange(3).repeat_interleave(20)
    X, X_test = ((draw(60, 8, seed=seed) + 3 * torch.nn.functional.one_hot(y, 8)).float() for seed in (0, 1))
    return datasets.Arrays(X, y, X_test, y, (1, 2, 4))


@pytest.mark.parametrize("name", WAYS)
def test_rows_are_the_measurement_of_the_network_that_was_trained_so(floats, name):
    way = WAYS[name]
    table = pd.DataFrame(rows.measure(floats, way, SETTINGS, 0))
    y, drawn = noisy_labels(floats.y_train, way.label_noise, 3, 0)
    assert int(drawn.sum()) == way.label_noise * 60
    network = build("mlp", floats.image_shape, 3, seed=0, hidden_layers=2, width=16, init_scale=SETTINGS.init_scale)
    network = with_batch_norm(network) if way.batch_norm else network
    x = floats.x_train.reshape(-1, *floats.image_shape)
    objective = ObjectiveSettings(loss=way.loss, weight_decay=way.weight_decay)
    list(descend(network, x, targets_of(y, 3, way.loss).float(), SETTINGS, 0, objective))
    expected = measure(network.eval(), x, y, hidden_names(network), seed=0).table.set_index(
        ["layer", "component", "metric"]
    )
    found = table[table.epoch == 4].set_index(["layer", "component", "metric"]).value
    for key in [
        (0, "network", "nc3"),
        (0, "network", "accuracy"),
        (1, "right", "nc1"),
        (2, "output", "nc2"),
        (2, "nfa", "sqrt_agop_null"),
    ]:
        assert found[key] == expected.value[key], key
    with torch.no_grad():
        last = network.head[:-1](x.flatten(1))
    assert found[2, "output", "nc1_true"] == pytest.approx(metrics.nc1(last, floats.y_train))
    if not way.label_noise:
        assert found[2, "output", "nc1_true"] == pytest.approx(found[2, "output", "nc1"])
    assert sorted(table.epoch.unique()) == [0, 4]


def test_every_way_changes_one_thing_and_the_network_starts_the_same(floats):
    table = pd.DataFrame([row for part in rows.rows(floats, SETTINGS, 0) for row in part]).assign(
        dataset="digits", seed=0
    )
    found = quantities.quantities(table)
    names = ["squared error", "cross-entropy", "weight decay 0.01", "batch norm.", "label noise 0.5", "label noise 1"]
    assert found.way.tolist() == names
    first = found.iloc[0]
    for _, other in found.iloc[1:4].iterrows():
        # Batch normalisation in evaluation mode divides by √(1 + 1e-5) before training.
        assert other.untrained_nc1 == pytest.approx(first.untrained_nc1, rel=1e-4)
        assert other.nc1 != first.nc1


def table_of(nc1=(0.1, 0.2), accuracy=1.0, seeds=3, noise=0.3):
    """Two ways of training: NC1 and the other quantities of a network of one hidden layer, untrained and trained."""
    lines = []
    for rate, trained, fits in ((0.0, nc1[0], 1.0), (noise, nc1[1], accuracy)):
        for seed in range(seeds):
            about = ("digits", "squared_error", 0.0, rate, False, seed)
            for epoch, value in ((0, 2.0), (5, trained * (1 + 0.01 * seed))):
                lines += [(*about, epoch, 1, "input", "nc1", 4.0), (*about, epoch, 1, "right", "nc1", 2 * value)]
                lines += [(*about, epoch, 1, "output", name, value) for name in ("nc1", "nc2", "nc1_true")]
                lines += [(*about, epoch, 1, "nfa", "sqrt_agop", 0.9), (*about, epoch, 1, "nfa", "sqrt_agop_null", 0.7)]
                lines += [(*about, epoch, 0, "network", name, 0.5) for name in ("nc3", "nc4", "test_accuracy")]
                lines += [(*about, epoch, 0, "network", "accuracy", fits if epoch else 0.1)]
    return pd.DataFrame(lines, columns=STUDY.tables[0].columns)


def test_quantities_are_what_they_are_called():
    found = quantities.quantities(table_of(accuracy=0.98)).set_index(["way", "seed"])
    one = found.loc[("squared error", 0)]
    assert one.nc1 == pytest.approx(0.1)
    assert one.untrained_nc1 == 2.0
    assert one.excess == pytest.approx(0.2)
    # From 4 to 0.2 by SVᵀ, of 4 to 0.1.
    assert one.svd_share == pytest.approx(torch.tensor(20.0).log().item() / torch.tensor(40.0).log().item())
    assert found.fitted.tolist() == [True] * 3 + [False] * 3


@pytest.mark.parametrize(
    ("nc1", "words"),
    [
        ((0.1, 0.2), "label noise 0.3: NC1 rises from 0.101 to 0.202; NC2 rises"),
        ((0.2, 0.1), "label noise 0.3: NC1 falls from 0.202 to 0.101; NC2 falls"),
        ((0.1, 0.1), "label noise 0.3: no change that seeds agree on."),
    ],
)
def test_the_sentences_follow_the_numbers(nc1, words):
    assert words in notes.found_sentences(quantities.quantities(table_of(nc1)))


def test_networks_that_have_not_fitted_are_counted():
    text = notes.found_sentences(quantities.quantities(table_of(accuracy=0.9)))
    assert "0 of 3 networks have fitted their labels" in text


@pytest.mark.parametrize("seeds", [1, 3])
def test_the_figure_takes_few_seeds_and_ways(seeds):
    found = quantities.quantities(table_of(seeds=seeds))
    assert len(figures.ways_figure(found, {"digits": "Digits"}, {"digits": 10}, 16, "A caption.").axes) == 6
    alone = found[found.label_noise == 0]
    assert len(figures.ways_figure(alone, {"digits": "Digits"}, {"digits": 10}, 16, "A caption.").axes) == 6
    assert len(notes.ways_summary(found)) == 2


def test_a_way_that_is_given_twice_is_a_mistake(load):
    content = "datasets: {digits: {source: sklearn}}\nother_training: {datasets: [digits], label_noise: [0.1, 0.1]}"
    with pytest.raises(UserError, match=r"other_training\.label_noise .* must not repeat itself"):
        load(content)
