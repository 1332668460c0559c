"""The ansatz in convolutions: correlations against the definition, the claim, the figure."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from agop_dnc.data.prepared import Arrays
from agop_dnc.errors import UserError
from agop_dnc.studies.convolutions import claims, figures, quantities, rows
from agop_dnc.studies.judging import Context, judge


def seeded_network():
    torch.manual_seed(0)
    layers = [nn.Conv2d(2, 3, 3, stride=2, padding=1), nn.ReLU(), nn.Conv2d(3, 4, 2), nn.Tanh(), nn.Flatten()]
    return nn.Sequential(*layers, nn.Linear(16, 2)).eval()


def small_arrays(draw):
    X = draw(12, 2 * 5 * 5).float()
    return Arrays(X, torch.arange(12) // 6, X[:0], torch.arange(0), (2, 5, 5))


def correlation(A, B):
    return np.corrcoef(A.flatten().numpy(), B.flatten().numpy())[0, 1]


def patch_agop(network, index, x):
    """The AGOP over the patches of one convolution, from the Jacobian of the rest of the network with unfolded inputs."""
    layer, before, after = network[index], network[:index], network[index + 1 :]
    inputs = before(x)
    patches = nn.functional.unfold(inputs, layer.kernel_size, padding=layer.padding, stride=layer.stride)
    side = (inputs.shape[-1] + 2 * layer.padding[0] - layer.kernel_size[0]) // layer.stride[0] + 1
    W = layer.weight.detach().flatten(1)

    def rest(P):
        z = (W @ P + layer.bias[:, None]).reshape(-1, len(W), side, side)
        return after(z)[0]

    G = torch.zeros(W.shape[1], W.shape[1])
    for P in patches:
        J = torch.autograd.functional.jacobian(rest, P)  # K×d×L
        G += torch.einsum("kdl,kel->de", J, J) / patches.shape[-1]
    return G / len(x), W


def test_correlations_are_those_of_filters_and_patch_agop(draw):
    network, arrays = seeded_network(), small_arrays(draw)
    table = pd.DataFrame(rows.measure(network, arrays, 7, 0, 2)).set_index(["layer", "metric"])
    x = arrays.x_train.reshape(-1, 2, 5, 5)[rows.evenly_spaced(12, 7)]
    for number, index in enumerate((0, 2), 1):
        G, W = patch_agop(network, index, x)
        values, vectors = torch.linalg.eigh(G.double())
        root = vectors @ torch.diag(values.clamp(min=0).sqrt()) @ vectors.T
        assert table.value[number, "agop"] == pytest.approx(correlation(W.T @ W, G), abs=1e-4)
        assert table.value[number, "sqrt_agop"] == pytest.approx(correlation(W.T @ W, root), abs=1e-4)
        assert np.isfinite(table.value[number, "sqrt_agop_null"])
    assert table.filters[1].unique().tolist() == ["3×3×2"]
    assert table.filters[2].unique().tolist() == ["2×2×3"]
    predicted = network(arrays.x_train.reshape(-1, 2, 5, 5)).argmax(1)
    assert table.value[0, "train_accuracy"] == pytest.approx(float((predicted == arrays.y_train).double().mean()))


def made(excess, untrained=0.0, accuracy=1.0):
    """Return rows as in convolutions.csv, of networks whose correlation exceeds its null by excess[seed][layer]."""
    found = []
    for seed, by_layer in enumerate(excess):
        for trained in (0, 1):
            about = {"dataset": "digits", "architecture": "vgg11", "seed": seed, "trained": trained}
            found.append(about | {"layer": 0, "filters": "all", "metric": "train_accuracy", "value": accuracy})
            for layer, value in enumerate(by_layer, 1):
                own = {"sqrt_agop": 0.5 + (value if trained else untrained), "sqrt_agop_null": 0.5}
                own |= {"agop": 0.4, "agop_null": 0.3}
                found += [about | {"layer": layer, "filters": "3×3×1", "metric": m, "value": v} for m, v in own.items()]
    return pd.DataFrame(found)


def verdict(table):
    ((_, finding),) = claims.findings({"convolutions": table}, Context({"digits": [6, 6]}))
    return judge(claims.CLAIMS[0], finding)[0]


def test_conv_3_asks_every_layer_to_be_above_its_null():
    assert verdict(made([[0.1, 0.2], [0.12, 0.2], [0.11, 0.2]]))["verdict"] == "reproduced"
    # One layer below its null in every seed is enough against it, however far above the others are.
    row = verdict(made([[0.1, -0.02], [0.12, -0.03], [0.11, -0.025]], untrained=0.01))
    assert row["verdict"] == "not reproduced"
    assert "of 2 convolutions, number 2 (filters of 3×3×1) decides" in row["measured"]
    assert row["reference"] == pytest.approx(0.01)
    # One whose seeds differ in sign decides nothing.
    assert verdict(made([[0.1, -0.02], [0.12, 0.03], [0.11, 0.01]]))["verdict"] == "undecided"


def test_conv_3_is_about_three_seeds_of_networks_that_fit():
    assert verdict(made([[0.1], [0.1]]))["measured"] == "2 seeds; an interval needs 3"
    row = verdict(made([[0.1]] * 3, accuracy=0.9))
    assert row["verdict"] == "not tested"
    assert "training accuracy is 0.9" in row["measured"]


def test_the_summary_has_every_layers_interval():
    found = quantities.summary(made([[0.1, 0.2], [0.2, 0.2], [0.3, 0.2]], untrained=0.05))
    assert found.sqrt_agop_excess.tolist() == pytest.approx([0.2, 0.2])
    assert found.sqrt_agop_low[0] == pytest.approx(0.2 - 4.302653 * 0.1 / 3**0.5, abs=1e-5)
    assert found.sqrt_agop_untrained.tolist() == pytest.approx([0.55, 0.55])
    said = quantities.found_sentence("digits", "vgg11", made([[0.1, 0.2], [0.2, 0.2], [0.3, 0.2]]))
    assert "in 1 of 2 convolutions the interval over 3 seeds" in said


def test_the_figure_draws_every_layer_with_its_null():
    table = made([[0.1, 0.2], [0.2, 0.2], [0.3, 0.2]], untrained=0.05)
    figure = figures.convolutions_figure(table, [["digits", "vgg11"]], "a caption")
    left, _, right = figure.axes
    labels = {line.get_label(): line.get_ydata().tolist() for line in left.lines}
    assert labels["trained"] == pytest.approx([0.7, 0.7])
    assert labels["null that keeps W"] == pytest.approx([0.5, 0.5])
    assert labels["untrained"] == pytest.approx([0.55, 0.55])
    assert right.get_ylabel() == "correlation with AGOP$^{1/2}$ less its null"
    plt.close(figure)


def test_datasets_without_a_convnet_are_refused(load):
    content = {
        "run": "mine",
        "datasets": {"digits": {"source": "sklearn"}},
        "deep_rfm": {"enabled": False},
        "networks": {"architectures": {"mlp": {}}},
        "convolutions": {"datasets": ["digits"]},
    }
    with pytest.raises(UserError, match="'digits', on which neither resnet18 nor vgg11 is trained"):
        load(content)
