"""The three studies of the theory through the workflow, small."""

import pandas as pd
import pytest
import yaml
from conftest import REPOSITORY

CONFIG = """
run: theory
seeds: [0]
figures: [figure_t1, figure_t2, figure_d1, figure_d2, figure_d3, figure_d4]
datasets: {digits: {source: sklearn, n: 200, n_test: 0}}
deep_rfm: {depth: 3, gram_layers: [1], activations: {relu: {width: 64}, cos: {width: 64}}}
networks: {enabled: false}
collapse_iteration: {datasets: [digits], depth: 12, ratios: [0.01, 0.1], classes: 3, per_class: 6, dataset_per_class: 4}
kernel_learning: {datasets: [digits], steps: 60, problems: [{classes: 2, per_class: 4, mu: 1.0}]}
unconstrained_features:
  datasets: [digits]
  width: 12
  steps: 200
  starts: 2
  rank_starts: 2
  layers: [2]
  per_class: 5
  penalty: 0.01
  start_scales: [1.0, 0.1]
  threshold: {layers: [2], points: 4, starts: 1, width: 6, per_class: 4}
  network: {layers: 2, hidden: 16, steps: 100}
  ranks: [{classes: 3, layers: 2, penalty: 0.01}]
"""


@pytest.fixture(scope="module")
def theory(tmp_path_factory, snakemake):
    folder = tmp_path_factory.mktemp("theory")
    (folder / "config.yaml").write_text(CONFIG)
    done = snakemake(folder, "--cores", "2", configfile=folder / "config.yaml")
    assert done.returncode == 0, done.stderr
    return folder


def test_every_study_leaves_its_tables_and_figures(theory):
    for name in ("t1", "t2", "d1", "d2", "d3", "d4"):
        for path in (f"figures/theory/figure_{name}.png", f"results/theory/notebooks/figure_{name}.html"):
            assert (theory / path).stat().st_size > 10_000
    table = pd.read_csv(theory / "results/theory/tables/theory.csv", dtype={"theorem": str})
    assert set(table.theorem) == {"5.3", "5.4"}
    assert {"gaussian", "digits"} <= set(table[table.theorem == "5.3"].data)
    assert set(pd.read_csv(theory / "results/theory/tables/dufm.csv").study) == {"d1", "d2", "d3", "d4"}


def test_a_changed_penalty_runs_what_depends_on_it_and_nothing_else(theory, snakemake):
    content = yaml.safe_load(CONFIG)
    content["unconstrained_features"]["threshold"]["points"] = 5
    (theory / "changed.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    plan = snakemake(theory, "-n", configfile=theory / "changed.yaml").stdout
    assert "d2_L2" in plan
    assert "study_unconstrained_features" in plan
    assert "trace_kernels" not in plan
    assert "iterate_collapse" not in plan


@pytest.mark.parametrize("section", ["collapse_iteration", "kernel_learning", "unconstrained_features"])
def test_each_can_be_switched_off(section, tmp_path, snakemake):
    content = yaml.safe_load((REPOSITORY / "config.yaml").read_text())
    content[section] = {"enabled": False}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(content))
    plan = snakemake(tmp_path, "-n", configfile=tmp_path / "config.yaml").stdout
    rules = {"collapse_iteration": "iterate_collapse", "kernel_learning": "learn_kernels"}
    figures = {"collapse_iteration": "figure_t1", "kernel_learning": "figure_t2", "unconstrained_features": "figure_d1"}
    assert rules.get(section, "study_unconstrained_features") not in plan
    assert figures[section] not in plan
    assert all(figure in plan for name, figure in figures.items() if name != section)
