"""Tables: what scikit-learn and csv files hold, and splits that are what they say."""

import numpy as np
import pytest
import sklearn.datasets

from agop_dnc.data import tabular
from agop_dnc.errors import UserError


@pytest.fixture
def table(rng):
    """Three classes of 40, 13 and 2 rows, in mixed order."""
    y = rng.permutation(np.repeat([0, 1, 2], [40, 13, 2]))
    return tabular.classification_table("mixed", rng.normal(size=(55, 3)), y)


@pytest.mark.parametrize("name", tabular.SCIKIT_LEARN)
def test_scikit_learns_tables_are_its_own(name):
    X, y = getattr(sklearn.datasets, f"load_{name}")(return_X_y=True)
    table = tabular.scikit_learn(name)
    np.testing.assert_array_equal(table.X, X)
    np.testing.assert_array_equal(table.y, y)
    assert table.X.dtype == np.float64
    assert len(table.features) == X.shape[1]
    assert table.is_classification == (name != "diabetes")
    if name == "iris":
        assert table.classes == ("setosa", "versicolor", "virginica")
    if name == "digits":
        assert table.classes == tuple("0123456789")


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (["b", "a", "c"] * 2, ("a", "b", "c")),
        ([5, -1, 17] * 2, ("-1", "5", "17")),
        ([[2.0], [1.0], [3.0]] * 2, ("1", "2", "3")),
    ],
)
def test_labels_of_any_kind_are_numbered_with_their_names_kept(rng, labels, classes):
    table = tabular.classification_table("t", rng.normal(size=(6, 2)), np.array(labels))
    assert (table.y.tolist(), table.y.dtype, table.classes) == ([1, 0, 2] * 2, np.int64, classes)


def partition(splits, rows):
    return np.array_equal(np.sort(np.concatenate(splits)), rows)


def test_a_validation_split_is_stratified_and_drawn_by_the_seed(table):
    split = tabular.validation_split(table, 0, 0.2)
    assert partition([split.train, split.test], np.arange(55))
    assert np.bincount(table.y[split.test], minlength=3).tolist() == [8, 3, 0]  # 0.2 of 40, 13 and 2, rounded
    again, other = (tabular.validation_split(table, seed, 0.2) for seed in (0, 1))
    assert np.array_equal(split.test, again.test)
    assert not np.array_equal(split.test, other.test)
    nearly_all = tabular.validation_split(table, 0, 0.99)
    assert np.bincount(table.y[nearly_all.train]).tolist() == [1, 1, 1]


def test_a_validation_split_of_some_rows_stays_within_them(table, rng):
    rows = np.sort(rng.permutation(55)[:30]).astype(np.uint16)
    split = tabular.validation_split(table, 0, 0.5, rows)
    assert partition([split.train, split.test], rows)


def test_targets_that_are_numbers_are_split_without_classes():
    table = tabular.scikit_learn("diabetes")
    split = tabular.validation_split(table, 0, 0.25)
    assert (len(split.train), len(split.test)) == (332, 110)
    assert partition([split.train, split.test], np.arange(442))


@pytest.mark.parametrize("k", [2, 4, 7])
def test_folds_are_a_stratified_partition(table, k):
    folds = tabular.k_folds(table, k, seed=0)
    assert partition([fold.test for fold in folds], np.arange(55))
    for fold in folds:
        assert partition([fold.train, fold.test], np.arange(55))
        counts = np.bincount(table.y[fold.test], minlength=3)
        assert (np.abs(counts - np.array([40, 13, 2]) / k) < 1).all()
    other = tabular.k_folds(table, k, seed=1)
    assert not all(np.array_equal(a.test, b.test) for a, b in zip(folds, other, strict=True))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda table: tabular.validation_split(table, 0, 1.0), "fraction is 1.0; it must be between 0 and 1"),
        (lambda table: tabular.validation_split(table, 0, 0.2, np.array([0])), "1 rows cannot be split"),
        (lambda table: tabular.k_folds(table, 1, 0), "k is 1; it must be between 2 and the number of rows, 55"),
        (lambda table: tabular.k_folds(table, 56, 0), "k is 56"),
    ],
)
def test_splits_that_do_not_exist_get_a_sentence(table, call, message):
    with pytest.raises(ValueError, match=message):
        call(table)


TWO = np.array([[1.0, 2.0], [3.0, 4.0]])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: tabular.classification_table("t", TWO, np.array([1, 1])), "all 2 rows are of one class"),
        (lambda: tabular.classification_table("t", TWO * np.nan, np.array([0, 1])), "the features hold NaN"),
        (lambda: tabular.classification_table("t", TWO, np.array([0, 1, 1])), "2 rows of features but 3 targets"),
        (lambda: tabular.classification_table("t", TWO[0], np.array([0, 1])), r"float64 of shape \(2,\); give n×d"),
        (lambda: tabular.classification_table("t", TWO.astype(str), np.array([0, 1])), "the features are <U"),
        (lambda: tabular.classification_table("t", TWO, np.array([0.5, 1])), "must be one class label per point"),
        (lambda: tabular.regression_table("t", TWO, np.array([0.5, np.inf])), "the targets hold NaN or infinite"),
        (lambda: tabular.regression_table("t", TWO, TWO), r"the targets have shape \(2, 2\); give one number per row"),
        (lambda: tabular.scikit_learn("wines"), r"scikit-learn carries no such set; did you mean 'wine'\?"),
        (
            lambda: tabular.csv_file("nowhere.csv"),
            r"table nowhere: the file nowhere\.csv was not found; correct its path",
        ),
    ],
)
def test_tables_that_cannot_be_meant_get_a_sentence(call, message):
    with pytest.raises(UserError, match=message):
        call()


def test_a_csv_is_a_table_of_labels_or_of_numbers(tmp_path):
    path = tmp_path / "plants.csv"
    path.write_text("length,height,kind\n1,2.5,b\n3,4.5,a\n5,6,b\n")
    labelled = tabular.csv_file(path)
    assert (labelled.name, labelled.classes, labelled.y.tolist()) == ("plants", ("a", "b"), [1, 0, 1])
    numbers = tabular.csv_file(path, target="height", regression=True)
    assert numbers.y.tolist() == [2.5, 4.5, 6]
    np.testing.assert_array_equal(numbers.X, [[1, 0, 1], [3, 1, 0], [5, 0, 1]])
    assert not numbers.is_classification
    with pytest.raises(UserError, match="the targets are text; name a column of numbers as target"):
        tabular.csv_file(path, regression=True)
