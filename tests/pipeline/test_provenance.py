"""Records of where files come from, and the comparison of two runs' tables."""

import contextlib
import hashlib
import json
import shutil
import subprocess
from pathlib import Path

import pandas as pd
import pytest
import torch
from conftest import REPOSITORY

from agop_dnc.__main__ import main
from agop_dnc.errors import UserError
from agop_dnc.pipeline import comparison, provenance


@pytest.fixture
def run(tmp_path):
    """Two jobs' files as a run leaves them: a table from the data, and a figure from the table and a notebook's source."""
    tables, figures = tmp_path / "results/mine/tables", tmp_path / "figures/mine"
    for folder in (tables, figures, tmp_path / "elsewhere/notebooks"):
        folder.mkdir(parents=True)
    (tmp_path / "elsewhere/notebooks/depth.ipynb").write_text("source")
    (tmp_path / "results/mine/data.npz").write_text("points")
    (tables / "a.csv").write_text("1")
    (figures / "a.png").write_text("picture")
    about = {"rule": "r", "params": {"settings": {"depth": 3}}, "configuration": {"run": "mine"}}
    with contextlib.chdir(tmp_path):
        data = provenance.checked(["results/mine/data.npz"])
        provenance.record(["results/mine/tables/a.csv"], data, about, "elsewhere")
        source = str((tmp_path / "elsewhere/notebooks/depth.ipynb").resolve())
        inputs = provenance.checked(["results/mine/tables/a.csv", source])
        provenance.record(["figures/mine/a.png"], inputs, about, "elsewhere")
    return tmp_path


def wrong(folder):
    folders = [folder / "results" / "mine", folder / "figures" / "mine"]
    return list(provenance.verify(folders, folder / "elsewhere", folder))


def test_a_record_says_what_a_file_was_made_from_and_with(run):
    kept = json.loads((run / "figures/mine/provenance/a.png.json").read_text(encoding="utf-8"))
    assert kept["file"] == "figures/mine/a.png"
    assert kept["sha256"] == hashlib.sha256(b"picture").hexdigest()
    assert kept["inputs"] == {
        "repository:notebooks/depth.ipynb": hashlib.sha256(b"source").hexdigest(),
        "results/mine/tables/a.csv": hashlib.sha256(b"1").hexdigest(),
    }
    assert kept["versions"]["torch"] == torch.__version__.split("+")[0]
    assert kept["params"] == {"settings": {"depth": 3}}
    assert kept["device"]
    assert kept["repository"] == {"commit": None, "dirty": None}


def test_a_repositorys_state_is_its_commit_and_whether_files_differ_from_it(tmp_path):
    def git(*command):
        subprocess.run(["git", "-C", tmp_path, "-c", "user.name=a", "-c", "user.email=a@b", *command], check=True)

    git("init", "-q")
    (tmp_path / "x").write_text("1")
    git("add", "x")
    git("commit", "-qm", "Add x")
    state = provenance.repository_state(tmp_path)
    assert len(state["commit"]) == 40
    assert state["dirty"] is False
    (tmp_path / "x").write_text("2")
    assert provenance.repository_state(tmp_path)["dirty"] is True


def test_what_nobody_touched_is_as_recorded(run):
    assert wrong(run) == []


def test_an_edited_file_is_named_and_what_was_made_from_it(run):
    (run / "results/mine/tables/a.csv").write_text("2")
    assert set(wrong(run)) == {
        ("figures/mine/a.png", "has a changed input: results/mine/tables/a.csv is not what it was made from"),
        ("results/mine/tables/a.csv", "was edited: it is not what its job wrote"),
    }


def test_a_damaged_input_is_put_aside_and_said_so(run):
    with contextlib.chdir(run):
        Path("results/mine/tables/a.csv").write_text("")
        with pytest.raises(UserError, match=r"a\.csv is not what its job wrote.*run the same command again"):
            provenance.checked(["results/mine/tables/a.csv"])
    assert not (run / "results/mine/tables/a.csv").exists()
    assert (run / "results/mine/tables/a.csv.damaged").exists()


def test_a_folder_is_recorded_by_what_is_in_it_and_may_go(run):
    with contextlib.chdir(run):
        Path("results/mine/snapshots").mkdir()
        Path("results/mine/snapshots/epoch_1").write_text("weights")
        provenance.record(["results/mine/snapshots"], {}, {}, "elsewhere")
        Path("results/mine/snapshots/.snakemake_timestamp").touch()
        assert provenance.checked(["results/mine/snapshots"])
        Path("results/mine/snapshots/epoch_1").write_text("weight")
        with pytest.raises(UserError, match="snapshots is not what its job wrote"):
            provenance.checked(["results/mine/snapshots"])
    assert wrong(run) == []


def test_a_changed_notebook_is_named(run):
    (run / "elsewhere/notebooks/depth.ipynb").write_text("other")
    ((file, why),) = wrong(run)
    assert file == "figures/mine/a.png"
    assert "has a changed input: repository:notebooks/depth.ipynb" in why


def test_a_temporary_input_that_is_gone_is_passed_over(run):
    (run / "results/mine/data.npz").unlink()
    assert wrong(run) == []


def test_a_file_that_is_gone_is_named(run):
    (run / "figures/mine/a.png").unlink()
    assert wrong(run) == [("figures/mine/a.png", "is gone; run the workflow again to make it")]


def test_another_version_is_named(run):
    path = run / "figures/mine/provenance/a.png.json"
    kept = json.loads(path.read_text(encoding="utf-8"))
    kept["versions"]["torch"] = "1.0.0"
    path.write_text(json.dumps(kept))
    ((file, why),) = wrong(run)
    assert file == "figures/mine/a.png"
    assert "made with torch 1.0.0, and here is" in why


def test_verifying_what_is_not_there_says_so(tmp_path, capsys):
    assert main(["verify", "nothing", "--directory", str(tmp_path)]) == 2
    assert "there is no finished run 'nothing'" in capsys.readouterr().err


def test_a_folders_checksum_is_that_of_names_and_contents(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x").write_text("1")
    first = provenance.sha256(tmp_path / "a")
    (tmp_path / "a" / "x").rename(tmp_path / "a" / "y")
    assert provenance.sha256(tmp_path / "a") != first


SHOWCASE = REPOSITORY / "showcase"


@pytest.fixture
def copied(tmp_path):
    """The showcase's tables to spoil, where a run has them."""
    (tmp_path / "tables").mkdir()
    for path in SHOWCASE.glob("*.csv"):
        shutil.copy(path, tmp_path / "tables")
    return tmp_path


def compared(folder):
    return {result.table: result.outside for result in comparison.compare(SHOWCASE, folder)}


def test_tables_agree_with_themselves_cell_by_cell(copied, capsys):
    results = list(comparison.compare(SHOWCASE, copied))
    assert {result.table for result in results} >= {"deep_rfm.csv", "claims.csv", "departures.csv", "nfa_summary.csv"}
    assert all(result.cells and result.outside.empty for result in results)
    assert main(["compare", str(SHOWCASE), str(copied)]) == 0
    assert "0 rows outside" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("where", "factor", "rows"),
    [
        ("activation == 'relu' and metric == 'nc1' and layer == 3 and dataset == 'digits'", 1.1, 0),
        ("activation == 'relu' and metric == 'nc1' and layer == 3 and dataset == 'digits'", 1.4, 9),
        ("activation == 'cos' and metric == 'nc1' and layer == 3 and dataset == 'digits'", 1.1, 9),
        ("metric == 'interpolation_error'", 1.4, 0),
    ],
)
def test_cells_beyond_their_tolerance_are_found(where, factor, rows, copied):
    path = copied / "tables/deep_rfm.csv"
    table = pd.read_csv(path, float_precision="round_trip")
    table.loc[table.query(where).index, "value"] *= factor
    table.to_csv(path, index=False)
    results = compared(copied)
    assert len(results["deep_rfm.csv"]) == rows
    assert results["departures.csv"].empty


def test_missing_rows_verdicts_and_tables_are_found(copied, tmp_path, capsys):
    tables = copied / "tables"
    summary = pd.read_csv(tables / "nfa_summary.csv")
    summary.iloc[:-1].to_csv(tables / "nfa_summary.csv", index=False)
    claims = (tables / "claims.csv").read_text()
    (tables / "claims.csv").write_text(claims.replace(",reproduced,", ",not tested,", 1))
    (tables / "departures.csv").unlink()
    results = compared(copied)
    assert [len(results[f"{name}.csv"]) for name in ("nfa_summary", "claims", "departures")] == [1, 1, 1]
    assert main(["compare", str(SHOWCASE), str(copied)]) == 1
    assert main(["compare", str(SHOWCASE), str(tmp_path / "nowhere")]) == 2
    assert "holds no tables" in capsys.readouterr().err


def test_infinities_and_missing_numbers_agree_with_themselves(tmp_path):
    rows = pd.DataFrame(
        {
            "dataset": "a",
            "architecture": "mlp",
            "seed": [0, 1],
            "epoch": 1,
            "metric": "nc1",
            "value": [float("inf"), None],
        }
    )
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        rows.to_csv(tmp_path / name / "training.csv", index=False)
    ((result),) = comparison.compare(tmp_path / "one", tmp_path / "two")
    assert result.outside.empty
