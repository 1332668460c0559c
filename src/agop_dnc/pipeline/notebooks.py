"""Render notebooks: run them with parameters, then remove everything that differs from run to run."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat
import papermill
from latex2mathml.converter import convert
from nbconvert import HTMLExporter

from ..files import write_text

# Code is folded: readers come for the figure.
_TEMPLATE = """{%- extends 'lab/index.html.j2' -%}
{% block input_group %}<details class="code"><summary>code</summary>{{ super() }}</details>{% endblock input_group %}
{% block html_head %}{{ super() }}<style>details.code > summary { color: #777; font-size: 80%; cursor: pointer; }
.jp-RenderedHTMLCommon table { font-size: 12px; }</style>{% endblock html_head %}
"""


def render(source: str | Path, parameters: Mapping[str, Any], notebook: str | Path, html: str | Path) -> None:
    """Run a notebook with parameters in the working directory, and write the result as ipynb and as HTML.

    Runs with equal results write equal bytes, because times, ids and versions are removed. The HTML needs no network.

    Args:
        source: The notebook to run.
        parameters: The values of its parameters.
        notebook: Where the rendered notebook is written.
        html: Where its HTML is written.

    Raises:
        papermill.PapermillExecutionError: If a cell fails; then nothing is written.
    """
    partial = Path(notebook).with_suffix(".partial.ipynb")
    partial.parent.mkdir(parents=True, exist_ok=True)
    try:
        papermill.execute_notebook(
            source, partial, parameters=dict(parameters), kernel_name="python3", progress_bar=False
        )
        rendered = nbformat.read(partial, as_version=4)
    finally:
        partial.unlink(missing_ok=True)
    _forget_the_run(rendered)
    page = copy.deepcopy(rendered)
    _draw_formulas(page)
    page.metadata["title"] = parameters.get("title", Path(notebook).stem)
    exporter = HTMLExporter(raw_template=_TEMPLATE, mathjax_url="", require_js_url="", jquery_url="", mermaid_js_url="")
    write_text(html, exporter.from_notebook_node(page)[0])
    write_text(notebook, nbformat.writes(rendered) + "\n")


def mathml(text: str) -> str:
    """Return Markdown with its LaTeX formulas, $…$ and $$…$$, converted to MathML, which browsers draw without a network.

    >>> mathml("at $r$")
    'at <math xmlns="http://www.w3.org/1998/Math/MathML" display="inline"><mrow><mi>r</mi></mrow></math>'
    """

    def drawn(found: re.Match[str]) -> str:
        return str(convert(found[1] or found[2], display="block" if found[1] else "inline"))

    return re.sub(r"\$\$(.+?)\$\$|\$([^$\n]+?)\$", drawn, text, flags=re.DOTALL)


def _draw_formulas(notebook: nbformat.NotebookNode) -> None:
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = mathml(cell.source)
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if "text/markdown" in data:
                data["text/markdown"] = mathml(data["text/markdown"])


def _forget_the_run(notebook: nbformat.NotebookNode) -> None:
    """Remove times and versions, number the cells' ids, and keep only the tags of the cells' metadata."""
    notebook.metadata = nbformat.from_dict(
        {"kernelspec": notebook.metadata.get("kernelspec", {}), "language_info": {"name": "python"}}
    )
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"
        cell.metadata = nbformat.from_dict({"tags": cell.metadata.get("tags", [])})
