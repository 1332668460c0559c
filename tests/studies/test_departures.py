"""Departures: what is switched is what is said, and nothing else."""

import math

import numpy as np
import pandas as pd
import pytest
import torch

from agop_dnc.data import prepared
from agop_dnc.kernels import radial
from agop_dnc.labels import signed_one_hot
from agop_dnc.models import deep_rfm
from agop_dnc.models.deep_rfm import Settings
from agop_dnc.studies.deep_rfm import rows as deep_rfm_rows
from agop_dnc.studies.deep_rfm.study import TABLE
from agop_dnc.studies.departures import departures
from agop_dnc.studies.departures import rows as departures_rows
from agop_dnc.studies.feature_kernel.arc_cosine import arc_cosine_kernel, sampled_kernel

SETTINGS = Settings(depth=3, width=24)


def test_expanded_deep_rfm_differs_from_deep_rfm_only_by_its_distances(arrays):
    # In float64 the distances agree to 1e-8 of points that are apart, and so do the layers.
    Y = signed_one_hot(arrays.y_train)
    expected = deep_rfm.layers(arrays.x_train, Y, SETTINGS, seed=3)
    got = departures_rows.expanded_deep_rfm(arrays.x_train, Y, SETTINGS, seed=3)
    for projected, (_, wanted, _) in zip(got, expected, strict=True):
        torch.testing.assert_close(projected, wanted, rtol=1e-6, atol=1e-7)


def test_expanded_distances_cancel_for_near_points(draw):
    X = draw(30, 8).float()
    X[1] = X[0] + 1e-4 * torch.ones(8)
    near = float(radial.distances(X)[0, 1])
    assert near == pytest.approx(1e-4 * math.sqrt(8), rel=1e-2)
    expanded = departures_rows.expanded_distances(X)
    assert abs(float(expanded[0, 1]) - near) > 0.1 * near
    apart = ~torch.eye(30, dtype=torch.bool)
    apart[0, 1] = apart[1, 0] = False
    torch.testing.assert_close(expanded[apart], radial.distances(X)[apart], rtol=1e-4, atol=0)


def curve(rows, **wanted):
    return [row["value"] for row in rows if all(row[key] == value for key, value in wanted.items())]


def nc1_by_layer(arrays, settings):
    measured = deep_rfm_rows.measure(arrays, settings, seed=0)
    rows = [row for one in measured for row in one.rows]
    return [row["value"] for row in rows if (row["component"], row["metric"]) == ("agop", "nc1")]


def test_each_deep_rfm_departure_switches_one_setting(arrays):
    cosines = SETTINGS.replace(activation="cos")
    ridge = list(departures_rows.ridge_rows(arrays, SETTINGS, 0))
    own = [row for row in ridge if row["quantity"] == "NC1 of M½X, ReLU"]
    assert curve(own, variant="released") == nc1_by_layer(arrays, SETTINGS.replace(ridge=1e-3))
    assert len({row["quantity"] for row in ridge}) == 2
    width = departures_rows.width_rows(arrays, cosines, 0)
    assert curve(width, variant="released") == nc1_by_layer(arrays, cosines.replace(width=8))
    scale = list(departures_rows.agop_scale_rows(arrays, cosines, 0))
    assert curve(scale, variant="released") == nc1_by_layer(arrays, cosines.replace(agop_scale="max"))
    assert curve(scale, variant="Algorithm 1") == nc1_by_layer(arrays, cosines.replace(agop_scale="sum"))
    precision = list(departures_rows.precision_rows(arrays, SETTINGS, 0))
    assert curve(precision, variant="float32") == nc1_by_layer(arrays, SETTINGS.replace(precision="float32"))


def test_departures_of_definitions_are_arithmetic(arrays):
    rows = [
        {"dataset": "d", "activation": "relu", "seed": 0} | row
        for measured in deep_rfm_rows.measure(arrays, SETTINGS, seed=0)
        for row in measured.rows
    ]
    found = list(departures_rows.definition_rows(pd.DataFrame(rows, columns=TABLE.columns), 3))
    paper, released = (curve(found, departure=1, variant=variant) for variant in ("paper", "released"))
    np.testing.assert_allclose(np.array(paper) / np.array(released), 3)
    norm, mean = (curve(found, departure=4, variant=variant) for variant in ("paper", "released"))
    np.testing.assert_allclose(np.square(norm) / 9, mean)  # of 3×3 entries


def test_momentum_departure_resets_the_velocity(tmp_path, draw):
    x, y = draw(24, 1, 2, 4), torch.arange(24) % 3
    dataset = prepared.Dataset(x.numpy(), y.numpy(), x.numpy(), y.numpy(), np.zeros((1, 2, 4)), np.ones((1, 2, 4)))
    training = {"epochs": 3, "learning_rate": 0.1, "momentum": 0.0, "batch_size": 8, "measure_every": 2}
    rows = list(
        departures_rows.mlp_rows(dataset, training, {"hidden_layers": 2, "width": 8, "init_scale": 1.0}, 0, tmp_path)
    )
    assert {row["departure"] for row in rows} == {6, 9, 10}
    carried, reset = curve(rows, departure=9, variant="paper"), curve(rows, departure=9, variant="released")
    assert len(carried) == len(reset) == 1
    assert carried != reset  # what resetting does is tested where training is
    assert [row["step"] for row in rows if row["departure"] == 6] == [0, 3, 1, 4]
    accuracy = [row for row in rows if row["quantity"] == "test accuracy, MLP"]
    assert [row["variant"] for row in accuracy] == ["paper", "released"]


def test_a_balanced_dataset_has_one_centre(arrays):
    even, uneven = curve(departures_rows.centre_rows(arrays, SETTINGS, 0), variant="released")
    assert even < 1e-10 < 1e-3 < uneven


def test_iteration_with_printed_kappa_stops_and_with_exact_one_converges():
    rows = list(departures_rows.kappa_rows())
    # By hand: with λ_map = 1, λ̂ = 1e-3, n = 20 the floors are n (1/κ · (n+1)²/(n+1+λ̂)² − 1).
    shrunk = (21 / 21.001) ** 2
    for variant, kappa in (("paper", 1 - 4e-3), ("Lemma C.2", 1 - 2e-3 / 21)):
        gram = 20 * (shrunk / kappa - 1)
        for _ in range(20):  # the fixed point of the largest eigenvalue
            eigenvalue = 20 + gram + 1
            gram = 20 * ((eigenvalue / (eigenvalue + 1e-3)) ** 2 / kappa - 1)
        assert curve(rows, variant=variant)[-1] == pytest.approx(abs(gram), rel=1e-4)
    assert curve(rows, variant="exact")[-1] < 1e-12


def test_summary_applies_one_conclusion_to_every_variant():
    rows = [
        (2, v, "NC1 of M½X, ReLU", s, value)
        for v, *ends in (("paper", 1.0, 0.01), ("released", 1.0, 0.5))
        for s, value in enumerate(ends)
    ]
    table = pd.DataFrame([("d", *row) for row in rows], columns=departures.COLUMNS)
    summary = departures.summary(table).set_index("variant")
    assert summary.holds.to_dict() == {"paper": True, "released": False}
    assert summary.changes.to_dict() == {"paper": False, "released": True}
    assert set(departures.DEPARTURES) == set(range(1, 14))
    answers = departures.answers(departures.summary(table)).set_index("number")["the conclusion"]
    assert answers[2] == "changes: NC1 of M½X, ReLU (released)"
    assert answers[3] == "not measured in this run"
    assert answers[7] == "nothing to switch"


@pytest.mark.parametrize("theta", [0.0, 0.7, math.pi / 2, 2.5])
def test_arc_cosine_kernel_is_the_integral(theta):
    # E over one unit of 2·ReLU(u)ReLU(v), (u, v) standard normal with correlation cos θ, by quadrature over the half plane.
    r = torch.linspace(0, 12, 4001, dtype=torch.float64)
    phi = torch.linspace(-math.pi, math.pi, 4001, dtype=torch.float64)
    radial = torch.trapezoid(r**3 * torch.exp(-(r**2) / 2), r) / (2 * math.pi)
    angular = torch.trapezoid(phi.cos().clamp(min=0) * (phi - theta).cos().clamp(min=0), phi)
    expected = float(2 * radial * angular)
    assert float(arc_cosine_kernel(torch.tensor(theta, dtype=torch.float64))) == pytest.approx(expected, abs=1e-6)


def test_sampled_kernel_tends_to_arc_cosine_kernel():
    theta = torch.tensor([0.0, 1.0, 3.0], dtype=torch.float64)
    products = sampled_kernel(theta, 2048, 200, torch.Generator().manual_seed(0))
    error = products.std(0) / 200**0.5
    assert ((products.mean(0) - arc_cosine_kernel(theta)).abs() < 4 * error).all()
