"""Render notebooks: run them with parameters, then remove everything that differs from run to run."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import black  # noqa: F401 (papermill formats parameters with it if it is installed; without it, notebooks would differ)
import nbformat
import papermill
from latex2mathml.converter import convert
from nbconvert import HTMLExporter

from ..files import write_text
from . import page

# Readers come for the figure: code is folded and stands below what it made.
_TEMPLATE = """{{ resources.head }}<main>
{% for cell in nb.cells %}
{% if cell.cell_type == "markdown" %}
{{ cell.source | markdown2html }}
{% else %}
{% for output in cell.outputs %}
{% if output.output_type == "stream" %}<pre>{{ output.text | escape }}</pre>
{% elif "image/png" in output.data %}
<div class="wide"><label class="picture"><input type="checkbox" aria-label="Full size">
<img src="data:image/png;base64,{{ output.data["image/png"] }}" alt="{{ resources.metadata.name | escape }}">
<span class="hint">Tap the figure for its full size.</span></label></div>
{% elif "text/html" in output.data %}<div class="wide">{{ output.data["text/html"] }}</div>
{% elif "text/markdown" in output.data %}{{ output.data["text/markdown"] | markdown2html }}
{% else %}<pre>{{ output.data["text/plain"] | escape }}</pre>
{% endif %}
{% endfor %}
<details class="code"><summary>Code</summary><pre>{{ cell.source | escape }}</pre></details>
{% endif %}
{% endfor %}
</main>
<script src="pages.js"></script>
</body>
</html>
"""
_PARAMETERS = {"parameters", "injected-parameters"}


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
    write_text(html, page_of(rendered, parameters.get("title", Path(notebook).stem)))
    write_text(notebook, nbformat.writes(rendered) + "\n")


def page_of(notebook: nbformat.NotebookNode, title: str) -> str:
    """Return a notebook that was run as an HTML page that needs no network; the cells with its parameters come last.

    Args:
        notebook: The notebook, which is left as it is.
        title: The page's title, and the text for those who cannot see its pictures.
    """
    shown = copy.deepcopy(notebook)
    _draw_formulas(shown)
    shown.cells.sort(key=lambda cell: bool(_PARAMETERS.intersection(cell.metadata.get("tags", []))))
    exporter = HTMLExporter(raw_template=_TEMPLATE)
    written, _ = exporter.from_notebook_node(shown, {"head": page.head(title), "metadata": {"name": title}})
    return str(written)


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
