"""The showcase is what the code makes: compared with the finished default run in the folder that AGOP_DNC_RUN names.

On the machine that made it the bytes are equal. Another processor rounds differently, and training carries that on; the tolerances
that the tables declare say how far.
"""

import json
import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import REPOSITORY
from scipy import stats

from agop_dnc.pipeline import comparison, instructions
from agop_dnc.studies import all as studies

sys.path.insert(0, str(REPOSITORY / "showcase"))
from make import checksums

pytestmark = pytest.mark.skipif("AGOP_DNC_RUN" not in os.environ, reason="`make check-showcase` makes the run it needs")
SHOWCASE = REPOSITORY / "results" / "showcase" / "default"
PICTURES = REPOSITORY / "figures" / "showcase" / "default"
RUN = Path(os.environ.get("AGOP_DNC_RUN", ".")).resolve()
RESULTS, FIGURES = RUN / "results" / "default", RUN / "figures" / "default"


def both(name, keys):
    shown, made = (pd.read_csv(folder / "tables" / name) for folder in (SHOWCASE, RESULTS))
    assert list(shown.columns) == list(made.columns)
    merged = shown.merge(made, on=keys, how="outer", suffixes=("_shown", "_made"), indicator=True)
    assert set(merged.pop("_merge")) == {"both"}
    return merged


def compared():
    """Return the comparison of every table of numbers; the verdicts are compared with an eye on their bounds."""
    if "AGOP_DNC_RUN" not in os.environ:
        return []
    return [r for r in comparison.compare(SHOWCASE, RESULTS, studies.tables()) if r.table != "claims.csv"]


def test_verdicts_are_the_same():
    keys = ["claim", "dataset", "model"]
    table = both("claims.csv", keys).fillna("")
    changed = table[table.verdict_shown != table.verdict_made]
    changed = changed[[not (on_the_edge(row) or less_sure(row)) for _, row in changed.iterrows()]]
    assert changed.empty, changed[[*keys, "verdict_shown", "verdict_made"]].to_string()


def evidence_of(row, folder):
    """Return each quantity that a verdict rests on, with the rows of its seeds, in a run."""
    evidence = pd.read_csv(folder / "tables" / "claims_evidence.csv").fillna({"dataset": "", "model": ""})
    rows = evidence[(evidence.claim == row.claim) & (evidence.dataset == row.dataset) & (evidence.model == row.model)]
    return dict(list(rows.groupby("quantity")))


def less_sure(row):
    """Return whether one run decides and the other does not, and no quantity's mean differs by more than its seeds do.

    Of two draws from one distribution, which is what training and cosine features make of two processors, either may be the one that
    happens to scatter more. By Welch's test at 0.1 %; a verdict that turns into its opposite is never explained so.
    """
    if "undecided" not in (row.verdict_shown, row.verdict_made):
        return False
    shown, made = (evidence_of(row, folder) for folder in (SHOWCASE, RESULTS))
    assert shown.keys() == made.keys()
    chances = (stats.ttest_ind(shown[name].value, made[name].value, equal_var=False).pvalue for name in shown)
    return not any(chance < 0.001 for chance in chances)


def on_the_edge(row):
    """Return whether the end of an interval lies so near a bound that seeds of another processor may fall on the other side."""
    for quantity in evidence_of(row, SHOWCASE).values():
        n, mean, std = len(quantity), quantity.value.mean(), quantity.value.std()
        half = stats.t.ppf(0.975, n - 1) * std / np.sqrt(n)
        ends, bounds = np.array([mean - half, mean + half]), quantity[["at_least", "at_most"]].iloc[0].to_numpy()
        if (np.abs(ends[:, None] - bounds) < 3 * std / np.sqrt(n)).any():
            return True
    return False


@pytest.mark.parametrize("result", compared(), ids=lambda result: result.table)
def test_numbers_are_the_same_within_their_tolerances(result):
    assert result.cells
    assert result.outside.empty, result.outside.head(20).to_string()


def test_tables_have_the_checksums_kept_for_this_processor():
    """SHA-256 of every table of the run but those that say how long it took."""
    kept = json.loads((SHOWCASE / "checksums.json").read_text(encoding="utf-8"))
    made = checksums(RESULTS / "tables")
    if instructions.family() not in kept:
        pytest.skip(f"no checksums are kept for {instructions.family()}; they are {json.dumps(made)}")
    assert made == kept[instructions.family()]


@pytest.fixture(scope="module")
def same_numbers():
    """Whether the run's tables are the showcase's to the byte, as they are on the machine that made it."""
    shown = list((SHOWCASE / "tables").glob("*.csv"))
    return all(path.read_bytes() == (RESULTS / "tables" / path.name).read_bytes() for path in shown)


def from_shown_tables():
    """Return the figures that need nothing of a run but tables that are shown."""
    kept = {path.stem for path in (SHOWCASE / "tables").glob("*.csv")}
    figures = studies.figures(studies.load([REPOSITORY / "config.yaml"])).items()
    return sorted(f"{name}.png" for name, figure in figures if not figure.files and kept.issuperset(figure.tables))


@pytest.fixture(scope="module")
def redrawn(tmp_path_factory, snakemake):
    """The pictures that the code draws from the tables shown."""
    folder = tmp_path_factory.mktemp("redrawn")
    shutil.copytree(SHOWCASE / "tables", folder / "results" / "default" / "tables")
    wanted = [f"figures/default/{picture}" for picture in from_shown_tables()]
    only = ["--rerun-triggers", "mtime", "--allowed-rules", "render_figure", "prepare_data"]
    done = snakemake(folder, "--cores", "2", *wanted, *only, configfile=REPOSITORY / "config.yaml")
    assert done.returncode == 0, done.stderr
    return folder / "figures" / "default"


@pytest.mark.parametrize("picture", from_shown_tables())
def test_pictures_are_what_the_code_draws_from_the_tables_shown(picture, redrawn):
    """To the pixel, on any processor."""
    from matplotlib.image import imread

    assert np.array_equal(imread(PICTURES / picture), imread(redrawn / picture))


@pytest.mark.parametrize("picture", sorted(path.name for path in PICTURES.glob("*.png")))
def test_pictures_look_the_same(picture, same_numbers):
    """To the pixel where the numbers are the same; of other numbers, those that could not be drawn from the tables shown."""
    from matplotlib.image import imread
    from skimage.metrics import structural_similarity

    shown, made = (imread(folder / picture)[..., :3] for folder in (PICTURES, FIGURES))
    assert shown.shape == made.shape
    if same_numbers:
        assert np.array_equal(shown, made)
    if picture not in from_shown_tables():
        # Of another processor's numbers, which the tables' tolerances judge; all values half as large again give 0.84.
        assert structural_similarity(shown, made, channel_axis=2, data_range=1.0) > 0.9


def test_every_picture_and_notebook_of_the_run_is_shown():
    assert {path.name for path in PICTURES.glob("*.png")} == {path.name for path in FIGURES.glob("*.png")}
    notebooks = {path.name for path in (RESULTS / "notebooks").glob("*.ipynb")}
    assert {path.name for path in (SHOWCASE / "notebooks").glob("*.ipynb")} == notebooks
