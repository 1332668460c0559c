"""Claims about networks: each rule on tables that give each of its verdicts."""

import numpy as np
import pandas as pd
import pytest

from agop_dnc.studies import judging
from agop_dnc.studies.judging import NOT_REPRODUCED, NOT_TESTED, REPRODUCED, UNDECIDED, Context
from agop_dnc.studies.networks import claims

KEYS = ["dataset", "architecture", "seed", "epoch"]
SIZES = {"even": [50] * 4}
SEEDS = (0, 1, 2)
CLAIMS = [claim.id for claim in claims.CLAIMS]


def training(accuracy=1.0, worst=None, dataset="even"):
    rows = []
    for seed in SEEDS:
        last = worst if worst is not None and seed == 1 else accuracy
        rows += [(dataset, "mlp", seed, 0, "train_accuracy", 0.1), (dataset, "mlp", seed, 10, "train_accuracy", last)]
        rows += [(dataset, "mlp", seed, 10, "train_loss", 0.1)]
    return pd.DataFrame(rows, columns=[*KEYS, "metric", "value"])


def network(
    right=(0.4, 0.4, 0.4),
    output=(0.3, 0.3, 0.3),
    nc2=(1.0, 1.0, 1.0, 0.5),
    nc2_before=(1.2, 1.1, 1.2, 1.3),
    spread=(0.99, 1.0, 1.01),
):
    """Three hidden layers at epochs 0 and 10.

    right, output: of each layer, NC1 of SVᵀΦ and of ReLU(USVᵀΦ) as shares of Φ's, the first raised to a power that varies by
    seed. nc2: of the input and the three layers' outputs at the end; nc2_before: at epoch 0. The last one varies by seed.
    """
    rows = []
    for seed, factor in zip(SEEDS, spread, strict=True):
        start = 1.0
        for layer, (by_right, whole) in enumerate(zip(right, output, strict=True), start=1):
            values = (("input", start), ("right", by_right**factor * start), ("output", whole * start))
            rows += [("even", "mlp", seed, 10, layer, component, "nc1", value) for component, value in values]
            rows += [("even", "mlp", seed, 0, layer, component, "nc1", 1.0) for component, _ in values]
            start *= whole
            for epoch, curve in ((0, nc2_before), (10, nc2)):
                after = curve[layer] * (factor if layer == 3 and epoch == 10 else 1)
                rows += [("even", "mlp", seed, epoch, layer, "input", "nc2", curve[layer - 1])]
                rows += [("even", "mlp", seed, epoch, layer, "output", "nc2", after)]
    return pd.DataFrame(rows, columns=[*KEYS, "layer", "component", "metric", "value"])


def nfa(trained=0.74, untrained=0.5, null=0.4, null_before=0.49, spread=(-0.01, 0.0, 0.01), dataset="even"):
    rows = []
    for epoch, value, matched in ((0, untrained, null_before), (10, trained, null)):
        for seed, shift in zip(SEEDS, spread, strict=True):
            for layer, more in ((1, 0.1), (2, -0.1)):
                own = value + more + (shift if epoch else 0)
                rows += [(dataset, "mlp", seed, epoch, layer, "sqrt_agop", own)]
                rows += [(dataset, "mlp", seed, epoch, layer, "sqrt_agop_null", matched + more)]
                rows += [(dataset, "mlp", seed, epoch, layer, "sqrt_agop_rotated", 0.0)]
    return pd.DataFrame(rows, columns=[*KEYS, "layer", "target", "value"])


def given(**changed):
    return {"networks": network(), "nfa": nfa(), "training": training()} | changed


def row_of(claim, where=None, **changed):
    rows, _ = judging.evaluate([claims.SOURCE], given(**changed), where or Context(SIZES))
    (row,) = (row for row in rows if row["claim"] == claim)
    return row


def verdict(claim, **changed):
    return row_of(claim, **changed)["verdict"]


@pytest.mark.parametrize(
    ("claim", "table", "changed", "expected"),
    [
        ("dnc-5", network, {"right": (0.8, 0.4, 0.4)}, NOT_REPRODUCED),  # one layer is enough
        ("dnc-5", network, {"right": (0.3**0.5, 0.4, 0.4)}, UNDECIDED),
        ("dnc-5", network, {"right": (1.0, 0.4, 0.4), "output": (0.9, 0.3, 0.3)}, REPRODUCED),  # a layer that lowers little
        ("dnc-5", network, {"right": (1.0, 1.0, 0.4), "output": (0.9, 0.9, 0.3)}, NOT_TESTED),  # one of three
        ("dnc-6a", nfa, {"trained": 0.5}, NOT_REPRODUCED),
        ("dnc-6a", nfa, {"trained": 0.57}, UNDECIDED),
        ("dnc-6b", nfa, {"null": 0.72}, NOT_REPRODUCED),
        ("dnc-6b", nfa, {"null": 0.69}, UNDECIDED),
        ("dnc-6b", nfa, {"null_before": 0.1}, NOT_REPRODUCED),  # the excess was larger before training
        ("dnc-6b", nfa, {"null_before": 0.16}, UNDECIDED),
        ("dnc-7a", network, {"nc2": (1.0, 1.0, 1.0, 0.9)}, NOT_REPRODUCED),
        ("dnc-7a", network, {"nc2": (1.0, 1.0, 0.5, 0.3)}, NOT_REPRODUCED),  # another layer falls by more than half as much
        ("dnc-7a", network, {"nc2": (1.0, 1.0, 1.0, 1.3 / 10**0.3)}, UNDECIDED),
        ("dnc-7a", network, {"nc2": (1.0, 9.0, 9.0, 9.0)}, NOT_REPRODUCED),  # rises, if less than twice the others
        ("dnc-7b", network, {"nc2": (1.0, 1.0, 1.0, 0.9)}, NOT_REPRODUCED),
        ("dnc-7b", network, {"nc2": (1.0, 0.3, 0.3, 0.2)}, NOT_REPRODUCED),  # the first layer lowers it by more
        ("dnc-7b", network, {"nc2": (1.0, 1.0, 1.0, 10**-0.1)}, UNDECIDED),
    ],
)  # fmt: skip
def test_each_rule_gives_each_verdict(claim, table, changed, expected):
    assert verdict(claim) == REPRODUCED
    name = "nfa" if table is nfa else "networks"
    assert verdict(claim, **{name: table(**changed)}) == expected


@pytest.mark.parametrize("claim", CLAIMS)
def test_a_network_that_has_not_fitted_in_one_seed_is_not_tested(claim):
    row = row_of(claim, training=training(worst=0.98))
    assert row["verdict"] == NOT_TESTED
    assert row["measured"] == "training accuracy is 0.98, and the claim is about networks that fit"
    assert verdict(claim, training=training(worst=0.99)) == REPRODUCED
    assert (
        "there is no training.csv"
        in row_of(claim, training=pd.DataFrame(columns=[*KEYS, "metric", "value"]))["measured"]
    )


@pytest.mark.parametrize("claim", CLAIMS)
def test_two_seeds_are_not_enough(claim):
    two = {name: table[table.seed < 2] for name, table in given().items()}
    assert row_of(claim, **two)["measured"] == "2 seeds; an interval needs 3"


@pytest.mark.parametrize("claim", CLAIMS)
def test_a_missing_table_says_so(claim):
    rows, _ = judging.evaluate([claims.SOURCE], {"training": training()}, Context(SIZES))
    name = "nfa" if "6" in claim else "networks"
    (row,) = (row for row in rows if row["claim"] == claim)
    assert row["measured"] == f"there is no {name}.csv: what it holds was not run"


def test_the_papers_own_values_have_their_own_deviations():
    for dataset, expected in (("mnist", "0.61 to 0.87"), ("cifar10", "0.57 to 1")):
        tables_of = {"nfa": nfa(dataset=dataset), "training": training(dataset=dataset)}
        row = row_of("dnc-6a", Context({dataset: [50] * 10}), **tables_of)
        assert row["expected"].endswith(expected)
        assert row["verdict"] == REPRODUCED
    high = {"nfa": nfa(trained=0.95, dataset="mnist"), "training": training(dataset="mnist")}
    assert row_of("dnc-6a", Context({"mnist": [50] * 10}), **high)["verdict"] == NOT_REPRODUCED
    assert claims.NFA_BOUNDS["cifar10", "resnet18"].at_most == 0.91


def test_the_null_that_destroys_the_weights_does_not_count():
    table = nfa()
    row = row_of("dnc-6b", nfa=table[table.target != "sqrt_agop_null"])
    assert row["verdict"] == NOT_TESTED
    assert row["measured"] == "nfa.csv has no sqrt_agop_null of epoch 10"


def test_values_stand_with_what_they_are_held_against():
    assert row_of("dnc-6a")["reference"] == pytest.approx(0.4)
    assert "before training 0.01" in row_of("dnc-6b")["measured"]
    assert f"before training {np.log10(1.2 / 1.3):.3g}" in row_of("dnc-7b")["measured"]
    table = network()
    before = table[table.epoch == 10].assign(epoch=0)
    row = row_of("dnc-5", networks=pd.concat([table[table.epoch == 10], before]))
    assert row["reference"] == pytest.approx(np.log(0.4) / np.log(0.3))  # of epoch 0
    assert np.isnan(row_of("dnc-5")["reference"])  # no layer lowers anything before training


def test_the_values_are_those_of_the_formulas():
    _, evidence = judging.evaluate([claims.SOURCE], given(), Context(SIZES))
    values = pd.DataFrame(evidence).set_index(["claim", "quantity", "seed"]).value
    assert values["dnc-5", claims.SHARE, 1] == pytest.approx(np.log(0.4) / np.log(0.3))
    assert values["dnc-6b", claims.EXCESS, 2] == pytest.approx(0.35)
    assert values["dnc-6b", claims.GAIN, 2] == pytest.approx(0.34)
    assert values["dnc-7a", claims.LAST_FALL, 1] == pytest.approx(np.log10(1.3 / 0.5))
    assert values["dnc-7a", claims.LAST_FALL_LEAD, 1] == pytest.approx(np.log10(1.3 / 0.5) - 2 * np.log10(1.2))
    assert values["dnc-7b", claims.LAST_STEP, 1] == pytest.approx(np.log10(2))
    assert values["dnc-7b", claims.LAST_STEP_LEAD, 1] == pytest.approx(np.log10(2))


@pytest.mark.parametrize("claim", ["dnc-7a", "dnc-7b"])
def test_nc2_says_nothing_with_two_classes_or_one_layer(claim):
    assert "with two classes NC2 is 0" in row_of(claim, Context({"even": [50, 50]}))["measured"]
    table = network()
    assert "one hidden layer" in row_of(claim, networks=table[table.layer == 1])["measured"]


@pytest.mark.parametrize(("metric", "claim"), [("nc1", "dnc-5"), ("nc2", "dnc-7a"), ("nc2", "dnc-7b")])
@pytest.mark.parametrize("value", [np.nan, 0.0, np.inf])
def test_numbers_that_are_not_finite_decide_nothing(metric, claim, value):
    table = network()
    table.loc[(table.layer == 2) & (table.epoch == 10) & (table.metric == metric) & (table.seed == 1), "value"] = value
    row = row_of(claim, networks=table)
    assert (row["verdict"], row["measured"]) == (NOT_TESTED, "a number that it rests on is not finite")


def test_a_correlation_that_is_missing_in_one_layer_decides_nothing():
    table = nfa()
    table.loc[(table.layer == 2) & (table.epoch == 10) & (table.seed == 1), "value"] = np.nan
    assert verdict("dnc-6a", nfa=table) == verdict("dnc-6b", nfa=table) == NOT_TESTED


PAPERS = {"hidden_layers": 5, "width": 512, "batch_size": 128}


@pytest.mark.parametrize(
    ("dataset", "architecture", "settings", "as_paper"),
    [
        ("mnist", "mlp", {"epochs": 500, "learning_rate": 0.05, "momentum": 0.0, "init_scale": 0.2}, "yes"),
        ("svhn", "mlp", {"epochs": 500, "learning_rate": 0.05, "momentum": 0.0, "init_scale": 0.3}, "yes"),
        ("mnist", "resnet18", {"epochs": 300, "learning_rate": 0.05, "momentum": 0.0, "init_scale": 0.2}, "yes"),
        ("svhn", "vgg11", {"epochs": 600, "learning_rate": 0.01, "momentum": 0.9, "init_scale": 0.3}, "yes"),
        (
            "mnist",
            "mlp",
            {"epochs": 160, "learning_rate": 0.2, "momentum": 0.9, "init_scale": 0.5, "optimiser": "adam"},
            "differs: optimiser adam (paper sgd), epochs 160 (paper 500), learning rate 0.2 (paper 0.05), "
            "momentum 0.9 (paper 0), initialisation scale 0.5 (paper 0.2)",
        ),
    ],
)
def test_a_verdict_says_which_settings_are_not_the_papers(dataset, architecture, settings, as_paper):
    own = {name: table.assign(dataset=dataset, architecture=architecture) for name, table in given().items()}
    where = Context({dataset: [5000] * 10}, {(dataset, architecture): PAPERS | settings})
    assert row_of("dnc-5", where, **own)["as_paper"] == as_paper
