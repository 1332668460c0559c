"""Deep RFM with M^{1/2} replaced or without its features, and the claims that are judged by it."""

from itertools import pairwise

import pandas as pd
import pytest
import torch

from agop_dnc.collapse.metrics import nc1, nc2
from agop_dnc.kernels.agop import kernel_agop, matrix_sqrt
from agop_dnc.kernels.features import feature_map
from agop_dnc.kernels.radial import Laplace
from agop_dnc.kernels.regression import fit_predictor, normalised
from agop_dnc.labels import signed_one_hot
from agop_dnc.models.deep_rfm import Settings, layers
from agop_dnc.randomness import generator
from agop_dnc.studies import judging
from agop_dnc.studies.judging import NOT_REPRODUCED, NOT_TESTED, REPRODUCED, UNDECIDED, Context
from agop_dnc.studies.removals import claims, rows
from agop_dnc.studies.removals.study import STUDY

SETTINGS = Settings(depth=3, width=24)


def steps(arrays, variant, settings=SETTINGS, seed=0):
    return list(rows.removed(arrays.x_train, arrays.y_train, settings, seed, variant))


def first_root(arrays, y=None):
    X = normalised(arrays.x_train)
    Y = signed_one_hot(arrays.y_train if y is None else y)
    predictor, r = fit_predictor(Laplace(2.0), X, Y, 0.0)
    return X, matrix_sqrt(kernel_agop(Laplace(2.0), X, predictor.alpha, r))


def drawn(X, index, settings=SETTINGS):
    generated = generator(0, "deep_rfm", settings.activation, index)
    return feature_map(settings.activation, X.shape[1], settings.width, generated, settings.feature_bandwidth)


def test_nothing_removed_is_the_deep_rfm(arrays):
    of_model = layers(arrays.x_train, signed_one_hot(arrays.y_train), SETTINGS, 0)
    for step, (layer, projected, features) in zip(steps(arrays, "none"), of_model, strict=True):
        assert torch.equal(step["x"], layer.predictor.X)
        assert torch.equal(step["agop"], projected)
        assert torch.equal(step["features"], features)


@pytest.mark.parametrize("activation", ["relu", "cos"])
def test_with_the_fitted_matrix_the_loop_is_the_deep_rfms(arrays, monkeypatch, activation):
    settings = SETTINGS.replace(activation=activation)
    monkeypatch.setitem(rows._ROOTS, "identity", rows._fitted)
    for step, whole in zip(steps(arrays, "identity", settings), steps(arrays, "none", settings), strict=True):
        for component, points in whole.items():
            torch.testing.assert_close(step[component], points)


@pytest.mark.parametrize("activation", ["relu", "cos"])
def test_the_identity_leaves_the_inputs_to_the_features(arrays, activation):
    settings = SETTINGS.replace(activation=activation)
    X = arrays.x_train
    for index, step in enumerate(steps(arrays, "identity", settings), start=1):
        X = normalised(X)
        torch.testing.assert_close(step["agop"], X)
        X = drawn(X, index, settings)(X)
        torch.testing.assert_close(step["features"], X)


def test_without_features_the_next_input_is_the_projected_one(arrays):
    found = steps(arrays, "no features")
    X, root = first_root(arrays)
    torch.testing.assert_close(found[0]["agop"], X @ root)
    for before, after in pairwise(found):
        assert "features" not in after
        torch.testing.assert_close(after["x"], normalised(before["agop"]))


def test_the_rotated_root_keeps_the_spectrum_and_loses_the_directions(arrays):
    X, root = first_root(arrays)
    step = steps(arrays, "rotated")[0]
    Q = rows.orthogonal(X.shape[1], 0, "relu", 1)
    eigenvalues = torch.linalg.eigvalsh(root).clamp(min=0)
    turned = Q @ torch.diag(eigenvalues) @ Q.T
    torch.testing.assert_close(step["agop"], X @ turned)
    torch.testing.assert_close(torch.linalg.eigvalsh(turned), torch.linalg.eigvalsh(root), atol=1e-12, rtol=1e-9)
    assert torch.linalg.matrix_norm(turned - root) > 0.1 * torch.linalg.matrix_norm(root)


def test_permuted_labels_are_one_permutation_for_all_layers(arrays):
    order = torch.randperm(60, generator=generator(0, "removals", "permuted labels"))
    permuted = arrays.y_train[order]
    assert not torch.equal(permuted, arrays.y_train)
    X, root = first_root(arrays, permuted)
    found = steps(arrays, "permuted labels")
    torch.testing.assert_close(found[0]["agop"], X @ root)
    of_permuted = layers(arrays.x_train, signed_one_hot(permuted), SETTINGS, 0)
    for step, (_, projected, _) in zip(found, of_permuted, strict=True):
        torch.testing.assert_close(step["agop"], projected)


def test_random_orthogonal_matrices_are_uniform():
    draws = torch.stack([rows.orthogonal(3, seed) for seed in range(4000)])
    torch.testing.assert_close(draws @ draws.mT, torch.eye(3, dtype=torch.float64).expand(4000, 3, 3))
    # Under the uniform distribution each entry has mean 0, variance 1/d, and the trace is 0 on average with variance 1.
    # Without the signs of R's diagonal the diagonal of Q is negative more often than not. Bounds: five standard errors.
    assert draws.mean(0).abs().max() < 5 * (1 / 3 / 4000) ** 0.5
    assert (draws.square().mean(0) - 1 / 3).abs().max() < 5 * (4 / 45 / 4000) ** 0.5
    traces = draws.diagonal(dim1=1, dim2=2).sum(1)
    assert abs(float(traces.mean())) < 5 / 4000**0.5
    assert abs(float(traces.var()) - 1) < 5 * (2 / 4000) ** 0.5


def test_rows_hold_nc1_and_nc2_of_every_layer_and_component(arrays):
    table = pd.DataFrame([row for some in rows.measure(arrays, SETTINGS, 0) for row in some])
    assert list(table.columns) == ["variant", "layer", "component", "metric", "value"]
    counts = table.groupby("variant", sort=False).size()
    assert counts.to_dict() == {v: 3 * 2 * (2 if v == "no features" else 3) for v in rows.VARIANTS}
    for variant in rows.VARIANTS:
        for layer, step in enumerate(steps(arrays, variant), start=1):
            here = table[(table.variant == variant) & (table.layer == layer) & (table.component == "agop")]
            values = here.set_index("metric").value
            assert values["nc1"] == pytest.approx(nc1(step["agop"], arrays.y_train))
            assert values["nc2"] == pytest.approx(nc2(step["agop"], arrays.y_train))


def test_seeds_change_what_is_random_and_nothing_else(arrays):
    for variant in rows.VARIANTS:
        one, same, other = (steps(arrays, variant, seed=seed)[-1]["agop"] for seed in (0, 0, 1))
        assert torch.equal(one, same)
        assert torch.equal(one, other) == (variant == "no features")


def test_an_unknown_variant_is_named():
    with pytest.raises(ValueError, match="unknown variant 'twisted'; known are none, identity"):
        next(rows.removed(torch.zeros(2, 2), torch.tensor([0, 1]), SETTINGS, 0, "twisted"))


# The claims.

SHARES = {"none": 1.0, "identity": 0.02, "rotated": 0.0, "permuted labels": -0.1, "no features": 0.7}


def removals(decades=6.0, spread=(0.99, 1.0, 1.01), **shares):
    """NC1 of X̃ over 20 layers: a fall by `decades` with M, and by these shares of it with each variant."""
    lines = []
    for variant, share in (SHARES | {name.replace("_", " "): share for name, share in shares.items()}).items():
        for seed, factor in enumerate(spread):
            fall = decades * share * (1 if variant == "none" else factor)
            lines += [
                ("even", "relu", variant, seed, layer, "agop", "nc1", 10 ** (-fall * (layer - 1) / 19))
                for layer in range(1, 21)
            ]
            lines += [("even", "relu", variant, seed, layer, "x", "nc1", 1.0) for layer in range(1, 21)]
    return pd.DataFrame(lines, columns=list(STUDY.tables[0].columns))


def judged(claim, table):
    found, evidence = judging.evaluate([claims.SOURCE], {"removals": table}, Context({"even": [50] * 4}))
    (row,) = (row for row in found if row["claim"] == claim)
    return row, {(e["quantity"], e["seed"]): e["value"] for e in evidence if e["claim"] == claim}


ACROSS = (0.5, 1.0, 1.5)


@pytest.mark.parametrize(
    ("claim", "contradicted", "undecided"),
    [
        ("dnc-2b", {"identity": 0.2}, {"identity": 0.1}),
        ("dnc-2b", {"rotated": 0.2}, {"rotated": 0.1}),
        ("dnc-2b", {"permuted_labels": 0.2}, {"permuted_labels": 0.1}),
        ("dnc-2c", {"no_features": 0.3}, {"no_features": 0.5}),
    ],
)
def test_each_rule_gives_each_verdict(claim, contradicted, undecided):
    assert judged(claim, removals())[0]["verdict"] == REPRODUCED
    assert judged(claim, removals(**contradicted))[0]["verdict"] == NOT_REPRODUCED
    assert judged(claim, removals(**undecided, spread=ACROSS))[0]["verdict"] == UNDECIDED
    assert judged(claim, removals(spread=(1, 1)))[0]["verdict"] == NOT_TESTED


def test_shares_are_of_the_decades_with_the_fitted_matrix():
    _, values = judged("dnc-2b", removals(identity=0.05))
    assert values[claims.REPLACED["identity"], 1] == pytest.approx(0.05)
    assert values[claims.REPLACED["permuted labels"], 2] == pytest.approx(-0.101)
    _, values = judged("dnc-2c", removals())
    assert values[claims.WITHOUT_FEATURES, 1] == pytest.approx(0.7)


def test_what_does_not_fall_leaves_nothing_to_share():
    for decades in (0.05, -1.0):
        row, _ = judged("dnc-2b", removals(decades=decades))
        assert row["verdict"] == NOT_TESTED
        assert f"NC1 falls by {decades:.2g} decades with M½ in one seed" in row["measured"]


def test_a_variant_that_was_not_run_is_named():
    table = removals()
    row, _ = judged("dnc-2c", table[table.variant != "no features"])
    assert row["measured"] == "removals.csv has no variant 'no features'"
    found, _ = judging.evaluate([claims.SOURCE], {}, Context({}))
    assert {one["measured"] for one in found} == {"there is no removals.csv: what it holds was not run"}
