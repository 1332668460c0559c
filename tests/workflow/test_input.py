"""What a user can get wrong, data of one's own, and the repository's own order."""

import json
import re
import shutil
import subprocess

import numpy as np
import pytest
import yaml
from conftest import REPOSITORY, change, made

from agop_dnc.studies import all as studies


def test_rows_follow_the_datasets_and_one_without_the_study_is_left_out(load):
    digits = {"source": "sklearn", "n": 60}
    datasets = {"a": digits, "b": digits, "c": digits | {"role": "extra"}}
    config = load(change(datasets=datasets, deep_rfm__datasets=["c", "a"]))
    parts = studies.parts(config)["deep_rfm"]
    assert [part.split("/")[1] for part in parts[::4]] == ["a", "c"]
    assert not any("/b/" in part for part in parts)
    shown = studies.figures(config)["figure_05"]
    assert shown.datasets == ("a", "c")
    assert "deep_rfm/c/cos/gram_0.npz" in shown.files.values()


def test_npz_of_ones_own_runs_to_the_end(tmp_path, snakemake, rng):
    labels = np.arange(60) % 3
    images = rng.normal(size=(60, 4, 4, 3)) + labels[:, None, None, None]
    np.savez(tmp_path / "mine.npz", x_train=images, y_train=labels)
    config = tmp_path / "mine.yaml"
    mine = {"source": "npz", "path": "mine.npz"}
    datasets = {"mine": mine, "drawn": mine | {"labels": "random", "role": "extra"}}
    changes = {"run": "mine", "seeds": [0], "datasets": datasets, "departures": {"datasets": ["mine"]}}
    changes["networks__architectures__mlp__datasets"] = ["mine", "drawn"]
    config.write_text(yaml.safe_dump(change(**changes)))
    wanted = [
        f"figures/mine/{figure}.png" for figure in ("figure_03", "figure_07", "figure_s2", "claims", "departures")
    ]
    done = snakemake(tmp_path, "--cores", "2", *wanted, configfile=config)
    assert done.returncode == 0, done.stderr
    assert all((tmp_path / path).exists() for path in wanted)
    assert not (tmp_path / "results/mine/deep_rfm/drawn").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"deep_rfm__widht": 3}, "Error: configuration: unknown key 'widht' at deep_rfm"),
        ({"claims__enabled": False}, "Error: configuration: the key 'claims' is gone: it is called verdicts"),
        ({"datasets": {"mine": {"source": "npz", "path": "nowhere.npz"}}}, "the file nowhere.npz does not exist"),
    ],
)
def test_configuration_that_cannot_be_meant_stops_before_any_job(tmp_path, snakemake, changes, message):
    config = tmp_path / "wrong.yaml"
    config.write_text(yaml.safe_dump(change(**changes)))
    stopped = snakemake(tmp_path, "--cores", "1", configfile=config)
    assert stopped.returncode == 1
    assert message in stopped.stderr
    assert "Traceback" not in stopped.stdout + stopped.stderr
    assert not (tmp_path / "results").exists()


def test_config_on_the_command_line_changes_only_what_it_names(tmp_path, snakemake):
    given = 'networks={"architectures":{"mlp":{"epochs":6}}}'
    target = "results/test/report/configuration.yaml"
    figures = "figures=[figure_s3]"  # the page waits for no other
    done = snakemake(tmp_path, "--cores", "1", target, "--config", given, figures)
    assert done.returncode == 0, done.stderr
    written = yaml.safe_load((tmp_path / target).read_text())
    expected = change()["networks"]["architectures"]["mlp"] | {"epochs": 6, "momentum": 0.0}
    assert written["networks"]["architectures"] == {"mlp": expected}
    assert written["networks"]["width"] == 32


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"datasets__digits__per_class": [500] * 10}, "Error: prepare_data (dataset=digits): dataset digits: "),
        (
            {"datasets": {"mnist": {"source": "torchvision", "n": 100}}, "data": {"download": False}},
            "Error: prepare_data (dataset=mnist): dataset mnist: no whole copy of it is under data",
        ),
    ],
)  # fmt: skip
def test_missing_data_end_the_run_with_one_line_and_nothing_half_written(tmp_path, snakemake, changes, message):
    config = tmp_path / "wrong.yaml"
    content = change(figures=[], **changes)
    # What needs no data would be made.
    del content["verdicts"], content["feature_kernel"]
    config.write_text(yaml.safe_dump(content))
    stopped = snakemake(tmp_path, "--cores", "1", configfile=config)
    assert stopped.returncode == 1
    assert message in stopped.stderr
    assert made(tmp_path) == {}
    assert "Traceback" in next((tmp_path / "results/test/logs/prepare_data").iterdir()).read_text()


def test_example_for_ones_own_data_makes_every_figure_and_verdict(tmp_path, snakemake, rng):
    np.savez(tmp_path / "mine.npz", x_train=rng.normal(size=(60, 9)), y_train=np.arange(60) % 3)
    example = REPOSITORY / "examples" / "own_data.yaml"
    plan = snakemake(tmp_path, "-n", configfile=example)
    assert plan.returncode == 0, plan.stderr
    for name in ("figure_03", "figure_05", "figure_07", "figure_10", "claims", "departures"):
        assert f"figures/mine/{name}.png" in plan.stdout


def test_rule_graph_is_drawn(snakemake, tmp_path):
    graph = snakemake(tmp_path, "--rulegraph")
    assert graph.returncode == 0
    assert {"prepare_data", "fit_deep_rfm", "render_figure"} <= {
        word.split('"')[1] for word in graph.stdout.split() if word.count('"') == 2 and "label" in word
    } | set(graph.stdout.replace('"', " ").split())


def test_one_run_at_a_time_works_in_a_folder(tmp_path, snakemake):
    import fcntl

    def lock():
        """Leave what Snakemake leaves when it is killed."""
        (tmp_path / ".snakemake" / "locks").mkdir(parents=True, exist_ok=True)
        (tmp_path / ".snakemake" / "locks" / "0.output.lock").write_text("results/test/data/digits.npz")

    lock()  # a killed run's is cleared by the next …
    cleared = snakemake(tmp_path, "--cores", "1", "results/test/data/digits.npz")
    assert cleared.returncode == 0, cleared.stderr
    lock()  # … while a run that is alive makes another one leave.
    with open(tmp_path / ".snakemake" / "agop_dnc.lock", "w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        second = snakemake(tmp_path, "--cores", "1", "-f", "results/test/data/digits.npz")
    assert second.returncode == 1
    assert "lock" in second.stderr.lower()


def test_conda_environment_has_the_pins_of_the_lock():
    uv = REPOSITORY / ".uv" / "bin" / "uv"
    uv = uv if uv.exists() else shutil.which("uv")
    if uv is None:
        pytest.skip("there is no uv here; `make setup` installs it")
    command = [uv, "export", "--quiet", "--locked", "--offline", "--no-default-groups", "--extra", "pipeline"]
    command += ["--no-hashes", "--no-emit-project", "--no-annotate", "--no-header", "--project", REPOSITORY]
    exported = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split("\n")
    environment = yaml.safe_load((REPOSITORY / "envs" / "environment.yaml").read_text())
    pins = next(entry for entry in environment["dependencies"] if isinstance(entry, dict))["pip"]
    assert pins == [line for line in exported if line]


def test_source_notebooks_hold_no_outputs():
    for path in (REPOSITORY / "notebooks").glob("*.ipynb"):
        cells = json.loads(path.read_text())["cells"]
        assert all(not cell.get("outputs") for cell in cells), path


def requests(plan):
    """Return what each job of a dry run asks for: pairs of its rule and its resources by name."""
    found = re.findall(r"^(?:local)?rule (\w+):\n(?:    .*\n)*?    resources: (.*)$", plan, flags=re.MULTILINE)
    return [
        (rule, dict(part.split("=", 1) for part in resources.split(", "))) for rule, resources in found if rule != "all"
    ]


def test_default_run_makes_every_figure_and_every_job_says_what_it_needs(tmp_path, snakemake):
    plan = snakemake(tmp_path, "-n", configfile=REPOSITORY / "config.yaml").stdout
    names = [*(f"figure_{number:02}" for number in range(1, 13)), *("figure_s1", "figure_s2", "figure_s3")]
    names += [*(f"figure_t{number}" for number in (1, 2)), *(f"figure_d{number}" for number in (1, 2, 3, 4))]
    assert all(f"figures/default/{name}.png" in plan for name in [*names, "claims", "departures"])
    jobs = requests(plan)
    assert {rule for rule, _ in jobs} >= {
        "fit_deep_rfm",
        "train_network",
        "render_figure",
        "trace_kernels",
        "write_pages",
    }
    for rule, asked in jobs:
        assert int(asked["mem_mb"]) >= 2000, rule
        assert int(asked["runtime"]) >= 20, rule
        assert asked["gpu"] in ("0", "1"), rule


def test_chosen_figures_make_the_tables_they_need_whole_and_no_others(tmp_path, snakemake):
    (tmp_path / "one.yaml").write_text(yaml.safe_dump(change(figures=["figure_03"])))
    plan = snakemake(tmp_path, "-n", configfile=tmp_path / "one.yaml").stdout
    rules = [rule for rule, _ in requests(plan)]
    fits = sorted(rule for rule in rules if rule.startswith("fit"))
    assert fits == [*2 * ["fit_deep_rfm"], *2 * ["fit_deep_rfm_and_gram"]]  # two activations, two seeds
    assert not {"train_network", "evaluate_claims", "measure_departure", "sample_feature_kernel"} & set(rules)


def test_papers_scale_asks_for_its_matrices_and_a_gpu(tmp_path, snakemake):
    (tmp_path / "paper.yaml").write_text("{device: cuda, datasets: {mnist: {source: torchvision}}}")
    jobs = requests(snakemake(tmp_path, "-n", configfile=tmp_path / "paper.yaml").stdout)
    fits = [asked for rule, asked in jobs if rule.startswith("fit_deep_rfm")]
    drawn = [asked for rule, asked in jobs if rule == "render_figure"]
    assert len(fits) == 6
    assert drawn
    # Two matrices of 50,000² in float64 are 40 GB, 4,096 features 16 GB more; and a quarter more is asked for than is forecast.
    assert all(45_000 < int(asked["mem_mb"]) < 80_000 and asked["gpu"] == "1" for asked in fits)
    assert all(asked["gpu"] == "0" for asked in drawn)


def test_missing_gpu_is_an_error_and_nothing_is_left_half_done(tmp_path, snakemake):
    (tmp_path / "cuda.yaml").write_text(yaml.safe_dump(change(device="cuda")))
    wanted = "results/test/deep_rfm/digits/relu/seed_1.csv"
    hidden = {"CUDA_VISIBLE_DEVICES": ""}
    stopped = snakemake(tmp_path, "--cores", "1", wanted, configfile=tmp_path / "cuda.yaml", **hidden)
    assert stopped.returncode == 1
    assert (
        "Error: fit_deep_rfm (dataset=digits, activation=relu, seed=1): device is cuda but PyTorch sees no GPU"
        in stopped.stderr
    )
    assert not (tmp_path / wanted).exists()
    assert snakemake(tmp_path, "--cores", "1", wanted).returncode == 0


@pytest.mark.parametrize(("gpus", "at_once"), [("0", 1), ("0,1", 2)])
def test_jobs_that_use_a_gpu_take_turns_on_those_there_are(tmp_path, snakemake, gpus, at_once):
    """However many cores there are. If PyTorch finds none of these GPUs, `auto` runs the jobs on the CPU."""
    wanted = [f"results/test/deep_rfm/digits/{kind}/seed_1.csv" for kind in ("relu", "cos")]
    done = snakemake(tmp_path, "--cores", "4", *wanted, CUDA_VISIBLE_DEVICES=gpus)
    assert done.returncode == 0, done.stderr
    started = [int(number) for number in re.findall(r"^Execute (\d+) jobs", done.stdout + done.stderr, re.MULTILINE)]
    assert max(started) == at_once
