"""Claims: each rule on tables that bear it out, and on tables that contradict it."""

import numpy as np
import pandas as pd
import pytest
from conftest import REPOSITORY

from agop_dnc.pipeline import tables
from agop_dnc.studies.verdicts import claims, findings
from agop_dnc.studies.verdicts.claims import CLAIMS

SIZES = {"even": [50] * 4, "uneven": [80, 60, 40, 20]}
EMPTY = {
    "deep_rfm": tables.DEEP_RFM,
    "ablation": tables.NETWORKS,
    "nfa": tables.NFA,
    "networks": tables.NETWORKS,
    "training": tables.TRAINING,
    "feature_kernel": tables.FEATURE_KERNEL,
}


def evidence(class_sizes=SIZES, **given):
    given.setdefault("training", training())
    filled = {name: given.get(name, pd.DataFrame(columns=columns)) for name, columns in EMPTY.items()}
    return findings.Evidence(**filled, class_sizes=class_sizes)


def training(accuracy=1.0):
    rows = [("even", "mlp", seed, epoch, "train_accuracy", accuracy) for seed in (0, 1) for epoch in (0, 10)]
    return pd.DataFrame(rows, columns=tables.TRAINING)


def verdicts(number, **given):
    rows, _ = claims.evaluate(evidence(**given))
    return {(row["dataset"], row["model"]): row["verdict"] for row in rows if row["claim"] == number}


def deep_rfm(
    depth=20,
    datasets=("even", "uneven"),
    agop=lambda n: 0.5**n,
    features=1.2,
    nc2=lambda n: 0.7**n,
    within=0.05,
    between=0.05,
):
    """A Deep RFM's table, layer by layer from formulas: NC1 of M½X, of X twice that, of Φ `features` times that."""
    rows = []
    for dataset in datasets:
        for seed in (0, 1):
            for layer in range(1, depth + 1):
                value = agop(layer) * (1 + 0.01 * seed)
                found = [("x", "nc1", 2 * value), ("agop", "nc1", value), ("features", "nc1", features * value)]
                found += [
                    ("agop", "nc2", nc2(layer)),
                    ("agop", "gram_within", within),
                    ("agop", "gram_between", between),
                ]
                rows += [(dataset, "relu", seed, layer, *one) for one in found]
    return pd.DataFrame(rows, columns=tables.DEEP_RFM)


BOTH = {("even", "deep_rfm relu"), ("uneven", "deep_rfm relu")}


@pytest.mark.parametrize(
    ("number", "contradicted"),
    [
        (1, {"within": 0.2}),
        (1, {"nc2": lambda n: 0.5}),
        (2, {"features": 0.9}),
        (2, {"agop": lambda n: 0.5**n if n != 7 else 0.9}),
        (3, {"agop": lambda n: 1 / n}),
        (3, {"agop": lambda n: 0.99**n}),
        (3, {"nc2": lambda n: max(0.5**n, 0.02)}),
        (4, {"agop": lambda n: 0.9**n}),
        (4, {"within": 0.2}),
    ],
)
def test_claims_of_deep_rfm_can_fail(number, contradicted):
    asked = {("uneven", "deep_rfm relu")} if number == 4 else BOTH
    assert verdicts(number, deep_rfm=deep_rfm()) == dict.fromkeys(asked, "reproduced")
    table = deep_rfm(**contradicted)
    if number == 2 and "agop" in contradicted:  # one layer that M½ makes worse
        table.loc[(table.layer == 7) & (table.component == "x") & (table.metric == "nc1"), "value"] = 0.1
    assert verdicts(number, deep_rfm=table) == dict.fromkeys(asked, "not reproduced")


def test_one_seed_is_enough_to_fail():
    table = deep_rfm()
    table.loc[(table.metric == "gram_within") & (table.seed == 1) & (table.dataset == "even"), "value"] = 0.11
    found = verdicts(1, deep_rfm=table)
    assert found == {("even", "deep_rfm relu"): "not reproduced", ("uneven", "deep_rfm relu"): "reproduced"}


def test_layers_whose_nc1_is_rounding_are_left_out():
    table = deep_rfm(agop=lambda n: max(0.1**n, 1e-15))
    exact = (table.metric == "nc1") & (table.layer > 12)
    table.loc[exact, "value"] = 1e-15 * np.random.default_rng(0).uniform(0.1, 1, exact.sum())
    assert set(verdicts(2, deep_rfm=table).values()) == {"reproduced"}


def test_what_cannot_be_decided_is_not_tested_and_says_why():
    shallow = deep_rfm(depth=5, datasets=["even"])
    rows, _ = claims.evaluate(evidence({"even": SIZES["even"]}, deep_rfm=shallow))
    found = {row["claim"]: row for row in rows}
    assert [row["verdict"] for row in rows if row["claim"] in (1, 4, 5, 6, 7, 8)] == ["not tested"] * 6
    assert found[1]["measured"] == "the depth is 5, and the claim is of 18 layers"
    assert found[4]["measured"] == "no dataset in this configuration is imbalanced"
    assert found[5]["measured"] == "what it is about was not run"
    unfitted = {"nfa": nfa(), "ablation": ablation(), "networks": networks(), "training": training(0.5)}
    assert {number: verdicts(number, **unfitted) for number in (5, 6, 7)} == {
        key: {("even", "mlp"): "not tested"} for key in (5, 6, 7)
    }
    rising = deep_rfm(agop=lambda n: 0.1 * 1.05**n, datasets=["even"])
    assert verdicts(2, deep_rfm=rising) == {("even", "deep_rfm relu"): "not tested"}
    two = deep_rfm(depth=2, datasets=["even"])
    assert verdicts(3, deep_rfm=two) == {("even", "deep_rfm relu"): "not tested"}


def test_two_classes_have_no_nc2():
    sizes = {"even": [50, 50]}
    table = deep_rfm(datasets=["even"], nc2=lambda n: 0.0)
    rows, _ = claims.evaluate(evidence(sizes, deep_rfm=table, networks=networks()))
    found = {row["claim"]: row for row in rows}
    assert found[3]["verdict"] == "reproduced"
    assert "NC2" not in found[3]["measured"]
    assert found[7]["measured"] == "with two classes NC2 is 0 for any features"


def test_exact_collapse_ends_a_curve_without_bending_it():
    table = deep_rfm(agop=lambda n: 0.03**n if n < 8 else 0.0, datasets=["even"])
    assert verdicts(3, deep_rfm=table) == {("even", "deep_rfm relu"): "reproduced"}


def test_numbers_that_are_not_finite_decide_nothing():
    table = ablation()
    table.loc[(table.layer == 2) & (table.component == "output") & (table.seed == 1), "value"] = np.nan
    rows, values = claims.evaluate(evidence(ablation=table))
    found = next(row for row in rows if row["claim"] == 5)
    assert (found["verdict"], found["measured"]) == ("not tested", "a number that it rests on is not finite")
    assert not [row for row in values if row["claim"] == 5]


def ablation(first=10.0, right=0.4, output=0.3):
    """Each of three layers takes NC1 to `right` of its input's by SVᵀ and to `output` of it in all."""
    rows = []
    for seed in (0, 1):
        for layer in range(3):
            start = first * output**layer
            for component, value in (("input", start), ("right", right * start), ("output", output * start)):
                rows.append(("even", "mlp", seed, 10, layer + 1, component, "nc1", value))
                rows.append(("even", "mlp", seed, 0, layer + 1, component, "nc1", 1.0))
    return pd.DataFrame(rows, columns=tables.NETWORKS)


def nfa(trained=0.74, untrained=0.5, rotated=0.2):
    rows = []
    for epoch, value in ((0, untrained), (10, trained)):
        for seed in (0, 1):
            for layer in (1, 2):
                rows += [("even", "mlp", seed, epoch, layer, "sqrt_agop", value)]
                rows += [("even", "mlp", seed, epoch, layer, "sqrt_agop_rotated", rotated)]
    return pd.DataFrame(rows, columns=tables.NFA)


def networks(last=0.3, before=0.9):
    """NC2 of three layers' outputs: 1 before training, and these shares of it after."""
    rows = []
    for seed in (0, 1):
        for layer, share in ((1, before), (2, before), (3, last)):
            rows += [("even", "mlp", seed, 0, layer, "output", "nc2", 1.0)]
            rows += [("even", "mlp", seed, 10, layer, "output", "nc2", share)]
    return pd.DataFrame(rows, columns=tables.NETWORKS)


@pytest.mark.parametrize(
    ("number", "name", "table", "contradicted"),
    [
        (5, "ablation", ablation, {"right": 0.8}),
        (6, "nfa", nfa, {"trained": 0.5, "untrained": 0.3}),
        (6, "nfa", nfa, {"untrained": 0.8}),
        (6, "nfa", nfa, {"rotated": 0.7}),
        (7, "networks", networks, {"last": 0.8}),
        (7, "networks", networks, {"before": 0.4}),
        (7, "networks", networks, {"last": 1.5, "before": 1.6}),
    ],
)
def test_claims_of_networks_can_fail(number, name, table, contradicted):
    assert verdicts(number, **{name: table()}) == {("even", "mlp"): "reproduced"}
    assert verdicts(number, **{name: table(**contradicted)}) == {("even", "mlp"): "not reproduced"}


def test_nothing_that_falls_leaves_nothing_to_share_out():
    assert verdicts(5, ablation=ablation(right=0.99, output=0.98)) == {("even", "mlp"): "not tested"}


def feature_kernel(factor=1.0, power=1.0):
    rng, rows = np.random.default_rng(0), []
    for seed in (0, 1, 2):
        for width in (64, 256, 1024):
            for angle in np.linspace(0, np.pi, 5):
                expected = (np.sin(angle) + (np.pi - angle) * np.cos(angle)) / np.pi
                variance = max(expected, 0) / width**power
                mean = factor * expected + rng.normal() * (variance / 100) ** 0.5
                found = {"mean": mean, "variance": variance, "expected": expected, "draws": 100}
                rows += [(seed, width, angle, metric, value) for metric, value in found.items()]
    return pd.DataFrame(rows, columns=tables.FEATURE_KERNEL)


@pytest.mark.parametrize("contradicted", [{"factor": 1.2}, {"power": 0.5}, {"power": 2}])
def test_the_claim_of_the_feature_kernel_can_fail(contradicted):
    assert verdicts(8, feature_kernel=feature_kernel()) == {("", "ReLU features"): "reproduced"}
    assert verdicts(8, feature_kernel=feature_kernel(**contradicted)) == {("", "ReLU features"): "not reproduced"}


def test_every_claim_has_a_verdict_and_every_value_its_bounds():
    rows, values = claims.evaluate(
        evidence(
            deep_rfm=deep_rfm(), ablation=ablation(), nfa=nfa(), networks=networks(), feature_kernel=feature_kernel()
        )
    )
    assert {row["claim"] for row in rows} == set(CLAIMS) == set(range(1, 9))
    assert all(list(row) == claims.COLUMNS for row in rows)
    assert all(list(row) == claims.EVIDENCE_COLUMNS for row in values)
    decided = {(row["claim"], row["dataset"], row["model"]) for row in rows if row["verdict"] != "not tested"}
    assert decided == {(row["claim"], row["dataset"], row["model"]) for row in values}
    assert all(row["quantity"] in CLAIMS[row["claim"]].bounds for row in values)


def test_the_papers_own_value_has_its_own_deviation():
    claim = CLAIMS[6]
    assert claims.bounds_of(claim, "mnist", "mlp", "NFA correlation").at_least == 0.61
    assert claims.bounds_of(claim, "cifar10", "resnet18", "NFA correlation").at_least == 0.57


def test_the_results_page_is_made_from_the_showcase():
    import runpy

    make = runpy.run_path(str(REPOSITORY / "showcase" / "make.py"))
    assert (REPOSITORY / "docs" / "results.md").read_text(encoding="utf-8") == make["page"]()
