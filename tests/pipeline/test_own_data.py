"""Runs of your own data and of the default configuration from the command line, with Snakemake replaced by a note of its arguments."""

import subprocess

import pytest
import yaml

from agop_dnc import __main__ as command


@pytest.fixture
def calls(monkeypatch):
    """Snakemake's arguments by call; each call succeeds."""
    noted = []

    def run(arguments):
        noted.append([str(argument) for argument in arguments])
        return subprocess.CompletedProcess(arguments, 0)

    monkeypatch.setattr(subprocess, "run", run)
    return noted


@pytest.fixture
def files(tmp_path):
    """Two files of one name in different folders."""
    made = [tmp_path / folder / "my.npz" for folder in ("first", "second")]
    for file in made:
        file.parent.mkdir()
        file.touch()
    return made


def mine(file, folder, *options):
    return command.main(["mine", str(file), "--directory", str(folder), *options])


def test_another_file_under_a_used_name_is_refused(tmp_path, files, calls, capsys):
    first, second = files
    assert mine(first, tmp_path) == 0
    done = len(calls)
    assert mine(second, tmp_path) == 2
    assert len(calls) == done
    said = capsys.readouterr().err
    assert str(second) in said
    assert "--name" in said
    assert mine(second, tmp_path, "--name", "other") == 0


def test_the_same_file_runs_again_with_the_users_settings(tmp_path, files, calls):
    mine(files[0], tmp_path)
    settings = tmp_path / "my.yaml"
    content = yaml.safe_load(settings.read_text())
    content["datasets"]["my"]["path"] = "first/my.npz"  # relative to the configuration's folder
    content["seeds"] = [7]
    settings.write_text(yaml.safe_dump(content))
    assert mine(files[0], tmp_path) == 0
    assert yaml.safe_load(settings.read_text())["seeds"] == [7]


def test_reproduce_runs_the_default_configuration_and_its_report(tmp_path, calls):
    assert command.main(["reproduce", "--directory", str(tmp_path), "--cores", "2"]) == 0
    run, report = calls
    assert run[-2:] == ["--cores", "2"]
    assert report[-2:] == ["--report", "results/default/report.html"]
    assert "--configfile" not in run


def test_a_run_that_fails_says_so_last(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(subprocess, "run", lambda arguments: subprocess.CompletedProcess(arguments, 1))
    assert command.main(["reproduce", "--directory", str(tmp_path)]) == 1
    assert capsys.readouterr().err.strip().splitlines()[-1].startswith("Error: the run 'default' did not end")
