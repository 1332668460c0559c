"""All claims together: what a run's tables say of each."""

import sys

import pandas as pd
import pytest
from conftest import REPOSITORY

from agop_dnc.pipeline import tables
from agop_dnc.studies import all as studies
from agop_dnc.studies import judging
from agop_dnc.studies.deep_rfm import claims as deep_rfm
from agop_dnc.studies.judging import NOT_TESTED, REPRODUCED, Context
from agop_dnc.studies.networks import claims as networks
from agop_dnc.studies.verdicts import claims
from agop_dnc.studies.verdicts.claims import CLAIMS
from agop_dnc.studies.verdicts.study import settings_of_runs

sys.path.insert(0, str(REPOSITORY / "tests" / "studies"))
import test_deep_rfm_claims as of_deep_rfm
import test_feature_kernel_checks as of_feature_kernel
import test_networks_claims as of_networks
import test_removals as of_removals

# The ids of the protocol.
IDS = "1a 1b 1c 2a 2b 2c 3a 3b 3c 4a 4b 5 6a 6b 7a 7b"
# The claims of the collapse paper, and the check.
COLLAPSE = [name for name in CLAIMS if name.startswith(("dnc-", "check-"))]
CONTEXT = Context(of_deep_rfm.SIZES, {(name, "relu"): of_deep_rfm.SETTINGS for name in of_deep_rfm.SIZES})


@pytest.fixture(scope="module")
def judged():
    given = of_networks.given() | {"deep_rfm": of_deep_rfm.deep_rfm(), "removals": of_removals.removals()}
    return claims.evaluate(given | {"feature_kernel": of_feature_kernel.feature_kernel()}, CONTEXT)


def test_the_claims_are_the_protocols():
    assert [f"dnc-{name}" for name in IDS.split()] + ["check-a1"] == COLLAPSE
    assert [name for name in CLAIMS if name not in COLLAPSE] == [
        *("grok-1", "grok-2", "grok-3"),
        *("rfm-1", "rfm-2", "rfm-3", "rfm-4"),
    ]
    assert [name for name in CLAIMS if claims.is_check(name)] == ["check-a1"]


def test_every_quantity_has_a_reason_for_its_bounds():
    assert all(quantity.bounds.why for claim in CLAIMS.values() for quantity in claim.quantities)


def test_tables_that_bear_everything_out_reproduce_everything(judged):
    rows, evidence = judged
    assert {row["claim"] for row in rows} == set(CLAIMS)
    assert {row["verdict"] for row in rows if row["claim"] in COLLAPSE} == {REPRODUCED}
    assert all(list(row) == judging.COLUMNS for row in rows)
    assert all(list(row) == judging.EVIDENCE_COLUMNS for row in evidence)


def test_verdicts_follow_from_the_written_evidence(judged, tmp_path):
    rows, evidence = judged
    tables.write(rows, judging.COLUMNS, tmp_path / "claims.csv")
    tables.write(evidence, judging.EVIDENCE_COLUMNS, tmp_path / "claims_evidence.csv")
    written = tables.read(tmp_path / "claims.csv").fillna({"dataset": "", "model": ""})
    again = judging.recompute(tables.read(tmp_path / "claims_evidence.csv"))
    columns = [*judging.KEYS, "verdict", "seeds", "low", "high", "reference"]
    written = written[written.verdict != NOT_TESTED].reset_index(drop=True)  # what is not tested leaves no evidence
    pd.testing.assert_frame_equal(again[columns], written[columns], check_exact=True, check_dtype=False)


def test_without_tables_every_claim_is_not_tested_and_says_why():
    rows, evidence = claims.evaluate({}, CONTEXT)
    assert [row["claim"] for row in rows] == list(CLAIMS)
    assert {row["verdict"] for row in rows} == {NOT_TESTED}
    assert all(row["measured"].startswith("there is no ") for row in rows)
    assert evidence == []


def test_the_papers_configuration_has_the_papers_settings():
    config = studies.load([REPOSITORY / "config" / "paper.yaml"])
    runs = settings_of_runs(config)
    assert len(runs) == 3 * (2 + 3)
    for run in runs:
        dataset, model = run["dataset"], run["model"]
        of = deep_rfm if model in ("relu", "cos") else networks
        own = {"dataset": dataset, "n": 50_000, "architecture": model, "optimiser": "sgd"} | run["settings"]
        assert judging.differences(own, of.paper_settings(dataset, model)) == ()


def test_the_default_configuration_does_not_and_says_where():
    config = studies.load([REPOSITORY / "config.yaml"])
    settings = {(run["dataset"], run["model"]): run["settings"] for run in settings_of_runs(config)}
    assert settings["digits", "cos"]["width"] != deep_rfm.paper_settings("digits", "cos")["width"]
    rows, _ = claims.evaluate(
        of_networks.given(), Context({"even": [150] * 10}, {("even", "mlp"): settings["digits", "mlp"]})
    )
    (row,) = (row for row in rows if row["claim"] == "dnc-5")
    assert "n 1,500 (paper 50,000)" in row["as_paper"]
    assert "unknown" not in row["as_paper"]


def test_datasets_with_random_labels_are_not_judged():
    context = Context(CONTEXT.class_sizes, CONTEXT.settings, {"uneven": "random"})
    rows, _ = claims.evaluate({"deep_rfm": of_deep_rfm.deep_rfm()}, context)
    assert "uneven" not in {row["dataset"] for row in rows}


def test_the_results_page_is_made_from_the_showcase():
    import runpy

    make = runpy.run_path(str(REPOSITORY / "showcase" / "make.py"))
    assert (REPOSITORY / "docs" / "results.md").read_text(encoding="utf-8") == make["page"]()
