"""Recreate the showcase and docs/results.md from finished runs: `make showcase`.

The showcase of a run is committed under results/showcase/<run> and figures/showcase/<run>: its tables, notebooks and figures, and
`figures.json`, which names the figures in their order. `python showcase/make.py RUN…` keeps finished runs; the page shows all that are kept.
"""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from agop_dnc import notes
from agop_dnc.pipeline import instructions, provenance, tables
from agop_dnc.studies import all as studies
from agop_dnc.studies.departures import departures
from agop_dnc.studies.judging import NOT_REPRODUCED, NOT_TESTED, REPRODUCED, UNDECIDED
from agop_dnc.studies.verdicts.notes import CLAIM_NAMES, read, run_title, summary

REPOSITORY = Path(__file__).resolve().parents[1]
RESULTS, FIGURES = REPOSITORY / "results", REPOSITORY / "figures"
LARGEST = 600_000  # bytes of a table that is kept


@dataclass(frozen=True)
class Shown:
    """A run that is shown.

    Attributes:
        name: The run's.
        title: Its heading on the page.
        about: One sentence on what it is.
        files: Its configuration, one file layered over the other.
    """

    name: str
    title: str
    about: str
    files: tuple[str, ...]


# In the order of the page.
RUNS = (
    Shown(
        "paper_cpu",
        "MNIST and CIFAR-10 with 10,000 points",
        "Two of the paper's three datasets, as far as a few hours of two cores go, and MNIST with its classes in the proportions of the third, SVHN. CIFAR-10's images were read from JPEG files, as the originals were not to be had.",
        ("config/paper_cpu.yaml", "showcase/paper_cpu.yaml"),
    ),
    Shown(
        "default",
        "The digits that scikit-learn carries",
        "What `make reproduce` makes: 1,500 images of 8×8 pixels, and 840 of them in uneven classes.",
        ("config.yaml",),
    ),
    Shown(
        "mnist",
        "What is removed from Deep RFM, on MNIST",
        "2,000 points of MNIST, with the paper's kernels.",
        ("config/mnist.yaml", "showcase/mnist.yaml"),
    ),
    Shown(
        "scaling",
        "Deep RFM against the number of training points",
        "The same Deep RFM, with ReLU features, on more and more points of MNIST; one seed. 30,000 points ran on another processor than the others.",
        ("config/scaling.yaml", "showcase/scaling.yaml"),
    ),
    Shown(
        "tabular",
        "RFM on 90 tabular data sets",
        "The UCI classification sets of at most 5,000 rows without a test part.",
        ("config/tabular.yaml",),
    ),
    Shown(
        "uses",
        "Uses of collapse, and collapse under other training",
        "The digits again: points of another distribution, a fixed last layer, other losses and labels.",
        ("config/uses.yaml",),
    ),
    Shown("rfm", "RFM on polynomials and modular arithmetic", "The studies of RFM at full size.", ("config/rfm.yaml",)),
    Shown("convrfm", "Convolutional RFM", "Images in noise.", ("config/convrfm.yaml",)),
    Shown(
        "digits_in_noise",
        "Digits in noise at the published size",
        "MNIST in noise with 4,000 training and test images, as in the authors' notebook; one seed, so that no claim is judged.",
        ("config/convrfm.yaml", "showcase/digits_in_noise.yaml"),
    ),
    Shown(
        "images",
        "Convolutional RFM on CIFAR-10",
        "1,000 training images, next to the authors' slides. The images were read from JPEG files, as the originals were not to be had.",
        ("config/images.yaml", "showcase/images.yaml"),
    ),
    Shown(
        "phenomena",
        "Spurious features, simplicity bias and lottery tickets",
        "2,000 training images of MNIST and of CIFAR-10, two classes of them for the star. CIFAR-10's images were read from JPEG files, as the originals were not to be had.",
        ("config/phenomena.yaml", "showcase/phenomena.yaml"),
    ),
    Shown(
        "studies",
        "Widths, test points and initialisation scales",
        "Three studies beyond the paper on 1,000 digits.",
        ("config/studies.yaml",),
    ),
)


def folders(run: str) -> tuple[Path, Path]:
    """Return the committed folders of a run: its tables and notebooks, and its figures."""
    return RESULTS / "showcase" / run, FIGURES / "showcase" / run


def kept() -> list[Shown]:
    """Return the runs that have a showcase."""
    return [shown for shown in RUNS if (folders(shown.name)[0] / "figures.json").exists()]


def keep(shown: Shown) -> None:
    """Copy a finished run's figures, notebooks and tables into its showcase, in place of what was there."""
    run = shown.name
    results, figures = folders(run)
    for folder in (results / "tables", results / "notebooks", figures):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    for picture in (FIGURES / run).glob("*.png"):
        shutil.copy(picture, figures)
    for notebook in (RESULTS / run / "notebooks").glob("*.ipynb"):
        shutil.copy(notebook, results / "notebooks")
    for table in (RESULTS / run / "tables").glob("*.csv"):
        if table.name != "cost.csv" and table.stat().st_size <= LARGEST:
            shutil.copy(table, results / "tables")
    config = studies.load([REPOSITORY / file for file in shown.files])
    made = [
        {"name": figure.name, "label": figure.label, "title": figure.title, "look_for": figure.look_for}
        for figure in studies.figures(config).values()
        if (figures / f"{figure.name}.png").exists()
    ]
    write_json(results / "figures.json", made)
    keep_checksums(results / "checksums.json", checksums(RESULTS / run / "tables"))


def write_json(file: Path, content: Any) -> None:
    """Write a JSON file that is easy to compare by line."""
    file.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def checksums(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every table of numbers and verdicts in a folder; what says how long a run took is left out."""
    return {path.name: provenance.sha256(path) for path in sorted(folder.glob("*.csv")) if path.name != "cost.csv"}


def keep_checksums(file: Path, made: dict[str, str]) -> None:
    """Note checksums for this processor; those of others go if these have changed, as theirs have then, too."""
    here = instructions.family()
    before = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    before = before if before.get(here, made) == made else {}
    write_json(file, dict(sorted((before | {here: made}).items())))


def table_of(run: str, name: str) -> pd.DataFrame:
    """Return a table of a showcase."""
    return tables.read(folders(run)[0] / "tables" / f"{name}.csv")


def has(run: str, name: str) -> bool:
    """Return whether a showcase has a table."""
    return (folders(run)[0] / "tables" / f"{name}.csv").exists()


def page() -> str:
    """Return docs/results.md."""
    runs = kept()
    parts = [
        "# Results",
        "Made by `make showcase` from finished runs, which are kept under `results/showcase` and `figures/showcase`.",
    ]
    parts.append(
        at_a_glance({shown.name: read(table_of(shown.name, "claims")) for shown in runs if has(shown.name, "claims")})
    )
    parts.append(
        "A claim is judged for every dataset and model that has what it needs: *reproduced* if the 95 % interval of every quantity lies within "
        "its bounds, *not reproduced* if one lies outside, *undecided* between; *not tested* if what was run cannot tell. "
        "Why what was not reproduced was not, and the history of the rules: [verdicts.md](verdicts.md)."
    )
    for shown in runs:
        parts += section_of(shown)
    return "\n\n".join(part.strip() for part in parts) + "\n"


def at_a_glance(claims_of: dict[str, pd.DataFrame]) -> str:
    """Return how often each verdict was given per run, and which claims held everywhere, nowhere, or in some runs."""
    titles = {shown.name: shown.title for shown in RUNS}
    every = pd.concat(claims_of.values(), ignore_index=True)
    lines = []
    for run, claims in claims_of.items():
        ran = summary(judged(claims))
        counts = ran[[REPRODUCED, NOT_REPRODUCED, UNDECIDED, NOT_TESTED]].sum()
        said = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
        not_run = len(summary(claims)) - len(ran)
        rest = f"; {not_run} {'claim' if not_run == 1 else 'claims'} not run" if not_run else ""
        lines.append(f"- {titles[run]}: of {counts.sum()} verdicts {said}{rest}.")
    table = summary(every).set_index("claim")
    tested = table[[REPRODUCED, NOT_REPRODUCED, UNDECIDED]].sum(axis=1)
    always, never = table[REPRODUCED] == tested, table[REPRODUCED] == 0
    open_ = table[UNDECIDED] == tested
    for words, chosen in (
        ("Reproduced wherever they were tested", always & (tested > 0)),
        ("Reproduced nowhere", never & ~open_ & (tested > 0)),
        ("Undecided wherever they were tested", open_ & (tested > 0)),
        ("Reproduced in some runs", ~always & ~never),
    ):
        named = "; ".join(f"{table.about[claim]} ({claim})" for claim in table.index[chosen])
        lines.append(f"- {words}: {named or 'none'}.")
    return "\n".join(lines)


def section_of(shown: Shown) -> list[str]:
    """Return the part of the page on one run: verdicts, settings that differ from the paper's, figures, tables."""
    run = shown.name
    results, pictures = f"../results/showcase/{run}", f"../figures/showcase/{run}"
    parts = [
        f"## {shown.title}",
        f"{shown.about} Configuration: {' and '.join(f'`{file}`' for file in shown.files)}. [Notebooks]({results}/notebooks), with the mathematics "
        f"and the numbers behind each figure; [tables]({results}/tables).",
    ]
    if has(run, "claims"):
        claims = read(table_of(run, "claims"))
        parts.append(f"![verdicts]({pictures}/claims.png)")
        if len(differing := differences(claims)):
            parts += ["### The paper's settings and this run's", notes.table_of(differing)]
        parts += ["### Every verdict", notes.table_of(named(claims))]
    for figure in json.loads((folders(run)[0] / "figures.json").read_text(encoding="utf-8")):
        if figure["name"] not in ("claims", "departures"):
            parts += [
                f"### {figure['label']}: {figure['title']}",
                f"![{figure['label']}]({pictures}/{figure['name']}.png)",
                f"{figure['look_for']} [Notebook]({results}/notebooks/{figure['name']}.ipynb)",
                finding(run, figure["name"]),
            ]
    if has(run, "predictions"):
        parts += [
            "### Theory and measurement",
            "The relative error over data, settings and seeds; the notebooks of Figures T1, T2 and D1 to D4 say where theory and measurement "
            "part, and why.",
            notes.table_of(predictions(run)),
        ]
    if has(run, "nfa_summary"):
        parts += ["### The Neural Feature Ansatz at the end of training", notes.markdown(table_of(run, "nfa_summary"))]
    if has(run, "departures"):
        effects = departures.summary(table_of(run, "departures"))
        parts += [
            "### Where the released code departs from the paper",
            f"![departures]({pictures}/departures.png)",
            notes.table_of(departures.answers(effects)),
            "First and last value over layers, epochs or steps; *holds* says whether the conclusion does, *changes* whether it differs from "
            f"that of the paper's definition. [Notebook]({results}/notebooks/departures.ipynb)",
            notes.table_of(effects.drop(columns=["dataset", "title"]).replace({True: "yes", False: "no"})),
        ]
    return [part for part in parts if part]


def finding(run: str, figure: str) -> str:
    """Return what a rendered notebook says was found: the text of its cell tagged `found`; empty without one."""
    content = json.loads((folders(run)[0] / "notebooks" / f"{figure}.ipynb").read_text(encoding="utf-8"))
    for cell in content["cells"]:
        if "found" in cell["metadata"].get("tags", []):
            return "".join(line for output in cell["outputs"] for line in output["data"]["text/markdown"])
    return ""


def predictions(run: str) -> pd.DataFrame:
    """Return how many of every predicted quantity were compared, and the relative errors."""
    found = table_of(run, "predictions")
    found = found[
        found.relative_error.notna() & ~found.quantity.isin(["rank of the input", "dnc1", "dnc2", "dnc3", "collapsed"])
    ]
    grouped = found.groupby(["study", "quantity"], sort=False).relative_error.agg(["count", "median", "max"])
    return grouped.reset_index().rename(columns={"count": "compared", "median": "median error", "max": "largest error"})


def judged(claims: pd.DataFrame) -> pd.DataFrame:
    """Return the verdicts on something that was run, with the dataset and model as a reader knows them (`run`)."""
    chosen = claims[(claims.dataset + claims.model) != ""]
    runs = [run_title(dataset, model) for dataset, model in zip(chosen.dataset, chosen.model, strict=True)]
    return chosen.assign(run=runs)


def differences(claims: pd.DataFrame) -> pd.DataFrame:
    """Return the settings in which each model differs from the paper's, with the paper's in brackets: one row per model."""
    rows = []
    for run, own in judged(claims).groupby("run", sort=False):
        differing = own.as_paper[own.as_paper.str.startswith("differs: ")].str.removeprefix("differs: ")
        if len(differing):
            said = max(differing, key=len).replace("(paper ", "(")
            rows.append({"model": run, "setting here (the paper's)": said})
    return pd.DataFrame(rows)


def named(claims: pd.DataFrame) -> pd.DataFrame:
    """Return what was judged in a run as a reader knows it: the claim, the data and model, what was measured, and the verdict."""
    chosen = judged(claims)
    about = [f"{claim}: {CLAIM_NAMES[claim]}" for claim in chosen.claim]
    measured = chosen.measured.str.replace(r"; AGOP: mean over points.*", "", regex=True)
    return chosen.assign(claim=about, measured=measured)[["claim", "run", "measured", "verdict"]]


def main() -> None:
    """Keep the runs that are named, `default` if none is, and write docs/results.md."""
    by_name = {shown.name: shown for shown in RUNS}
    for run in sys.argv[1:] or ["default"]:
        keep(by_name[run])
    (REPOSITORY / "docs" / "results.md").write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
