"""The tutorials: every one runs in less than a minute, and shows what its text says."""

import re

import pytest
from conftest import REPOSITORY

from website.tutorials import execute_once, markdown_of

SOURCES = sorted((REPOSITORY / "docs/tutorials").glob("*.ipynb"))


@pytest.fixture(autouse=True)
def _kept(tutorials, monkeypatch):
    monkeypatch.setenv("AGOP_DNC_TUTORIALS", str(tutorials))


def notebook_of(name):
    """Return a tutorial, executed, and its processor time."""
    return execute_once(REPOSITORY / f"docs/tutorials/{name}.ipynb", REPOSITORY)


def shown(notebook):
    """Return all that the cells print and return, as text."""
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    return "\n".join(output.get("text") or output.get("data", {}).get("text/plain", "") for output in outputs)


def row(text, name):
    """Return the numbers in a row of a printed table."""
    found = re.search(rf"^{re.escape(name)}  +(.*)$", text, flags=re.MULTILINE)
    assert found, f"no row {name} in {text}"
    return [float(number) for number in found[1].split()]


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_tutorial_runs_in_under_a_minute(source):
    notebook, seconds = notebook_of(source.stem)
    assert seconds < 60  # of its processor time, so that a busy machine changes nothing
    page, pictures = markdown_of(notebook, source.stem)
    assert page.startswith("# ")
    assert all(f"({name})" in page for name in pictures)
    assert "Traceback" not in page


def test_page_of_deep_rfm_agrees_with_the_library():
    table = shown(notebook_of("deep_rfm")[0]).split("relative difference\n")[1]
    differences = [float(line.split()[3]) for line in table.splitlines()[:6]]
    assert max(differences) < 1e-9


def test_both_networks_of_the_tutorial_on_collapse_have_fitted():
    text = shown(notebook_of("collapse")[0])
    assert row(text, "trained")[0] >= 0.99
    assert row(text, "trained, random labels")[0] >= 0.99
    excess = text.split("excess\n")[1]
    assert abs(row(excess, "untrained")[2]) < 0.05 < row(excess, "trained")[2]
    nc2 = text.split("NC2 of the last hidden layer\n")[1]
    assert row(nc2, "trained")[0] > row(nc2, "random directions, median")[0]


def test_rfm_learns_the_product_and_finds_its_columns():
    text = shown(notebook_of("rfm_table")[0])
    assert row(text, "R² after 0 iterations")[0] < 0.5 < 0.8 < row(text, "R² after 5 iterations")[0]
    columns = text.split("diagonal of M\ncolumn")[1].splitlines()[1:3]
    assert {line.split()[0] for line in columns} == {"0", "1"}


def test_root_of_the_agop_lowers_nc1_in_the_reproduced_figure():
    text = shown(notebook_of("one_figure")[0])
    assert row(text, "share of layers in which M½ lowers NC1") == [1.0]
    assert row(text, "share of layers in which Φ raises it") == [1.0]
