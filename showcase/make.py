"""Make the showcase and docs/results.md again from a finished default run: `make showcase`."""

import json
import shutil
from pathlib import Path

import pandas as pd

from agop_dnc import notes
from agop_dnc.pipeline import instructions, provenance, tables
from agop_dnc.studies.departures import departures
from agop_dnc.studies.verdicts import notes as verdicts_notes

HERE = Path(__file__).parent
RESULTS, FIGURES = HERE.parent / "results" / "default", HERE.parent / "figures" / "default"
TABLES = (
    "claims.csv",
    "claims_evidence.csv",
    "deep_rfm.csv",
    "departures.csv",
    "dufm.csv",
    "nfa_summary.csv",
    "nfa_summary.md",
    "theory.csv",
)


def markdown(table) -> str:
    """A table of short cells as Markdown."""
    rows = [[notes.short(cell) if isinstance(cell, float) else str(cell) for cell in row] for row in table.to_numpy()]
    lines = [list(map(str, table.columns)), ["---"] * table.shape[1], *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def page() -> str:
    """The results as a page."""
    claims = tables.read(HERE / "claims.csv").fillna("")
    effects = departures.summary(tables.read(HERE / "departures.csv"))
    parts = [
        "# What the default run shows",
        "Made by `make showcase` from the default run (the digits that scikit-learn carries). Notebooks, with the mathematics and the numbers "
        "behind each figure, are in [showcase/notebooks](../showcase/notebooks).",
        "## The paper's claims",
        "![verdicts](../showcase/claims.png)",
        markdown(named(claims)),
        "The rules, with the reason for each bound: [claims](../showcase/notebooks/claims.ipynb).",
    ]
    for picture in sorted(HERE.glob("figure_*.png")):
        name = notes.figure_title(picture.stem)
        parts += [
            f"## {name}",
            f"![{name}](../showcase/{picture.name})",
            f"[notebook](../showcase/notebooks/{picture.stem}.ipynb)",
        ]
    parts += [
        "## Theory beside measurement",
        "The largest relative error over data, settings and seeds; the notebooks of Figures T1, T2 and D1 to D4 say where they part, and why.",
        markdown(predictions()),
        "## The Neural Feature Ansatz at the end of training",
        (HERE / "nfa_summary.md").read_text(encoding="utf-8"),
        "## Where the released code departs from the paper",
        "![departures](../showcase/departures.png)",
        markdown(departures.answers(effects)),
        "First and last value over layers, epochs or steps; *holds* says whether the conclusion does, *changes* whether it does not as with the "
        "paper's definition. [notebook](../showcase/notebooks/departures.ipynb)",
        markdown(effects.drop(columns=["dataset", "title"]).replace({True: "yes", False: "no"})),
    ]
    mnist = HERE / "mnist"
    if mnist.exists():
        parts += [
            "## MNIST, first 2,000 points",
            "`config/mnist.yaml` with one seed, kept by hand: what Deep RFM and the MLP show there, and what the departures do.",
            markdown(named(tables.read(mnist / "claims.csv").fillna(""))),
            markdown(departures.answers(departures.summary(tables.read(mnist / "departures.csv")))),
        ]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def predictions():
    """Of every quantity of theory.csv and dufm.csv, how many were compared and how far off they were."""
    theory = tables.read(HERE / "theory.csv").assign(study=lambda rows: "Theorem " + rows.theorem.astype(str))
    dufm = tables.read(HERE / "dufm.csv").assign(study=lambda rows: "Figure " + rows.study.str.upper())
    both = pd.concat([theory, dufm])
    both = both[both.relative_error.notna() & ~both.quantity.str.contains("rank|dnc|collapsed$", regex=True)]
    grouped = both.groupby(["study", "quantity"], sort=False).relative_error.agg(["count", "median", "max"])
    return grouped.reset_index().rename(columns={"count": "compared", "median": "median error", "max": "largest error"})


def named(claims):
    """Rows of claims.csv with the claims' names for their numbers."""
    return claims.assign(claim=[f"{n}. {verdicts_notes.CLAIM_NAMES[n]}" for n in claims.claim]).drop(columns="source")


def checksums(folder):
    """The SHA-256 of every table of numbers and verdicts in a folder; what says how long a run took is left out."""
    return {path.name: provenance.sha256(path) for path in sorted(folder.glob("*.csv")) if path.name != "cost.csv"}


def keep_checksums(made):
    """Note them for this processor; those of others go if these have changed, as theirs then have, too."""
    file, here = HERE / "checksums.json", instructions.family()
    kept = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    kept = kept if kept.get(here, made) == made else {}
    file.write_text(json.dumps(kept | {here: made}, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    for old in [*HERE.glob("*.png"), *HERE.glob("notebooks/*")]:
        old.unlink()
    (HERE / "notebooks").mkdir(exist_ok=True)
    for picture in FIGURES.glob("*.png"):
        shutil.copy(picture, HERE)
    for notebook in (RESULTS / "notebooks").glob("*.ipynb"):
        shutil.copy(notebook, HERE / "notebooks")
    for name in TABLES:
        shutil.copy(RESULTS / "tables" / name, HERE)
    keep_checksums(checksums(RESULTS / "tables"))
    (HERE.parent / "docs" / "results.md").write_text(page(), encoding="utf-8")
