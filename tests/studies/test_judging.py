"""The engine: intervals, verdicts, evidence."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from agop_dnc.studies import judging
from agop_dnc.studies.judging import (
    NOT_REPRODUCED,
    NOT_TESTED,
    REPRODUCED,
    UNDECIDED,
    Bounds,
    Claim,
    Context,
    Finding,
    Quantity,
    Source,
    above,
    at_least,
    at_most,
    below,
    decide,
    differences,
    interval,
    judge,
    recompute,
)

ONE = Claim("dnc-1", "paper", "statement", "short", "source", (Quantity("q", at_most(1.0, "why")),))
TWO = Claim(
    "dnc-2",
    "paper",
    "statement",
    "short",
    "source",
    (Quantity("q", at_least(1.0, "why")), Quantity("p", below(0.0, "why"), "chance")),
)


def seeds(*values):
    return dict(enumerate(values))


@pytest.mark.parametrize("values", [(1.0, 2.0, 4.0), (0.3, -5.0, 2.0, 2.5, 9.0), (1e-9, 2e-9, 3e-9)])
def test_the_interval_is_scipys_t_interval(values):
    low, mean, high = interval(values)
    expected = stats.t.interval(0.95, len(values) - 1, loc=np.mean(values), scale=stats.sem(values))
    assert (low, high) == pytest.approx(expected, rel=1e-12)  # the same sums in another order
    assert mean == pytest.approx(np.mean(values), rel=1e-15)


@pytest.mark.parametrize("value", [0.1, 1.0, 0.7, 1e-300, -3.3])
def test_equal_values_give_an_interval_of_no_width_at_that_very_value(value):
    # np.mean([0.1] * 3) is above 0.1, which would put equal values on a bound outside it.
    assert interval([value] * 3) == (value, value, value)
    assert decide({"q": (at_most(value, ""), [value] * 3)}).verdict == REPRODUCED
    assert decide({"q": (below(value, ""), [value] * 3)}).verdict == NOT_REPRODUCED


def test_fewer_than_three_values_give_no_interval():
    with pytest.raises(ValueError, match="needs 3 values, not 2"):
        interval([1.0, 2.0])


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        ((0.5, 0.51, 0.52), REPRODUCED),
        ((1.5, 1.51, 1.52), NOT_REPRODUCED),
        ((0.9, 0.95, 1.0), UNDECIDED),  # every seed is inside, but the interval is not
        ((0.5, 0.5), NOT_TESTED),
        ((), NOT_TESTED),
        ((0.5, 0.5, math.nan), NOT_TESTED),
        ((0.5, 0.5, math.inf), NOT_TESTED),
    ],
)
def test_a_quantity_gets_each_of_the_four_verdicts(values, verdict):
    assert decide({"q": (Bounds(at_most=1.0), values)}).verdict == verdict


def test_two_sided_bounds_are_left_at_either_end():
    bounds = Bounds(0.0, 1.0)
    found = [decide({"q": (bounds, [m - 0.01, m, m + 0.01])}).verdict for m in (-0.5, 0.0, 0.5, 1.0, 1.5)]
    assert found == [NOT_REPRODUCED, UNDECIDED, REPRODUCED, UNDECIDED, NOT_REPRODUCED]


def test_one_quantity_outside_outweighs_any_number_inside():
    inside, outside, across = ([0.5] * 3, [2.0] * 3, [0.0, 1.0, 2.0])
    bounds = Bounds(at_most=1.0)
    assert decide({"a": (bounds, inside), "b": (bounds, across)}).verdict == UNDECIDED
    assert decide({"a": (bounds, inside), "b": (bounds, across), "c": (bounds, outside)}).verdict == NOT_REPRODUCED


def test_one_more_seed_inside_does_not_turn_reproduced_into_not_reproduced():
    rng = np.random.default_rng(0)
    bounds = Bounds(0.0, 1.0)
    tried = 0
    for _ in range(400):
        values = list(rng.uniform(0.05, 0.95) + rng.uniform(0.001, 0.05) * rng.normal(size=rng.integers(3, 6)))
        if decide({"q": (bounds, values)}).verdict == REPRODUCED:
            tried += 1
            assert decide({"q": (bounds, [*values, rng.uniform(0, 1)])}).verdict in (REPRODUCED, UNDECIDED)
    assert tried > 100


def test_seeds_that_scatter_about_a_bound_stay_undecided_and_seeds_settle_what_is_inside():
    values = 0.8 + 0.15 * np.array([-1.0, 1.0] * 10)
    found = [decide({"q": (Bounds(at_most=1.0), values[:count])}).verdict for count in (4, 20)]
    assert found == [UNDECIDED, REPRODUCED]


def test_the_quantity_with_the_smallest_margin_decides():
    wide, narrow = [0.0, 0.5, 1.0], [0.90, 0.91, 0.92]
    bounds = Bounds(at_most=1.0)
    decision = decide({"narrow": (bounds, narrow), "wide": (bounds, wide)})
    assert (decision.verdict, decision.quantity) == (UNDECIDED, "wide")
    assert (decision.low, decision.high) == (interval(wide).low, interval(wide).high)
    assert decide({"wide": (bounds, wide), "outside": (bounds, [2.0] * 3)}).quantity == "outside"


def test_the_margin_decides_the_verdict():
    # Reproduced is a smallest margin of 1 or more, not reproduced one below −1.
    rng = np.random.default_rng(1)
    seen = set()
    for _ in range(300):
        measured = {
            name: (Bounds(0.0, 1.0), list(rng.uniform(-0.3, 1.3) + 0.1 * rng.uniform() * rng.normal(size=3)))
            for name in "ab"
        }
        smallest = min(judging.margin(interval(values), bounds) for bounds, values in measured.values())
        by_margin = REPRODUCED if smallest >= 1 else NOT_REPRODUCED if smallest < -1 else UNDECIDED
        assert decide(measured).verdict == by_margin
        seen.add(by_margin)
    assert len(seen) == 3


@pytest.mark.parametrize(
    ("bounds", "text", "contained"),
    [
        (at_least(1.0, ""), "≥ 1", True),
        (at_most(1.0, ""), "≤ 1", True),
        (above(1.0, ""), "> 1", False),
        (below(1.0, ""), "< 1", False),
        (Bounds(0.57, 1.0), "0.57 to 1", True),
    ],
)
def test_bounds_read_as_relations_and_strict_ones_exclude_their_ends(bounds, text, contained):
    assert str(bounds) == text
    assert bounds.contain(1.0) == bounds.meet(1.0, 1.0) == contained
    assert bounds.meet(0.9, 1.1)


def test_a_row_says_all_that_it_rests_on():
    finding = Finding("digits", "mlp", {"q": seeds(2, 3, 4), "p": seeds(-1, -2, -1.5)}, {"p": 0.25}, differs=("n 5",))
    row, evidence = judge(TWO, finding)
    assert list(row) == judging.COLUMNS
    assert all(list(line) == judging.EVIDENCE_COLUMNS for line in evidence)
    assert len(evidence) == 6
    assert (row["verdict"], row["seeds"], row["as_paper"]) == (UNDECIDED, 3, "differs: n 5")
    assert row["expected"] == "q ≥ 1; p < 0"
    assert "q 3 (0.516 to 5.48)" in row["measured"]
    assert "p -1.5 (-2.74 to -0.258), chance 0.25" in row["measured"]
    assert (row["low"], row["high"]) == (interval([2, 3, 4]).low, interval([2, 3, 4]).high)
    assert math.isnan(row["reference"])  # the quantity that decides, q, has none


def test_a_reason_is_kept_instead_of_values():
    row, evidence = judge(ONE, Finding("digits", "mlp", {"q": seeds(1, 2, 3)}, reason="it has not fitted"))
    assert (row["verdict"], row["measured"], row["seeds"], evidence) == (NOT_TESTED, "it has not fitted", 0, [])
    assert row["as_paper"] == "yes"
    assert judge(ONE, Finding("", "", reason="it was not run"))[0]["as_paper"] == ""


def test_two_seeds_are_evidence_but_decide_nothing():
    row, evidence = judge(ONE, Finding("digits", "mlp", {"q": seeds(0.1, 0.2)}))
    assert (row["verdict"], row["measured"]) == (NOT_TESTED, "2 seeds; an interval needs 3")
    assert len(evidence) == 2


def test_numbers_that_are_not_finite_decide_nothing():
    row, evidence = judge(ONE, Finding("digits", "mlp", {"q": seeds(0.1, 0.2, math.nan)}))
    assert (row["verdict"], row["measured"]) == (NOT_TESTED, "a number that it rests on is not finite")
    assert evidence == []


def test_a_findings_own_bounds_replace_the_claims():
    finding = Finding("digits", "mlp", {"q": seeds(2, 2, 2)}, bounds={"q": at_most(3.0, "")})
    row, evidence = judge(ONE, finding)
    assert (row["verdict"], row["expected"], evidence[0]["at_most"]) == (REPRODUCED, "q ≤ 3", 3.0)


def test_values_of_other_quantities_and_missing_bounds_are_errors():
    with pytest.raises(ValueError, match="dnc-1 is decided by q, not by p"):
        judge(ONE, Finding("digits", "mlp", {"p": seeds(1, 2, 3)}))
    varying = Claim("x", "", "", "", "", (Quantity("q", Bounds(), varies="< chance"),))
    with pytest.raises(ValueError, match="vary by run"):
        judge(varying, Finding("digits", "mlp", {"q": seeds(1, 2, 3)}))
    assert judge(varying, Finding("", "", reason="no"))[0]["expected"] == "q < chance"


def test_every_verdict_follows_from_the_evidence_alone(tmp_path):
    rng = np.random.default_rng(2)
    found = []
    for number in range(60):
        q, p = rng.uniform(0.5, 1.5), rng.uniform(-0.5, 0.5)
        scale, count = rng.uniform(0, 0.3), int(rng.integers(2, 6))
        values = {"q": seeds(*(q + scale * rng.normal(size=count))), "p": seeds(*(p + scale * rng.normal(size=count)))}
        found.append(("dnc-2", Finding("digits" if number % 2 else "", f"model {number}", values, {"p": 0.1})))
    found.append(("dnc-1", Finding("digits", "unfitted", reason="it has not fitted")))
    rows, evidence = judging.evaluate([Source((ONE, TWO), lambda tables, context: iter(found))], {}, Context({}))
    path = tmp_path / "claims_evidence.csv"
    pd.DataFrame(evidence, columns=judging.EVIDENCE_COLUMNS).to_csv(path, index=False)
    again = recompute(pd.read_csv(path, float_precision="round_trip"))
    verdicts = pd.DataFrame(rows, columns=judging.COLUMNS)
    assert set(verdicts.verdict) == set(judging.VERDICTS)
    joined = verdicts.merge(again, on=judging.KEYS, how="left", suffixes=("", "_again"))
    assert joined.verdict_again.fillna(NOT_TESTED).tolist() == joined.verdict.tolist()
    for column in ("low", "high", "reference"):
        np.testing.assert_array_equal(joined[column], joined[f"{column}_again"])
    assert (joined.seeds == joined.seeds_again)[joined.seeds_again.notna()].all()


def test_claims_without_findings_say_so_and_checks_come_last():
    check = Claim("check-a1", "", "", "", "", (Quantity("q", Bounds()),), theorem=True)
    ten = Claim("dnc-10", "", "", "", "", (Quantity("q", Bounds()),))
    source = Source((check, ten, TWO), lambda tables, context: iter(()))
    rows, evidence = judging.evaluate([source], {}, Context({}))
    assert [row["claim"] for row in rows] == ["dnc-2", "dnc-10", "check-a1"]
    assert {row["measured"] for row in rows} == {"what it is about was not run"}
    assert evidence == []


def test_settings_that_differ_are_named():
    paper = {"n": 50_000, "ridge": 0.0, "agop_scale": ("mean", "sum"), "init_scale": 0.3}
    assert differences({"n": 50_000, "ridge": 0, "agop_scale": "sum", "init_scale": 0.3, "other": 1}, paper) == ()
    assert differences({"n": 1500, "ridge": 1e-3, "agop_scale": "max"}, paper) == (
        "n 1,500 (paper 50,000)",
        "ridge 0.001 (paper 0)",
        "scale of the AGOP max (paper mean or sum)",
        "initialisation scale unknown (paper 0.3)",
    )


def test_datasets_with_random_labels_are_not_asked_about():
    context = Context({"digits": [5], "random": [5]}, labels={"random": "random"})
    assert context.datasets == ["digits"]
