"""A new study is a folder, a rules file, a script, a notebook and one line in a list, as CONTRIBUTING.md says: here it runs to its figure."""

import json
import re
import shutil

import pandas as pd
import pytest
from conftest import REPOSITORY, made

ROWS = '''"""Compute the rows of toy.csv."""


def squares(points):
    """Yield a row for each of so many points: x and its square."""
    for x in range(points):
        yield {"x": x, "value": float(x * x)}
'''
FIGURES = '''"""Draw toy.csv."""

import matplotlib.pyplot as plt


def line(table):
    """Return the figure of the squares."""
    figure, axes = plt.subplots(figsize=(4, 3))
    axes.plot(table.x, table.value, marker="o")
    return figure
'''
SCRIPT = '''"""Make the table of the toy study."""

from job import job

with job(snakemake):
    from agop_dnc.pipeline import tables
    from agop_dnc.studies.toy import rows

    params = snakemake.params
    tables.write(rows.squares(params.points), params.columns["toy"], snakemake.output[0])
'''
CELLS = [
    ("parameters", 'figure = ""\ntitle = ""\nfiles = {}  # toy\noutputs = []'),
    (
        "",
        "from agop_dnc import drawing\nfrom agop_dnc.pipeline import tables\nfrom agop_dnc.studies.toy import figures\n\n"
        'drawing.save(figures.line(tables.read(files["toy"])), *outputs)',
    ),
]
CONFIG = """
run: toy
seeds: [0]
datasets: {digits: {source: sklearn, n: 60}}
deep_rfm: {enabled: false}
networks: {enabled: false}
toy: {points: 12}
"""


def notebook():
    cells = [
        {
            "cell_type": "code",
            "id": f"cell-{i}",
            "metadata": {"tags": [tag]} if tag else {},
            "source": source.splitlines(keepends=True),
            "execution_count": None,
            "outputs": [],
        }
        for i, (tag, source) in enumerate(CELLS)
    ]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return json.dumps({"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5})


def described():
    """Return the declaration and the rules file that CONTRIBUTING.md shows."""
    text = (REPOSITORY / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("## How to add a study")[2]
    blocks = re.findall(r"^ *```python\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL)
    study, rules = (re.sub(r"^   ", "", block, flags=re.MULTILINE) for block in blocks[:2])
    assert "STUDY = Study(" in study
    assert "rule make_toy:" in rules
    return study, rules


@pytest.fixture
def repository(tmp_path):
    """A copy of the repository with the toy study in it."""
    folder = tmp_path / "repository"
    for name in ("src", "workflow", "notebooks", "config", "profiles", "envs"):
        shutil.copytree(REPOSITORY / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy2(REPOSITORY / "Snakefile", folder)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    study, rules = described()
    toy = folder / "src" / "agop_dnc" / "studies" / "toy"
    toy.mkdir()
    for path, content in (
        (toy / "__init__.py", ""),
        (toy / "study.py", study),
        (toy / "rows.py", ROWS),
        (toy / "figures.py", FIGURES),
        (folder / "workflow" / "rules" / "toy.smk", f'"""A toy."""\n\n\n{rules}'),
        (folder / "workflow" / "scripts" / "make_toy.py", SCRIPT),
        (folder / "notebooks" / "toy.ipynb", notebook()),
    ):
        assert not path.exists()
        path.write_text(content, encoding="utf-8")
    names = folder / "src" / "agop_dnc" / "studies" / "all.py"
    text = names.read_text(encoding="utf-8")
    names.write_text(text.replace('    "verdicts",\n', '    "toy",\n    "verdicts",\n', 1), encoding="utf-8")
    changed = [path for path, content in before.items() if path.read_bytes() != content]
    assert changed == [names]
    assert len(names.read_text(encoding="utf-8").splitlines()) == len(text.splitlines()) + 1
    return folder


def test_new_study_touches_one_line_and_runs_to_its_figure(repository, tmp_path, snakemake):
    (tmp_path / "toy.yaml").write_text(CONFIG)
    folder = tmp_path / "run"
    folder.mkdir()
    done = snakemake(folder, "--cores", "2", configfile=tmp_path / "toy.yaml", repository=repository)
    assert done.returncode == 0, done.stderr
    table = pd.read_csv(folder / "results/toy/tables/toy.csv")
    assert table.columns.tolist() == ["x", "value"]
    assert table.value.tolist() == [x * x for x in range(12)]
    assert {"figures/toy/figure_x1.png", "figures/toy/figure_x1.pdf", "results/toy/notebooks/figure_x1.html"} <= set(
        made(folder)
    )
    assert "Figure X1" in (folder / "results/toy/notebooks/index.html").read_text(encoding="utf-8")
    # A mistake in its section is one sentence, as for every study's.
    (tmp_path / "wrong.yaml").write_text(CONFIG.replace("points: 12", "points: 0"))
    stopped = snakemake(folder, "-n", configfile=tmp_path / "wrong.yaml", repository=repository)
    assert "Error: configuration: toy.points is 0; it must be at least 1" in stopped.stderr
