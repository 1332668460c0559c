"""What collapse in Deep RFM is held against."""

import math

import pytest
import torch

from agop_dnc.collapse.metrics import centred_gram, gram_deviation, random_directions_nc2, simplex_gram
from agop_dnc.studies.deep_rfm import references


def labelled(sizes, d, seed=0):
    y = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes))
    return torch.randn(len(y), d, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)), y


def test_chance_is_what_the_draws_show_and_shrinks_with_the_dimension():
    found = references.chance(10, 64, 200)
    nc2_values = torch.linalg.matrix_norm(references.random_directions_cosines(10, 64, 200) - simplex_gram(10))
    assert found.nc2_5th == pytest.approx(float(nc2_values.quantile(0.05)))
    cosines = references.random_directions_cosines(10, 64, 200)
    between = [max(abs(float(m[a, b]) + 1 / 9) for a in range(10) for b in range(a)) for m in cosines]
    small = [max(float(m[a, b]) for a in range(5) for b in range(a)) for m in cosines]
    assert found.between == pytest.approx(sum(between) / 200)
    assert found.small_cosine == pytest.approx(sum(small) / 200)
    wider = references.chance(10, 256, 200)
    assert all(wide < narrow for wide, narrow in zip(wider, found, strict=True))


def test_nc2_of_ten_random_directions_is_as_the_protocol_says():
    # 0.58, 0.29 and 0.15, rounded, with a deviation of 0.03 at 1,024.
    assert references.chance(10, 256).nc2_median == pytest.approx(0.58, abs=0.01)
    assert references.chance(10, 1024).nc2_median == pytest.approx(0.29, abs=0.01)
    assert references.chance(10, 4096).nc2_median == pytest.approx(0.15, abs=0.01)
    assert float(random_directions_nc2(10, 1024).std()) == pytest.approx(0.03, abs=0.005)


def test_the_small_classes_cosine_is_the_largest_by_brute_force():
    sizes = [9, 3, 8, 2, 7, 4]
    X, y = labelled(sizes, 5)
    means = torch.stack([X[y == label].mean(0) for label in range(6)])
    centred = means - means.mean(0)
    small = [1, 3, 5]
    expected = max(
        float(torch.cosine_similarity(centred[a], centred[b], dim=0)) for a in small for b in small if a != b
    )
    assert references.small_class_cosine(X, y) == pytest.approx(expected, rel=1e-12)


def test_small_classes_that_merge_have_cosine_one_and_a_simplex_has_its_own():
    y = torch.repeat_interleave(torch.arange(6), torch.tensor([5, 5, 5, 2, 2, 2]))
    simplex = torch.eye(6, dtype=torch.float64)
    assert references.small_class_cosine(simplex[y], y) == pytest.approx(-1 / 5)
    simplex[5] = simplex[4]
    assert references.small_class_cosine(simplex[y], y) == pytest.approx(1)


def test_fewer_than_four_classes_have_no_small_pair():
    X, y = labelled([3, 3, 3], 4)
    assert math.isnan(references.small_class_cosine(X, y))
    assert math.isnan(references.chance(3, 8, 10).small_cosine)


def test_the_smallest_class_deviates_as_its_block_of_the_gram_matrix():
    X, y = labelled([6, 3, 5], 4)
    block = centred_gram(X, y)[6:9, 6:9]
    assert references.smallest_class_deviation(X, y) == pytest.approx(float((block - 1).square().mean().sqrt()))
    assert references.smallest_class_deviation(X, y) <= gram_deviation(X, y)["gram_within"] + 1e-12


def test_classes_of_one_size_deviate_as_the_worst_block(monkeypatch):
    X, y = labelled([7, 7, 7], 4)
    expected = gram_deviation(X, y)["gram_within"]
    assert references.smallest_class_deviation(X, y) == pytest.approx(expected)
    monkeypatch.setattr(references, "_CHUNK", 3)
    assert references.smallest_class_deviation(X, y) == pytest.approx(expected)
    assert set(references.small_class_metrics(X, y)) == {"gram_within_smallest", "largest_small_class_cosine"}
