"""The example on one page, next to the library."""

import re

import pytest
from conftest import REPOSITORY

from agop_dnc import DeepRFM
from agop_dnc.collapse.metrics import nc1
from agop_dnc.kernels.regression import normalised

PAGE = REPOSITORY / "examples/deep_rfm_in_one_page.py"
# Equal up to rounding, which the layers carry on: 3e-14 was seen in six layers.
TOLERANCE = 1e-9


@pytest.fixture
def page(monkeypatch):
    monkeypatch.syspath_prepend(str(PAGE.parent))
    import deep_rfm_in_one_page

    return deep_rfm_in_one_page


@pytest.mark.parametrize("seed", [0, 3])
def test_page_has_the_nc1_of_the_library(page, seed):
    X, y = page.digits(150)
    model = DeepRFM(depth=6, width=64, seed=seed).fit(X, y)
    found = list(page.deep_rfm(X, y, [layer.features.W for layer in model.layers]))
    assert len(found) == 6
    for number, (layer, values) in enumerate(zip(model.layers, found, strict=True)):
        points = normalised(model.transform(X, number))
        expected = [nc1(points, y), nc1(layer.projected(points), y), nc1(layer(points), y)]
        assert values == pytest.approx(expected, rel=TOLERANCE)


def test_page_is_short_and_uses_nothing_of_the_library():
    text = PAGE.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 80
    assert set(re.findall(r"^(?:from|import) (\w+)", text, flags=re.MULTILINE)) == {"torch", "sklearn"}
