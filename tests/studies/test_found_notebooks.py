"""Every notebook says what was found, in one cell that is tagged `found` and displays sentences as Markdown and nothing else."""

import ast

import nbformat
import pytest
from conftest import REPOSITORY, TEST_CONFIG, TINY

from agop_dnc.studies import all as studies

RUNS = {"finished": [TEST_CONFIG], "tiny": TINY}
# The page of the verdicts is one of findings throughout.
EXEMPT = {"claims"}


def declared():
    """Return the notebooks of all figures that any study declares."""
    found = set()
    for files in [*RUNS.values(), [REPOSITORY / "config.yaml"]]:
        config = studies.load(files)
        found |= {figure.notebook for study in studies.running(config) for figure in study.figures(config)}
    return sorted(found - EXEMPT)


def tagged(notebook):
    return [i for i, cell in enumerate(notebook.cells) if "found" in cell.metadata.get("tags", [])]


def read(path):
    return nbformat.read(path, as_version=4)


def test_every_notebook_is_declared():
    there = {path.stem for path in (REPOSITORY / "notebooks").glob("*.ipynb")}
    assert set(declared()) == there - EXEMPT


@pytest.mark.parametrize("name", declared())
def test_one_cell_below_the_heading_displays_what_was_found(name):
    notebook = read(REPOSITORY / "notebooks" / f"{name}.ipynb")
    (place,) = tagged(notebook)
    heading = notebook.cells[place - 1]
    assert heading.cell_type == "markdown"
    assert heading.source.startswith("## What was found\nMade from this run's numbers")
    assert sum(cell.source.startswith("## What was found") for cell in notebook.cells) == 1
    before = "\n".join(cell.source for cell in notebook.cells[: place - 1])
    assert "drawing.save(" in before, "the sentences stand below the figure"
    displayed = [node for node in ast.walk(ast.parse(notebook.cells[place].source)) if is_display(node)]
    assert len(displayed) == 1
    assert ast.unparse(displayed[0]).startswith("display(Markdown(")


def is_display(node):
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "display"


@pytest.mark.parametrize("run", RUNS)
def test_rendered_notebooks_have_one_text_of_sentences(run, request):
    folder, config = request.getfixturevalue(run), studies.load(RUNS[run])
    for name, figure in studies.figures(config).items():
        if figure.notebook in EXEMPT:
            continue
        notebook = read(folder / f"results/{config.run}/notebooks/{name}.ipynb")
        everything = [output for cell in notebook.cells for output in cell.get("outputs", [])]
        assert not [output.text for output in everything if output.output_type == "stream"], name  # a warning, say
        outputs = [output for place in tagged(notebook) for output in notebook.cells[place].outputs]
        assert len(outputs) == 1, name
        lines = outputs[0].data["text/markdown"].splitlines()
        assert lines, name
        for line in lines:
            assert line.startswith("- "), f"{name}: {line}"
            assert line.endswith("."), f"{name}: {line}"
            assert not {"nan", "inf", "None"} & set(line.replace("(", " ").replace(",", " ").split()), f"{name}: {line}"
            assert "reproduced" not in line, f"{name}: {line}"
