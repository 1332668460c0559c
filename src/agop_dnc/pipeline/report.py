"""Write the text of the report's start page and of the notebooks' index, starting with the verdicts."""

from __future__ import annotations

import html
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version

import pandas as pd

from . import page

_PACKAGES = ("torch", "torchvision", "numpy", "scikit-learn", "snakemake")
# The report centres its first page in the window, which moves the top of a long page out of reach of the scroll bar.
_STYLE = """\
.. raw:: html

   <style>
   .grow.flex.items-center.justify-center.h-screen { align-items: flex-start; justify-content: flex-start; }
   .prose.max-w-lg { max-width: 60rem; line-height: 1.35; }
   .prose h1 { font-size: 1.4rem; margin: 0 0 .5rem; } .prose table { font-size: .85rem; margin: 0 0 .5rem; } .prose p { margin: .4rem 0; }
   .prose thead th, .prose tbody td { padding: .12rem .6rem; } .prose td p { margin: 0; }
   @media (max-width: 60rem) { .h-screen > .grow.flex { flex-wrap: wrap; } .prose table { display: block; overflow-x: auto; } }
   </style>
"""
_START = """\
Average gradient outer product as a mechanism for deep neural collapse: a reproduction
======================================================================================

{style}
{verdicts}

Run ``{run}``: {datasets}; seeds {seeds}. {versions}. The configuration is in the category of that name.
"""
_HOW = """

The table counts the verdicts on each claim, one per dataset and model. `claims.html`_ (category Rendered notebooks) says where each was given, with
the bounds for the 95 % interval over seeds, the reason for each, and the evidence.
"""


def start_page(counts: pd.DataFrame, run: str, datasets: Sequence[str], seeds: Sequence[int]) -> str:
    """Return the report's first page as reStructuredText: how often each claim was reproduced, and what was run.

    Args:
        counts: One row per claim: its name, what it is about, and how often each verdict was given (one column per verdict). Empty if
            claims are not judged.
        run: The name of the run.
        datasets: The names of its datasets.
        seeds: Its seeds.

    Returns:
        The page.
    """
    return _START.format(
        verdicts=_grid(counts) + _HOW if len(counts) else "Claims are not judged in this configuration.",
        style=_STYLE,
        run=run,
        datasets=", ".join(datasets),
        seeds=", ".join(map(str, seeds)),
        versions=versions(),
    )


def versions() -> str:
    """Return the versions of Python and of the packages that numbers depend on.

    >>> versions().startswith("Python 3.")
    True
    """
    return ", ".join([f"Python {platform.python_version()}", *(f"{name} {version(name)}" for name in _PACKAGES)])


def index_page(places: pd.DataFrame, notebooks: Mapping[str, str], pictures: Mapping[str, str]) -> str:
    """Return the index of a run's rendered notebooks as HTML: verdicts, then a linked picture per notebook, in the paper's order.

    Args:
        places: One row per claim: its name, what it is about, and for each verdict (one column per verdict) the list of datasets and models
            to which it was given. Empty if claims are not judged.
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
    verdicts = f"<h2>Did it reproduce?</h2>\n{_table(places)}\n" if len(places) else ""
    return (
        page.head("Neural collapse and AGOP: rendered notebooks")
        + "<h1>Average gradient outer product as a mechanism for deep neural collapse</h1>\n"
        + f'{verdicts}<h2>Rendered notebooks</h2>\n<div class="cards">\n{cards}\n</div>\n</body>\n</html>\n'
    )


def _verdicts(table: pd.DataFrame) -> list[str]:
    return list(table.columns[2:])


def _table(places: pd.DataFrame) -> str:
    """Return the claims as an HTML table in which each dataset and model stands in its verdict's colour."""
    rows = []
    for _, row in places.iterrows():
        found = "".join(
            f'<span class="verdict {verdict.replace(" ", "-")}">{verdict}: {html.escape("; ".join(row[verdict]))}</span> '
            for verdict in _verdicts(places)
            if row[verdict]
        )
        rows.append(f"<tr><td>{html.escape(f'{row.claim}. {row.about}')}</td><td>{found}</td></tr>")
    return f'<div class="wide"><table><tr><th>claim</th><th>verdicts</th></tr>\n{"".join(rows)}\n</table></div>'


def _grid(counts: pd.DataFrame) -> str:
    """Return how often each verdict was given as a list-table, whose cells may have any length."""
    lines = [".. list-table:: Did it reproduce?", "   :header-rows: 1", "   :widths: 44 14 14 14 14", ""]
    cells = [("claim", *_verdicts(counts))]
    cells += [
        (f"{row.claim}. {row.about}", *(str(row[verdict] or "") for verdict in _verdicts(counts)))
        for _, row in counts.iterrows()
    ]
    for row in cells:
        lines += [f"   {'*' if i == 0 else ' '} - {cell}" for i, cell in enumerate(row)]
    return "\n".join(lines)
