"""Networks, their training and what is measured in them, against autograd, closed forms and plain PyTorch."""

import pytest
import torch
from torch import nn
from torch.func import functional_call, jacrev, vmap

from agop_dnc.collapse import gradients, metrics
from agop_dnc.collapse.layer_agop import LayerAgop, nfa_correlation, random_frame
from agop_dnc.collapse.network import ablation_rows, gradient_outer_products, measure
from agop_dnc.errors import UserError
from agop_dnc.kernels.agop import matrix_sqrt
from agop_dnc.labels import signed_one_hot
from agop_dnc.models import networks, sgd, training
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
    settings = training.Settings(epochs, learning_rate=0.02, momentum=momentum, batch_size=10, measure_every=2)
    x, y = images(architecture)
    Y = signed_one_hot(y)
    network, expected = small(architecture), small(architecture)
    training.train(network, x, Y, settings, 7, tmp_path)
    reference_training(expected, x, Y, settings, 7)
    for (name, got), want in zip(network.named_parameters(), expected.parameters(), strict=True):
        torch.testing.assert_close(got, want, rtol=rtol, atol=1e-11, msg=name)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_a_velocity_that_is_reset_starts_from_zero_in_every_epoch(momentum, tmp_path):
    settings = training.Settings(3, learning_rate=0.05, momentum=momentum, batch_size=10, reset_velocity=True)
    x, y = images("mlp")
    Y = signed_one_hot(y)
    network, expected = small("mlp"), small("mlp")
    training.train(network, x, Y, settings, 7, tmp_path)
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
    settings = training.Settings(epochs=5, learning_rate=0.05, measure_every=2)
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
    settings = training.Settings(epochs=5, learning_rate=0.05, momentum=0.9, batch_size=10, measure_every=2)
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
    settings = training.Settings(epochs=4, learning_rate=0.05, measure_every=2)
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
    settings = training.Settings(epochs=50, learning_rate=1e30)
    with pytest.raises(UserError, match=r"diverged in epoch \d+ .* learning rate 1e\+30; lower"):
        training.train(small(architecture), x, signed_one_hot(y), settings, 0, tmp_path)


def layer_agops_by_autograd(network, x):
    """AGOP of the sub-network from each hidden layer's input to the output, from Jacobians."""
    hidden = [i for i, layer in enumerate(network.head) if isinstance(layer, nn.Linear)][:-1]
    with torch.no_grad():
        phi = network.eval().backbone(x)
    for i in hidden:
        weights = {name: p.detach() for name, p in network.head[i:].named_parameters()}
        J = vmap(jacrev(lambda h, i=i, weights=weights: functional_call(network.head[i:], weights, (h,))))(phi)
        yield torch.einsum("nkd,nke->de", J, J) / len(x)
        with torch.no_grad():
            phi = network.head[i : i + 2](phi)


@pytest.mark.parametrize("architecture", networks.ARCHITECTURES)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 1e-5)])
def test_agops_of_all_layers_equal_those_of_jacobians(architecture, dtype, tolerance, monkeypatch):
    monkeypatch.setattr("agop_dnc.collapse.network.CHUNK", 10)
    network, (x, y) = small(architecture, dtype, width=12), images(architecture, dtype=dtype)
    if architecture == "vgg11":  # Jacobians with respect to 8192 inputs would take minutes
        network.backbone = nn.Sequential(network.backbone, nn.Linear(8192, 30, bias=False, dtype=dtype))
        network.head[0] = nn.Linear(30, 12, bias=False, dtype=dtype)
    names = [f"head.{i}" for i in (0, 2, 4)]
    S = gradient_outer_products(network.eval(), x, y, names)
    for layer, s, expected in zip(
        networks.hidden_linear_layers(network.head), S, layer_agops_by_autograd(network, x), strict=True
    ):
        got = LayerAgop(layer.weight.detach(), s)
        assert (got.matrix - expected).norm() / expected.norm() < tolerance
        nfm = (layer.weight.T @ layer.weight).detach()
        root = matrix_sqrt(expected.double())
        # A root takes the root of rounding in eigenvalues that are zero.
        loose = {torch.float64: 1e-6, torch.float32: 1e-3}[dtype]
        assert got.correlations()["sqrt_agop"] == pytest.approx(nfa_correlation(nfm, root), abs=loose)
        assert got.correlations()["agop"] == pytest.approx(nfa_correlation(nfm, expected), abs=10 * tolerance)


@pytest.mark.parametrize("every", [1, 4])  # with the second, three units of four are off at every point
def test_the_written_out_recursion_is_autograds(every):
    network, (x, _) = small("mlp", width=64), images("mlp")
    layers = networks.hidden_linear_layers(network.head)
    with torch.no_grad():
        for layer in layers[1:]:
            off = torch.arange(64) % every != 0
            layer.weight[off] = -layer.weight[off].abs()
    assert gradients.relu_stack(network, layers) == [*layers, network.head[-1]]
    h, preactivations = x.flatten(1), []
    for layer in layers:
        preactivations.append(layer(h))
        h = preactivations[-1].relu()
    assert all(0 < (z > 0).any(0).sum() <= 64 // every for z in preactivations[1:])
    got = gradients.of_stack([*layers, network.head[-1]], preactivations)
    for s, expected in zip(got, gradients.by_autograd(network.head[-1](h), preactivations), strict=True):
        torch.testing.assert_close(s, expected, rtol=1e-10, atol=1e-14)


def test_networks_that_end_otherwise_are_left_to_autograd():
    layers = [nn.Linear(4, 5), nn.Linear(5, 5)]
    readout = nn.Linear(5, 3)
    assert gradients.relu_stack(nn.Sequential(layers[0], nn.ReLU(), layers[1], nn.ReLU(), readout), layers)
    for others in (
        [layers[0], nn.Tanh(), layers[1], nn.ReLU(), readout],
        [layers[0], layers[1], nn.ReLU(), readout],
        [layers[0], nn.ReLU(), layers[1], nn.ReLU(), nn.Linear(5, 5), nn.ReLU(), readout],
        [layers[0], nn.ReLU(), layers[1], nn.ReLU(), readout, nn.ReLU()],
    ):
        assert gradients.relu_stack(nn.Sequential(*others), layers) is None
    assert gradients.relu_stack(nn.ModuleList(layers), layers) is None


def test_nfa_correlation_is_pearsons(draw):
    import numpy as np

    A, B = draw(6, 6), draw(6, 6, seed=1)
    expected = np.corrcoef(A.flatten(), B.flatten())[0, 1]
    assert nfa_correlation(A, B) == pytest.approx(expected, rel=1e-12)


def test_the_rotated_null_is_the_correlation_with_rotated_eigenvectors(draw):
    W, delta = draw(4, 9), draw(20, 4, seed=1)
    S = delta.T @ delta
    layer = LayerAgop(W, S)
    frame = random_frame(9, 4, generator(0, "null"))
    torch.testing.assert_close(frame.T @ frame, torch.eye(4, dtype=torch.float64))
    values = torch.linalg.eigvalsh(W.T @ S @ W)[-4:].clamp(min=0)
    expected = {
        "sqrt_agop": nfa_correlation(W.T @ W, frame @ torch.diag(values.sqrt()) @ frame.T),
        "agop": nfa_correlation(W.T @ W, frame @ torch.diag(values) @ frame.T),
    }
    got = layer.null_correlations(frame)
    assert got == pytest.approx(expected, rel=1e-8)


def values_of(table):
    return {(row.layer, row.component, row.metric): row.value for row in table.itertuples()}


@pytest.mark.parametrize("architecture", networks.ARCHITECTURES)
def test_every_number_of_the_table_is_what_its_definition_gives(architecture, monkeypatch):
    monkeypatch.setattr("agop_dnc.collapse.network.CHUNK", 7)
    network, (x, y) = small(architecture).eval(), images(architecture)
    table = measure(network, x, y, layers=["head.0", "head.2", "head.4"])
    got = values_of(table)
    assert len(got) == len(table)
    expected = {}
    with torch.no_grad():
        phi = network.backbone(x)
        for index in range(3):
            z = network.head[2 * index](phi)
            for component, features in (("input", phi), ("right", z), ("output", z.relu())):
                expected |= {(index + 1, component, m): v for m, v in metrics.collapse(features, y).items()}
            phi = z.relu()
        output, readout = network.head[6](phi), network.head[6].weight
    means = metrics.class_means(phi, y)
    whole = {
        "loss": float((output - signed_one_hot(y)).square().mean()),
        "accuracy": float((output.argmax(1) == y).double().mean()),
        "nc3": metrics.nc3(readout.detach(), means),
        "nc4": metrics.nc4(output, phi, means),
        "trace_within": float((phi - means[y]).square().sum() / len(x)),
        "trace_between": float((means - means.mean(0)).square().sum() / 3),
    }
    expected |= {(0, "network", metric): value for metric, value in whole.items()}
    measured = {key: value for key, value in got.items() if key[1] != "nfa"}
    assert measured == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("architecture", networks.ARCHITECTURES)
def test_the_ablation_agrees_with_the_products_of_the_weights(architecture):
    network, (x, y) = small(architecture).eval(), images(architecture)
    layers = ["head.0", "head.2", "head.4"]
    S = gradient_outer_products(network, x, y, layers)
    rows = ablation_rows(network, x, y, layers, ranks=[1, 5, 20, 50], S=S)
    ablated = {(row["layer"], row["component"]): row["value"] for row in rows}
    cheap = values_of(measure(network, x, y, layers))
    for layer in (1, 2, 3):
        for component in ("input", "right", "output"):
            assert ablated[layer, component] == pytest.approx(cheap[layer, component, "nc1"], rel=1e-6)
        for rank in (20, 50):  # all directions there are, and more than there are
            assert ablated[layer, f"right_top_{rank}"] == ablated[layer, "right"]
            assert ablated[layer, f"output_top_{rank}"] == ablated[layer, "output"]
        assert ablated[layer, "right_top_1"] != ablated[layer, "right"]
    if architecture == "vgg11":  # its AGOP is 8192×8192, minutes of an eigendecomposition
        return
    phi = network.backbone(x).detach()
    root = matrix_sqrt(LayerAgop(network.head[0].weight.detach(), S[0]).matrix)
    assert ablated[1, "agop"] == pytest.approx(metrics.nc1(phi @ root, y), rel=1e-6)


def test_a_network_of_ones_own_with_biases_and_relu_in_place(draw):
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Linear(6, 9), nn.ReLU(inplace=True), nn.Linear(9, 8), nn.ReLU(inplace=True), nn.Linear(8, 3)
    )
    model = model.double().train()
    X, y = draw(30, 6), torch.arange(30) % 3
    got = values_of(measure(model, X, y, ranks=[2]))
    with torch.no_grad():
        hidden = (X @ model[0].weight.T + model[0].bias).relu()
    assert got[1, "right", "nc1"] == pytest.approx(metrics.nc1(X @ model[0].weight.detach().T, y), rel=1e-9)
    assert got[2, "input", "nc1"] == pytest.approx(metrics.nc1(hidden, y), rel=1e-9)
    assert model.training
    assert all(parameter.requires_grad for parameter in model.parameters())
    assert not model[0]._forward_hooks


def test_names_and_labels_that_do_not_fit_are_refused(draw):
    model = nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3)).double()
    with pytest.raises(ValueError, match="'1' is no linear layer"):
        measure(model, draw(6, 4), torch.arange(6) % 3, layers=["1"])
    with pytest.raises(ValueError, match="3 outputs but the labels name 2 classes"):
        measure(model, draw(6, 4), torch.arange(6) % 2)
    with pytest.raises(ValueError, match="no hidden linear layer"):
        measure(nn.Sequential(nn.Linear(4, 3)).double(), draw(6, 4), torch.arange(6) % 3)
