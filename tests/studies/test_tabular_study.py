"""Tabular data: methods, protocols, comparison and claims."""

import os
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats

from agop_dnc.data import tabular, uci
from agop_dnc.errors import UserError
from agop_dnc.studies import all as studies
from agop_dnc.studies import judging
from agop_dnc.studies.judging import NOT_REPRODUCED, NOT_TESTED, REPRODUCED, UNDECIDED, Context
from agop_dnc.studies.tabular import claims, notes, published, rows, study
from agop_dnc.studies.tabular.methods import METHODS, Problem
from agop_dnc.studies.tabular.sets import IN_90, METHOD_TITLES

SETTINGS = {"tuning_fraction": 0.25, "tuning_repeats": 1}


@pytest.fixture(scope="module")
def iris():
    return rows.read("iris", None, 0)


def test_grids_are_of_equal_size():
    assert {len(method.grid) for method in METHODS.values()} == {8}
    assert list(METHODS) == list(METHOD_TITLES)


@pytest.mark.parametrize("name", list(METHODS))
def test_every_method_predicts_known_labels_and_learns(iris, name):
    fold = iris.splits.folds[0]
    problem = Problem(iris.X[fold.train], iris.y[fold.train], iris.X[fold.test], 3, 0)
    (predicted,) = METHODS[name].predict(problem, METHODS[name].grid[:1])
    assert set(predicted) <= {0, 1, 2}
    assert np.mean(predicted == iris.y[fold.test]) > 0.8  # a third by guessing


def test_each_setting_gets_the_prediction_that_it_gets_alone(iris):
    fold = iris.splits.folds[0]
    problem = Problem(iris.X[fold.train], iris.y[fold.train], iris.X[fold.test], 3, 0)
    for name in ("rfm", "laplace"):
        together = list(METHODS[name].predict(problem, METHODS[name].grid))
        for one, expected in zip(METHODS[name].grid, together, strict=True):
            (alone,) = METHODS[name].predict(problem, [one])
            assert np.array_equal(alone, expected)


def test_in_the_clean_protocol_predictions_depend_on_no_test_label(iris):
    fold = iris.splits.folds[0]
    wrong = replace(iris, y=iris.y.copy())
    wrong.y[fold.test] = (iris.y[fold.test] + 1) % 3
    right = rows.clean_accuracy(iris, fold, METHODS["laplace"], 0, SETTINGS)
    # The same predictions score on the wrong labels what is left at most.
    assert rows.clean_accuracy(wrong, fold, METHODS["laplace"], 0, SETTINGS) <= 1 - right
    assert right > 0.8


def test_the_published_protocol_lets_test_labels_into_m(iris):
    fold, tuning = iris.splits.folds[0], iris.splits.tuning
    shared = np.intersect1d(fold.test, tuning.train)
    assert len(shared)
    tuned = published.tune(iris, tuning)
    assert tuned.M.shape == (4, 4)
    flipped = replace(iris, y=iris.y.copy())
    flipped.y[shared] = (iris.y[shared] + 1) % 3
    other = published.tune(flipped, tuning)
    assert not torch.equal(tuned.M, other.M)


def test_rows_have_every_protocol_method_and_fold(iris):
    few = replace(iris, splits=replace(iris.splits, folds=iris.splits.folds[:1]))
    found = pd.DataFrame(rows.tabular_rows(few, 0, SETTINGS))
    assert set(zip(found.protocol, found.method, strict=True)) == {
        *(("clean", name) for name in METHODS),
        *((protocol, name) for protocol in ("published", "within") for name in ("rfm", "laplace")),
    }
    # Without updates of M there is nothing to learn within or without the fold.
    plain = found[(found.method == "laplace") & (found.protocol != "clean")].value
    assert plain.nunique() == 1


def test_numbers_for_targets_are_refused():
    with pytest.raises(UserError, match="its targets are numbers"):
        rows.read("diabetes", None, 0)


def test_constant_columns_become_zero():
    X = np.array([[1.0, 5.0], [3.0, 5.0], [5.0, 6.0]])
    assert np.array_equal(rows.standardised(X, np.array([0, 1])), [[-1, 0], [1, 0], [3, 0]])


def accuracies(seed=0, sets=IN_90, **shifts):
    rng = np.random.default_rng(seed)
    found = []
    for name in sets:
        level = rng.uniform(0.6, 0.95)
        for protocol in ("clean", "within", "published"):
            for method in METHOD_TITLES if protocol == "clean" else ("rfm", "laplace"):
                value = level + shifts.get(method, 0.0) + 0.01 * rng.normal()
                found += [(name, fold, protocol, method, "accuracy", value) for fold in range(4)]
    return pd.DataFrame(found, columns=["dataset", "fold", "protocol", "method", "metric", "value"])


def test_ranks_are_scipys_and_the_comparison_counts():
    wide = notes.accuracies(accuracies())
    expected = stats.rankdata(-wide.to_numpy(), axis=1)
    assert np.array_equal(notes.ranks(wide).to_numpy(), expected)
    small = pd.DataFrame({"rfm": [1.0, 0.8], "laplace": [0.9, 0.8], "svm": [0.94, 0.4]}, index=["a", "b"])
    shown = notes.comparison(small).set_index("method")
    assert shown.loc["RFM"].to_list() == pytest.approx([90, 1.25, 100, 100, 100])
    assert shown.loc["Laplace kernel"].to_list() == pytest.approx([85, 2.25, 100, 50, 95])
    assert shown.loc["Gaussian SVM", ["P90", "P95", "PMA"]].to_list() == pytest.approx([50, 0, 72])


def test_critical_differences_are_those_of_demsars_table():
    # q of Table 5(a) for 2, 5 and 10 classifiers, to its three digits, with k(k + 1) = 6N.
    for methods, q in ((2, 1.960), (5, 2.728), (10, 3.164)):
        assert notes.critical_difference(methods, 1) / np.sqrt(methods * (methods + 1) / 6) == pytest.approx(
            q, abs=6e-4
        )


def test_cliques_are_the_largest_groups_within_the_difference():
    mean = pd.Series([1.0, 1.5, 1.9, 3.0, 5.0])
    assert notes.cliques(mean, 1.0) == [(1.0, 1.9)]
    assert notes.cliques(mean, 1.1) == [(1.0, 1.9), (1.9, 3.0)]
    assert notes.cliques(mean, 0.1) == []


def verdicts(table):
    found, _ = judging.evaluate([claims.SOURCE], {"tabular": table}, Context({}))
    return [(row["claim"], row["verdict"]) for row in found]


def test_the_claims_can_come_out_either_way():
    better = verdicts(accuracies(rfm=0.05))
    assert better == [("rfm-2", REPRODUCED), ("rfm-2", REPRODUCED), ("rfm-4", REPRODUCED)]
    worse = verdicts(accuracies(rfm=-0.05))
    assert worse == [("rfm-2", NOT_REPRODUCED), ("rfm-2", NOT_REPRODUCED), ("rfm-4", NOT_REPRODUCED)]
    equal = accuracies()
    equal.loc[equal.method == "laplace", "value"] = equal.loc[equal.method == "rfm", "value"].to_numpy()
    flipped = equal.dataset.isin(IN_90[::2]) & (equal.method == "laplace")
    equal.loc[flipped, "value"] += 0.01
    equal.loc[~flipped & (equal.method == "laplace"), "value"] -= 0.01
    assert verdicts(equal)[:2] == [("rfm-2", UNDECIDED)] * 2


def test_fewer_than_the_90_sets_decide_nothing():
    found, _ = judging.evaluate([claims.SOURCE], {"tabular": accuracies(sets=IN_90[:4])}, Context({}))
    assert {row["verdict"] for row in found} == {NOT_TESTED}
    assert "of which 4 were run" in found[0]["measured"]


def test_being_second_is_at_most_0_behind_the_second_best_other():
    wide = notes.accuracies(accuracies(rfm=0.02, svm=0.05))
    place = notes.ranks(wide).mean().rank()["rfm"]
    assert place == 2
    assert claims.behind(wide).mean() < 0
    third = notes.accuracies(accuracies(rfm=0.02, svm=0.05, mlp=0.05))
    assert notes.ranks(third).mean().rank()["rfm"] == 3
    assert claims.behind(third).mean() > 0


def test_sets_without_a_folder_are_those_that_scikit_learn_carries():
    model = studies.model()
    study.check(model(tabular={}))
    with pytest.raises(UserError, match=r"give tabular\.folder"):
        study.check(model(tabular={"sets": "in_90"}))
    with pytest.raises(UserError, match="is no folder"):
        study.check(model(tabular={"sets": "in_90", "folder": "/nowhere"}))


@pytest.mark.skipif("AGOP_DNC_UCI" not in os.environ, reason="AGOP_DNC_UCI names no folder of the UCI sets")
def test_the_90_names_are_those_that_the_archive_gives():
    assert uci.names(os.environ["AGOP_DNC_UCI"], in_90=True) == list(IN_90)
    assert tabular.SCIKIT_LEARN
