"""The studies of the theory through the workflow, small."""

import pandas as pd
import pytest
import yaml
from conftest import REPOSITORY, TINY

from agop_dnc.studies import all as studies


def test_every_study_leaves_its_tables_and_figures(tiny):
    figures = studies.figures(studies.load(TINY))
    assert {"figure_t1", "figure_d4", "figure_c1", "figure_r1"} <= set(figures)
    for name in figures:
        for path in (f"figures/tiny/{name}.png", f"results/tiny/notebooks/{name}.html"):
            assert (tiny / path).stat().st_size > 10_000
    table = pd.read_csv(tiny / "results/tiny/tables/predictions.csv")
    assert set(table.study) >= {*("collapse_iteration", "kernel_learning", "kernel_trace", "unconstrained_features")}
    assert {"gaussian", "digits"} <= set(table[table.study == "collapse_iteration"].data)
    dufm = table[table.study == "unconstrained_features"]
    assert set(dufm.setting.str.partition(":")[0]) == {"D1", "D2", "D3", "D4"}
    assert not table.duplicated(["study", "data", "setting", "layer", "seed", "quantity"]).any()
    bounds = table[table.kind == "bound"]
    assert len(bounds)
    assert bounds.relative_error.isna().all()
    curves = pd.read_csv(tiny / "results/tiny/tables/dufm_curves.csv")
    assert set(curves.study) == {"d1", "d2", "d3", "d4"}


RULES = {
    "collapse_iteration": ("iterate_collapse", "figure_t1"),
    "kernel_learning": ("learn_kernels", "figure_t2"),
    "unconstrained_features": ("study_unconstrained_features", "figure_d1"),
}


@pytest.mark.parametrize("section", RULES)
def test_each_can_be_left_out(section, load):
    content = yaml.safe_load((REPOSITORY / "config.yaml").read_text())
    del content[section]
    config = load(content)
    assert RULES[section][1] not in studies.figures(config)
    assert all(figure in studies.figures(config) for name, (_, figure) in RULES.items() if name != section)


def test_what_is_left_out_is_not_planned(tmp_path, snakemake):
    content = yaml.safe_load((REPOSITORY / "config.yaml").read_text())
    for section in RULES:
        del content[section]
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(content))
    run = snakemake(tmp_path, "-n", configfile=tmp_path / "config.yaml")
    assert run.returncode == 0, run.stderr
    for rule, figure in RULES.values():
        assert rule not in run.stdout
        assert figure not in run.stdout
    assert "trace_kernels" in run.stdout
