"""Low-rank polynomials: the network's steps, the rows, and the claim."""

import numpy as np
import pandas as pd
import pytest
import torch

from agop_dnc.randomness import generator
from agop_dnc.studies import judging
from agop_dnc.studies.judging import NOT_REPRODUCED, NOT_TESTED, REPRODUCED, Context
from agop_dnc.studies.polynomials import claims, notes, rows
from agop_dnc.studies.polynomials.network import train

SETTINGS = {
    "d": 12,
    "degree": 4,
    "n_test": 300,
    "bandwidth": 10.0,
    "ridge": 1e-4,
    "iterations": 2,
    "width": 16,
    "epochs": 2,
    "learning_rate": 0.1,
    "batch_size": 32,
    "init_scale": 0.1,
}
NETWORK = {"width": 8, "learning_rate": 0.05, "init_scale": 0.5}


def test_the_network_takes_the_steps_of_autograd():
    X = torch.randn(20, 3, generator=torch.Generator().manual_seed(0))
    y = X[:, 0] * X[:, 1]
    found = train(X, y, 7, epochs=3, batch_size=8, **NETWORK)(X)
    weights = generator(7, "polynomial network")
    W = (0.5 * torch.randn(8, 3, generator=weights)).requires_grad_()
    a = ((2 * torch.rand(8, generator=weights) - 1) / 8**0.5).requires_grad_()
    optimiser = torch.optim.SGD([W, a], lr=0.05)
    for epoch in range(3):
        for batch in torch.randperm(20, generator=generator(7, "polynomial network order", epoch)).split(8):
            optimiser.zero_grad()
            ((X[batch] @ W.T).relu() @ a - y[batch]).square().mean().backward()
            optimiser.step()
    # Nine steps in float32, each a few roundings.
    torch.testing.assert_close(found, ((X @ W.T).relu() @ a).detach(), rtol=1e-5, atol=1e-6)


def test_the_basis_is_orthonormal_and_begins_with_the_directions():
    _, U = rows.target_and_directions("hermite_pair", 12, 4, 3)
    Q = rows.basis(U, 3)
    torch.testing.assert_close(Q.T @ Q, torch.eye(12, dtype=torch.float64), rtol=0, atol=1e-12)
    assert torch.equal(Q[:, :2], U)


@pytest.mark.parametrize(("name", "truth"), [("product", [1.0, 1.0]), ("hermite_pair", [2.0, 4.0])])
def test_in_the_basis_of_its_directions_the_truth_is_the_leading_block(name, truth):
    metrics = {}
    list(rows.polynomial_rows(name, 60, 0, SETTINGS, torch.device("cpu"), metrics))
    expected = torch.zeros(12, 12, dtype=torch.float64)
    expected[0, 0], expected[1, 1] = truth
    torch.testing.assert_close(metrics["truth"], expected, rtol=0, atol=1e-12)
    assert metrics["rfm"].shape == metrics["rfm_centred"].shape == (12, 12)


def test_rfm_finds_the_product_that_the_kernel_does_not():
    found = pd.DataFrame(rows.polynomial_rows("product", 300, 0, SETTINGS, torch.device("cpu")))
    r2 = found[found.metric == "r2"].set_index(["model", "iteration"]).value
    assert r2["laplace", 0] < r2["rfm", 1] < r2["rfm", 2] < r2["laplace_true", 0]
    # 300 points in two dimensions leave little to learn; the kernel's constant is what tells.
    assert r2["laplace_true", 0] > 0.9
    assert set(r2.index) == {
        ("laplace", 0),
        ("rfm", 1),
        ("rfm", 2),
        ("rfm_centred", 1),
        ("rfm_centred", 2),
        ("laplace_true", 0),
        ("network", 0),
    }


def table(laplace=0.08, rfm=0.9, n=2000, iteration=5, seeds=3):
    found = [
        ("product", n, seed, model, i, "r2", value + 0.001 * seed)
        for seed in range(seeds)
        for model, i, value in (("laplace", 0, laplace), ("rfm", iteration, rfm), ("rfm_centred", iteration, rfm))
    ]
    return pd.DataFrame(found, columns=["target", "n", "seed", "model", "iteration", "metric", "value"])


def verdicts(given, settings=None):
    context = Context({}, {("x₁x₂", model): settings or {} for model in ("RFM", "RFM, centred")})
    return judging.evaluate([claims.SOURCE], {"polynomials": given}, context)[0]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, REPRODUCED),
        ({"laplace": 0.3}, NOT_REPRODUCED),
        ({"rfm": 0.8}, NOT_REPRODUCED),
        ({"n": 1000}, NOT_TESTED),
        ({"iteration": 4}, NOT_TESTED),
        ({"seeds": 2}, NOT_TESTED),
    ],
)
def test_the_claim_can_come_out_either_way(given, expected):
    assert [row["verdict"] for row in verdicts(table(**given))] == [expected] * 2


def test_another_dimension_is_not_what_the_claim_is_about():
    (first, _) = verdicts(table(), {"d": 20, "n_test": 10_000})
    assert first["verdict"] == NOT_TESTED
    assert first["measured"] == "the claim is about d = 100, and d = 20 was run"


def test_published_numbers_stand_next_to_the_runs_own():
    shown = notes.against_published(table()).set_index(["model", "iterations"])
    assert shown.loc[("Laplace kernel", 0), "here"] == pytest.approx(0.081)
    assert shown.loc[("RFM, centred", 5), "published"] == 0.923
    assert np.isnan(shown.loc[("ReLU network", 0), "here"])
