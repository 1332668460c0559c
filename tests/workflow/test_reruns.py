"""What a change runs again, by dry runs on a finished run: of settings, and of code in a copy of the repository."""

import shutil

import pytest
import yaml
from conftest import REPOSITORY, TEST_CONFIG, change


def planned(run):
    """Return the rules of a dry run with how many jobs of them are planned; nothing if nothing is to be done."""
    assert run.returncode == 0, run.stderr
    if "Nothing to be done" in run.stdout + run.stderr:
        return {}
    lines = run.stdout.split("Job stats:")[1].split("total")[0].splitlines()[3:]
    return {line.split()[0]: int(line.split()[1]) for line in lines if line.strip()}


@pytest.fixture
def dry_run(finished, snakemake, tmp_path):
    """Return the dry run, on the finished run, of the test configuration with changes."""

    def run(**changes):
        (tmp_path / "changed.yaml").write_text(yaml.safe_dump(change(**changes)))
        return snakemake(finished, "-n", configfile=tmp_path / "changed.yaml")

    return run


def test_same_settings_in_another_order_rerun_nothing(finished, tmp_path, snakemake):
    config = tmp_path / "reordered.yaml"
    config.write_text(yaml.safe_dump(yaml.safe_load(TEST_CONFIG.read_text()), sort_keys=True))
    assert planned(snakemake(finished, "-n", configfile=config)) == {}


def test_changed_feature_bandwidth_reruns_the_cosines_alone(dry_run):
    run = dry_run(deep_rfm__activations__cos__feature_bandwidth=0.1)
    assert planned(run) == {
        **{"all": 1, "fit_deep_rfm": 1, "fit_deep_rfm_and_gram": 1},
        "join_table": 4,  # deep_rfm, departures, claims, claims_evidence
        "measure_departure": 2,  # those with cosines, and what they are compared with
        "render_figure": 5,  # 1 and 4 show cosines, claims and departures judge by them; 3 reads the same table
        **{"evaluate_claims": 1, "write_pages": 1, "collect_costs": 1},
    }
    assert "activation=relu" not in run.stdout
    assert not {f"figure={name}" for name in ("figure_07", "figure_10", "figure_s3")} & set(run.stdout.split())


def test_changed_learning_rate_leaves_deep_rfm_alone(dry_run):
    plan = planned(dry_run(networks__architectures__mlp__learning_rate=0.2))
    assert plan["train_network"] == plan["measure_network"] == 2
    assert not {"fit_deep_rfm", "fit_deep_rfm_and_gram", "prepare_data"} & set(plan)


def test_changed_penalties_rerun_their_own_job_alone(tiny, tmp_path, snakemake):
    from conftest import TINY

    (tmp_path / "changed.yaml").write_text("unconstrained_features: {threshold: {points: 5}}")
    run = snakemake(tiny, "-n", configfile=[*TINY, tmp_path / "changed.yaml"])
    plan = planned(run)
    assert plan["study_unconstrained_features"] == 1
    assert "part=d2_L2" in run.stdout
    assert not {"trace_kernels", "iterate_collapse", "learn_kernels", "fit_deep_rfm"} & set(plan)


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    """A copy of the repository, which reads the notebooks of the real one: their paths are inputs of the finished run."""
    folder = tmp_path_factory.mktemp("copy") / "repository"
    for name in ("src", "workflow", "config", "profiles", "envs"):
        shutil.copytree(REPOSITORY / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy2(REPOSITORY / "Snakefile", folder)
    common = folder / "workflow" / "rules" / "common.smk"
    text = common.read_text()
    assert text.count('NOTEBOOKS = REPOSITORY / "notebooks"') == 1
    common.write_text(
        text.replace('NOTEBOOKS = REPOSITORY / "notebooks"', f'NOTEBOOKS = Path("{REPOSITORY}/notebooks")')
    )
    return folder


@pytest.fixture
def edited(originals, finished, snakemake):
    """Return the plan of a dry run on the finished run after edits: triples of a file, what stood there, what stands there now."""
    before = {}

    def run(*edits):
        for file, old, new in edits:
            path = originals / "src" / "agop_dnc" / file
            text = path.read_text(encoding="utf-8")
            before.setdefault(path, text)
            assert text.count(old) == 1, (file, old)
            path.write_text(text.replace(old, new), encoding="utf-8")
        return planned(snakemake(finished, "-n", repository=originals))

    yield run
    for path, text in before.items():
        path.write_text(text, encoding="utf-8")


def test_nothing_is_done_twice_wherever_the_repository_is(finished, snakemake, edited):
    assert planned(snakemake(finished, "-n")) == {}
    assert edited() == {}


FITS, NETWORKS = {"fit_deep_rfm", "fit_deep_rfm_and_gram"}, {"train_network", "measure_network"}


def test_edited_device_refits_and_retrains(edited):
    plan = edited(("pipeline/device.py", "torch.set_num_threads(threads)", "torch.set_num_threads(threads + 0)"))
    assert set(plan) >= FITS | NETWORKS
    assert plan["train_network"] == 2
    assert "prepare_data" not in plan


def test_edited_agop_of_kernel_machines_retrains_no_network(edited):
    first = "from __future__ import annotations\n"
    plan = edited(("kernels/agop.py", first, f"{first}\n_EDITED = 1\n"))
    assert set(plan) >= FITS
    assert not NETWORKS & set(plan)


def test_edited_docstrings_and_comments_rerun_nothing(edited):
    def reworded(file):
        """Return edits of a file's docstring and of its end, where there is a comment more."""
        text = (REPOSITORY / "src" / "agop_dnc" / file).read_text(encoding="utf-8")
        head, _, rest = text.partition("\n")
        assert head.startswith('"""')
        return file, text, f'"""Edited. {head[3:]}\n{rest}# A comment.\n'

    assert edited(*(reworded(file) for file in ("pipeline/device.py", "pipeline/tables.py", "drawing.py"))) == {}


def test_edited_captions_and_tolerances_rerun_no_job(edited):
    plan = edited(
        ("studies/deep_rfm/study.py", "Gram matrices of a Deep RFM, samples ordered", "Gram matrices, samples ordered"),
        ("studies/deep_rfm/study.py", 'rows="A row is one measured number', 'rows="A row is a measured number'),
        ("studies/deep_rfm/study.py", "rounding grows by some thirty times", "rounding grows thirtyfold"),
        ("studies/deep_rfm/study.py", '"activation == \'relu\'", 1.2', '"activation == \'relu\'", 1.3'),
        ("studies/networks/study.py", "NC1 inside each hidden layer over training.", "NC1 inside the layers."),
        ("studies/networks/study.py", "Tolerance(ALL_ROWS, 1.0, 0.1, TRAINED.why)", "Tolerance(ALL_ROWS, 1.0, 0.2, TRAINED.why)"),
    )  # fmt: skip
    assert plan == {}


def test_new_column_and_table_of_one_study_rerun_nothing_of_another(edited):
    column = 'columns=("dataset", "departure", "variant", "quantity", "step", "value")'
    plan = edited(
        ("studies/departures/study.py", column, column.replace(', "value"', ', "unit", "value"')),
        ("studies/departures/study.py", "    parts=parts,\n", "    parts=parts,\n    predictions=(Tolerance(ALL_ROWS, 2.0, 0.0, 'x'),),\n"),
        ("studies/departures/study.py", "    tables=(\n", "    tables=(\n        Table('more', 'A row is more.', ('x', 'value')),\n"),
    )  # fmt: skip
    assert plan["measure_departure"] == 4
    assert set(plan) == {"measure_departure", "join_table", "render_figure", "write_pages", "collect_costs", "all"}
    assert plan["join_table"] == plan["render_figure"] == 1
