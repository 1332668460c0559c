"""Execute the tutorials' notebooks and write them as Markdown."""

from __future__ import annotations

import base64
import os
import re
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

from agop_dnc.files import locked, write_text

TIMEOUT = 600  # seconds that a cell may take on a busy machine
_PROCESSOR_TIME = "import time; print(time.process_time())"


def execute_once(source: Path, folder: Path) -> tuple[nbformat.NotebookNode, float]:
    """Execute a notebook, or read it from the folder that AGOP_DNC_TUTORIALS names if another process has executed it.

    The folder holds executed notebooks by their names alone, so that each session of tests needs a new one. Arguments and result are
    those of :func:`execute`.
    """
    if "AGOP_DNC_TUTORIALS" not in os.environ:
        return execute(source, folder)
    kept = Path(os.environ["AGOP_DNC_TUTORIALS"], source.name)
    with locked(kept.with_suffix(".lock")):
        if not kept.exists():
            notebook, seconds = execute(source, folder)
            notebook.metadata["seconds"] = seconds
            write_text(kept, nbformat.writes(notebook))
    notebook = nbformat.read(kept, as_version=4)
    return notebook, notebook.metadata.pop("seconds")


def execute(source: Path, folder: Path) -> tuple[nbformat.NotebookNode, float]:
    """Execute a notebook on one thread; return it with its outputs, and its processor time in seconds.

    Args:
        source: The notebook.
        folder: Its working directory.

    Raises:
        nbclient.exceptions.CellExecutionError: If a cell fails.
    """
    notebook = nbformat.read(source, as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell(_PROCESSOR_TIME))
    resources = {"metadata": {"path": str(folder)}}
    quiet = ["--log-level=ERROR"]  # of a notice on the kernel's ports
    client = NotebookClient(
        notebook, timeout=TIMEOUT, kernel_name="python3", resources=resources, extra_arguments=quiet
    )
    client.execute(env=os.environ | {"OMP_NUM_THREADS": "1"})
    return notebook, float(notebook.cells.pop().outputs[0].text)


def markdown_of(notebook: nbformat.NotebookNode, name: str) -> tuple[str, dict[str, bytes]]:
    """Return an executed notebook as Markdown, and its pictures by the file names under which the Markdown shows them."""
    parts: list[str] = []
    pictures: dict[str, bytes] = {}
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            parts.append(cell.source)
            continue
        parts.append(f"```python\n{cell.source}\n```")
        for output in cell.outputs:
            parts.append(_output(output, f"{name}_{len(pictures) + 1}.png", pictures))
    return "\n\n".join(part for part in parts if part) + "\n", pictures


def _output(output: Any, picture: str, pictures: dict[str, bytes]) -> str:
    """Return an output as Markdown; a picture is put among the others."""
    data = output.get("data", {})
    if "image/png" in data:
        pictures[picture] = base64.b64decode(data["image/png"])
        return f"![What the code above draws]({picture})"
    if "text/markdown" in data:
        return str(data["text/markdown"])
    if "text/html" in data:
        table = re.sub(r"<style.*?</style>|\s*\n\s*", "", data["text/html"], flags=re.DOTALL)
        return table.replace(' border="1"', "").replace(' style="text-align: right;"', "")
    text = output.get("text") if output.output_type == "stream" else data.get("text/plain")
    return f"```text\n{text.rstrip()}\n```" if text and output.get("name") != "stderr" else ""
