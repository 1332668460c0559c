"""Formulas of notebooks as MathML, which browsers draw without a network."""

import re
import xml.etree.ElementTree as ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agop_dnc.pipeline.notebooks import mathml

# Markdown without formulas: text, headings, tables, code.
prose = st.text("ab c|#*_`-\n.1²κ", max_size=30)
symbol = st.sampled_from(
    ["x", "M", r"\alpha", r"\mathrm{tr}\,\Sigma_W", "x_{ij}", r"M^{1/2}", r"\frac{a}{b}", r"\|x\|_2"]
)
formulas = st.lists(symbol, min_size=1, max_size=3).map(" + ".join)
TAG = re.compile(r"<math.*?</math>", re.DOTALL)


@given(prose)
def test_text_without_formulas_is_left_alone(text):
    assert mathml(text) == text


@given(st.lists(st.tuples(prose, formulas, st.booleans()), min_size=1, max_size=4), prose)
def test_each_formula_becomes_one_element_and_the_text_between_stays(parts, end):
    text = "".join(
        f"{before}{'$$' if block else '$'}{formula}{'$$' if block else '$'}" for before, formula, block in parts
    )
    drawn = mathml(text + end)
    elements = TAG.findall(drawn)
    assert len(elements) == len(parts)
    assert TAG.sub("\0", drawn) == "\0".join([*(before for before, _, _ in parts), end])
    for element, (_, _, block) in zip(elements, parts, strict=True):
        parsed = ElementTree.fromstring(element)
        assert parsed.get("display") == ("block" if block else "inline")
        assert parsed.tag.endswith("math")


@given(formulas)
def test_drawing_twice_changes_nothing(formula):
    once = mathml(f"with ${formula}$ inside")
    assert mathml(once) == once


@pytest.mark.parametrize(("formula", "tag"), [(r"\frac{a}{b}", "mfrac"), ("x^{2}", "msup"), ("x_{1}", "msub"), (r"\sqrt{x}", "msqrt")])  # fmt: skip
def test_constructs_have_their_elements(formula, tag):
    assert f"<{tag}>" in mathml(f"${formula}$")
