"""Networks and their training, against closed forms and plain PyTorch."""

import pytest
import torch
from torch import nn

from agop_dnc.errors import UserError
from agop_dnc.labels import signed_one_hot
from agop_dnc.models import networks, sgd, training
from agop_dnc.models.settings import TrainingSettings
from agop_dnc.randomness import generator

SHAPES = {"mlp": (1, 8, 8), "resnet18": (1, 8, 8), "vgg11": (3, 8, 8)}


def small(architecture, dtype=torch.float64, **options):
    options = {"hidden_layers": 3, "width": 20, "init_scale": 1.0} | options
    return networks.build(architecture, SHAPES[architecture], 3, **options).to(dtype)


def images(architecture, N=24, dtype=torch.float64):
    x = torch.randn(N, *SHAPES[architecture], dtype=dtype, generator=torch.Generator().manual_seed(1))
    return x, torch.arange(N) % 3


@pytest.mark.parametrize("architecture", networks.ARCHITECTURES)
@pytest.mark.parametrize("shape", [(1, 8, 8), (1, 28, 28), (3, 32, 32)])
def test_architectures_take_the_images_they_should(architecture, shape):
    network = networks.build(architecture, shape, 10)
    assert network(torch.zeros(2, *shape)).shape == (2, 10)
    hidden = networks.hidden_linear_layers(network.head)
    assert [layer.out_features for layer in hidden] == [512] * 5
    inputs = {"mlp": shape[0] * shape[1] * shape[2], "resnet18": 512, "vgg11": 8192}[architecture]
    assert hidden[0].in_features == inputs
    assert all(layer.bias is None for layer in network.head if isinstance(layer, nn.Linear))


@pytest.mark.parametrize("architecture", networks.ARCHITECTURES)
def test_initialisation_is_as_described(architecture):
    shape = SHAPES[architecture]
    network = networks.build(architecture, shape, 10, init_scale=0.2)
    *hidden, readout = [layer for layer in network.head if isinstance(layer, nn.Linear)]
    for index, layer in enumerate(hidden):
        default = architecture != "mlp" and index == 0
        fan_in, fan_out = layer.in_features, layer.out_features
        bound = fan_in**-0.5 if default else 0.2 * (6 / (fan_in + fan_out)) ** 0.5
        assert layer.weight.detach().abs().max() <= bound
        assert float(layer.weight.detach().abs().max()) == pytest.approx(bound, rel=1e-2)
    assert float(readout.weight.detach().abs().max()) == pytest.approx(512**-0.5, rel=1e-2)


def test_seeds_alone_decide_the_weights():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first, again, other = (networks.build("resnet18", (1, 8, 8), 3, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))
    assert not torch.equal(first.head[0].weight, other.head[0].weight)


def test_too_small_an_image_is_refused_before_training():
    with pytest.raises(UserError, match="images of 4×4 are too small for vgg11"):
        networks.build("vgg11", (1, 4, 4), 3)


def test_a_last_batch_of_one_is_refused_where_batch_normalisation_cannot_take_it():
    with pytest.raises(UserError, match="change n or batch_size"):
        training.check_batches("resnet18", 257, 128)
    training.check_batches("mlp", 257, 128)


def reference_training(network, x, y, settings, seed):
    """The same training with PyTorch's own optimiser."""
    optimiser = torch.optim.SGD(network.parameters(), lr=settings.learning_rate, momentum=settings.momentum)
    for epoch in range(1, settings.epochs + 1):
        for batch in torch.randperm(len(x), generator=generator(seed, "batches", epoch)).split(settings.batch_size):
            optimiser.zero_grad()
            nn.functional.mse_loss(network(x[batch]), y[batch]).backward()
            optimiser.step()
    return network


@pytest.mark.parametrize("architecture", networks.ARCHITECTURES)
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_training_is_sgd_on_the_mean_squared_error(architecture, momentum, tmp_path):
    # Float64, the sums taken in another order. Batch normalisation over 4 to 10 points magnifies rounding: in three epochs
    # inputs changed by 1e-15 of themselves move the ResNet's weights by 4e-6.
    epochs, rtol = (1, 1e-7) if architecture == "resnet18" else (3, 1e-9)
    settings = TrainingSettings(epochs=epochs, learning_rate=0.02, momentum=momentum, batch_size=10, measure_every=2)
    x, y = images(architecture)
    Y = signed_one_hot(y)
    network, expected = small(architecture), small(architecture)
    training.train(network, x, Y, settings, 7, tmp_path)
    reference_training(expected, x, Y, settings, 7)
    for (name, got), want in zip(network.named_parameters(), expected.parameters(), strict=True):
        torch.testing.assert_close(got, want, rtol=rtol, atol=1e-11, msg=name)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_a_velocity_that_is_reset_starts_from_zero_in_every_epoch(momentum, tmp_path):
    settings = TrainingSettings(epochs=3, learning_rate=0.05, momentum=momentum, batch_size=10)
    x, y = images("mlp")
    Y = signed_one_hot(y)
    network, expected = small("mlp"), small("mlp")
    training.train(network, x, Y, settings, 7, tmp_path, reset_velocity=True)
    for epoch in range(1, 4):  # a new optimiser an epoch, the same permutations
        optimiser = torch.optim.SGD(expected.parameters(), lr=0.05, momentum=momentum)
        for batch in torch.randperm(len(x), generator=generator(7, "batches", epoch)).split(10):
            optimiser.zero_grad()
            nn.functional.mse_loss(expected(x[batch]), Y[batch]).backward()
            optimiser.step()
    for got, want in zip(network.parameters(), expected.parameters(), strict=True):
        torch.testing.assert_close(got, want, rtol=1e-9, atol=1e-11)


def test_velocities_are_the_same_however_far_their_decay_is_put_off():
    network = small("mlp")
    velocity, plain = sgd.Velocity(network, 0.1), torch.zeros(60, dtype=torch.float64)
    for step in range(20):
        gradient = torch.randn(60, dtype=torch.float64, generator=torch.Generator().manual_seed(step))
        velocity.decay()
        assert velocity.scale >= 1e-4  # in float32 what is added, gradient / scale, must not overflow
        velocity.tensors[-1].view(-1).add_(gradient, alpha=1 / velocity.scale)
        plain = 0.1 * plain + gradient
    velocity.settle()
    torch.testing.assert_close(velocity.tensors[-1].view(-1), plain, rtol=1e-12, atol=0)


def test_snapshots_are_those_of_the_measured_epochs_and_hold_the_network(tmp_path):
    settings = TrainingSettings(epochs=5, learning_rate=0.05, measure_every=2)
    x, y = images("mlp")
    network = small("mlp")
    seen = []
    losses = training.train(network, x, signed_one_hot(y), settings, 0, tmp_path, lambda *call: seen.append(call))
    assert list(training.snapshots(tmp_path)) == [0, 2, 4, 5]
    assert seen == [(epoch, loss) for epoch, loss in enumerate(losses, start=1)]
    restored = training.load_snapshot(small("mlp", seed=9), training.snapshots(tmp_path)[5])
    torch.testing.assert_close(restored(x), network(x), rtol=0, atol=0)


class KilledError(Exception):
    pass


@pytest.mark.parametrize(("architecture", "stop"), [("mlp", 1), ("mlp", 3), ("mlp", 4), ("resnet18", 3)])
def test_a_run_that_stopped_goes_on_to_the_same_bytes(architecture, stop, tmp_path):
    settings = TrainingSettings(epochs=5, learning_rate=0.05, momentum=0.9, batch_size=10, measure_every=2)
    x, y = images(architecture, dtype=torch.float32)
    Y = signed_one_hot(y).float()
    losses = training.train(small(architecture, torch.float32), x, Y, settings, 0, tmp_path / "whole")

    def kill(epoch, loss):
        if epoch == stop:
            raise KilledError

    with pytest.raises(KilledError):
        training.train(small(architecture, torch.float32), x, Y, settings, 0, tmp_path / "resumed", kill)
    # What a kill in the middle of writing leaves.
    (tmp_path / "resumed" / "epoch_000004.partial").write_bytes(b"half")
    resumed = training.train(small(architecture, torch.float32), x, Y, settings, 0, tmp_path / "resumed")
    assert resumed == losses
    for epoch, path in training.snapshots(tmp_path / "whole").items():
        assert path.read_bytes() == training.snapshots(tmp_path / "resumed")[epoch].read_bytes(), epoch


def test_a_damaged_snapshot_is_passed_over_by_training_and_refused_by_loading(tmp_path):
    settings = TrainingSettings(epochs=4, learning_rate=0.05, measure_every=2)
    x, y = images("mlp")
    training.train(small("mlp"), x, signed_one_hot(y), settings, 0, tmp_path)
    last = training.snapshots(tmp_path)[4]
    whole = last.read_bytes()
    flipped = bytearray(whole)
    flipped[-100] ^= 1  # among the weights, where a reader of the format sees nothing wrong
    for damaged in (whole[: len(whole) // 2], bytes(flipped), b""):
        last.write_bytes(damaged)
        with pytest.raises(UserError, match="is damaged"):
            training.load_snapshot(small("mlp"), last)
        training.train(small("mlp"), x, signed_one_hot(y), settings, 0, tmp_path)
        assert last.read_bytes() == whole


@pytest.mark.parametrize("architecture", ["mlp", "vgg11"])
def test_a_diverging_run_stops_with_epoch_rate_and_remedy(architecture, tmp_path):
    x, y = images(architecture)
    settings = TrainingSettings(epochs=50, learning_rate=1e30)
    with pytest.raises(UserError, match=r"diverged in epoch \d+ .* learning rate 1e\+30; lower"):
        training.train(small(architecture), x, signed_one_hot(y), settings, 0, tmp_path)
