"""The workflow as a module of another one."""

import subprocess
import sys

from conftest import REPOSITORY

SNAKEFILE = f"""
configfile: "{REPOSITORY}/config/test.yaml"

module collapse:
    snakefile: "{REPOSITORY}/Snakefile"
    config: config

use rule * from collapse as collapse_*

rule mine:
    default_target: True
    input: "results/test/tables/deep_rfm.csv", "results/test/tables/networks.csv", "figures/test/figure_03.png"
    output: "mine.txt"
    shell: "wc -l {{input[0]}} > {{output}}"
"""


def test_another_workflow_uses_its_tables_and_figures(tmp_path, finished):
    """A module's jobs start by themselves, where the finished run's are copies of one process: both leave the same bytes."""
    (tmp_path / "Snakefile").write_text(SNAKEFILE, encoding="utf-8")
    command = [sys.executable, "-m", "snakemake", "--cores", "1"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / ".snakemake" / "agop_dnc.warm").exists()
    tables = [f"results/test/tables/{name}.csv" for name in ("deep_rfm", "networks")]
    for name in (*tables, "figures/test/figure_03.png"):
        assert (tmp_path / name).read_bytes() == (finished / name).read_bytes()
    made = {path.name for path in (tmp_path / "results/test").iterdir()}
    assert "departures" not in made  # only what was asked for
    assert (tmp_path / "mine.txt").exists()
