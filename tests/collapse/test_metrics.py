"""NC metrics against closed forms and brute force."""

import math

import numpy as np
import pytest
import torch

from agop_dnc.collapse import metrics


def simplex(K, d):
    """K unit vectors in d dimensions with inner products −1/(K−1), turned by a random rotation."""
    centred = torch.eye(K, dtype=torch.float64) - 1 / K
    rotation = torch.linalg.qr(torch.randn(d, d, dtype=torch.float64, generator=torch.Generator().manual_seed(K)))[0]
    return math.sqrt(K / (K - 1)) * centred @ rotation[:K]


@pytest.mark.parametrize("K", [2, 3, 10])
def test_exact_collapse_to_a_simplex_is_zero_in_every_metric(K):
    y = torch.arange(K).repeat_interleave(5)
    means = simplex(K, 16) + 3.0  # shifted: only differences from the global mean count
    X = means[y]
    values = metrics.collapse(X, y)
    assert max(values.values()) < 1e-13, values
    A = means - means.mean(0)
    assert metrics.nc3(7 * A, means) < 1e-13
    assert metrics.nc4((X - means.mean(0)) @ A.T, X, means) == 0


def test_isotropic_clouds_have_nc1_of_the_ratio_of_traces(draw):
    K, d, n, sigma = 4, 6, 50_000, 0.7
    y = torch.arange(K).repeat_interleave(n)
    means = simplex(K, d)
    X = means[y] + sigma * draw(K * n, d)
    # tr Σ_W → dσ², tr Σ_B → 1; 2·10⁵ points leave relative errors of 1/sqrt(N·d) ~ 1e-3.
    assert metrics.nc1(X, y) == pytest.approx(d * sigma**2, rel=5e-3)
    # Σ_B has K−1 equal eigenvalues 1/(K−1): (1/K)·(K−1)·σ²·(K−1).
    assert metrics.nc1_pinv(X, y) == pytest.approx(sigma**2 * (K - 1) ** 2 / K, rel=5e-3)


def test_unbalanced_classes_against_the_covariances_written_out(rng):
    counts, d = [3, 17, 8, 2], 5
    y = np.repeat(np.arange(4), counts)
    X = rng.normal(size=(len(y), d)) + y[:, None]
    means = np.array([X[y == c].mean(0) for c in range(4)])
    centre = means.mean(0)
    within = sum(np.outer(x - means[c], x - means[c]) for x, c in zip(X, y, strict=True)) / len(X)
    between = sum(np.outer(m - centre, m - centre) for m in means) / 4
    values = metrics.collapse(torch.from_numpy(X), torch.from_numpy(y))
    mu = (means - centre) / np.linalg.norm(means - centre, axis=1, keepdims=True)
    etf = 4 / 3 * np.eye(4) - 1 / 3
    slides = mu @ mu.T / np.linalg.norm(mu @ mu.T) - (np.eye(4) - 1 / 4) / np.sqrt(3)
    # Sums of some hundred float64 terms.
    assert values["nc1"] == pytest.approx(np.trace(within) / np.trace(between), rel=1e-12)
    assert values["nc1_pinv"] == pytest.approx(np.trace(within @ np.linalg.pinv(between)) / 4, rel=1e-10)
    assert values["nc2"] == pytest.approx(np.linalg.norm(mu @ mu.T - etf), rel=1e-12)
    assert values["nc2_mse"] == pytest.approx(np.mean((mu @ mu.T - etf) ** 2), rel=1e-12)
    assert values["nc2_normalised"] == pytest.approx(np.linalg.norm(slides), rel=1e-12)


def test_each_metric_alone_equals_its_value_among_all(draw):
    X, y = draw(30, 4), torch.arange(30) % 3
    for name, value in metrics.collapse(X, y).items():
        assert getattr(metrics, name)(X, y) == value


def test_nc4_counts_the_points_where_output_and_nearest_mean_part(draw):
    X, y = draw(40, 3), torch.arange(40) % 4
    means = metrics.class_means(X, y)
    nearest = torch.cdist(X, means).argmin(1)
    output = torch.nn.functional.one_hot(nearest).double()
    output[:10] = output[:10].roll(1, dims=1)
    assert metrics.nc4(output, X, means) == 0.25


def test_coincident_class_means_are_infinitely_uncollapsed():
    X = torch.tensor([[1.0], [-1.0], [1.0], [-1.0]])
    assert metrics.nc1(X, torch.tensor([0, 0, 1, 1])) == math.inf
    assert math.isnan(metrics.nc1(0 * X, torch.tensor([0, 0, 1, 1])))


def test_gram_matrix_of_collapsed_data_has_ones_and_minus_one_over_k_minus_one():
    y = torch.arange(5).repeat_interleave(3)
    G = metrics.centred_gram(simplex(5, 8)[y] + 1.0, y)
    expected = torch.where(y[:, None] == y, 1.0, -0.25).double()
    torch.testing.assert_close(G, expected, atol=1e-13, rtol=0)


def test_gram_matrix_of_unbalanced_classes_is_centred_by_the_mean_of_class_means():
    # One class has nine times the other's points; by the mean of the samples the cosine would be −1 all the same, so look
    # at three classes, where it would not.
    y = torch.tensor([0] * 9 + [1] + [2])
    G = metrics.centred_gram(simplex(3, 4)[y], y)
    assert float(G[0, 9]) == pytest.approx(-0.5, abs=1e-13)


def test_thinned_gram_is_the_gram_cut_to_the_kept_samples(draw):
    X, y = draw(60, 3), torch.arange(6).repeat_interleave(10)
    kept = metrics.thin(y, 20)
    torch.testing.assert_close(metrics.centred_gram(X, y, kept), metrics.centred_gram(X, y)[kept][:, kept])


@pytest.mark.parametrize("at_most", [10, 37, 100, 1000])
def test_thinning_keeps_every_class_and_its_share(at_most):
    y = torch.arange(10).repeat_interleave(torch.tensor([150, 120, 90, 80, 70, 60, 50, 40, 30, 20]))
    kept = metrics.thin(y, at_most)
    assert len(kept) <= at_most
    assert (kept.diff() > 0).all()
    assert len(y[kept].unique()) == 10


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        (torch.zeros(3), torch.zeros(3, dtype=torch.int64), "must be N×d"),
        (torch.zeros(3, 2), torch.zeros(2, dtype=torch.int64), "3 integers"),
        (torch.zeros(3, 2), torch.zeros(3), "int64"),
        (torch.zeros(3, 2), torch.tensor([0, 2, 2]), "class 1 has no point"),
    ],
)
def test_what_is_not_labelled_features_is_refused(X, y, message):
    with pytest.raises(ValueError, match=message):
        metrics.nc1(X, y)


def test_scatter_in_chunks_is_scatter_at_once(draw):
    X, y = draw(60, 7), torch.arange(60) % 5
    means, parts = metrics.ClassMeans(5), [slice(0, 7), slice(7, 50), slice(50, 60)]
    for part in parts:
        means.add(X[part], y[part])
    chunked = metrics.Scatter(means.means)
    for part in parts:
        chunked.add(X[part], y[part])
    for name, value in metrics.collapse(X, y).items():
        assert chunked.collapse[name] == pytest.approx(value, rel=1e-12)


def test_scatter_does_not_cancel_when_classes_have_all_but_collapsed(draw):
    y = torch.arange(40) % 4
    X = simplex(4, 6)[y] + 1e-9 * draw(40, 6) + 100.0
    # Rounding of the features themselves, 1e-14 against 1e-9, is what is left.
    R = X - torch.stack([X[y == c].mean(0) for c in range(4)])[y]
    assert metrics.nc1(X, y) == pytest.approx(float(R.square().sum() / 40), rel=1e-4)


@pytest.mark.parametrize("shape", [(30, 7), (7, 30)])
def test_gram_deviation_is_that_of_the_matrix_block_by_block(draw, shape):
    X, y = draw(*shape), torch.arange(shape[0]) % 3
    G = metrics.centred_gram(X, y)

    def deviation(a, b):
        ideal = 1.0 if a == b else -0.5
        return float((G[y == a][:, y == b] - ideal).square().mean().sqrt())

    got = metrics.gram_deviation(X, y)
    assert got["gram_within"] == pytest.approx(max(deviation(a, a) for a in range(3)), rel=1e-10)
    assert got["gram_between"] == pytest.approx(max(deviation(a, b) for a in range(3) for b in range(a)), rel=1e-10)
    collapsed = torch.eye(3, dtype=torch.float64)[y]  # zero up to the rounding that the docstring states
    assert max(metrics.gram_deviation(collapsed, y).values()) < 1e-7


def test_a_small_class_that_does_not_collapse_is_seen(draw):
    y = torch.tensor([0] * 500 + [1] * 500 + [2] * 10)
    X = simplex(3, 20)[y]
    X[y == 2] += draw(10, 20)
    assert metrics.gram_deviation(X, y)["gram_within"] > 0.3


@pytest.mark.parametrize(("d", "expected"), [(64, 1.16), (256, 0.58), (1024, 0.29), (4096, 0.15)])
def test_nc2_of_random_directions_falls_with_the_root_of_the_dimension(d, expected):
    values = metrics.random_directions_nc2(10, d)
    assert values.shape == (1000,)
    assert float(values.mean()) == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize("d", [3, 8, 20])  # fewer dimensions than classes, as many, and more
def test_nc2_of_random_directions_is_that_of_gaussian_class_means(d, draw):
    K, draws = 8, 2000
    drawn = metrics.random_directions_nc2(K, d, draws)
    y = torch.arange(K)
    expected = torch.tensor([metrics.nc2(draw(K, d, seed=seed), y) for seed in range(draws)])
    # Two means of 2,000 values: four standard errors of their difference.
    error = float((drawn.var() / draws + expected.var() / draws).sqrt())
    assert abs(float(drawn.mean() - expected.mean())) < 4 * error
    assert float(drawn.std()) == pytest.approx(float(expected.std()), rel=0.1)
    with pytest.raises(ValueError, match="two or more classes"):
        metrics.random_directions_nc2(1, d)


def test_metrics_do_not_depend_on_how_rows_are_blocked(draw, monkeypatch):
    X, y = draw(50, 7), torch.arange(50) % 4
    whole = metrics.collapse(X, y)
    monkeypatch.setattr(metrics, "_blocks", lambda X: [slice(0, 13), slice(13, 14), slice(14, 50)])
    assert metrics.collapse(X, y) == pytest.approx(whole, rel=1e-12)


def test_a_large_offset_does_not_fill_the_pseudo_inverse_with_rounding(draw):
    y = torch.arange(30) % 3
    X = draw(30, 5) + 4 * torch.nn.functional.one_hot(y, 5)
    # Rounding of the shifted features: 1e3·1e-16 of entries of order 1.
    assert metrics.nc1_pinv(X + 1e3 * draw(5, seed=2), y) == pytest.approx(metrics.nc1_pinv(X, y), rel=1e-9)
