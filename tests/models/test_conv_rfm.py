"""ConvRFM by its formulas, its choice of round and ridge, Deep ConvRFM, and the scikit-learn estimator."""

import pickle

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV

from agop_dnc.estimators.conv_rfm import ConvRFMClassifier
from agop_dnc.models import conv_rfm, deep_conv_rfm
from agop_dnc.models.conv_rfm import Settings
from agop_dnc.models.deep_conv_rfm import DeepConvRFM

SETTINGS = Settings(filter_size=3, depth=2, ridge=1e-3, rounds=3, agop_images=5, backend="torch")


@pytest.fixture
def marked(draw):
    """60 noisy 7×7 images, of which those of class 1 have a bright vertical bar of three pixels in one of four places."""
    X, y = 0.4 * draw(60, 1, 7, 7), torch.arange(60) % 2
    places = 2 + torch.randint(2, (60, 2), generator=torch.Generator().manual_seed(1))
    for image in y.nonzero().flatten():
        row, column = places[image]
        X[image, 0, row : row + 3, column] += 1.2
    return X, y


def one_hot(y):
    return torch.nn.functional.one_hot(y).double()


def test_rounds_follow_the_published_algorithm(marked):
    X, y = marked
    kernel, Y, M = SETTINGS.kernel, one_hot(y), torch.eye(9, dtype=torch.float64)
    fitted = list(conv_rfm.rounds(X, Y, SETTINGS))
    assert [round_.index for round_ in fitted] == [0, 1, 2]
    for round_ in fitted:
        K = kernel.matrix(X, X, M)
        alpha = torch.linalg.solve(K / K.max() + 1e-3 * torch.eye(len(X)), Y)
        # The condition of K + λI is below 1e5, of which rounding leaves 1e-11.
        torch.testing.assert_close(round_.alpha, alpha, rtol=1e-8, atol=1e-9)
        torch.testing.assert_close(round_(X[:4]), kernel.matrix(X[:4], X, M) / K.max() @ alpha, rtol=1e-8, atol=1e-9)
        G = kernel.patch_agop(X, alpha, X[:5], M)
        M = G / G.trace()
        if round_.index + 1 < len(fitted):
            torch.testing.assert_close(fitted[round_.index + 1].M, M, rtol=1e-7, atol=1e-9)


def test_rounds_come_one_by_one(marked, monkeypatch):
    X, y = marked
    monkeypatch.setattr(conv_rfm.Round, "agop", lambda self: pytest.fail("nobody asked for the second round"))
    first = next(conv_rfm.rounds(X, one_hot(y), SETTINGS))
    assert (first.index, first.M) == (0, None)


def test_agop_images_none_means_all(marked):
    X, y = marked
    everything = [Settings(3, 1, 1e-3, 2, count, "torch") for count in (None, 60, 10**6)]
    Ms = [list(conv_rfm.rounds(X, one_hot(y), settings))[1].M for settings in everything]
    few = list(conv_rfm.rounds(X, one_hot(y), Settings(3, 1, 1e-3, 2, 2, "torch")))[1].M
    assert torch.equal(Ms[0], Ms[1])
    assert torch.equal(Ms[0], Ms[2])
    assert not torch.allclose(Ms[0], few)


def test_scaling_the_images_changes_no_output(marked):
    X, y = marked
    *_, plain = conv_rfm.rounds(X, one_hot(y), SETTINGS)
    *_, scaled = conv_rfm.rounds(255 * X, one_hot(y), SETTINGS)
    torch.testing.assert_close(scaled(255 * X), plain(X), rtol=1e-6, atol=1e-8)


def test_choose_takes_the_most_accurate_round_and_the_first_of_equals(marked, monkeypatch):
    X, y = marked
    values = iter([0.5, 0.9, 0.7, 0.2, 0.9, 0.1])
    monkeypatch.setattr(conv_rfm, "accuracy", lambda *_: next(values))
    best, scores = conv_rfm.choose(X[:40], one_hot(y[:40]), X[40:], y[40:], SETTINGS, [1e-2, 1e-4])
    assert (best.settings.ridge, best.index) == (1e-2, 1)
    assert [(score.ridge, score.round) for score in scores] == [(ridge, t) for ridge in (1e-2, 1e-4) for t in range(3)]
    assert [score.accuracy for score in scores] == [0.5, 0.9, 0.7, 0.2, 0.9, 0.1]


def test_accuracy_is_the_share_of_largest_outputs_at_the_label(marked):
    X, y = marked
    first = next(conv_rfm.rounds(X, one_hot(y), SETTINGS))
    expected = (first(X[:10]).argmax(1) == 1 - y[:10]).double().mean()
    assert conv_rfm.accuracy(first, X[:10], 1 - y[:10]) == expected


def test_split_holds_out_its_share_of_each_class():
    y = torch.tensor([0] * 10 + [1] * 5 + [2] * 2)
    kept, held = conv_rfm.split(y, 0.2, torch.Generator().manual_seed(0))
    assert torch.bincount(y[held]).tolist() == [2, 1, 1]
    assert sorted(torch.cat([kept, held]).tolist()) == list(range(17))
    assert kept.tolist() == sorted(kept.tolist())
    again = conv_rfm.split(y, 0.2, torch.Generator().manual_seed(0))
    assert torch.equal(held, again[1])


def test_a_kernel_without_a_factor_gets_the_least_ridge_that_helps():
    K, Y = torch.ones(3, 3, dtype=torch.float64), torch.eye(3, dtype=torch.float64)
    alpha, ridge = conv_rfm._solve(K.clone(), Y, 0.0)
    assert 0 < ridge < 1e-10
    assert bool(alpha.isfinite().all())
    _, given = conv_rfm._solve(K.clone(), Y, 1e-3)
    assert given == 1e-3


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Settings(ridge=-1.0), "ridge must be"),
        (lambda: Settings(rounds=0), "rounds must be"),
        (lambda: Settings(agop_images=0), "agop_images must be"),
        (lambda: Settings(filter_size=0), "filter_size must be"),
        (lambda: next(conv_rfm.rounds(torch.zeros(2, 1, 7, 7), torch.eye(2), Settings())), "all images are zero"),
        (lambda: next(conv_rfm.rounds(torch.ones(2, 1, 7, 7), torch.eye(3), Settings())), "targets must be 2 rows"),
        (lambda: conv_rfm.split(torch.arange(3), 0.2, torch.Generator()), "one image only"),
        (lambda: conv_rfm.split(torch.zeros(3), 1.0, torch.Generator()), "between 0 and 1"),
        (lambda: deep_conv_rfm.Settings(filters=0), "filters must be"),
        (lambda: ConvRFMClassifier().fit(np.ones((4, 7, 7)), [1, 1, 1, 1]), "one class only"),
        (lambda: ConvRFMClassifier().fit(np.ones((4, 7, 7)), [1, 0]), "labels must be 4"),
        (lambda: ConvRFMClassifier().fit(np.ones((4, 7)), [1, 0, 1, 0]), "images must be N×C×H×W"),
        (lambda: ConvRFMClassifier().fit(np.full((4, 7, 7), np.nan), [1, 0, 1, 0]), "images must be finite"),
        (lambda: ConvRFMClassifier().fit(np.ones((4, 6, 7)), [1, 0, 1, 0]), "smaller than the 7×7"),
        (lambda: ConvRFMClassifier().fit(np.ones((4, 7, 7)), [1, 0.5, 1, 0]), "labels must be classes"),
        (lambda: ConvRFMClassifier(precision="half").fit(np.ones((4, 7, 7)), [1, 0, 1, 0]), "unknown precision"),
        (lambda: ConvRFMClassifier(ridge=[]).fit(np.ones((4, 7, 7)), [1, 0, 1, 0]), "it is empty"),
        (
            lambda: ConvRFMClassifier(ridge=[1, 2], validation_fraction=None).fit(np.ones((4, 7, 7)), [1, 0, 1, 0]),
            "needs validation data",
        ),
    ],
)
def test_bad_input_is_one_sentence(make, sentence):
    with pytest.raises(ValueError, match=sentence):
        make()


# -- Deep ConvRFM -----------------------------------------------------------------------------------------------------------


def test_deep_layers_lose_a_convolution_each_and_convolve_with_filters_drawn_from_m(marked):
    X, y = marked
    settings = deep_conv_rfm.Settings(SETTINGS, filters=6)
    first, second = deep_conv_rfm.layers(X, one_hot(y), settings, seed=3)
    assert [layer.predictor.settings.depth for layer in (first, second)] == [2, 1]
    expected = torch.einsum(
        "npqd,fd->nfpq", X.unfold(2, 3, 1).unfold(3, 3, 1).flatten(4)[:, 0], first.filters.flatten(1)
    )
    torch.testing.assert_close(first(X), expected)
    torch.testing.assert_close(second.predictor.X, first(X))
    assert second.predictor.M.shape == (54, 54)


def test_filters_have_the_covariance_m_over_its_trace(marked):
    X, y = marked
    *_, predictor = conv_rfm.rounds(X, one_hot(y), SETTINGS)
    filters = deep_conv_rfm.draw_filters(predictor, 1, 40_000, seed=0, index=0).flatten(1)
    # A covariance of 40,000 draws has entries within 4 standard errors, √2·‖M‖/200, of M.
    assert (filters.T @ filters / len(filters) - predictor.M).abs().max() < 4 * 2**0.5 * predictor.M.abs().max() / 200


def test_deep_model_repeats_itself_and_its_first_layer_is_a_conv_rfm(marked):
    X, y = marked
    settings = deep_conv_rfm.Settings(SETTINGS, filters=4)
    model, again = (DeepConvRFM(settings, seed=1).fit(X[:40], y[:40]) for _ in range(2))
    assert torch.equal(model.decision_function(X), again.decision_function(X))
    *_, single = conv_rfm.rounds(X[:40], one_hot(y[:40]), SETTINGS)
    assert torch.equal(model.decision_function(X, layer=0), single(X))
    assert model.transform(X).shape == (60, 4, 5, 5)
    assert (model.predict(X[:40]) == y[:40]).double().mean() > 0.9
    with pytest.raises(ValueError, match="layer must be 0 to 1"):
        model.transform(X, layer=2)
    with pytest.raises(RuntimeError, match="not fitted"):
        DeepConvRFM().predict(X)


def test_deep_model_chooses_rounds_on_data_held_out(marked):
    X, y = marked
    settings = deep_conv_rfm.Settings(SETTINGS, filters=4)
    chosen = list(deep_conv_rfm.layers(X[:40], one_hot(y[:40]), settings, 0, (X[40:], y[40:]), [1e-3, 1e-1]))
    best, _ = conv_rfm.choose(X[:40], one_hot(y[:40]), X[40:], y[40:], SETTINGS, [1e-3, 1e-1])
    assert (chosen[0].predictor.index, chosen[0].predictor.settings.ridge) == (best.index, best.settings.ridge)
    with pytest.raises(ValueError, match="needs data held out"):
        next(deep_conv_rfm.layers(X, one_hot(y), settings, ridges=[1e-3]))


# -- The estimator -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def model():
    return ConvRFMClassifier(filter_size=3, depth=1, rounds=3, agop_images=None, precision="float64")


def test_classifier_learns_where_the_bar_is(marked, model):
    X, y = marked
    labels = np.where(y == 1, "bar", "noise")
    model.fit(X[:40].numpy(), labels[:40])
    assert list(model.classes_) == ["bar", "noise"]
    assert model.score(X[40:].numpy(), labels[40:]) > 0.8
    assert model.M_.shape == (9, 9)
    assert np.trace(model.M_) == pytest.approx(1)
    assert set(model.predict(X)) <= {"bar", "noise"}


def test_classifier_fits_to_all_of_its_data_with_what_validation_chose(marked, model):
    X, y = marked
    model.set_params(ridge=[1e-3, 1e-1], validation_fraction=0.25).fit(X, y)
    best = max(model.scores_, key=lambda score: score.accuracy)
    assert (model.ridge_, model.round_) == (best.ridge, best.round)
    assert len(model.scores_) == 6
    *_, expected = conv_rfm.rounds(X, one_hot(y), Settings(3, 1, model.ridge_, model.round_ + 1, None))
    np.testing.assert_allclose(model.decision_function(X), (expected(X)[:, 1] - expected(X)[:, 0]).numpy(), atol=1e-10)


def test_classifier_chooses_on_the_data_it_is_given(marked, model):
    X, y = marked
    model.fit(X[:40], y[:40], X[40:], y[40:])
    best, scores = conv_rfm.choose(X[:40], one_hot(y[:40]), X[40:], y[40:], Settings(3, 1, 1e-3, 3, None), [1e-3])
    assert model.round_ == best.index
    assert model.scores_ == scores
    assert model.score(X[40:], y[40:]) == max(score.accuracy for score in scores)
    with pytest.raises(ValueError, match="which no training image has"):
        model.fit(X[:40], y[:40], X[40:], y[40:] + 1)
    with pytest.raises(ValueError, match="give both or neither"):
        model.fit(X[:40], y[:40], X[40:])


def test_classifier_takes_the_last_round_without_validation(marked, model):
    X, y = marked
    assert model.set_params(validation_fraction=None).fit(X, y).round_ == 2


def test_arrays_tensors_and_a_channel_of_ones_are_the_same(marked, model):
    X, y = marked
    expected = clone(model).fit(X.numpy(), y.numpy()).decision_function(X.numpy())
    for images, labels in ((X, y), (X[:, 0].numpy(), y.tolist()), (X[:, 0], y.numpy().astype(float))):
        np.testing.assert_array_equal(clone(model).fit(images, labels).decision_function(images), expected)


def test_classifier_survives_clone_pickle_and_grid_search(marked, model):
    X, y = (given.numpy() for given in marked)
    assert clone(model).get_params() == model.get_params()
    fitted = model.fit(X, y)
    loaded = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(loaded.predict_proba(X), fitted.predict_proba(X))
    search = GridSearchCV(clone(model), {"filter_size": [2, 3]}, cv=2).fit(X, y)
    assert search.best_params_["filter_size"] in (2, 3)
    assert search.predict(X).shape == (60,)


def test_predict_fails_before_fit_and_for_other_images(marked, model):
    X, y = marked
    with pytest.raises(NotFittedError):
        model.predict(X)
    with pytest.raises(ValueError, match="as those of fit"):
        model.fit(X, y).predict(X[..., :6])


def test_probabilities_sum_to_one_and_agree_with_the_prediction(marked, model):
    X, y = marked
    y = y + (torch.arange(60) % 3 == 0)  # three classes
    probabilities = model.fit(X, y).predict_proba(X)
    np.testing.assert_allclose(probabilities.sum(1), 1, rtol=1e-12)
    assert (probabilities >= 0).all()
    np.testing.assert_array_equal(model.classes_[probabilities.argmax(1)], model.predict(X))
    assert model.decision_function(X).shape == (60, 3)
