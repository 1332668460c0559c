"""Write the text of the report's start page and of the notebooks' index, starting with the verdicts."""

from __future__ import annotations

import html
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version

import pandas as pd

_PACKAGES = ("torch", "torchvision", "numpy", "scikit-learn", "snakemake")
# The report centres its first page in the window, which moves the top of a long page out of reach of the scroll bar.
_STYLE = """\
.. raw:: html

   <style>
   .grow.flex.items-center.justify-center.h-screen {{ align-items: flex-start; justify-content: flex-start; }}
   .prose.max-w-lg {{ max-width: 48rem; }}
   @media (max-width: 60rem) {{ .h-screen > .grow.flex {{ flex-wrap: wrap; }} .prose table {{ display: block; overflow-x: auto; }} }}
   </style>
"""
_START = """\
Average gradient outer product as a mechanism for deep neural collapse: a reproduction
======================================================================================

{style}
{verdicts}

*Statistics* has the run times, *Workflow* the graph of the rules.

Run ``{run}``: {datasets}; seeds {seeds}. {versions}.

The configuration, with every default filled in
-----------------------------------------------

.. code-block:: yaml

{configuration}
"""
_HOW = """

Every claim is a rule over the run's tables, with bounds for the 95 % interval over seeds; `claims.html`_ (category Rendered
notebooks) has the bounds, the reason for each, and the evidence for each verdict.
"""


def start_page(
    verdicts: pd.DataFrame, run: str, datasets: Sequence[str], seeds: Sequence[int], configuration: str
) -> str:
    """Return the report's first page as reStructuredText: the table of verdicts, then the settings and versions of the run.

    Args:
        verdicts: Rows of claims.csv with a column `statement`; empty if claims are not judged.
        run: The name of the run.
        datasets: The names of its datasets.
        seeds: Its seeds.
        configuration: The configuration as YAML.

    Returns:
        The page.
    """
    return _START.format(
        verdicts=_grid(verdicts) + _HOW if len(verdicts) else "Claims are not judged in this configuration.",
        style=_STYLE.format(),
        run=run,
        datasets=", ".join(datasets),
        seeds=", ".join(map(str, seeds)),
        versions=versions(),
        configuration="\n".join(f"   {line}" for line in configuration.splitlines()),
    )


def versions() -> str:
    """Return the versions of Python and of the packages that numbers depend on.

    >>> versions().startswith("Python 3.")
    True
    """
    return ", ".join([f"Python {platform.python_version()}", *(f"{name} {version(name)}" for name in _PACKAGES)])


def index_page(verdicts: pd.DataFrame, notebooks: Mapping[str, str], pictures: Mapping[str, str]) -> str:
    """Return the index of a run's rendered notebooks as HTML: verdicts, then a linked picture per notebook, in the paper's order.

    Args:
        verdicts: Rows of claims.csv with a column `statement`; empty if claims are not judged.
        notebooks: Each notebook's title by its file name.
        pictures: The PNG shown for each notebook, relative to the index, by the notebook's file name.

    Returns:
        The page.
    """
    cards = "\n".join(
        f'<a class="card" href="{html.escape(name)}"><img src="{html.escape(pictures[name])}" alt=""><span>'
        f"{html.escape(title)}</span></a>"
        for name, title in notebooks.items()
    )
    return _INDEX.format(verdicts=_html_table(verdicts) if len(verdicts) else "", cards=cards)


_INDEX = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Neural collapse and AGOP: rendered notebooks</title>
<style>
body {{ font-family: sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; color: #222; }}
.wide {{ overflow-x: auto; }}
table {{ border-collapse: collapse; font-size: 85%; }}
th, td {{ padding: .3rem .6rem; text-align: left; vertical-align: top; border-bottom: 1px solid #ddd; }}
.reproduced {{ background: #bfe3c0; }} .not-reproduced {{ background: #f4b9a7; }} .undecided {{ background: #fbe8b8; }} .not-tested {{ background: #e6e6e6; }}
.cards {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(16rem, 1fr)); gap: 1rem; }}
.card {{ border: 1px solid #ddd; padding: .6rem; text-decoration: none; color: inherit; display: flex; flex-direction: column; }}
.card img {{ width: 100%; height: 10rem; object-fit: contain; }}
</style>
</head>
<body>
<h1>Average gradient outer product as a mechanism for deep neural collapse</h1>
<div class="wide">{verdicts}</div>
<h2>Rendered notebooks</h2>
<div class="cards">
{cards}
</div>
</body>
</html>
"""


def _where(row: pd.Series[str]) -> str:
    return ", ".join(str(part) for part in (row.dataset, row.model) if isinstance(part, str) and part)


def _claim(row: pd.Series[str]) -> str:
    return f"{row.claim}. {row.statement}"


def _html_table(verdicts: pd.DataFrame) -> str:
    rows = "\n".join(
        f"<tr><td>{html.escape(_claim(row))}</td><td>{html.escape(_where(row))}</td>"
        f'<td class="{str(row.verdict).replace(" ", "-")}">{row.verdict}</td><td>{html.escape(str(row.measured))}</td></tr>'
        for _, row in verdicts.iterrows()
    )
    return f"<table><tr><th>claim</th><th>where</th><th>verdict</th><th>measured</th></tr>\n{rows}\n</table>"


def _grid(verdicts: pd.DataFrame) -> str:
    """Return the verdicts as a list-table, whose cells may have any length."""
    lines = [".. list-table:: Did it reproduce?", "   :header-rows: 1", "   :widths: 26 18 14 42", ""]
    cells = [("claim", "where", "verdict", "measured")]
    cells += [(_claim(row), _where(row), f"**{row.verdict}**", str(row.measured)) for _, row in verdicts.iterrows()]
    for row in cells:
        lines += [f"   {'*' if i == 0 else ' '} - {cell}" for i, cell in enumerate(row)]
    return "\n".join(lines)
