"""The noisy images: their statistics, and where star and digit lie."""

import pytest
import torch

from agop_dnc.studies.noisy_images.images import embed_in_noise, stars_in_noise

STAR = """
...#...
..###..
#######
.#####.
..###..
.#####.
.##.##.
"""


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_stars_have_their_shape_in_two_channels_and_lie_on_18_by_18_places():
    X, y = stars_in_noise(6000, seeded())
    shape = torch.tensor([[pixel == "#" for pixel in line] for line in STAR.split()])
    assert shape.sum() == 28
    places = set()
    for image in X[y == 1]:
        rows, columns = (image[0] == 1).nonzero().T
        top, left = int(rows.min()), int(columns.min())
        places.add((top - 3, left - 7))
        for channel in image[:2]:
            assert torch.equal(channel[top : top + 7, left : left + 7] == 1, shape)
            assert (channel == 1).sum() == 28
        assert (image[2] != 1).all()
    # 3,000 draws leave a given one of 324 places out with probability 1e-4.
    assert {row for row, _ in places} == {column for _, column in places} == set(range(18))
    assert len(places) > 315
    assert (X[y == 0] != 1).all()


def test_stars_classes_are_balanced_in_random_order_and_noise_has_its_deviation():
    X, y = stars_in_noise(1000, seeded())
    assert y.sum() == 500
    assert 0 < y[:20].sum() < 20
    noise = X[y == 0]
    # 1.5 million pixels: the mean is within 4 standard errors of 0, the deviation within 0.1% of 0.3.
    assert abs(float(noise.mean())) < 4 * 0.3 / noise.numel() ** 0.5
    assert float(noise.std()) == pytest.approx(0.3, rel=1e-2)
    assert stars_in_noise(5, seeded())[1].sum() == 2


def test_draws_depend_on_the_generator_alone():
    torch.manual_seed(1)
    X, y = stars_in_noise(10, seeded())
    torch.manual_seed(2)
    X_again, y_again = stars_in_noise(10, seeded())
    assert torch.equal(X, X_again)
    assert torch.equal(y, y_again)
    assert not torch.equal(X, stars_in_noise(10, seeded(1))[0])


def test_digits_overwrite_a_window_on_14_by_14_places():
    digits = torch.rand(3000, 28, 28, generator=seeded(1), dtype=torch.float64)
    X = embed_in_noise(digits, seeded())
    assert X.shape == (3000, 1, 42, 42)
    places = set()
    for image, digit in zip(X[:, 0], digits, strict=True):
        ((top, left),) = (image == digit[0, 0]).nonzero().tolist()
        assert torch.equal(image[top : top + 28, left : left + 28], digit)
        places.add((top, left))
    assert {row for row, _ in places} == {column for _, column in places} == set(range(14))
    torch.testing.assert_close(embed_in_noise(digits[:, None], seeded()), X)


def test_noise_around_digits_has_half_the_root_of_sigma_as_deviation():
    for sigma in (1.0, 4.0):
        corner = embed_in_noise(torch.zeros(2000, 4, 4), seeded(), side=42, sigma=sigma)
        noise = corner[corner != 0]
        assert float(noise.std()) == pytest.approx(0.5 * sigma**0.5, rel=1e-2)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: stars_in_noise(1, seeded()), "two images or more"),
        (lambda: embed_in_noise(torch.zeros(2, 784), seeded()), "digits must be n×h×w"),
        (lambda: embed_in_noise(torch.zeros(2, 28, 28, dtype=torch.uint8), seeded()), "numbers in"),
        (lambda: embed_in_noise(torch.full((2, 28, 28), 255.0), seeded()), "divide by the largest"),
        (lambda: embed_in_noise(torch.full((2, 28, 28), torch.nan), seeded()), "lie in"),
        (lambda: embed_in_noise(torch.zeros(2, 28, 28), seeded(), side=28), "side must be larger"),
        (lambda: embed_in_noise(torch.zeros(2, 28, 28), seeded(), sigma=-1.0), "sigma must be"),
    ],
)
def test_bad_input_is_one_sentence(make, sentence):
    with pytest.raises(ValueError, match=sentence):
        make()
