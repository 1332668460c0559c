"""Training under other objectives, and changed heads, against plain PyTorch and closed forms."""

import pytest
import torch
from torch import nn

from agop_dnc.collapse.metrics import simplex_gram
from agop_dnc.errors import UserError
from agop_dnc.models import heads, networks, sgd
from agop_dnc.models.objectives import descend, noisy_labels, targets_of
from agop_dnc.models.settings import DescentSettings, ObjectiveSettings
from agop_dnc.randomness import generator

SHAPE = (1, 4, 4)
SETTINGS = DescentSettings(epochs=3, learning_rate=0.05, momentum=0.9, batch_size=10)


def small(seed=0):
    return networks.build("mlp", SHAPE, 3, seed=seed, hidden_layers=2, width=12, init_scale=1.0).double()


def points(n=24):
    return torch.randn(n, *SHAPE, dtype=torch.float64, generator=generator(0, "points")), torch.arange(n) % 3


def trained(network, objective, settings=SETTINGS, n=24):
    x, y = points(n)
    losses = list(descend(network, x, targets_of(y, 3, objective.loss), settings, 7, objective))
    return network, losses


def reference(network, objective, settings=SETTINGS):
    """The same training with PyTorch's own optimiser and losses."""
    x, y = points()
    signed = 2 * nn.functional.one_hot(y, 3).double() - 1
    weights = [p for p in network.parameters() if p.requires_grad]
    optimiser = torch.optim.SGD(weights, settings.learning_rate, settings.momentum, weight_decay=objective.weight_decay)
    losses = []
    for epoch in range(1, settings.epochs + 1):
        total = 0.0
        for batch in torch.randperm(len(x), generator=generator(7, "batches", epoch)).split(settings.batch_size):
            optimiser.zero_grad()
            output = network.train()(x[batch])
            if objective.loss == "cross_entropy":
                loss = nn.functional.cross_entropy(output, y[batch])
            else:
                loss = nn.functional.mse_loss(output, signed[batch])
            loss.backward()
            optimiser.step()
            total += len(batch) * float(loss.detach())
        losses.append(total / len(x))
    return network, losses


CHANGES = {
    "none": lambda network: network,
    "batch norm": lambda network: heads.with_batch_norm(network),
    "features": lambda network: heads.with_features(network, 5, 0),
    "fixed": lambda network: heads.with_fixed_simplex(heads.with_features(network, 2, 0), 0),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("loss", ["squared_error", "cross_entropy"])
@pytest.mark.parametrize("weight_decay", [0.0, 0.01])
def test_training_is_pytorchs(change, loss, weight_decay):
    objective = ObjectiveSettings(loss=loss, weight_decay=weight_decay)
    got, losses = trained(CHANGES[change](small()).double(), objective)
    want, expected = reference(CHANGES[change](small()).double(), objective)
    assert losses == pytest.approx(expected)
    for (name, a), b in zip(got.state_dict().items(), want.state_dict().values(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-8, atol=1e-10, msg=name)


def test_the_mlp_alone_takes_the_written_out_step():
    assert sgd._is_linear_stack(small())
    assert not sgd._is_linear_stack(networks.build("resnet18", (1, 8, 8), 3, hidden_layers=2, width=12))
    for name, change in CHANGES.items():
        assert sgd._is_linear_stack(change(small())) == (name == "none"), name


@pytest.mark.parametrize("d", [2, 3, 12])
def test_the_fixed_readout_is_a_simplex_that_training_leaves_alone(d):
    network = heads.with_fixed_simplex(heads.with_features(small(), d, 0).double(), 0)
    readout = network.head[-1]
    torch.testing.assert_close(readout.weight @ readout.weight.T, simplex_gram(3), rtol=0, atol=1e-14)
    before = readout.weight.clone()
    first = network.head[0].weight.clone()
    trained(network, ObjectiveSettings(weight_decay=0.1))
    assert torch.equal(readout.weight, before)
    assert readout.weight.grad is None
    assert not torch.equal(network.head[0].weight, first)
    assert sum(parameter.numel() for parameter in sgd.trained(network)) == 16 * 12 + 12 * 12 + 12 * d


@pytest.mark.parametrize(("K", "d"), [(2, 1), (3, 2), (10, 9), (10, 10), (10, 64)])
def test_a_simplex_has_its_gram_matrix_and_random_directions(K, d):
    one, same, other = (heads.simplex(K, d, seed) for seed in (0, 0, 1))
    torch.testing.assert_close(one @ one.T, simplex_gram(K), rtol=0, atol=1e-14)
    assert torch.equal(one, same)
    assert d == 1 or not torch.equal(one, other)


def test_a_simplex_needs_room():
    with pytest.raises(ValueError, match="takes 9 dimensions, not 8"):
        heads.simplex(10, 8, 0)


def test_changed_heads_take_the_other_weights_over_and_draw_from_no_global_generator():
    network = small()
    before = torch.get_rng_state()
    changed = {name: change(small()) for name, change in CHANGES.items()}
    assert torch.equal(torch.get_rng_state(), before)
    for name, other in changed.items():
        for a, b in zip(
            networks.hidden_linear_layers(network.head), other.head[:: 2 if name != "batch norm" else 3], strict=False
        ):
            assert torch.equal(a.weight, b.weight)
    fixed, learned = heads.with_fixed_simplex(heads.with_features(small(), 5, 0), 0), changed["features"]
    assert torch.equal(fixed.head[-2].weight, learned.head[-2].weight)
    assert learned.head[-1].weight.abs().max() <= 5**-0.5
    kinds = [type(module) for module in changed["batch norm"].head]
    assert kinds == [nn.Linear, nn.BatchNorm1d, nn.ReLU] * 2 + [nn.Linear]


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.3, 0.6, 1.0])
def test_label_noise_has_the_rate_that_is_asked(rate):
    y = torch.arange(2000) % 10
    labels, drawn = noisy_labels(y, rate, 10, seed=3)
    assert int(drawn.sum()) == rate * 2000
    assert torch.equal(labels[~drawn], y[~drawn])
    # Of those drawn again a tenth keep their label: five standard deviations of a binomial to either side.
    kept, n = int((labels[drawn] == y[drawn]).sum()), int(drawn.sum())
    assert abs(kept - n / 10) <= 5 * (n * 0.09) ** 0.5
    assert torch.equal(noisy_labels(y, rate, 10, seed=3)[0], labels)
    assert rate == 0 or not torch.equal(noisy_labels(y, rate, 10, seed=4)[0], labels)


def test_the_points_of_a_lower_rate_are_among_those_of_a_higher_one():
    y = torch.zeros(101, dtype=torch.int64)
    few, many = noisy_labels(y, 0.3, 5, 0), noisy_labels(y, 0.6, 5, 0)
    assert int(few[1].sum()) == 30
    assert bool((many[1] | ~few[1]).all())
    assert torch.equal(few[0][few[1]], many[0][few[1]])


def test_a_rate_that_is_no_share_is_refused():
    with pytest.raises(ValueError, match=r"a share from 0 to 1, not 1\.5"):
        noisy_labels(torch.zeros(3, dtype=torch.int64), 1.5, 2, 0)


def test_a_training_that_diverges_says_so():
    with pytest.raises(UserError, match="diverged in epoch"):
        trained(small(), ObjectiveSettings(), SETTINGS.replace(learning_rate=1e6, epochs=20))


def test_a_batch_of_one_is_refused_with_batch_normalisation_alone():
    with pytest.raises(UserError, match="change n or batch_size by one"):
        trained(heads.with_batch_norm(small()).double(), ObjectiveSettings(), n=21)
    trained(small(), ObjectiveSettings(), n=21)
