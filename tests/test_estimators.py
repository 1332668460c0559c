"""The estimators as scikit-learn, pandas and PyTorch users meet them."""

import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from agop_dnc.estimators import base
from agop_dnc.estimators import rfm as estimators_of_rfm
from agop_dnc.estimators.deep_rfm import DeepRFMClassifier
from agop_dnc.estimators.rfm import RFMClassifier, RFMRegressor
from agop_dnc.models import deep_rfm, rfm

SMALL_DEEP = {"depth": 2, "width": 32}


@parametrize_with_checks(
    [
        RFMRegressor(),
        RFMRegressor(diagonal=True, agop_scale="max", bandwidth_mode="adaptive", bandwidth=1.0),
        RFMClassifier(),
        RFMClassifier(validation_fraction=0, iterations=2),
        DeepRFMClassifier(**SMALL_DEEP),
    ]
)
def test_estimators_keep_scikit_learns_conventions(estimator, check):
    check(estimator)


@pytest.fixture
def product():
    """y = x₁x₂ in six dimensions: 150 points and 100 more."""
    X = np.random.default_rng(0).normal(size=(250, 6))
    y = X[:, 0] * X[:, 1]
    return X[:150], y[:150], X[150:], y[150:]


def test_features_learned_improve_on_the_plain_kernel(product):
    X, y, X_test, y_test = product
    plain = RFMRegressor(iterations=0).fit(X, y).score(X_test, y_test)
    model = RFMRegressor().fit(X, y)
    assert model.best_iteration_ > 0
    assert model.score(X_test, y_test) > plain + 0.1
    assert set(np.argsort(model.feature_importances_)[-2:]) == {0, 1}


def test_the_matrix_is_that_of_the_predictor(product):
    X, y, X_test, _ = product
    model = RFMRegressor(validation_fraction=0, iterations=2).fit(X, y)
    M = model.M_

    def kernel(A, B):
        difference = A[:, None] - B
        return np.exp(-np.sqrt(np.einsum("abd,de,abe->ab", difference, M, difference).clip(0)) / 10)

    alpha = np.linalg.solve(kernel(X, X) + 1e-3 * np.eye(len(X)), y)
    # Kernel matrices with a ridge of 1e-3 have condition numbers of some 1e5: of 16 digits 10 remain.
    np.testing.assert_allclose(model.predict(X_test), kernel(X_test, X) @ alpha, atol=1e-8)
    np.testing.assert_allclose(model.transform(X_test) @ model.transform(X_test).T, X_test @ M @ X_test.T, atol=1e-10)
    assert (model.feature_importances_ == np.diagonal(M)).all()


def test_without_a_validation_share_the_last_iterate_is_used(product):
    X, y, *_ = product
    model = RFMRegressor(validation_fraction=0, iterations=3).fit(X, y)
    assert model.best_iteration_ == 3
    assert len(model.validation_scores_) == 0
    settings = rfm.Settings(iterations=3)
    last = list(rfm.iterates(torch.as_tensor(X), torch.as_tensor(y[:, None]), settings))[-1]
    assert (last.M.numpy() == model.M_).all()


def test_the_iterate_is_the_best_on_the_validation_points(product):
    X, y, X_val, y_val = product
    model = RFMRegressor(iterations=4, early_stopping=None).fit(X, y, X_val, y_val)
    settings = rfm.Settings(iterations=4)
    errors = [
        float((iterate(torch.as_tensor(X_val))[:, 0] - torch.as_tensor(y_val)).square().mean())
        for iterate in rfm.iterates(torch.as_tensor(X), torch.as_tensor(y[:, None]), settings)
    ]
    np.testing.assert_allclose(-model.validation_scores_, errors, rtol=1e-12)
    assert model.best_iteration_ == np.argmin(errors)


def test_fitting_stops_once_the_validation_score_is_a_tenth_worse(product):
    X, y, *_ = product
    noise = np.random.default_rng(1).normal(size=len(y))  # nothing to learn: M only adapts to the noise
    model = RFMRegressor(iterations=50, ridge=1e-6, agop_scale="max").fit(X, noise)
    errors = -model.validation_scores_
    assert len(errors) < 51
    assert errors[-1] > 1.1 * errors.min()
    assert (errors[:-1] <= 1.1 * np.minimum.accumulate(errors)[:-1]).all()


def test_the_predictor_of_an_internal_split_is_fitted_to_all_points(product):
    X, y, *_ = product
    whole, part = (RFMRegressor(ridge=1e-8, refit=refit).fit(X, y) for refit in (True, False))
    assert np.abs(whole.predict(X) - y).max() < 1e-4
    assert np.abs(part.predict(X) - y).max() > 1e-2
    assert (whole.M_ == part.M_).all()


@pytest.mark.parametrize("kind", ["pandas", "torch", "lists"])
def test_any_kind_of_input_gives_the_same(product, kind):
    X, y, X_test, _ = product
    targets = np.column_stack([y, 1 - y])
    expected = RFMRegressor(iterations=1).fit(X, targets).predict(X_test)
    convert = {"pandas": pd.DataFrame, "torch": torch.as_tensor, "lists": np.ndarray.tolist}[kind]
    found = RFMRegressor(iterations=1).fit(convert(X), convert(targets)).predict(convert(X_test))
    assert found.shape == (100, 2)
    assert (found == expected).all()


def test_data_frames_keep_their_columns_names(product):
    X, y, *_ = product
    frame = pd.DataFrame(X, columns=list("abcdef"))
    model = RFMRegressor(iterations=1).fit(frame, pd.Series(y)).set_output(transform="pandas")
    assert list(model.feature_names_in_) == list("abcdef")
    assert list(model.transform(frame).columns) == [f"rfmregressor{i}" for i in range(6)]


@pytest.mark.parametrize("estimator", [RFMClassifier(iterations=2), DeepRFMClassifier(**SMALL_DEEP)])
@pytest.mark.parametrize("labels", [["red", "green", "blue"], [7, -1, 3], [True, False, True]])
def test_labels_of_any_kind_come_back(estimator, labels):
    X, y = load_iris(return_X_y=True)
    y = np.array(labels)[y]
    model = clone(estimator).fit(X[::2], y[::2])
    assert set(model.predict(X)) <= set(labels)
    assert model.score(X[1::2], y[1::2]) > 0.9
    probabilities = model.predict_proba(X)
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-12)
    assert (probabilities >= 0).all()
    assert (model.classes_[probabilities.argmax(1)] == model.predict(X)).all()


def test_probabilities_are_calibrated_on_validation_points():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(900, 3))
    truth = 1 / (1 + np.exp(-2 * X[:, 0]))
    y = rng.uniform(size=900) < truth
    model = RFMClassifier(ridge=1.0).fit(X[:300], y[:300], X[300:600], y[300:600])
    p = model.predict_proba(X[600:])[:, 1]
    # The log loss at the temperature that was found is near the least over all temperatures on fresh points, and far from T = 1's.
    outputs = model._outputs(X[600:])
    labels = torch.as_tensor(y[600:].astype(int))

    def loss(T):
        return float(torch.nn.functional.cross_entropy(outputs / T, labels))

    assert loss(model.temperature_) == pytest.approx(-np.mean(np.log(np.where(y[600:], p, 1 - p))), rel=1e-9)
    assert loss(model.temperature_) < min(loss(T) for T in np.geomspace(1e-3, 10, 200)) + 0.01
    assert loss(model.temperature_) < loss(1.0) - 0.02


def test_temperature_is_the_minimiser_of_the_smoothed_loss(draw):
    outputs, labels = draw(40, 3), torch.arange(40) % 3
    smoothed = (torch.nn.functional.one_hot(labels).double() * 40 + 1) / 43
    outputs = outputs + labels[:, None].eq(torch.arange(3))
    T = estimators_of_rfm._temperature(outputs, labels)

    def loss(T):
        return float(torch.nn.functional.cross_entropy(outputs / T, smoothed))

    assert loss(T) <= min(loss(0.99 * T), loss(1.01 * T))


def test_nearest_probabilities_solve_their_optimality_conditions(draw):
    outputs = draw(50, 4)
    p = base.nearest_probabilities(outputs)
    torch.testing.assert_close(p.sum(1), torch.ones(50, dtype=torch.float64), rtol=0, atol=1e-14)
    assert (p >= 0).all()
    # A projection on a convex set has (f − p)·(q − p) ≤ 0 for every q in it; the corners suffice.
    corners = torch.eye(4, dtype=torch.float64)
    gaps = torch.einsum("nk,nqk->nq", outputs - p, corners - p[:, None])
    assert gaps.max() < 1e-14
    torch.testing.assert_close(base.nearest_probabilities(p), p, rtol=0, atol=1e-14)


@pytest.mark.parametrize(
    "estimator", [RFMRegressor(iterations=1), RFMClassifier(iterations=1), DeepRFMClassifier(**SMALL_DEEP)]
)
def test_pickled_estimators_predict_the_same(estimator):
    X, y = load_iris(return_X_y=True)
    model = clone(estimator).fit(X, y)
    again = pickle.loads(pickle.dumps(model))
    assert (again.predict(X) == model.predict(X)).all()
    assert (again.transform(X) == model.transform(X)).all()
    assert (again.M_ == model.M_).all()
    assert (again.feature_importances_ == np.diagonal(model.M_)).all()


def test_pipelines_searches_and_cross_validation_take_them():
    X, y = load_iris(return_X_y=True)
    search = GridSearchCV(
        make_pipeline(StandardScaler(), RFMClassifier()), {"rfmclassifier__iterations": [0, 2]}, cv=3
    ).fit(X, y)
    assert search.best_score_ > 0.9
    features = make_pipeline(StandardScaler(), RFMClassifier(iterations=1), RFMClassifier(iterations=0)).fit(X, y)
    assert features.score(X, y) > 0.9
    assert cross_val_score(RFMRegressor(), X, y, cv=3).shape == (3,)


def test_deep_rfm_classifier_is_the_models(draw):
    X, y = draw(40, 6), torch.arange(40) % 3
    model = DeepRFMClassifier(**SMALL_DEEP, activation="cos", random_state=5).fit(X, y)
    settings = deep_rfm.Settings(**SMALL_DEEP, activation="cos")
    other = deep_rfm.DeepRFM(settings, seed=5).fit(X, y)
    assert (model.decision_function(X) == other.decision_function(X).numpy()).all()
    assert (model.transform(X, layer=1) == other.transform(X, layer=1).numpy()).all()
    assert model.M_.shape == (6, 6)


def test_a_seed_decides_the_validation_points(product):
    X, y, *_ = product
    first, same, other = (RFMRegressor(random_state=seed).fit(X, y).validation_scores_ for seed in (None, 0, 1))
    assert (first == same).all()
    assert (first != other).all()


def test_held_out_points_are_a_share_of_every_class_and_never_all_of_one():
    y = torch.tensor([0] * 50 + [1] * 10 + [2])
    held_out = estimators_of_rfm._held_out(61, 0.2, y, seed=0)
    assert [int(held_out[y.numpy() == c].sum()) for c in range(3)] == [10, 2, 0]
    assert not estimators_of_rfm._held_out(10, 0.0, None, seed=0).any()


def test_a_progress_bar_counts_the_iterations(product, capsys):
    X, y, *_ = product
    RFMRegressor(iterations=2, progress=True, early_stopping=None).fit(X, y)
    assert "RFMRegressor: 100%" in capsys.readouterr().err
    RFMRegressor(iterations=2).fit(X, y)
    assert capsys.readouterr().err == ""


def test_float32_follows_float64(product):
    X, y, X_test, _ = product
    double, single = (RFMRegressor(precision=precision, ridge=1e-2).fit(X, y) for precision in ("float64", "float32"))
    assert single.predict(X_test).dtype == np.float32
    # Condition numbers of some 1e4 leave three of float32's seven digits.
    np.testing.assert_allclose(single.predict(X_test), double.predict(X_test), atol=2e-3)


def test_a_kernel_too_large_for_the_memory_is_refused_with_the_numbers(product, monkeypatch):
    X, y, *_ = product
    monkeypatch.setattr(base, "available_bytes", lambda device: 2**30)
    wide = np.zeros((20_000, 3))
    message = r"RFMRegressor on 20,000 points needs about 6\.0 GiB .* 1\.0 GiB are available .* fit to [\d,]+ points or fewer or set precision='float32'"
    with pytest.raises(ValueError, match=message):
        RFMRegressor(device="cpu").fit(wide, wide[:, 0])
    with pytest.raises(ValueError, match="DeepRFMClassifier on 20,000 points"):
        DeepRFMClassifier(device="cpu").fit(wide, np.arange(20_000) % 2)
    RFMRegressor(device="cpu", iterations=0).fit(X, y)


def _bad_inputs():
    X, y = np.random.default_rng(0).normal(size=(20, 3)), np.arange(20) % 2
    hole = X.copy()
    hole[[4, 7], 1] = np.nan
    lost = y.astype(float)
    lost[3] = np.nan
    yield RFMRegressor(), (hole, y), r"X holds NaN .* in 2 of its 20 rows, first in row 4; impute"
    yield DeepRFMClassifier(), (hole, y), r"X holds NaN .* in 2 of its 20 rows"
    yield RFMRegressor(), (X, lost), r"y holds NaN .* in 1 of its 20 rows, first in row 3; drop"
    yield RFMClassifier(), (X, lost), r"y holds NaN"
    yield RFMClassifier(), (X, ["a"] * 20), r"y holds one class only, .*'a'.*; a classifier needs points of two"
    yield RFMRegressor(), (X, y[:10]), r"y has 10 rows for 20 points; give one target or label per point"
    yield RFMClassifier(), (X, y[:10]), r"y has 10 rows for 20 points"
    yield RFMRegressor(), (X, y, X), r"X_val and y_val belong together"
    yield RFMRegressor(), (X, y, X, np.zeros((20, 2))), r"y_val has 2 targets per point and y has 1"
    yield RFMClassifier(), (X, y, X, y + 1), r"y_val holds the label 2, which y does not"
    yield RFMRegressor(validation_fraction=1.0), (X, y), r"validation_fraction must be at least 0 and below 1"
    yield RFMRegressor(kernel="linear"), (X, y), r"unknown kernel 'linear'; known are laplace, gaussian, quadratic"
    yield RFMRegressor(precision="half"), (X, y), r"unknown precision 'half'"
    yield RFMRegressor(device="abacus"), (X, y), r"unknown device 'abacus'; use 'auto', 'cpu' or 'cuda'"


@pytest.mark.parametrize(("estimator", "given", "message"), _bad_inputs())
def test_bad_input_is_named_with_its_remedy(estimator, given, message):
    with pytest.raises(ValueError, match=message):
        estimator.fit(*given)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_said_so(product):
    X, y, *_ = product
    with pytest.raises(ValueError, match="PyTorch sees no GPU; use device='auto' or 'cpu'"):
        RFMRegressor(device="cuda").fit(X, y)
