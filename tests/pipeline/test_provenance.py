"""Records of where files come from."""

import contextlib
import hashlib
import json
import subprocess
from pathlib import Path

import pytest
import torch

from agop_dnc.__main__ import main
from agop_dnc.errors import UserError
from agop_dnc.pipeline import provenance


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


def test_record_says_what_a_file_was_made_from_and_with(run):
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


def test_repository_state_is_its_commit_and_whether_files_differ_from_it(tmp_path):
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


def test_verify_accepts_untouched_run(run):
    assert wrong(run) == []


def test_verify_names_edited_file_and_what_was_made_from_it(run):
    (run / "results/mine/tables/a.csv").write_text("2")
    assert set(wrong(run)) == {
        ("figures/mine/a.png", "has a changed input: results/mine/tables/a.csv is not what it was made from"),
        ("results/mine/tables/a.csv", "was edited: it is not what its job wrote"),
    }


def test_damaged_input_is_put_aside_with_a_sentence(run):
    with contextlib.chdir(run):
        Path("results/mine/tables/a.csv").write_text("")
        with pytest.raises(UserError, match=r"a\.csv is not what its job wrote.*run the same command again"):
            provenance.checked(["results/mine/tables/a.csv"])
    assert not (run / "results/mine/tables/a.csv").exists()
    assert (run / "results/mine/tables/a.csv.damaged").exists()


def test_folder_is_recorded_by_its_content_and_may_go(run):
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


def test_verify_names_changed_notebook(run):
    (run / "elsewhere/notebooks/depth.ipynb").write_text("other")
    ((file, why),) = wrong(run)
    assert file == "figures/mine/a.png"
    assert "has a changed input: repository:notebooks/depth.ipynb" in why


def test_verify_ignores_temporary_input_that_is_gone(run):
    (run / "results/mine/data.npz").unlink()
    assert wrong(run) == []


def test_verify_names_file_that_is_gone(run):
    (run / "figures/mine/a.png").unlink()
    assert wrong(run) == [("figures/mine/a.png", "is gone; run the workflow again to make it")]


def test_verify_names_other_version(run):
    path = run / "figures/mine/provenance/a.png.json"
    kept = json.loads(path.read_text(encoding="utf-8"))
    kept["versions"]["torch"] = "1.0.0"
    path.write_text(json.dumps(kept))
    ((file, why),) = wrong(run)
    assert file == "figures/mine/a.png"
    assert "made with torch 1.0.0, but " in why


def test_verify_of_missing_run_gets_a_sentence(tmp_path, capsys):
    assert main(["verify", "nothing", "--directory", str(tmp_path)]) == 2
    assert "there is no finished run 'nothing'" in capsys.readouterr().err


def test_checksum_of_folder_is_that_of_names_and_contents(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x").write_text("1")
    first = provenance.sha256(tmp_path / "a")
    (tmp_path / "a" / "x").rename(tmp_path / "a" / "y")
    assert provenance.sha256(tmp_path / "a") != first
