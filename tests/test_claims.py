"""All claims together: what a run's tables say of each."""

import sys

import pandas as pd
import pytest
from conftest import REPOSITORY

from agop_dnc.pipeline import tables
from agop_dnc.studies import judging
from agop_dnc.studies.judging import NOT_TESTED, REPRODUCED, Context
from agop_dnc.studies.verdicts import claims
from agop_dnc.studies.verdicts.claims import CLAIMS

sys.path.insert(0, str(REPOSITORY / "tests" / "studies"))
import test_deep_rfm_claims as of_deep_rfm
import test_feature_kernel_checks as of_feature_kernel
import test_networks_claims as of_networks
import test_removals as of_removals

# The ids of the protocol.
IDS = "1a 1b 1c 2a 2b 2c 3a 3b 3c 4a 4b 5 6a 6b 7a 7b"
CONTEXT = Context(of_deep_rfm.SIZES, {(name, "relu"): of_deep_rfm.SETTINGS for name in of_deep_rfm.SIZES})


@pytest.fixture(scope="module")
def judged():
    given = of_networks.given() | {"deep_rfm": of_deep_rfm.deep_rfm(), "removals": of_removals.removals()}
    return claims.evaluate(given | {"feature_kernel": of_feature_kernel.feature_kernel()}, CONTEXT)


def test_the_claims_are_the_protocols():
    assert list(CLAIMS) == [f"dnc-{name}" for name in IDS.split()] + ["check-a1"]
    assert [name for name in CLAIMS if claims.is_check(name)] == ["check-a1"]


def test_every_quantity_has_a_reason_for_its_bounds():
    assert all(quantity.bounds.why for claim in CLAIMS.values() for quantity in claim.quantities)


def test_tables_that_bear_everything_out_reproduce_everything(judged):
    rows, evidence = judged
    assert {row["claim"] for row in rows} == set(CLAIMS)
    assert {row["verdict"] for row in rows} == {REPRODUCED}
    assert all(list(row) == judging.COLUMNS for row in rows)
    assert all(list(row) == judging.EVIDENCE_COLUMNS for row in evidence)


def test_verdicts_follow_from_the_written_evidence(judged, tmp_path):
    rows, evidence = judged
    tables.write(rows, judging.COLUMNS, tmp_path / "claims.csv")
    tables.write(evidence, judging.EVIDENCE_COLUMNS, tmp_path / "claims_evidence.csv")
    written = tables.read(tmp_path / "claims.csv").fillna({"dataset": "", "model": ""})
    again = judging.recompute(tables.read(tmp_path / "claims_evidence.csv"))
    columns = [*judging.KEYS, "verdict", "seeds", "low", "high", "reference"]
    pd.testing.assert_frame_equal(again[columns], written[columns], check_exact=True, check_dtype=False)


def test_without_tables_every_claim_is_not_tested_and_says_why():
    rows, evidence = claims.evaluate({}, CONTEXT)
    assert [row["claim"] for row in rows] == list(CLAIMS)
    assert {row["verdict"] for row in rows} == {NOT_TESTED}
    assert all(row["measured"].startswith("there is no ") for row in rows)
    assert evidence == []


def test_datasets_with_random_labels_are_not_judged():
    context = Context(CONTEXT.class_sizes, CONTEXT.settings, {"uneven": "random"})
    rows, _ = claims.evaluate({"deep_rfm": of_deep_rfm.deep_rfm()}, context)
    assert "uneven" not in {row["dataset"] for row in rows}


def test_the_results_page_is_made_from_the_showcase():
    import runpy

    make = runpy.run_path(str(REPOSITORY / "showcase" / "make.py"))
    assert (REPOSITORY / "docs" / "results.md").read_text(encoding="utf-8") == make["page"]()
