"""The workflow as a user runs it: a whole run, and what a change makes run again."""

import numpy as np
import pandas as pd
import pytest
import yaml
from conftest import REPOSITORY, TEST_CONFIG, change, made


@pytest.fixture(scope="session")
def finished(tmp_path_factory, snakemake):
    """A finished run of the test configuration with two cores, in a folder whose name is not plain."""
    folder = tmp_path_factory.mktemp("two cores é")
    done = snakemake(folder, "--cores", "2")
    assert done.returncode == 0, done.stderr
    return folder


def test_a_run_makes_what_the_contract_names(finished):
    files = set(made(finished))
    for figure in ("01", "02", "03", "04", "05", "06", "07", "10", "s1"):
        assert {f"figures/test/figure_{figure}.{kind}" for kind in ("png", "pdf")} <= files
        assert {f"results/test/notebooks/figure_{figure}.{kind}" for kind in ("ipynb", "html")} <= files
    table = pd.read_csv(finished / "results/test/tables/deep_rfm.csv")
    assert list(table.columns) == ["dataset", "activation", "seed", "layer", "component", "metric", "value"]
    assert set(table.component) == {"x", "agop", "features"}
    assert set(table.metric) == {
        *("nc1", "nc1_pinv", "nc2", "nc2_mse", "nc2_normalised"),
        *("interpolation_error", "ridge_used", "test_accuracy"),
    }
    assert sorted(table.layer.unique()) == [1, 2, 3, 4]  # the last is the final predictor's
    assert np.isfinite(table.value).all()
    assert not [name for name in files if "partial" in name or "snapshots" in name or "state" in name]


def test_the_tables_of_networks_are_those_of_the_contract(finished):
    tables = {
        name: pd.read_csv(finished / f"results/test/tables/{name}.csv") for name in ("networks", "nfa", "training")
    }
    first = ["dataset", "architecture", "seed", "epoch"]
    assert list(tables["networks"].columns) == [*first, "layer", "component", "metric", "value"]
    assert list(tables["nfa"].columns) == [*first, "layer", "target", "value"]
    assert list(tables["training"].columns) == [*first, "metric", "value"]
    assert not any(table.duplicated(list(table.columns[:-1])).any() for table in tables.values())
    assert {"input", "right", "output", "right_top_1", "output_top_20", "agop"} <= set(tables["networks"].component)
    assert {"sqrt_agop", "agop", "sqrt_agop_rotated"} <= set(tables["nfa"].target)
    wanted = {
        "train_loss",
        "train_accuracy",
        "test_loss",
        "test_accuracy",
        "trace_within",
        "trace_between",
        "nc3",
        "nc4",
    }
    assert wanted | {"running_loss"} == set(tables["training"].metric)
    assert sorted(tables["nfa"].epoch.unique()) == [0, 2, 4]
    # The decomposed weights say what their products said.
    ablation = pd.read_csv(finished / "results/test/tables/ablation.csv")
    both = ablation.merge(tables["networks"], on=list(ablation.columns[:-1]))
    assert len(both) == len(ablation)
    # Products in float32 against float64 ones.
    np.testing.assert_allclose(both.value_x, both.value_y, rtol=1e-4)


def test_one_core_and_another_folder_give_the_same_bytes(finished, tmp_path, snakemake):
    done = snakemake(tmp_path, "--cores", "1")
    assert done.returncode == 0, done.stderr
    first, second = made(finished), made(tmp_path)
    assert first.keys() == second.keys()
    assert [name for name in first if first[name] != second[name]] == []


def test_a_run_writes_nothing_into_the_repository(finished):
    left = {path.name for path in REPOSITORY.iterdir()}
    assert not (REPOSITORY / "results" / "test").exists(), left
    assert not (REPOSITORY / "figures" / "test").exists(), left


def test_nothing_is_done_twice(finished, snakemake):
    again = snakemake(finished, "-n")
    assert "Nothing to be done" in again.stdout + again.stderr


def planned(output):
    """Rules with how many jobs of them a dry run plans."""
    lines = output.split("Job stats:")[1].split("total")[0].splitlines()[3:]
    return {line.split()[0]: int(line.split()[1]) for line in lines if line.strip()}


def test_a_changed_feature_bandwidth_reruns_the_cosines_alone(finished, tmp_path, snakemake):
    config = tmp_path / "changed.yaml"
    config.write_text(yaml.safe_dump(change(deep_rfm__activations__cos__feature_bandwidth=0.1)))
    plan = snakemake(finished, "-n", configfile=config).stdout
    assert planned(plan) == {
        **{"all": 1, "fit_deep_rfm": 1, "fit_deep_rfm_and_gram": 1, "join_deep_rfm_tables": 1},
        "render_figure": 3,  # 1, 4 and 5 show cosines
    }
    assert "activation=relu" not in plan
    assert not {f"figure={name}" for name in ("figure_03", "figure_06")} & set(plan.split())


def test_a_changed_learning_rate_leaves_deep_rfm_alone(finished, tmp_path, snakemake):
    config = tmp_path / "changed.yaml"
    config.write_text(yaml.safe_dump(change(networks__architectures__mlp__learning_rate=0.2)))
    plan = planned(snakemake(finished, "-n", configfile=config).stdout)
    assert plan["train_network"] == 2
    assert not {"fit_deep_rfm", "fit_deep_rfm_and_gram", "prepare_data"} & set(plan)


def test_keys_in_another_order_rerun_nothing(finished, tmp_path, snakemake):
    config = tmp_path / "reordered.yaml"
    config.write_text(yaml.safe_dump(yaml.safe_load(TEST_CONFIG.read_text()), sort_keys=True))
    assert "Nothing to be done" in snakemake(finished, "-n", configfile=config).stdout
