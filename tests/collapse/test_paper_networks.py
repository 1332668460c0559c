"""What is measured in the paper's networks, against autograd, closed forms and the definitions written out."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.func import functional_call, jacrev, vmap

from agop_dnc.collapse import gradients, metrics, session
from agop_dnc.collapse.ablation import ablate
from agop_dnc.collapse.layer_agop import LayerAgop, nfa_correlation, random_frame
from agop_dnc.collapse.layers import MatrixLayer
from agop_dnc.collapse.network import gradient_outer_products, measure
from agop_dnc.kernels.agop import matrix_sqrt
from agop_dnc.labels import signed_one_hot
from agop_dnc.models import networks
from agop_dnc.randomness import generator

SHAPES = {"mlp": (1, 8, 8), "resnet18": (1, 8, 8), "vgg11": (3, 8, 8)}
HIDDEN = ["head.0", "head.2", "head.4"]


def small(architecture, dtype=torch.float64, **options):
    options = {"hidden_layers": 3, "width": 20, "init_scale": 1.0} | options
    return networks.build(architecture, SHAPES[architecture], 3, **options).to(dtype)


def images(architecture, N=24, dtype=torch.float64):
    x = torch.randn(N, *SHAPES[architecture], dtype=dtype, generator=torch.Generator().manual_seed(1))
    return x, torch.arange(N) % 3


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
    network, (x, _) = small(architecture, dtype, width=12), images(architecture, dtype=dtype)
    if architecture == "vgg11":  # Jacobians with respect to 8192 inputs would take minutes
        network.backbone = nn.Sequential(network.backbone, nn.Linear(8192, 30, bias=False, dtype=dtype))
        network.head[0] = nn.Linear(30, 12, bias=False, dtype=dtype)
    names = [f"head.{i}" for i in (0, 2, 4)]
    S = gradient_outer_products(network.eval(), x, names)
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


def test_nfa_correlation_is_pearsons(draw):
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
    table = measure(network, x, y, layers=["head.0", "head.2", "head.4"]).table
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


@pytest.mark.parametrize("every", [1, 4])  # with the second, three units of four are off at every point
def test_the_written_out_recursion_is_autograds(every):
    network, (x, _) = small("mlp", width=64), images("mlp")
    layers = networks.hidden_linear_layers(network.head)
    with torch.no_grad():
        for layer in layers[1:]:
            off = torch.arange(64) % every != 0
            layer.weight[off] = -layer.weight[off].abs()
    h, preactivations = x.flatten(1), []
    for layer in layers:
        preactivations.append(layer(h))
        h = preactivations[-1].relu()
    assert all(0 < (z > 0).any(0).sum() <= 64 // every for z in preactivations[1:])
    weights = [layer.weight.detach() for layer in [*layers, network.head[-1]]]
    got = gradients.relu_stack_products(weights, [z.detach() for z in preactivations])
    matrix_layers = [MatrixLayer("", layer) for layer in layers]
    for s, expected in zip(
        got, gradients.autograd_products(network.head[-1](h), matrix_layers, preactivations), strict=True
    ):
        torch.testing.assert_close(s, expected, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("architecture", networks.ARCHITECTURES)
def test_the_papers_networks_take_the_fast_way(architecture, monkeypatch):
    network, (x, _) = small(architecture), images(architecture)
    monkeypatch.setattr(session, "autograd_products", None)
    assert len(gradient_outer_products(network, x, HIDDEN)) == 3


@pytest.mark.parametrize("architecture", networks.ARCHITECTURES)
def test_the_ablation_agrees_with_the_products_of_the_weights(architecture):
    network, (x, y) = small(architecture).eval(), images(architecture)
    rows = ablate(network, x, y, [1, 5, 20, 50], HIDDEN)
    ablated = {(row["layer"], row["component"], row["rank"], row["metric"]): row["value"] for row in rows}
    assert len(ablated) == len(rows)
    cheap = values_of(measure(network, x, y, HIDDEN).table)
    for layer in (1, 2, 3):
        assert {rank for number, _, rank, _ in ablated if number == layer} == {None, 1, 5, 20}  # 20 is the full rank
        for metric in ("nc1", "nc1_pinv"):
            assert ablated[layer, "input", None, metric] == pytest.approx(cheap[layer, "input", metric], rel=1e-9)
            for component in ("right", "output"):
                assert ablated[layer, component, 20, metric] == pytest.approx(cheap[layer, component, metric], rel=1e-6)
    with torch.no_grad():
        phi = network.backbone(x)
        U, s, Vt = torch.linalg.svd(network.head[0].weight, full_matrices=False)
        for rank in (1, 5):
            right = phi @ Vt[:rank].T * s[:rank]
            output = (right @ U[:, :rank].T).relu()
            assert ablated[1, "right", rank, "nc1"] == pytest.approx(metrics.nc1(right, y), rel=1e-8)
            assert ablated[1, "output", rank, "nc1"] == pytest.approx(metrics.nc1(output, y), rel=1e-8)
            nearest = metrics.nearest_mean(output, metrics.class_means(output, y))
            expected = float((nearest == y).double().mean())
            assert ablated[1, "output", rank, "nearest_mean_accuracy"] == expected
    if architecture == "vgg11":  # its AGOP is 8192×8192, minutes of an eigendecomposition
        return
    root = matrix_sqrt(
        LayerAgop(network.head[0].weight.detach(), gradient_outer_products(network, x, HIDDEN)[0]).matrix
    )
    assert ablated[1, "agop_root", 20, "nc1"] == pytest.approx(metrics.nc1(phi @ root, y), rel=1e-6)
    # The root of a root takes the fourth root of rounding in eigenvalues that are zero: 1e-16 of the largest, 1e-4.
    fourth = metrics.nc1(phi @ matrix_sqrt(root), y)
    assert ablated[1, "agop_fourth_root", 20, "nc1"] == pytest.approx(fourth, rel=1e-3)


def test_an_untrained_mlp_has_the_correlation_of_its_weight_preserving_null():
    # The digits' MLP at the paper's initialisation: gradients of random weights have no preferred directions.
    network = networks.build("mlp", (1, 8, 8), 10, hidden_layers=5, width=512, init_scale=0.3)
    digits = load_digits()
    x = torch.tensor(digits.data[:500] / 16, dtype=torch.float32).reshape(-1, 1, 8, 8)
    got = values_of(measure(network, x - x.mean(0), digits.target[:500], networks.hidden_names(network)).table)
    for layer in range(1, 6):
        for name in ("sqrt_agop", "agop"):
            assert got[layer, "nfa", f"{name}_null"] == pytest.approx(got[layer, "nfa", name], abs=0.01)


@pytest.mark.parametrize(("width", "d"), [(4, 9), (9, 4), (6, 6)])
@pytest.mark.parametrize("outputs", [2, 20])  # with 2 points of gradients S has rank 2
def test_the_weight_preserving_null_is_that_of_the_matrices_written_out(draw, width, d, outputs):
    W, delta = draw(width, d), draw(outputs, width, seed=1)
    S = delta.T @ delta
    R = random_frame(width, width, generator(0, "rotation"))
    agop = W.T @ R @ torch.diag(torch.linalg.eigvalsh(S).flip(0)) @ R.T @ W
    got = LayerAgop(W, S).weight_preserving_null(R)
    assert got["agop"] == pytest.approx(nfa_correlation(W.T @ W, agop), abs=1e-9)
    # Roots of eigenvalues that are rounding: 1e-8 of the largest.
    assert got["sqrt_agop"] == pytest.approx(nfa_correlation(W.T @ W, matrix_sqrt(agop)), abs=1e-6)
