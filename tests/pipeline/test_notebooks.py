"""Rendered notebooks: formulas as MathML, which browsers draw without a network, and pages."""

import re
import xml.etree.ElementTree as ElementTree

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st
from papermill.translators import translate_parameters

from agop_dnc.pipeline.notebooks import mathml, page_of

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


def test_parameters_are_written_by_black():
    """Without it, papermill leaves them on one line, and the same run would leave other bytes."""
    written = translate_parameters("python3", "python", {"files": {"table": "t" * 60, "other": "o" * 60}}, "Parameters")
    assert 'files = {\n    "table"' in written


@given(formulas)
def test_drawing_twice_changes_nothing(formula):
    once = mathml(f"with ${formula}$ inside")
    assert mathml(once) == once


@pytest.mark.parametrize(("formula", "tag"), [(r"\frac{a}{b}", "mfrac"), ("x^{2}", "msup"), ("x_{1}", "msub"), (r"\sqrt{x}", "msqrt")])  # fmt: skip
def test_constructs_have_their_elements(formula, tag):
    assert f"<{tag}>" in mathml(f"${formula}$")


def test_page_has_parameters_last_and_everything_in_it():
    cell, output = nbformat.v4.new_code_cell, nbformat.v4.new_output
    shown = [
        output("display_data", {"text/markdown": "# A title\n$x_1 < 2$"}),
        output("display_data", {"image/png": "aGVsbG8=", "text/plain": "<Image>"}),
        output("display_data", {"text/html": "<table><tr><td>3</td></tr></table>", "text/plain": "3"}),
        output("stream", name="stdout", text="a < b"),
        output("execute_result", {"text/plain": "<object>"}),
    ]
    notebook = nbformat.v4.new_notebook(
        cells=[
            cell("given = 1", metadata={"tags": ["parameters"]}),
            cell("given = 2", metadata={"tags": ["injected-parameters"]}),
            cell("show(1 < 2)", outputs=shown),
            nbformat.v4.new_markdown_cell("**Bold** words"),
        ]
    )
    before = nbformat.writes(notebook)
    text = page_of(notebook, 'A "title" <of> a page')
    assert nbformat.writes(notebook) == before
    parts = ["<h1", "A title", "<math", 'src="data:image/png;base64,aGVsbG8="', "<table>", "a &lt; b", "&lt;object&gt;"]
    parts += ["show(1 &lt; 2)", "<strong>Bold</strong>", "given = 1", "given = 2"]
    places = [text.index(part) for part in parts]
    assert places == sorted(places)
    assert '<title>A "title" &lt;of&gt; a page</title>' in text
    assert 'alt="A &quot;title&quot; &lt;of&gt; a page"' in text or """alt='A "title" &lt;of&gt; a page'""" in text
    assert "&lt;Image&gt;" not in text  # the picture is there
    assert not re.findall(r'(?:src|href)="(?:https?:)?//', text)
