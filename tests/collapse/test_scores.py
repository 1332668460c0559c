"""Scores of in-distribution points, against scikit-learn, SciPy and brute force."""

import math

import numpy as np
import pytest
import torch
from scipy.spatial import distance
from sklearn.covariance import ShrunkCovariance
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import NearestNeighbors

from agop_dnc.collapse import scores


@pytest.fixture
def trained(draw):
    """Four classes of 15 points in nine dimensions, 20 points to score, and the scores."""
    y = torch.arange(4).repeat(15)
    X = draw(60, 9) + 3 * torch.eye(9, dtype=torch.float64)[y] + 1
    Z = draw(20, 9, seed=1) * 2 + 1
    return X, y, Z, scores.FeatureScores(X, y, neighbours=3, shrinkage=0.1).score(Z)


def means_of(X, y):
    return np.stack([X[y == label].mean(0).numpy() for label in range(4)])


def test_simplex_scores_are_what_their_formulas_say(trained):
    X, y, Z, found = trained
    means = means_of(X, y)
    centre = means.mean(0)
    Q = np.linalg.qr((means[:3] - centre).T)[0]
    for i, z in enumerate(Z.numpy()):
        r = z - centre
        angles = [r @ (m - centre) / np.linalg.norm(r) / np.linalg.norm(m - centre) for m in means]
        assert float(found["angle"][i]) == pytest.approx(max(angles))
        assert float(found["distance"][i]) == pytest.approx(-min(np.linalg.norm(z - m) for m in means))
        assert float(found["subspace"][i]) == pytest.approx(np.linalg.norm(Q.T @ r) ** 2 / (r @ r))


def test_the_vertices_have_the_best_simplex_scores(trained):
    X, y, *_ = trained
    found = scores.FeatureScores(X, y).score(torch.from_numpy(means_of(X, y)))
    torch.testing.assert_close(found["angle"], torch.ones(4, dtype=torch.float64))
    torch.testing.assert_close(found["subspace"], torch.ones(4, dtype=torch.float64))
    assert found["distance"].abs().max() < 1e-12


def test_mahalanobis_is_scikit_learns_and_scipys(trained):
    X, y, Z, found = trained
    means = means_of(X, y)
    fitted = ShrunkCovariance(shrinkage=0.1, assume_centered=True).fit(X.numpy() - means[y])
    squares = np.stack([fitted.mahalanobis(Z.numpy() - mean) for mean in means])
    np.testing.assert_allclose(found["mahalanobis"], -squares.min(0), rtol=1e-10)
    inverse = np.linalg.inv(fitted.covariance_)
    one = min(distance.mahalanobis(Z[0], mean, inverse) for mean in means)
    assert float(found["mahalanobis"][0]) == pytest.approx(-(one**2))


def test_features_that_have_collapsed_have_a_mahalanobis_distance_all_the_same(draw):
    y = torch.arange(3).repeat(5)
    X = torch.eye(6, dtype=torch.float64)[y] + 1e-9 * draw(15, 6)
    assert torch.isfinite(scores.FeatureScores(X, y).score(draw(4, 6))["mahalanobis"]).all()


def test_neighbours_are_scikit_learns(trained):
    X, _, Z, found = trained
    unit, points = (rows.numpy() / np.linalg.norm(rows.numpy(), axis=1)[:, None] for rows in (X, Z))
    expected = NearestNeighbors(n_neighbors=3).fit(unit).kneighbors(points)[0][:, -1]
    np.testing.assert_allclose(found["neighbours"], -expected, rtol=1e-9)


def test_output_scores_are_what_their_formulas_say(draw):
    z = draw(7, 4)
    found = scores.output_scores(z)
    for i, row in enumerate(z.tolist()):
        total = sum(math.exp(value) for value in row)
        assert float(found["energy"][i]) == pytest.approx(math.log(total))
        assert float(found["softmax"][i]) == pytest.approx(math.exp(max(row)) / total)


@pytest.mark.parametrize("decimals", [0, 6])  # with many ties, and with none
def test_auroc_is_scikit_learns(draw, decimals):
    inside, outside = (
        (draw(50, 1)[:, 0] + 0.5).round(decimals=decimals),
        draw(31, 1, seed=1)[:, 0].round(decimals=decimals),
    )
    labels = np.r_[np.ones(50), np.zeros(31)]
    expected = roc_auc_score(labels, torch.cat([inside, outside]).numpy())
    assert scores.auroc(inside, outside) == pytest.approx(expected)
    assert scores.auroc(outside, inside) == pytest.approx(1 - expected)


@pytest.mark.parametrize("n", [3, 19, 20, 21, 40, 99, 100])
@pytest.mark.parametrize("decimals", [0, 6])
def test_the_false_positive_rate_is_brute_force(draw, n, decimals):
    inside, outside = (
        (draw(n, 1)[:, 0] + 1).round(decimals=decimals),
        draw(31, 1, seed=1)[:, 0].round(decimals=decimals),
    )
    thresholds = [t for t in inside.tolist() if sum(v >= t for v in inside.tolist()) / n >= 0.95]
    expected = sum(v >= max(thresholds) for v in outside.tolist()) / 31
    assert scores.false_positive_rate(inside, outside) == pytest.approx(expected)


def test_scores_that_are_alike_are_at_chance(draw):
    inside, outside = draw(4000, 1)[:, 0], draw(4000, 1, seed=1)[:, 0]
    assert scores.auroc(inside, outside) == pytest.approx(0.5, abs=0.03)
    assert scores.false_positive_rate(inside, outside) == pytest.approx(scores.ACCEPTED, abs=0.02)


def test_what_cannot_be_scored_is_refused(draw):
    with pytest.raises(ValueError, match="10 neighbours cannot be found among 4 points"):
        scores.FeatureScores(draw(4, 2), torch.tensor([0, 1, 0, 1]))
    with pytest.raises(ValueError, match="no direction"):
        scores.FeatureScores(torch.ones(12, 2), torch.arange(2).repeat(6))
