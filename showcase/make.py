"""Recreate the showcase and docs/results.md from finished runs: `make showcase`.

The showcase of a run is committed under results/showcase/<run> and figures/showcase/<run>.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pandas as pd

from agop_dnc import notes
from agop_dnc.pipeline import instructions, provenance, tables
from agop_dnc.studies import all as studies
from agop_dnc.studies.departures import departures
from agop_dnc.studies.verdicts.notes import CLAIM_NAMES, read, run_title, summary

REPOSITORY = Path(__file__).resolve().parents[1]
RESULTS, FIGURES = REPOSITORY / "results", REPOSITORY / "figures"
TABLES = (
    "claims",
    "claims_evidence",
    "deep_rfm",
    "departures",
    "nfa_summary",
    "predictions",
    "removals",
)


def shown(run: str) -> tuple[Path, Path]:
    """Return the committed folders of a run: its tables and notebooks, and its figures."""
    return RESULTS / "showcase" / run, FIGURES / "showcase" / run


def keep(run: str, names: tuple[str, ...]) -> None:
    """Copy a finished run's figures, notebooks and tables into its showcase, in place of what was there."""
    results, figures = shown(run)
    for folder in (results / "tables", results / "notebooks", figures):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    for picture in (FIGURES / run).glob("*.png"):
        shutil.copy(picture, figures)
    for notebook in (RESULTS / run / "notebooks").glob("*.ipynb"):
        shutil.copy(notebook, results / "notebooks")
    for name in names:
        shutil.copy(RESULTS / run / "tables" / f"{name}.csv", results / "tables")
    keep_checksums(results / "checksums.json", checksums(RESULTS / run / "tables"))


def checksums(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every table of numbers and verdicts in a folder; what says how long a run took is left out."""
    return {path.name: provenance.sha256(path) for path in sorted(folder.glob("*.csv")) if path.name != "cost.csv"}


def keep_checksums(file: Path, made: dict[str, str]) -> None:
    """Note checksums for this processor; those of others go if these have changed, as theirs have then, too."""
    here = instructions.family()
    kept = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    kept = kept if kept.get(here, made) == made else {}
    file.write_text(json.dumps(kept | {here: made}, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def table_of(run: str, name: str) -> pd.DataFrame:
    """Return a table of a showcase."""
    return tables.read(shown(run)[0] / "tables" / f"{name}.csv")


def page() -> str:
    """Return docs/results.md."""
    claims = read(table_of("default", "claims"))
    effects = departures.summary(table_of("default", "departures"))
    figures, notebooks = "../figures/showcase/default", "../results/showcase/default/notebooks"
    parts = [
        "# What the default run shows",
        "Made by `make showcase` from the default run (the digits that scikit-learn carries). The notebooks, with the mathematics and the "
        f"numbers behind each figure, are in [results/showcase/default/notebooks]({notebooks}).",
        "## The paper's claims",
        f"![verdicts]({figures}/claims.png)",
        notes.table_of(summary(claims)),
        "A claim is judged for every dataset and model that has what it needs: *reproduced* if the 95 % interval of every quantity lies within "
        "its bounds, *not reproduced* if one lies outside, *undecided* between. *Not tested* are claims that the run has "
        f"too little for. The rules, with the reason for each bound: [claims]({notebooks}/claims.ipynb). What was looked into "
        "behind the verdicts: [verdicts.md](verdicts.md).",
        notes.table_of(named(claims)),
    ]
    config = studies.load([REPOSITORY / "config.yaml"])
    for figure in studies.figures(config).values():
        if figure.name in ("claims", "departures"):
            continue
        parts += [
            f"## {figure.label}: {figure.title}",
            f"![{figure.label}]({figures}/{figure.name}.png)",
            f"{figure.look_for} [notebook]({notebooks}/{figure.name}.ipynb)",
        ]
    parts += [
        "## Theory and measurement",
        "The relative error over data, settings and seeds; the notebooks of Figures T1, T2 and D1 to D4 say where theory and measurement "
        "part, and why.",
        notes.table_of(predictions()),
        "## The Neural Feature Ansatz at the end of training",
        notes.markdown(table_of("default", "nfa_summary")),
        "## Where the released code departs from the paper",
        f"![departures]({figures}/departures.png)",
        notes.table_of(departures.answers(effects)),
        "First and last value over layers, epochs or steps; *holds* says whether the conclusion does, *changes* whether it differs from "
        f"that of the paper's definition. [notebook]({notebooks}/departures.ipynb)",
        notes.table_of(effects.drop(columns=["dataset", "title"]).replace({True: "yes", False: "no"})),
    ]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def predictions() -> pd.DataFrame:
    """Return how many of every predicted quantity were compared, and the relative errors."""
    found = table_of("default", "predictions")
    found = found[
        found.relative_error.notna() & ~found.quantity.isin(["rank of the input", "dnc1", "dnc2", "dnc3", "collapsed"])
    ]
    grouped = found.groupby(["study", "quantity"], sort=False).relative_error.agg(["count", "median", "max"])
    return grouped.reset_index().rename(columns={"count": "compared", "median": "median error", "max": "largest error"})


def named(claims: pd.DataFrame) -> pd.DataFrame:
    """Return what was judged in this run as a reader knows it: the claim, the data and model, what was measured, and the verdict."""
    judged = claims[(claims.dataset + claims.model) != ""]
    runs = [run_title(dataset, model) for dataset, model in zip(judged.dataset, judged.model, strict=True)]
    about = [f"{claim}: {CLAIM_NAMES[claim]}" for claim in judged.claim]
    return judged.assign(claim=about, run=runs)[["claim", "run", "measured", "expected", "verdict", "as_paper"]].rename(
        columns={"as_paper": "settings"}
    )


def main() -> None:
    """Keep the runs that are named, `default` if none is, and write docs/results.md."""
    for run in sys.argv[1:] or ["default"]:
        keep(run, TABLES)
    (REPOSITORY / "docs" / "results.md").write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
