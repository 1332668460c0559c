"""`measure` on networks that are no ReLU stacks: what is measured is what their forward pass computes."""

import copy

import numpy as np
import pandas as pd
import pytest
import torch
import torchvision
from networks_of_all_kinds import (
    Attention,
    Convolutions,
    HeadFirst,
    PyTorchAttention,
    Residual,
    ResidualSequential,
    Shared,
    VisionTransformer,
    agop_times,
    trained,
)
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from agop_dnc.collapse import metrics, session
from agop_dnc.collapse.layer_agop import LayerAgop, nfa_correlation
from agop_dnc.collapse.layers import matrix_layers
from agop_dnc.collapse.network import gradient_outer_products, measure
from agop_dnc.kernels.agop import matrix_sqrt


@pytest.fixture(autouse=True)
def _weights():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def points(N=30, d=6, classes=3, dtype=torch.float64):
    y = torch.arange(N) % classes
    X = torch.randn(N, d, dtype=dtype, generator=torch.Generator().manual_seed(1))
    return X + 2 * nn.functional.one_hot(y, d).to(dtype), y


def pictures(N=8, channels=1, size=8, dtype=torch.float64):
    x = torch.randn(N, channels, size, size, dtype=dtype, generator=torch.Generator().manual_seed(1))
    return x, torch.arange(N) % 3


def inputs_of(network, names, X):
    """What enters each of the named modules."""
    found, handles = {}, []
    for name in names:

        def keep(module, inputs, name=name):
            found[name] = inputs[0].detach().clone()

        handles.append(network.get_submodule(name).register_forward_pre_hook(keep))
    with torch.no_grad():
        network.eval()(X)
    for handle in handles:
        handle.remove()
    return found


def names_of(result):
    layers = result.table[result.table.layer > 0]
    return layers.drop_duplicates("layer").name.tolist()


def assert_outputs_are_what_enters(network, X, y, successors, **options):
    """The `output` of each layer against the input of the one that it says comes next, NC1 to nc2_normalised."""
    result = measure(network, X, y, **options)
    assert names_of(result) == list(successors)
    entering = inputs_of(network, set(successors.values()), X)
    for index, following in enumerate(successors.values(), start=1):
        for metric, expected in metrics.collapse(entering[following].flatten(1), y).items():
            assert result.value(metric, "output", index) == pytest.approx(expected, rel=1e-9), (following, metric)
    return result


@pytest.mark.parametrize("activation", [nn.Sigmoid, nn.Tanh, nn.GELU, nn.LeakyReLU, nn.SiLU])
def test_output_is_what_enters_the_next_layer_whatever_the_activation(activation):
    network = nn.Sequential(nn.Linear(6, 9), activation(), nn.Linear(9, 8), activation(), nn.Linear(8, 3)).double()
    X, y = points()
    result = assert_outputs_are_what_enters(network, X, y, {"0": "2", "2": "4"})
    last = inputs_of(network, ["4"], X)["4"]
    means = metrics.class_means(last, y)
    assert result.value("nc3", "network") == pytest.approx(metrics.nc3(network[4].weight.detach(), means), rel=1e-9)
    assert result.value("nc4", "network") == metrics.nc4(network(X).detach(), last, means)
    within = float((last - means[y]).square().sum() / len(y))
    assert result.value("trace_within", "network") == pytest.approx(within, rel=1e-9)


@pytest.mark.parametrize(
    "parts",
    [
        [nn.Linear(6, 9), nn.BatchNorm1d(9), nn.ReLU(), nn.Dropout(0.5), nn.Linear(9, 3)],
        [nn.Linear(6, 9), nn.ReLU(), nn.BatchNorm1d(9), nn.Dropout(0.5), nn.Linear(9, 3)],
        [nn.Linear(6, 9), nn.ReLU(inplace=True), nn.LayerNorm(9), nn.Linear(9, 3)],
        [nn.Linear(6, 9), nn.Unflatten(1, (3, 3)), nn.MaxPool1d(2), nn.Flatten(), nn.Linear(3, 3)],
    ],
)
def test_output_is_what_enters_the_readout_through_normalisation_dropout_and_pooling(parts):
    network = nn.Sequential(*parts).double()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d):
            nn.init.normal_(module.running_mean)
            nn.init.uniform_(module.weight, 0.5, 2.0)
    X, y = points()
    assert_outputs_are_what_enters(network, X, y, {"0": str(len(parts) - 1)})


def test_layers_and_readout_are_taken_in_the_order_of_the_forward_pass():
    network = HeadFirst().double()
    X, y = points()
    result = assert_outputs_are_what_enters(network, X, y, {"body.0": "body.2", "body.2": "head"})
    assert result.not_measured["head"].startswith("is the readout")
    assert result.not_measured["unused"].startswith("is not called")
    means = metrics.class_means(inputs_of(network, ["head"], X)["head"], y)
    assert result.value("nc3", "network") == pytest.approx(metrics.nc3(network.head.weight.detach(), means), rel=1e-9)
    turned = measure(network, X, y, layers=["body.2", "body.0"])
    pd.testing.assert_frame_equal(turned.table, result.table)


def test_a_sum_of_two_paths_is_the_output_of_the_path_that_ends_last():
    assert_outputs_are_what_enters(Residual().double(), *points(), {"first": "a", "a": "o"})


def test_a_layer_that_is_called_twice_is_not_measured():
    network, (X, y) = Shared().double(), points()
    result = measure(network, X, y)
    assert names_of(result) == ["first"]
    assert "called 2 times" in result.not_measured["shared"]
    # What the first layer gives is what enters the first of the two calls.
    with torch.no_grad():
        hidden = network.first(X).relu()
    assert result.value("nc1", "output", 1) == pytest.approx(metrics.nc1(hidden, y), rel=1e-9)
    with pytest.raises(ValueError, match="'shared' cannot be measured: it is called 2 times"):
        measure(network, X, y, layers=["shared"])


def test_a_sequential_with_a_forward_of_its_own_is_no_relu_stack():
    network = ResidualSequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 3)).double()
    module = Residual().double()
    for layer, index in ((module.first, 0), (module.a, 2), (module.o, 4)):
        layer.load_state_dict(network[index].state_dict())
    X, y = points()
    table, expected = measure(network, X, y).table, measure(module, X, y).table
    pd.testing.assert_frame_equal(table.drop(columns="name"), expected.drop(columns="name"))


class Rectified(nn.Module):
    """A ReLU for small numbers, and another function for large ones, which only some points show."""

    def forward(self, x):
        return x.relu() if x.abs().max() < 100 else x.abs()


def test_a_network_that_is_a_relu_stack_at_its_first_points_only_is_measured_at_all(monkeypatch):
    monkeypatch.setattr("agop_dnc.collapse.network.CHUNK", 10)
    network = nn.Sequential(nn.Linear(6, 8), Rectified(), nn.Linear(8, 3)).double()
    X, _ = points(40)
    X[20] *= 1e4
    S = gradient_outer_products(network, X)[0]
    A, slopes = network[2].weight.detach(), []
    for chunk in X.split(10):
        z = network[0](chunk).detach()
        slopes.append((z > 0).double() if z.abs().max() < 100 else z.sign())
    m = torch.cat(slopes)
    torch.testing.assert_close(S, (A.T @ A) * (m.T @ m) / len(X), rtol=1e-10, atol=1e-14)


def test_a_relu_in_place_on_a_tensor_that_a_layer_took_does_not_change_what_is_recorded():
    class PreActivation(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.short, self.long, self.head = (
                nn.Linear(a, b) for a, b in ((6, 8), (8, 8), (8, 8), (8, 3))
            )

        def forward(self, x):
            h = self.first(x)
            short = self.short(h)
            return self.head(short + self.long(h.relu_()))

    network, (X, y) = PreActivation().double(), points()
    assert_outputs_are_what_enters(network, X, y, {"first": "short", "short": "head", "long": "head"})


def test_the_network_is_left_as_it_was():
    network = (
        nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(), nn.Linear(8, 3)).double().train()
    )
    network[1].eval()  # a frozen normalisation in a network that is being trained
    network[0].bias.requires_grad_(False)
    attention = nn.MultiheadAttention(4, 2)
    network.attention = attention
    before = copy.deepcopy(network.state_dict())
    torch.manual_seed(3)
    expected = torch.randn(2)
    torch.manual_seed(3)

    class Through(nn.Module):
        def __init__(self, inner):
            super().__init__()
            self.inner = inner

        def forward(self, x):
            for module in self.inner[:5]:
                x = module(x)
            return x

    measure(Through(network), *points())
    assert torch.equal(torch.randn(2), expected)
    assert [module.training for module in network] == [True, False, True, True, True, True]
    assert not network[0].bias.requires_grad
    assert network[0].weight.requires_grad
    assert all(torch.equal(value, network.state_dict()[name]) for name, value in before.items())
    assert not any(module._forward_hooks for module in network.modules())
    assert "forward" not in attention.__dict__
    assert torch.backends.mha.get_fastpath_enabled()


def gelu_mlp(dtype):
    return nn.Sequential(nn.Linear(6, 9), nn.GELU(), nn.Linear(9, 8), nn.GELU(), nn.Linear(8, 3)).to(dtype), points(
        dtype=dtype
    )


def with_cross_entropy(dtype):
    X, y = points()
    network = nn.Sequential(nn.Linear(6, 9), nn.ReLU(), nn.BatchNorm1d(9), nn.Linear(9, 8), nn.Tanh(), nn.Linear(8, 3))
    return trained(network.double(), X, y).to(dtype), (X.to(dtype), y)


def resnet(dtype):
    network = torchvision.models.resnet18(num_classes=3)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_var, 0.5, 2.0)
            nn.init.normal_(module.running_mean, 0, 0.1)
    return network.to(dtype), pictures(4, channels=3, size=16, dtype=dtype)


def transformer(dtype):
    return VisionTransformer().to(dtype), pictures(dtype=dtype)


def convolutions(dtype):
    network = Convolutions()
    nn.init.uniform_(network.body[1].running_var, 0.5, 2.0)
    return network.to(dtype), pictures(channels=2, dtype=dtype)


@pytest.mark.parametrize("build", [gelu_mlp, with_cross_entropy, resnet, transformer, convolutions])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 1e-5)])
def test_the_agop_of_every_layer_is_that_of_jacobians(build, dtype, tolerance, monkeypatch):
    monkeypatch.setattr("agop_dnc.collapse.network.CHUNK", 3)
    network, (X, y) = build(dtype)
    network.eval()
    result = measure(network, X, y, rotations=1)
    layers = matrix_layers(network)
    names = names_of(result)
    readout = {"resnet": "fc", "transformer": "head", "convolutions": "fc"}.get(
        build.__name__, str(len(network._modules) - 1)
    )
    assert set(layers) - {readout} == set(names)
    for index, (name, s) in enumerate(zip(names, gradient_outer_products(network, X), strict=True), start=1):
        W = layers[name].weight.double()
        U = torch.randn(W.shape[1], 3, dtype=torch.float64, generator=torch.Generator().manual_seed(index))
        expected = agop_times(network, name, X, U)
        assert (W.T @ (s @ (W @ U)) - expected).norm() / expected.norm() < tolerance, name
        if W.shape[1] > 200:
            continue
        agop = W.T @ s @ W
        assert result.value("agop", "nfa", index) == pytest.approx(nfa_correlation(W.T @ W, agop), abs=1e-9)
        # A root takes the root of rounding in eigenvalues that are zero.
        assert result.value("sqrt_agop", "nfa", index) == pytest.approx(
            nfa_correlation(W.T @ W, matrix_sqrt(agop)), abs=1e-6 if dtype == torch.float64 else 1e-3
        )


def test_right_is_the_weights_times_the_input_without_the_bias_in_a_convolution():
    network, (X, y) = convolutions(torch.float64)
    result = measure(network, X, y)
    first = network.body[0]
    right = nn.functional.conv2d(X, first.weight, None, first.stride, first.padding).detach()
    assert result.value("nc1", "right", 1) == pytest.approx(metrics.nc1(right.flatten(1), y), rel=1e-9)
    pooled = measure(network, X, y, positions="mean")
    assert pooled.value("nc1", "right", 1) == pytest.approx(metrics.nc1(right.mean((2, 3)), y), rel=1e-9)
    assert pooled.value("agop", "nfa", 1) == result.value("agop", "nfa", 1)


def test_tokens_are_features_of_their_point_or_their_mean():
    network, (X, y) = transformer(torch.float64)
    entering = inputs_of(network, ["mlp.2"], X)["mlp.2"]
    index = names_of(measure(network, X, y)).index("mlp.0") + 1
    assert measure(network, X, y).value("nc1", "output", index) == pytest.approx(
        metrics.nc1(entering.flatten(1), y), rel=1e-9
    )
    assert measure(network, X, y, positions="mean").value("nc1", "output", index) == pytest.approx(
        metrics.nc1(entering.mean(1), y), rel=1e-9
    )


def test_pytorchs_attention_is_measured_as_its_projections():
    network, other = VisionTransformer(Attention).double(), VisionTransformer(PyTorchAttention).double()
    state = network.state_dict()
    for part in ("weight", "bias"):
        projections = [state.pop(f"attention.{name}.{part}") for name in ("query", "key", "value")]
        state[f"attention.inner.in_proj_{part}"] = torch.cat(projections)
        state[f"attention.inner.out_proj.{part}"] = state.pop(f"attention.out_proj.{part}")
    other.load_state_dict(state)
    X, y = pictures()
    expected, got = measure(network, X, y).table, measure(other, X, y).table
    assert got.name.str.replace(".inner", "").tolist() == expected.name.tolist()
    pd.testing.assert_frame_equal(got.drop(columns="name"), expected.drop(columns="name"), rtol=1e-8)


@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("masked", ["nothing", "padding", "future"])
def test_pytorchs_transformer_is_measured_with_masks_and_tokens_first(batch_first, masked):
    class Encoder(nn.Module):
        def __init__(self):
            super().__init__()
            layer = nn.TransformerEncoderLayer(8, 2, 12, batch_first=batch_first)
            self.encoder, self.head = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False), nn.Linear(8, 3)

        def forward(self, x):
            padding = future = None
            if masked == "padding":
                padding = torch.zeros(len(x), 5, dtype=torch.bool)
                padding[:, 4] = True
            if masked == "future":
                future = nn.Transformer.generate_square_subsequent_mask(5, dtype=x.dtype)
            h = self.encoder(x if batch_first else x.transpose(0, 1), mask=future, src_key_padding_mask=padding)
            return self.head(h.mean(1 if batch_first else 0))

    network, y = Encoder().double(), torch.arange(12) % 3
    X = torch.randn(12, 5, 8, dtype=torch.float64)
    result = measure(network, X, y)
    parts = ["self_attn.query", "self_attn.key", "self_attn.value", "self_attn.out_proj", "linear1", "linear2"]
    assert names_of(result) == [f"encoder.layers.{layer}.{part}" for layer in (0, 1) for part in parts]
    assert result.not_measured.keys() == {"head"}
    name = "encoder.layers.0.linear1"
    entering = inputs_of(network, [name], X)[name]
    if not batch_first:
        entering = entering.transpose(0, 1)
    assert result.value("nc1", "input", 5) == pytest.approx(metrics.nc1(entering.flatten(1), y), rel=1e-9)


class Exotic(nn.Module):
    """Has parts that cannot be measured."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(10, 6)
        self.recurrent = nn.LSTM(6, 6, batch_first=True)
        self.hidden, self.detached, self.frozen = nn.Linear(6, 8), nn.Linear(8, 8), nn.Linear(8, 8)
        self.head = nn.Linear(8, 3)

    def forward(self, tokens):
        h = self.recurrent(self.embedding(tokens))[0][:, -1]
        h = self.hidden(h).relu()
        with torch.no_grad():
            extra = self.frozen(h)
        return self.head(h + self.detached(h).detach() + extra)


def test_what_cannot_be_measured_is_listed_with_the_reason():
    tokens = torch.randint(10, (12, 4), generator=torch.Generator().manual_seed(0))
    result = measure(Exotic().double(), tokens, torch.arange(12) % 3)
    assert names_of(result) == ["hidden"]
    reasons = result.not_measured
    assert "Embedding" in reasons["embedding"]
    assert "LSTM" in reasons["recurrent"]
    assert "no part in the network's output" in reasons["detached"]
    assert "runs without gradients" in reasons["frozen"]
    assert "readout" in reasons["head"]
    assert all(f"  {name}: " in result.summary() for name in reasons)


def test_a_layer_whose_forward_is_its_own_is_not_taken_for_a_linear_one():
    class Scaled(nn.Linear):
        def forward(self, x):
            return 3 * super().forward(x)

    network = nn.Sequential(Scaled(6, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 3)).double()
    result = measure(network, *points())
    assert names_of(result) == ["2"]
    assert "not Wx + b" in result.not_measured["0"]


class Centred(nn.Module):
    def forward(self, x):
        return x - x.mean(0)


class Noisy(nn.Module):
    def forward(self, x):
        return x + torch.randn_like(x)


@pytest.mark.parametrize(("part", "message"), [(Centred(), "other points of its batch"), (Noisy(), "random numbers")])
def test_networks_that_do_not_treat_each_point_alone_are_refused(part, message):
    with pytest.raises(ValueError, match=message):
        measure(nn.Sequential(nn.Linear(6, 8), part, nn.Linear(8, 3)).double(), *points())


def test_penultimate_features_and_named_modules_are_measured():
    network, (X, y) = convolutions(torch.float64)
    result = measure(network, X, y, layers=["body.0"], features=["body.4", "body.7"])
    with torch.no_grad():
        expected = {"body.4": network.body[:5].eval()(X).flatten(1), "body.7": network.body[:8](X).flatten(1)}
        last = network.body(X)
    for name, features in expected.items():
        rows = result.table[(result.table.name == name) & (result.table.metric == "nc1")]
        assert rows.component.tolist() == ["features"]
        assert float(rows.value.iloc[0]) == pytest.approx(metrics.nc1(features, y), rel=1e-9)
    assert result.value("nc2", "penultimate") == pytest.approx(metrics.nc2(last, y), rel=1e-9)


def test_a_layer_with_too_many_numbers_is_listed_and_its_mean_can_be_measured(monkeypatch):
    network, (X, y) = convolutions(torch.float64)
    monkeypatch.setattr(session, "_MOST_MEANS", 300)
    result = measure(network, X, y)
    assert "positions='mean'" in result.not_measured["body.0 input"]
    assert not ((result.table.layer == 1) & (result.table.component == "input")).any()
    assert "body.0 input" not in measure(network, X, y, positions="mean").not_measured


def test_one_output_and_regression_give_agops_without_classes():
    network = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 1)).double()
    X, y = points()
    for targets in (None, X[:, 0], X[:, :2], (X[:, 0] + 0.5).numpy()):
        result = measure(network, X, targets)
        assert set(result.table.component) == {"nfa"}
        assert "neural collapse" in result.not_measured
    flat = nn.Sequential(*network, nn.Flatten(0))
    pd.testing.assert_frame_equal(measure(flat, X).table, result.table)
    labelled = measure(network, X, y)
    assert "1 output for 3 classes" in labelled.not_measured["loss, accuracy, nc3, nc4"]
    assert labelled.value("nc1", "input", 1) == pytest.approx(metrics.nc1(X, y), rel=1e-9)


NAMES = np.array(["ant", "bee", "cat"])


@pytest.mark.parametrize(
    "relabel",
    [
        lambda y: y.numpy(),
        lambda y: y.tolist(),
        lambda y: y.to(torch.int32),
        lambda y: y.to(torch.uint8).numpy(),
        lambda y: y.double(),
        lambda y: y + 1,
        lambda y: pd.Series(NAMES[y.numpy()]),
        lambda y: NAMES[y.numpy()],
        lambda y: torch.tensor([-1, 5, 17])[y],
    ],
)
def test_labels_of_any_kind_give_the_same_numbers(relabel):
    network = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3)).double()
    X, y = points()
    pd.testing.assert_frame_equal(measure(network, X, relabel(y)).table, measure(network, X, y).table)


def test_a_subset_of_the_classes_is_measured_against_its_own_outputs():
    network = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3)).double()
    X, y = points()
    X, y = X[y != 1], y[y != 1]
    result = measure(network, X, y)
    assert result.classes.tolist() == [0, 2]
    assert result.value("accuracy", "network") == pytest.approx(float((network(X).argmax(1) == y).double().mean()))
    hidden = network[:2](X).detach()
    means = metrics.class_means(hidden, y // 2)
    assert result.value("nc3", "network") == pytest.approx(
        metrics.nc3(network[2].weight.detach()[[0, 2]], means), rel=1e-9
    )
    named = measure(network, X, NAMES[y.numpy()], classes=NAMES)
    pd.testing.assert_frame_equal(named.table, result.table)
    with pytest.raises(ValueError, match=r"3 outputs but the labels name 2 classes .*give classes="):
        measure(network, X, NAMES[y.numpy()])


def test_loaders_arrays_and_several_inputs_give_the_same_numbers():
    class Two(nn.Module):
        def __init__(self, inner):
            super().__init__()
            self.inner = inner

        def forward(self, left, right):
            return {"logits": self.inner(torch.cat([left, right], 1)), "hidden": left}

    network = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))
    X, y = points(dtype=torch.float32)
    expected = measure(network, X, y).table
    shuffled = DataLoader(TensorDataset(X, y), batch_size=7, shuffle=True, generator=torch.Generator().manual_seed(0))
    for given in (
        measure(network, X.double().numpy(), y),
        measure(network, X.tolist(), y),
        measure(network, pd.DataFrame(X.numpy()), y),
        measure(network, shuffled),
        measure(Two(network), (X[:, :2], X[:, 2:]), y),
        measure(Two(network), {"left": X[:, :2], "right": X[:, 2:]}, y),
        measure(
            Two(network),
            [{"left": x[:, :2], "right": x[:, 2:], "labels": z} for x, z in zip(X.split(9), y.split(9), strict=True)],
        ),
    ):
        # Sums in another order of the points, in float32 where they are gradients.
        pd.testing.assert_frame_equal(given.table.drop(columns="name"), expected.drop(columns="name"), rtol=2e-4)
    assert "'logits'" in measure(Two(network), (X[:, :2], X[:, 2:]), y).not_measured["output"]


def test_a_tuples_first_tensor_is_the_output_unless_another_is_chosen():
    class Pair(nn.Module):
        def __init__(self, inner):
            super().__init__()
            self.inner = inner

        def forward(self, x):
            return x, self.inner(x)

    network = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3)).double()
    X, y = points()
    expected = measure(network, X, y).table.value
    for choice in (1, lambda pair: pair[1]):
        result = measure(Pair(network), X, y, output=choice)
        pd.testing.assert_series_equal(result.table.value, expected)
        assert "output" not in result.not_measured
    with pytest.raises(ValueError, match="no hidden linear layer"):
        measure(Pair(network), X, y)  # the first tensor is the input itself


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda X, y: (X[:, :4], y), r"does not take inputs of shape \(3, 4\)"),
        (lambda X, y: (X, y[:5]), "30 points but 5 labels"),
        (lambda X, y: (X, 0 * y), "all labels are of one class"),
        (lambda X, y: (X, y + torch.arange(30) // 3), "3 outputs but the labels name"),
        (lambda X, y: (torch.where(X > 2, torch.nan, X), y), "not finite"),
        (lambda X, y: (X[:0], y[:0]), "two points or more, not 0"),
        (lambda X, y: (iter([(X, y)]), None), "read several times"),
        (lambda X, y: (X, nn.functional.one_hot(y)), "argmax"),
        (lambda X, y: (X.long(), y), "does not take inputs"),
    ],
)
def test_points_that_do_not_fit_are_refused_in_a_sentence(change, message):
    network = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3)).double()
    with pytest.raises(ValueError, match=message):
        measure(network, *change(*points()))


def test_names_that_do_not_fit_are_refused_in_a_sentence():
    network = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3)).double()
    X, y = points()
    with pytest.raises(ValueError, match="'1' is no linear layer or convolution"):
        measure(network, X, y, layers=["1"])
    with pytest.raises(ValueError, match="'7', which is no module"):
        measure(network, X, y, features=["7"])
    with pytest.raises(ValueError, match="no hidden linear layer"):
        measure(nn.Sequential(nn.Flatten(), nn.ReLU()), X, torch.arange(30) % 6)
    with pytest.raises(ValueError, match="unknown positions 'average'"):
        measure(network, X, y, positions="average")


def test_a_network_that_is_one_linear_layer_has_its_inputs_for_penultimate_features():
    X, y = points()
    result = measure(nn.Sequential(nn.Linear(6, 3)).double(), X, y)
    assert result.value("nc1", "penultimate") == pytest.approx(metrics.nc1(X, y), rel=1e-9)
    assert set(result.table.layer) == {0}


def test_the_truncated_ablation_runs_through_whatever_follows_the_layer():
    network, (X, y) = convolutions(torch.float64)
    result = measure(network, X, y, ranks=[2])
    table = result.table[result.table["rank"] == 2].set_index(["layer", "component", "metric"]).value
    truncated = copy.deepcopy(network).eval()
    for index, (layer, following) in enumerate((("body.0", "body.3"), ("body.5", "fc")), start=1):
        replaced = copy.deepcopy(truncated)
        module = replaced.get_submodule(layer)
        U, s, Vt = torch.linalg.svd(module.weight.detach().flatten(1), full_matrices=False)
        with torch.no_grad():
            module.weight.copy_((U[:, :2] * s[:2] @ Vt[:2]).view_as(module.weight))
        entering = inputs_of(replaced, [following], X)[following].flatten(1)
        number = names_of(result).index(layer) + 1
        assert table[number, "output", "nc1"] == pytest.approx(metrics.nc1(entering, y), rel=1e-8), index
    full = result.table[(result.table.component == "output") & (result.table.metric == "nc1")]
    for _, rows in full.groupby("layer"):
        whole = rows[rows["rank"].isna()].value.iloc[0]
        assert rows.sort_values("rank").value.iloc[-2] == pytest.approx(whole, rel=1e-8)  # biases are kept


def test_a_result_draws_and_writes_itself():
    network, (X, y) = gelu_mlp(torch.float64)
    result = measure(network, X, y, ranks=[2])
    assert result.table.columns.tolist() == ["layer", "component", "metric", "value", "name", "rank"]
    assert len(result.plot().axes) == 3
    page = result.to_html()
    assert page == result.to_html()
    assert "Not measured" in page
    assert "is the readout" in page
    assert "30 points in 3 classes" in result.summary()
    assert len(measure(network, X).plot().axes) == 1


def test_with_two_classes_a_sentence_stands_in_for_nc2():
    network = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 2)).double()
    X, y = points()
    result = measure(network, X, y > 0)
    assert [axis.get_title().split(" ")[0] for axis in result.plot().axes] == ["NC1", "correlation"]
    assert "nc2_output" not in result.by_layer()
    for text in (result.summary(), result.to_html(), result.plot()._supxlabel.get_text().replace("\n", " ")):
        assert "With two classes NC2 is 0 for any features" in text
    assert "NC2 and" not in result.to_html()
    assert result.value("nc2", "output", 1) < 1e-12


def test_a_result_says_which_layers_are_convolutions():
    network, (X, y) = convolutions(torch.float64)
    result = measure(network, X, y)
    numbers = [i for i, name in enumerate(names_of(result), 1) if isinstance(network.get_submodule(name), nn.Conv2d)]
    assert numbers
    sentence = f"{'Layers' if len(numbers) > 1 else 'Layer'} {', '.join(map(str, numbers))}: convolutions"
    for text in (result.summary(), result.to_html(), result.plot()._supxlabel.get_text()):
        assert sentence in text
    mlp, (X, y) = gelu_mlp(torch.float64)
    assert "convolutions" not in measure(mlp, X, y).summary()


def test_a_result_without_layers_has_a_sentence_and_no_empty_panel():
    X, y = points()
    figure = measure(nn.Sequential(nn.Linear(6, 3)).double(), X, y).plot()
    assert not figure.axes
    assert figure.texts[0].get_text() == "no layer but the readout was there to be measured"


def test_large_layers_are_announced(monkeypatch):
    monkeypatch.setattr("agop_dnc.collapse.forecast._rate", lambda: 1.0)
    monkeypatch.setattr("agop_dnc.collapse.forecast._SMALL", 0)
    network, (X, y) = gelu_mlp(torch.float64)
    said = []
    with pytest.warns(UserWarning, match=r"minutes, .* for 2 \(8×9\); leave layers out"):
        measure(network, X, y, progress=said.append)
    assert any("Neural Feature Ansatz of layer 2 of 2" in line for line in said)


def test_a_layers_agop_is_what_layer_agop_makes_of_it():
    network, (X, _) = gelu_mlp(torch.float64)
    S = gradient_outer_products(network, X)
    agop = LayerAgop(network[0].weight.detach(), S[0]).matrix
    assert torch.linalg.eigvalsh(agop).min() > -1e-12 * agop.trace()
