"""Claims about Deep RFM: each rule on tables that give each of its verdicts."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from agop_dnc.pipeline import tables
from agop_dnc.studies import judging
from agop_dnc.studies.deep_rfm import claims
from agop_dnc.studies.deep_rfm.decay import straightness
from agop_dnc.studies.deep_rfm.references import chance
from agop_dnc.studies.judging import NOT_REPRODUCED, NOT_TESTED, REPRODUCED, UNDECIDED, Context

BEFORE = Path(__file__).parent / "rules"
COLUMNS = ["dataset", "activation", "seed", "layer", "component", "metric", "value"]
SIZES = {"even": [50] * 4, "uneven": [80, 60, 40, 20]}
SETTINGS = {"depth": 20, "kernel": "laplace", "bandwidth": 2.0, "width": 1024, "ridge": 0.0, "agop_scale": "mean"}
ACROSS = (0.6, 1.0, 1.4)  # factors by seed with which a value at its bound is undecided


def context(class_sizes=SIZES, **settings):
    return Context(class_sizes, {(name, "relu"): SETTINGS | settings for name in class_sizes})


def deep_rfm(
    datasets=("even", "uneven"), depth=20, agop=lambda n: 0.5**n, nc2=lambda n: 0.7**n, factors=(1, 1.01, 0.99), **given
):
    """A Deep RFM's table by layer from formulas: NC1 of X̃, of X twice that, of Φ 1.2 times that, unless given.

    What is given by name is a metric of X̃, the same in every layer; all of X̃'s metrics but NC1 and NC2 have the factors.
    """
    metrics = {"gram_within": 0.05, "gram_between": 0.05, "gram_within_smallest": 0.05}
    metrics |= {"largest_small_class_cosine": 0.05} | given
    x, features = metrics.pop("x", 2), metrics.pop("features", 1.2)
    rows = []
    for dataset in datasets:
        for seed, factor in enumerate(factors):
            for n in range(1, depth + 1):
                value = agop(n) * (1 + 0.01 * seed)
                found = [("x", "nc1", x * value), ("agop", "nc1", value), ("features", "nc1", features * value)]
                found += [("agop", "nc2", nc2(n) * factor)]
                found += [("agop", metric, number * factor) for metric, number in metrics.items()]
                rows += [(dataset, "relu", seed, n, *one) for one in found]
    return pd.DataFrame(rows, columns=COLUMNS)


def rows_of(claim, table, where=None):
    rows, _ = judging.evaluate([claims.SOURCE], {"deep_rfm": table}, where or context())
    return {row["dataset"]: row for row in rows if row["claim"] == claim}


def verdicts(claim, table, where=None):
    return {dataset: row["verdict"] for dataset, row in rows_of(claim, table, where).items()}


def everywhere(claim, verdict):
    return {"uneven": verdict} if claim in ("dnc-4a", "dnc-4b") else {"even": verdict, "uneven": verdict}


LIMIT = chance(4, 1024).nc2_5th


@pytest.mark.parametrize(
    ("claim", "contradicted", "undecided"),
    [
        ("dnc-1a", {"gram_within": 0.2}, {"gram_within": 0.1}),
        ("dnc-1b", {"gram_between": 0.2}, {"gram_between": 0.1}),
        ("dnc-1c", {"nc2": lambda n: 1.2 * LIMIT}, {"nc2": lambda n: LIMIT}),
        ("dnc-3a", {"agop": lambda n: 1 / n}, None),
        ("dnc-3a", {"agop": lambda n: 0.99**n}, None),
        ("dnc-3a", {"agop": lambda n: 0.01 + 0.3**n}, None),
        ("dnc-3b", {"agop": lambda n: 0.99**n}, None),
        ("dnc-3b", {"agop": lambda n: 0.1 ** (n // 7)}, None),
        ("dnc-3c", {"nc2": lambda n: 0.97**n}, None),
        ("dnc-3c", {"nc2": lambda n: 0.1 ** (n // 10)}, None),
        ("dnc-4a", {"agop": lambda n: 0.95**n}, None),
        ("dnc-4a", {"gram_within_smallest": 0.2}, {"gram_within_smallest": 0.1}),
        ("dnc-4b", {"largest_small_class_cosine": 0.9}, {"largest_small_class_cosine": 0.1}),
    ],
)
def test_each_rule_gives_each_verdict(claim, contradicted, undecided):
    assert verdicts(claim, deep_rfm()) == everywhere(claim, REPRODUCED)
    assert verdicts(claim, deep_rfm(**contradicted)) == everywhere(claim, NOT_REPRODUCED)
    if undecided:
        assert verdicts(claim, deep_rfm(**undecided, factors=ACROSS)) == everywhere(claim, UNDECIDED)
    assert verdicts(claim, deep_rfm(factors=(1, 1))) == everywhere(claim, NOT_TESTED)


@pytest.mark.parametrize("contradicted", [{"x": 0.9}, {"features": 0.9}])
def test_agop_must_lower_nc1_and_features_must_raise_it_in_every_layer(contradicted):
    assert verdicts("dnc-2a", deep_rfm()) == everywhere("dnc-2a", REPRODUCED)
    assert verdicts("dnc-2a", deep_rfm(**contradicted)) == everywhere("dnc-2a", NOT_REPRODUCED)
    table = deep_rfm()
    one_layer = (table.layer == 7) & (table.component == "x") & (table.metric == "nc1")
    table.loc[one_layer, "value"] = 0.0
    assert verdicts("dnc-2a", table) == everywhere("dnc-2a", NOT_REPRODUCED)
    table = deep_rfm()
    table.loc[one_layer & (table.seed == 1), "value"] = 0.0  # in one seed of three
    assert verdicts("dnc-2a", table) == everywhere("dnc-2a", UNDECIDED)


def test_a_fall_near_its_bound_is_undecided():
    table = deep_rfm(["even"], agop=lambda n: 10.0 ** (-n / 19))  # by a decade in all
    chosen = (table.layer == 20) & (table.metric == "nc1")
    table.loc[chosen, "value"] *= table.seed[chosen].map({0: 0.9, 1: 1.0, 2: 1.1})
    for claim in ("dnc-3a", "dnc-3b"):
        assert verdicts(claim, table, context({"even": [50] * 4})) == {"even": UNDECIDED}


def test_a_floor_contradicts_the_line_but_not_the_exponential_to_a_floor():
    table = deep_rfm(agop=lambda n: 0.001 + 0.2**n)
    assert verdicts("dnc-3a", table) == everywhere("dnc-3a", NOT_REPRODUCED)
    assert verdicts("dnc-3b", table) == everywhere("dnc-3b", REPRODUCED)


def test_layers_whose_nc1_is_rounding_are_left_out():
    table = deep_rfm(agop=lambda n: max(0.1**n, 1e-15))
    exact = (table.metric == "nc1") & (table.layer > 12)
    table.loc[exact, "value"] = 1e-15 * np.random.default_rng(0).uniform(0.1, 1, exact.sum())
    for claim in ("dnc-2a", "dnc-3a", "dnc-3b"):
        assert verdicts(claim, table) == everywhere(claim, REPRODUCED)


def test_exact_collapse_ends_a_curve_without_bending_it():
    table = deep_rfm(agop=lambda n: 0.03**n if n < 8 else 0.0)
    assert verdicts("dnc-3a", table) == everywhere("dnc-3a", REPRODUCED)


def test_random_directions_do_not_pass_for_a_simplex():
    # What 'root mean square over pairs of class means ≤ 0.1' was passed by.
    random = chance(4, 1024)
    assert random.nc2_median / (4 * 3) ** 0.5 < 0.1
    table = deep_rfm(nc2=lambda n: random.nc2_median, factors=(1, 1, 1))
    assert verdicts("dnc-1c", table) == everywhere("dnc-1c", NOT_REPRODUCED)


def test_nc2_at_the_percentile_is_not_below_it():
    table = deep_rfm(nc2=lambda n: LIMIT, factors=(1, 1, 1))
    assert verdicts("dnc-1c", table) == everywhere("dnc-1c", NOT_REPRODUCED)


def test_references_stand_with_the_values_and_depend_on_the_width():
    for width in (256, 1024):
        row = rows_of("dnc-1c", deep_rfm(), context(width=width))["even"]
        assert row["reference"] == chance(4, width).nc2_median
        assert f"< {chance(4, width).nc2_5th:.3g}" in row["expected"]
        assert rows_of("dnc-1b", deep_rfm(), context(width=width))["even"]["reference"] == chance(4, width).between
    cosine = rows_of("dnc-4b", deep_rfm())["uneven"]
    assert cosine["reference"] == chance(4, 1024).small_cosine


@pytest.mark.parametrize(
    ("claim", "table", "where", "reason"),
    [
        ("dnc-1a", deep_rfm(["even"], depth=5), None, "the depth is 5, and the claim is about 18 layers"),
        ("dnc-1c", deep_rfm(["even"]), Context({"even": [50] * 4}), "the width of the features is not known"),
        ("dnc-1c", deep_rfm(["even"]), context({"even": [50, 50]}), "with two classes NC2 is 0"),
        ("dnc-3c", deep_rfm(["even"]), context({"even": [50, 50]}), "with two classes NC2 is 0"),
        ("dnc-3a", deep_rfm(["even"], depth=2), None, "NC1 is above rounding in 2 layers"),
        ("dnc-3b", deep_rfm(["even"], depth=3), None, "NC1 is above rounding in 3 layers"),
        ("dnc-2a", deep_rfm(["even"], agop=lambda n: 0.0), None, "NC1 is rounding in every layer"),
        ("dnc-4a", deep_rfm(["even"]), context({"even": [50] * 4}), "no dataset in this configuration is imbalanced"),
        ("dnc-4b", deep_rfm(["even"]), context({"even": [20, 50, 60]}), "the smaller half of 3 classes is no pair"),
        ("dnc-1a", deep_rfm(["even"])[lambda t: t.metric != "gram_within"], None, "deep_rfm.csv has no gram_within"),
        ("dnc-1a", pd.DataFrame(columns=COLUMNS), None, "there is no deep_rfm.csv"),
    ],
)
def test_what_cannot_be_decided_is_not_tested_and_says_why(claim, table, where, reason):
    (row,) = rows_of(claim, table, where).values()
    assert row["verdict"] == NOT_TESTED
    assert reason in row["measured"]


def test_a_missing_table_leaves_every_claim_untested():
    rows, evidence = judging.evaluate([claims.SOURCE], {}, context())
    assert [row["claim"] for row in rows] == [claim.id for claim in claims.CLAIMS]
    assert {row["measured"] for row in rows} == {"there is no deep_rfm.csv: what it holds was not run"}
    assert evidence == []


@pytest.mark.parametrize(
    ("dataset", "activation", "settings", "as_paper"),
    [
        ("svhn", "relu", {}, "yes"),
        ("mnist", "relu", {"kernel": "gaussian", "agop_scale": "sum"}, "yes"),
        ("mnist", "relu", {}, "differs: kernel laplace (paper gaussian)"),
        ("svhn", "cos", {"width": 4096, "feature_bandwidth": 0.05}, "yes"),
        (
            "svhn",
            "cos",
            {"feature_bandwidth": 0.1},
            "differs: width 1,024 (paper 4,096), bandwidth of the features 0.1 (paper 0.05)",
        ),
        (
            "svhn",
            "relu",
            {"depth": 10, "ridge": 1e-3, "agop_scale": "max"},
            "differs: depth 10 (paper 20), ridge 0.001 (paper 0), scale of the AGOP max (paper mean or sum)",
        ),
    ],
)
def test_a_verdict_says_which_settings_are_not_the_papers(dataset, activation, settings, as_paper):
    table = deep_rfm([dataset]).assign(activation=activation)
    where = Context({dataset: [5000] * 10}, {(dataset, activation): SETTINGS | settings})
    assert rows_of("dnc-1a", table, where)[dataset]["as_paper"] == as_paper


def test_a_small_run_names_dataset_and_points_and_every_run_names_the_agops_scale():
    row = rows_of("dnc-1a", deep_rfm(), context(agop_scale="sum"))["even"]
    assert row["as_paper"] == "differs: dataset even (paper mnist or cifar10 or svhn), n 200 (paper 50,000)"
    assert row["measured"].endswith("AGOP: sum over points (Algorithm 1)")


# The carry-over from the rules up to 2026-11-24, on that day's tables.
CARRIED = [
    (1, "deviation of the worst block within a class", "dnc-1a", claims.WITHIN),
    (2, "share of layers where M½ lowers NC1", "dnc-2a", claims.LOWERS),
    (2, "share of layers where Φ raises NC1", "dnc-2a", claims.RAISES),
    (3, "decades by which NC1 falls", "dnc-3a", claims.FALL.format("NC1")),
    (3, "decades by which NC1 falls", "dnc-3b", claims.FALL.format("NC1")),
    (3, "R² of log NC1 against layer", "dnc-3a", claims.STRAIGHT),
    (3, "decades by which NC2 falls", "dnc-3c", claims.FALL.format("NC2")),
]
DIGITS = {"digits": [150] * 10, "digits_imbalanced": [145, 130, 115, 100, 88, 76, 64, 52, 40, 30]}


@pytest.fixture(scope="module")
def of_old_tables():
    where = Context(DIGITS, {(dataset, a): SETTINGS for dataset in DIGITS for a in ("relu", "cos")})
    table = tables.read(BEFORE / "deep_rfm_2026-11-24.csv")
    rows, evidence = judging.evaluate([claims.SOURCE], {"deep_rfm": table}, where)
    return pd.DataFrame(rows), pd.DataFrame(evidence)


@pytest.mark.parametrize(("number", "quantity", "claim", "name"), CARRIED)
def test_quantities_that_carry_over_have_their_old_values(of_old_tables, number, quantity, claim, name):
    old = tables.read(BEFORE / "evidence_2026-11-24.csv")
    old = old[(old.claim == number) & (old.quantity == quantity)]
    new = of_old_tables[1]
    new = new[(new.claim == claim) & (new.quantity == name)]
    joined = old.merge(new, on=["dataset", "model", "seed"], how="outer", suffixes=("_old", "_new"))
    assert len(joined) == len(old) == len(new) == 12
    # The same sums in another order.
    np.testing.assert_allclose(joined.value_new, joined.value_old, rtol=1e-10)


def test_the_rule_before_5e6b864_gives_what_the_protocol_says(of_old_tables):
    evidence = of_old_tables[1]
    between = evidence[(evidence.claim == "dnc-1b") & (evidence.dataset == "digits")].groupby("model").value
    rounded = {model: [round(value, 3) for value in values] for model, values in between}
    assert rounded == {"deep_rfm relu": [0.113, 0.094, 0.164], "deep_rfm cos": [0.046, 0.103, 0.081]}


def test_the_line_is_that_of_numpys_correlation(of_old_tables):
    table = tables.read(BEFORE / "deep_rfm_2026-11-24.csv")
    one = table[(table.dataset == "digits") & (table.activation == "cos") & (table.seed == 0)]
    one = one[(one.component == "agop") & (one.metric == "nc1")]
    expected = np.corrcoef(one.layer, np.log10(one.value))[0, 1] ** 2
    assert straightness(one.layer, one.value) == pytest.approx(expected)
