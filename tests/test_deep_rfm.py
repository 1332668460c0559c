"""Deep RFM against a plain transcription of Algorithm 1, and as an object to use."""

import math

import numpy as np
import pytest
import torch
from torch.func import jacrev, vmap

from agop_dnc import labels
from agop_dnc.collapse import metrics
from agop_dnc.data import datasets
from agop_dnc.errors import UserError
from agop_dnc.kernels import radial, regression
from agop_dnc.kernels.features import CosFeatures, ReLUFeatures, cos_features, relu_features
from agop_dnc.models import deep_rfm
from agop_dnc.models.deep_rfm import DeepRFM, Settings
from agop_dnc.pipeline import forecasts
from agop_dnc.randomness import generator
from agop_dnc.studies.deep_rfm import rows as deep_rfm_rows


def algorithm_1(X, Y, maps, bandwidth, scale):
    """Algorithm 1 as it is written, with Jacobians from autograd: (X, X̃, Φ) of every layer."""
    for features in maps:
        X = X / X.norm(dim=1, keepdim=True)
        alpha = torch.linalg.solve(torch.exp(-(X[:, None] - X).square().sum(-1).sqrt() / bandwidth), Y)

        def f(x, X=X, alpha=alpha):
            squared = (x - X).square().sum(-1)
            r = torch.where(squared == 0, 1.0, squared).sqrt()
            return torch.where(squared == 0, 1.0, torch.exp(-r / bandwidth)) @ alpha

        J = vmap(jacrev(f))(X)
        M = torch.einsum("nkd,nke->de", J, J)
        M = M / {"mean": len(X), "sum": 1, "max": M.max()}[scale]
        values, vectors = torch.linalg.eigh(M)
        tilde = X @ vectors @ torch.diag(values.clamp(min=0).sqrt()) @ vectors.T
        yield X, tilde, features(tilde)
        X = features(tilde)


@pytest.mark.parametrize("activation", ["relu", "cos"])
@pytest.mark.parametrize("scale", ["mean", "sum", "max"])
def test_layers_follow_algorithm_1(activation, scale, draw):
    X, y = draw(40, 6) + 1.0, torch.arange(40) % 3
    settings = Settings(depth=3, activation=activation, width=20, agop_scale=scale)
    Y = labels.signed_one_hot(y)
    fitted = [layer for layer, _, _ in deep_rfm.layers(X, Y, settings)]
    expected = algorithm_1(X, Y, [layer.features for layer in fitted], settings.bandwidth, scale)
    for layer, (x, tilde, phi) in zip(fitted, expected, strict=True):
        # The root takes the square root of rounding in M's zero eigenvalues: 1e-8.
        torch.testing.assert_close(layer.predictor.X, x, rtol=1e-6, atol=1e-7)
        torch.testing.assert_close(layer.projected(x), tilde, rtol=1e-6, atol=1e-7)
        torch.testing.assert_close(layer(x), phi, rtol=1e-6, atol=1e-7)


def test_any_number_of_classes_and_dimensions_above_points(draw):
    X, y = draw(12, 30), torch.arange(12) % 2
    model = DeepRFM(Settings(depth=2, width=16)).fit(X, y)
    assert (model.predict(X) == y).all()
    assert model.decision_function(X).shape == (12, 2)


def test_transform_of_the_training_points_is_what_the_layers_saw(draw):
    X, y = draw(30, 5), torch.arange(30) % 3
    model = DeepRFM(Settings(depth=3, width=16), seed=4).fit(X, y)
    for depth, layer in enumerate(model.layers):
        torch.testing.assert_close(deep_rfm.normalised(model.transform(X, depth)), layer.predictor.X)
    assert model.transform(X).shape == (30, 16)


def test_arrays_and_tensors_are_fitted_alike(draw):
    X, y = draw(30, 5), np.array(["a", "b", "c"] * 10)
    tensors, arrays = (DeepRFM(depth=2, width=16).fit(points, y) for points in (X, X.numpy()))
    assert torch.equal(tensors.decision_function(X), arrays.decision_function(X.numpy()))
    assert (arrays.predict(X.numpy()) == y).all()


def test_the_predictor_interpolates_and_says_how_well(draw):
    X, y = draw(30, 5), torch.arange(30) % 3
    layer, _, _ = next(deep_rfm.layers(X, labels.signed_one_hot(y), Settings(depth=1, width=8)))
    predictor = layer.predictor
    off = (predictor(X) - labels.signed_one_hot(y)).abs().max()
    assert predictor.ridge_used == 0
    assert off < 1e-12
    assert abs(off - predictor.interpolation_error) < 1e-13


def test_a_kernel_matrix_that_is_singular_is_solved_with_the_least_ridge_that_does(draw):
    X = draw(40, 5)
    X[20:] = X[:20]  # every point twice, with the same label
    Y = labels.signed_one_hot(torch.arange(40) % 20 % 2)
    predictor, _ = regression.fit_predictor(radial.Gaussian(2.0), deep_rfm.normalised(X), Y, 0.0)
    smallest = 40 * torch.finfo(torch.float64).eps
    assert predictor.ridge_used in [smallest * 10**power for power in range(4)]
    assert predictor.interpolation_error < 1e-6


def test_a_given_ridge_is_used(draw):
    X, y = deep_rfm.normalised(draw(20, 4)), torch.arange(20) % 2
    predictor, _ = regression.fit_predictor(radial.Laplace(2.0), X, labels.signed_one_hot(y), 0.1)
    K = torch.exp(-(X[:, None] - X).square().sum(-1).sqrt() / 2)
    expected = torch.linalg.solve(K + 0.1 * torch.eye(20, dtype=torch.float64), labels.signed_one_hot(y))
    assert predictor.ridge_used == 0.1
    torch.testing.assert_close(predictor.alpha, expected, rtol=1e-10, atol=1e-12)


def test_float32_follows_float64(draw):
    X, y = draw(90, 8) + 2 * torch.eye(8, dtype=torch.float64)[torch.arange(90) % 3], torch.arange(90) % 3
    arrays = datasets.Arrays(X, y, X[:0], y[:0], (1, 1, 8))

    def curve(precision):
        settings = Settings(depth=6, width=64, precision=precision)
        rows = [row for part in deep_rfm_rows.measure(arrays, settings, 0) for row in part.rows]
        return torch.tensor([row["value"] for row in rows if row["metric"] == "nc1" and row["component"] == "agop"])

    # NC1 falls by orders of magnitude over these layers; were distances to cancel, float32 would stop.
    torch.testing.assert_close(curve("float32"), curve("float64"), rtol=2e-2, atol=0)


def test_seeds_change_the_features_and_nothing_else_does(draw):
    X, y = draw(20, 4), torch.arange(20) % 2

    def features(seed, depth, activation="relu"):
        settings = Settings(depth=depth, activation=activation, width=8)
        return DeepRFM(settings, seed).fit(X, y).layers[0].features.W

    assert torch.equal(features(0, 1), features(0, 3))
    assert not torch.equal(features(0, 1), features(1, 1))


def test_relu_features_are_uniform_within_one_over_the_root_of_d():
    features = relu_features(25, 4000, generator(0, "test"))
    assert isinstance(features, ReLUFeatures)
    assert features.W.abs().max() <= 0.2
    assert float(features.W.std()) == pytest.approx(0.2 / math.sqrt(3), rel=0.01)


def test_cos_features_approximate_the_l1_laplacian_kernel(draw):
    x, z = draw(4, 3), draw(4, 3, seed=1)
    features = cos_features(3, 200_000, generator(0, "test"), bandwidth=0.3)
    assert isinstance(features, CosFeatures)
    expected = torch.exp(-0.3 * (x - z).abs().sum(1))
    # Monte Carlo: each product of D features has standard deviation about 1/√D = 2e-3.
    torch.testing.assert_close((features(x) * features(z)).sum(1), expected, rtol=0, atol=0.01)


def test_measured_rows_are_those_of_the_metrics(draw):
    X, y = draw(30, 5), torch.arange(30) % 3
    arrays = datasets.Arrays(X, y, draw(7, 5, seed=1), torch.arange(7) % 3, (1, 1, 5))
    measured = list(deep_rfm_rows.measure(arrays, Settings(depth=2, width=16), 0, gram_layers=[1, 2]))
    values = {(r["layer"], r["component"], r["metric"]): r["value"] for part in measured for r in part.rows}
    model = DeepRFM(Settings(depth=2, width=16), 0).fit(X, y)
    second = model.layers[1]
    assert values[2, "x", "nc1"] == metrics.nc1(second.predictor.X, y)
    assert values[2, "features", "nc2"] == pytest.approx(metrics.nc2(second(model.transform(X, 1)), y), rel=1e-12)
    accuracy = float((model.predict(arrays.x_test) == arrays.y_test).double().mean())
    assert values[3, "x", "test_accuracy"] == accuracy
    grams = {layer: gram for part in measured for layer, gram in part.grams.items()}
    assert sorted(grams) == [1, 2]
    torch.testing.assert_close(grams[2], metrics.centred_gram(model.layers[0].projected(X), y))


@pytest.mark.parametrize(
    "wrong", [{"kernel": "linear"}, {"activation": "tanh"}, {"depth": 0}, {"ridge": -1.0}, {"bandwidth": math.nan}]
)
def test_settings_that_cannot_be_meant_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Settings(**wrong)


def test_values_that_are_not_finite_are_refused(draw):
    X = draw(10, 3)
    X[2, 1] = math.nan
    with pytest.raises(ValueError, match="finite"):
        DeepRFM(Settings(depth=1, width=4)).fit(X, torch.arange(10) % 2)


def test_an_unfitted_model_says_so(draw):
    with pytest.raises(RuntimeError, match="call fit first"):
        DeepRFM().predict(draw(2, 3))


def test_too_large_a_kernel_is_refused_with_the_numbers():
    needed = forecasts.deep_rfm_bytes(50_000, 784, 0, Settings().width, Settings().precision)
    assert needed > 2 * 8 * 50_000**2
    with pytest.raises(UserError, match=r"50,000 points needs about 38\.8 GiB .* 8\.0 GiB .* smaller n .* float32"):
        forecasts.check_memory(needed, 8 * 2**30, 50_000, "float64")


def test_deep_collapse_of_few_points_goes_on_to_the_last_layer(draw):
    # Where classes are all but points the AGOP's products by pairs cancel; see kernel_agop.
    y = torch.arange(3).repeat_interleave(45)
    X = draw(135, 13) + 2 * torch.nn.functional.one_hot(y, 13)
    for seed in range(2):
        values = [
            metrics.nc1(projected, y)
            for _, projected, _ in deep_rfm.layers(X, labels.signed_one_hot(y), Settings(depth=20, width=256), seed)
        ]
        assert all(math.isfinite(value) for value in values)
        assert values[-1] < 1e-6 * values[0]
