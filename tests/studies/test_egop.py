"""AGOP and EGOP: distances, rows and the claim."""

import math
import warnings

import pandas as pd
import pytest
import torch

from agop_dnc.data import synthetic
from agop_dnc.studies import judging
from agop_dnc.studies.egop import claims, notes, rows
from agop_dnc.studies.judging import NOT_REPRODUCED, NOT_TESTED, REPRODUCED, Context

SETTINGS = {"bandwidth": 10.0, "ridge": 1e-3, "iterations": 2}


def test_distances_are_those_of_a_rotated_plane_in_closed_form():
    egop, angle = torch.diag(torch.tensor([2.0, 0.0], dtype=torch.float64)), 0.3
    u = torch.tensor([math.cos(angle), math.sin(angle)], dtype=torch.float64)
    found = rows.distances(3 * torch.outer(u, u), egop)
    cosine = math.cos(angle) ** 2
    assert found["cosine"] == pytest.approx(cosine)
    assert found["sin_theta"] == pytest.approx(math.sin(angle))
    assert found["scale"] == pytest.approx(1.5)
    assert found["scaled_error"] == pytest.approx(math.sqrt(1 - cosine**2))
    assert found["relative_error"] == pytest.approx(math.sqrt(9 + 4 - 12 * cosine) / 2)


def test_the_truth_has_no_distance():
    egop = synthetic.target("staircase", 5).egop
    found = rows.distances(egop, egop)
    assert [found[name] for name in ("relative_error", "cosine", "scale")] == [0, pytest.approx(1), 1]
    assert found["sin_theta"] == pytest.approx(0, abs=1e-12)


def test_the_agop_of_the_plain_kernel_is_that_of_its_predictor_by_autograd():
    target = synthetic.target("product", 3)
    found = pd.DataFrame(rows.egop_rows(target, 40, 0.0, 0, SETTINGS, torch.device("cpu")))
    X, y = target.sample(40, 0)
    distances = torch.cdist(X, X, compute_mode="donot_use_mm_for_euclid_dist")
    alpha = torch.linalg.solve(torch.exp(-distances / 10) + 1e-3 * torch.eye(40, dtype=torch.float64), y)
    gradients = []
    for i in range(40):
        x = X[i].clone().requires_grad_()
        others = torch.arange(40) != i  # the gradient at a centre is taken as 0
        f = torch.exp(-(x - X[others]).norm(dim=1) / 10) @ alpha[others]
        gradients.append(torch.autograd.grad(f, x)[0])
    G = torch.stack(gradients)
    own = found[(found.model == "laplace")].set_index(["gradients", "metric"]).value
    for name, agop in (("raw", G.T @ G / 40), ("centred", torch.cov(G.T, correction=0))):
        for metric, value in rows.distances(agop, target.egop).items():
            assert own[name, metric] == pytest.approx(value, rel=1e-6)


def test_centred_gradients_delete_the_linear_direction():
    target = synthetic.target("parabola_and_line", 4)
    found = pd.DataFrame(rows.egop_rows(target, 2000, 0.0, 0, SETTINGS | {"iterations": 1}, torch.device("cpu")))
    cosine = found[(found.model == "target") & (found.metric == "cosine")].set_index("gradients").value
    # diag(4, 4) against diag(4, 0): 1/√2, up to 2,000 draws.
    assert cosine["raw"] == pytest.approx(1, abs=0.01)
    assert cosine["centred"] == pytest.approx(math.sqrt(0.5), abs=0.01)


def table(cosine=0.99, power=-0.5, sizes=(1000, 2000, 4000), seeds=3):
    found = []
    for seed in range(seeds):
        for n in sizes:
            for model, iteration in (("target", 0), ("laplace", 0), ("rfm", 1), ("rfm", 2)):
                about = ("product", 0.0, n, seed, model, iteration, "raw")
                found += [(*about, "cosine", cosine), (*about, "relative_error", (1 + 0.01 * seed) * n**power)]
    columns = ["target", "noise", "n", "seed", "model", "iteration", "gradients", "metric", "value"]
    return pd.DataFrame(found, columns=columns)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, REPRODUCED),
        ({"cosine": 0.9}, NOT_REPRODUCED),
        ({"power": 0.1}, NOT_REPRODUCED),
        ({"sizes": (1000, 2000)}, NOT_TESTED),
        ({"seeds": 2}, NOT_TESTED),
    ],
)
def test_the_claim_can_come_out_either_way(given, expected):
    found, _ = judging.evaluate([claims.SOURCE], {"egop": table(**given)}, Context({}))
    assert [(row["model"], row["verdict"]) for row in found] == [("Laplace kernel", expected), ("RFM", expected)]
    if expected != NOT_TESTED:
        assert found[0]["reference"] == pytest.approx(given.get("cosine", 0.99)) or math.isnan(found[0]["reference"])


def test_another_dimension_is_not_what_the_claim_is_about():
    context = Context({}, {("x₁x₂", "RFM"): {"d": 20}})
    found, _ = judging.evaluate([claims.SOURCE], {"egop": table()}, context)
    assert [row["verdict"] for row in found] == [REPRODUCED, NOT_TESTED]


def test_gradients_without_error_get_no_rate():
    """Those of |x₁ + x₂ + x₃| are ±(1, 1, 1): their outer product is the EGOP at every n."""
    rows = [
        ("absolute_sum", 0.0, n, seed, model, 0, "raw", metric, value)
        for n in (100, 400)
        for seed in (0, 1, 2)
        for model, error in (("target", 0.0), ("laplace", 10 / n), ("rfm", 10 / n))
        for metric, value in (("relative_error", error), ("cosine", 1.0))
    ]
    columns = ["target", "noise", "n", "seed", "model", "iteration", "gradients", "metric", "value"]
    table = pd.DataFrame(rows, columns=columns)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        own, of_kernel, _ = notes.found_sentences(table).split("; that of ")
        assert "stays at 0 (cosine" in own
        assert "as $n$ to the power -1" in of_kernel
        assert math.isnan(notes.rates(table).iloc[0, 1])
