"""The workflow as a user runs it."""

import shutil

import numpy as np
import pandas as pd
import pytest
import yaml
from conftest import REPOSITORY

TEST_CONFIG = REPOSITORY / "config" / "test.yaml"


def made(folder):
    """Every file that a run leaves for its user, by its path, with its bytes."""
    files = (path for part in ("results", "figures") for path in (folder / part).rglob("*"))
    return {str(p.relative_to(folder)): p.read_bytes() for p in files if p.is_file() and "logs" not in p.parts}


def change(**changes):
    """The test configuration with some keys, `a__b` for b inside a, replaced."""
    content = yaml.safe_load(TEST_CONFIG.read_text())
    for key, value in changes.items():
        *path, last = key.split("__")
        inner = content
        for part in path:
            inner = inner.setdefault(part, {})
        inner[last] = value
    return content


@pytest.fixture(scope="session")
def finished(tmp_path_factory, snakemake):
    """A finished run of the test configuration with two cores, in a folder whose name is not plain."""
    folder = tmp_path_factory.mktemp("two cores é")
    done = snakemake(folder, "--cores", "2")
    assert done.returncode == 0, done.stderr
    return folder


def test_a_run_makes_what_the_contract_names(finished):
    files = set(made(finished))
    for figure in ("01", "02", "03", "04", "05", "06", "07", "10", "s1", "s2"):
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
    assert plan["train_network"] == 4
    assert not {"fit_deep_rfm", "fit_deep_rfm_and_gram", "prepare_data"} & set(plan)


def test_keys_in_another_order_rerun_nothing(finished, tmp_path, snakemake):
    config = tmp_path / "reordered.yaml"
    config.write_text(yaml.safe_dump(yaml.safe_load(TEST_CONFIG.read_text()), sort_keys=True))
    assert "Nothing to be done" in snakemake(finished, "-n", configfile=config).stdout


def test_rows_follow_the_datasets_and_one_without_the_study_is_passed_over(tmp_path, snakemake):
    config = tmp_path / "three.yaml"
    digits = {"source": "sklearn", "n": 60}
    datasets = {"a": digits, "b": digits | {"studies": ["mlp"]}, "c": digits | {"role": "extra"}}
    config.write_text(yaml.safe_dump(change(datasets=datasets)))
    plan = snakemake(tmp_path, "-n", configfile=config).stdout
    assert "deep_rfm/b/" not in plan
    assert "deep_rfm/c/relu/gram_0.npz" in plan


def test_an_npz_of_ones_own_runs_to_the_end(tmp_path, snakemake, rng):
    labels = np.arange(60) % 3
    images = rng.normal(size=(60, 4, 4, 3)) + labels[:, None, None, None]
    np.savez(tmp_path / "mine.npz", x_train=images, y_train=labels)
    config = tmp_path / "mine.yaml"
    config.write_text(
        yaml.safe_dump(change(run="mine", seeds=[0], datasets={"mine": {"source": "npz", "path": "mine.npz"}}))
    )
    wanted = [f"figures/mine/figure_{figure}.png" for figure in ("03", "07")]
    done = snakemake(tmp_path, "--cores", "2", *wanted, configfile=config)
    assert done.returncode == 0, done.stderr
    assert all((tmp_path / path).exists() for path in wanted)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"deep_rfm__widht": 3}, "Error: configuration: unknown key 'widht' at deep_rfm"),
        ({"seeds": "many"}, "Error: configuration: seeds is 'many'; it must be a list"),
        ({"datasets": {"mine": {"source": "npz", "path": "nowhere.npz"}}}, "there is no file nowhere.npz"),
    ],
)
def test_a_configuration_that_cannot_be_meant_stops_before_any_job(tmp_path, snakemake, changes, message):
    config = tmp_path / "wrong.yaml"
    config.write_text(yaml.safe_dump(change(**changes)))
    stopped = snakemake(tmp_path, "--cores", "1", configfile=config)
    assert stopped.returncode == 1
    assert message in stopped.stderr
    assert "Traceback" not in stopped.stdout + stopped.stderr
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"datasets": {"digits": {"source": "sklearn", "n": 5000}}}, "Error: prepare_data (dataset=digits): dataset digits: n is 5,000"),
        (
            {"datasets": {"mnist": {"source": "torchvision", "n": 100}}, "data": {"download": False}},
            "Error: prepare_data (dataset=mnist): dataset mnist: no whole copy of it is under data",
        ),
    ],
)  # fmt: skip
def test_data_that_cannot_be_had_end_the_run_with_one_line_and_nothing_half_written(
    tmp_path, snakemake, changes, message
):
    config = tmp_path / "wrong.yaml"
    config.write_text(yaml.safe_dump(change(**changes)))
    stopped = snakemake(tmp_path, "--cores", "1", configfile=config)
    assert stopped.returncode == 1
    assert message in stopped.stderr
    assert made(tmp_path) == {}
    assert "Traceback" in next((tmp_path / "results/test/logs/prepare_data").iterdir()).read_text()


def test_the_rule_graph_is_drawn(snakemake, tmp_path):
    graph = snakemake(tmp_path, "--rulegraph")
    assert graph.returncode == 0
    assert {"prepare_data", "fit_deep_rfm", "render_figure"} <= {
        word.split('"')[1] for word in graph.stdout.split() if word.count('"') == 2 and "label" in word
    } | set(graph.stdout.replace('"', " ").split())


def test_one_run_at_a_time_in_a_folder(tmp_path, snakemake):
    import fcntl

    def lock():
        """What Snakemake leaves when it is killed."""
        (tmp_path / ".snakemake" / "locks").mkdir(parents=True, exist_ok=True)
        (tmp_path / ".snakemake" / "locks" / "0.output.lock").write_text(f"{tmp_path}/results/test/data/digits.npz")

    lock()  # a killed run's is cleared by the next …
    cleared = snakemake(tmp_path, "--cores", "1", "results/test/data/digits.npz")
    assert cleared.returncode == 0, cleared.stderr
    lock()  # … while a run that is alive makes another one leave.
    with open(tmp_path / ".snakemake" / "agop_dnc.lock", "w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        second = snakemake(tmp_path, "--cores", "1", "-f", "results/test/data/digits.npz")
    assert second.returncode == 1
    assert "lock" in second.stderr.lower()


def test_conda_environment_and_lock_have_the_same_pins():
    import subprocess

    uv = REPOSITORY / ".uv" / "bin" / "uv"
    command = [uv if uv.exists() else shutil.which("uv"), "export", "--quiet", "--locked", "--offline", "--no-dev"]
    command += ["--no-hashes", "--no-emit-project", "--no-annotate", "--no-header", "--project", REPOSITORY]
    exported = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split("\n")
    environment = yaml.safe_load((REPOSITORY / "envs" / "environment.yaml").read_text())
    pins = next(entry for entry in environment["dependencies"] if isinstance(entry, dict))["pip"]
    assert pins == [line for line in exported if line]


def test_source_notebooks_hold_no_outputs():
    import json

    for path in (REPOSITORY / "notebooks").glob("*.ipynb"):
        cells = json.loads(path.read_text())["cells"]
        assert all(not cell.get("outputs") for cell in cells), path
