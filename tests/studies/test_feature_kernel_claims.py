"""The check of Proposition A.1."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from agop_dnc.pipeline import tables
from agop_dnc.studies import judging
from agop_dnc.studies.feature_kernel import claims
from agop_dnc.studies.judging import NOT_REPRODUCED, NOT_TESTED, REPRODUCED, UNDECIDED, Context

BEFORE = Path(__file__).parent / "rules"


def feature_kernel(factors=(1.0, 1.0, 1.0), power=1.0):
    rng, rows = np.random.default_rng(0), []
    for seed, factor in enumerate(factors):
        for width in (64, 256, 1024):
            for angle in np.linspace(0, np.pi, 5):
                expected = (np.sin(angle) + (np.pi - angle) * np.cos(angle)) / np.pi
                variance = max(expected, 0) / width**power
                mean = factor * expected + rng.normal() * (variance / 100) ** 0.5
                found = {"mean": mean, "variance": variance, "expected": expected, "draws": 100}
                rows += [(seed, width, angle, metric, value) for metric, value in found.items()]
    return pd.DataFrame(rows, columns=["seed", "width", "angle", "metric", "value"])


def judged(**given):
    (row,), _ = judging.evaluate([claims.SOURCE], given, Context({}))
    return row


@pytest.mark.parametrize("wrong", [{"factors": (1.2, 1.2, 1.2)}, {"power": 0.5}, {"power": 2}])
def test_the_check_of_the_feature_kernel_can_fail(wrong):
    assert judged(feature_kernel=feature_kernel())["verdict"] == REPRODUCED
    assert judged(feature_kernel=feature_kernel(**wrong))["verdict"] == NOT_REPRODUCED


def test_one_seed_that_is_off_is_undecided_and_two_seeds_decide_nothing():
    assert judged(feature_kernel=feature_kernel((1.0, 1.0, 1.2)))["verdict"] == UNDECIDED
    assert judged(feature_kernel=feature_kernel((1.0, 1.0)))["verdict"] == NOT_TESTED
    assert judged()["measured"] == "there is no feature_kernel.csv: what it holds was not run"


def test_the_bounds_are_those_of_the_old_claim_8():
    old = tables.read(BEFORE / "evidence_2026-11-24.csv")
    old = old[old.claim == 8].groupby("quantity")[["at_least", "at_most"]].first()
    for quantity in claims.CLAIMS[0].quantities:
        assert tuple(old.loc[quantity.name]) == (quantity.bounds.at_least, quantity.bounds.at_most)


def test_it_is_a_theorem():
    assert [(check.id, check.theorem) for check in claims.CLAIMS] == [("check-a1", True)]
