"""The workflow as a user runs it: a whole run, and what a change makes run again."""

import json
import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import yaml
from conftest import REPOSITORY, TEST_CONFIG, change, made

from agop_dnc.__main__ import main
from agop_dnc.pipeline import provenance

# The report is opened in Debian's Chromium, headless, where there is one.
CHROMIUM = shutil.which("chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
LOADS = """
async () => {
  const load = (uri) => new Promise((done) => {
    const image = new Image();
    image.onload = () => done(image.naturalWidth > 0);
    image.onerror = () => done(false);
    image.src = uri;
  });
  const found = {};
  for (const [path, result] of Object.entries(results))
    if (path.endsWith(".png")) found[path] = await load(result.data_uri);
  return found;
}
"""


def test_a_run_makes_what_the_contract_names(finished):
    files = set(made(finished))
    for figure in ("01", "03", "04", "07", "10", "s1", "s3"):
        assert {f"figures/test/figure_{figure}.{kind}" for kind in ("png", "pdf")} <= files
        assert {f"results/test/notebooks/figure_{figure}.{kind}" for kind in ("ipynb", "html")} <= files
    for name in ("claims", "departures"):
        assert {f"figures/test/{name}.png", f"results/test/notebooks/{name}.html"} <= files
    table = pd.read_csv(finished / "results/test/tables/deep_rfm.csv")
    assert list(table.columns) == ["dataset", "activation", "seed", "layer", "component", "metric", "value"]
    assert set(table.component) == {"x", "agop", "features"}
    assert set(table.metric) == {
        *("nc1", "nc1_pinv", "nc2", "nc2_mse", "nc2_normalised"),
        *("gram_within", "gram_between", "interpolation_error", "ridge_used", "test_accuracy"),
    }
    assert sorted(table.layer.unique()) == [1, 2, 3, 4]  # the last is the final predictor's
    assert np.isfinite(table.value).all()
    left = [name for name in files if "provenance" not in name]  # a record says what the snapshots were
    assert not [name for name in left if "partial" in name or "snapshots" in name or "state" in name]


def test_the_default_run_makes_every_figure(tmp_path, snakemake):
    plan = snakemake(tmp_path, "-n", configfile=REPOSITORY / "config.yaml").stdout
    names = [*(f"figure_{number:02}" for number in range(1, 13)), *("figure_s1", "figure_s2", "figure_s3")]
    assert all(f"figures/default/{name}.png" in plan for name in [*names, "claims", "departures"])


def test_every_claim_has_its_verdict(finished):
    table = pd.read_csv(finished / "results/test/tables/claims.csv")
    assert list(table.columns) == ["claim", "dataset", "model", "measured", "expected", "verdict", "source"]
    assert set(table.claim) == set(range(1, 9))
    # Of a run of three layers and four epochs; what is not tested says why.
    assert set(table[table.claim.isin([1, 4, 5, 6, 7])].verdict) == {"not tested"}
    assert table[table.claim == 8].verdict.item() == "reproduced"
    assert table.measured.notna().all()


def test_departures_are_measured_beside_the_papers_definition(finished):
    table = pd.read_csv(finished / "results/test/tables/departures.csv")
    assert list(table.columns) == ["dataset", "departure", "variant", "quantity", "step", "value"]
    # 7 is a script that does not parse, and the test configuration trains no ResNet for 12.
    assert set(table.departure) == set(range(1, 14)) - {7, 12}
    for _, rows in table.groupby(["departure", "quantity"]):
        assert "paper" in set(rows.variant)
        assert rows.variant.nunique() > 1


def test_the_index_links_every_notebook_in_the_papers_order(finished):
    folder = finished / "results/test/notebooks"
    page = (folder / "index.html").read_text(encoding="utf-8")
    linked = re.findall(r'href="([^"]+)"', page)
    assert sorted(linked) == sorted(path.name for path in folder.glob("*.html") if path.name != "index.html")
    assert linked[0] == "claims.html"
    assert linked[-1] == "departures.html"
    assert linked[1:-1] == sorted(linked[1:-1])
    assert all((folder / picture).exists() for picture in re.findall(r'src="([^"]+)"', page))
    assert "not tested" in page


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
        "measure_departure": 2,  # those with cosines, and what they are compared with
        "render_figure": 4,  # 1 and 4 show cosines, claims and departures judge by them
        **{"evaluate_claims": 1, "join_departures": 1, "write_pages": 1, "collect_costs": 1},
    }
    assert "activation=relu" not in plan
    assert not {f"figure={name}" for name in ("figure_03", "figure_07")} & set(plan.split())


def test_a_changed_learning_rate_leaves_deep_rfm_alone(finished, tmp_path, snakemake):
    config = tmp_path / "changed.yaml"
    config.write_text(yaml.safe_dump(change(networks__architectures__mlp__learning_rate=0.2)))
    plan = planned(snakemake(finished, "-n", configfile=config).stdout)
    assert plan["train_network"] == 2
    assert not {"fit_deep_rfm", "fit_deep_rfm_and_gram", "prepare_data"} & set(plan)


def test_chosen_figures_make_what_they_need_and_no_more(tmp_path, snakemake):
    config = tmp_path / "one.yaml"
    config.write_text(yaml.safe_dump(change(figures=["figure_03"])))
    plan = planned(snakemake(tmp_path, "-n", configfile=config).stdout)
    assert plan["fit_deep_rfm"] + plan["fit_deep_rfm_and_gram"] == 2  # one activation, two seeds
    assert not {"train_network", "evaluate_claims", "measure_departure", "sample_feature_kernel"} & set(plan)


def test_keys_in_another_order_rerun_nothing(finished, tmp_path, snakemake):
    config = tmp_path / "reordered.yaml"
    config.write_text(yaml.safe_dump(yaml.safe_load(TEST_CONFIG.read_text()), sort_keys=True))
    assert "Nothing to be done" in snakemake(finished, "-n", configfile=config).stdout


@pytest.fixture(scope="module")
def report(finished, snakemake, tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    done = snakemake(finished, "--report", path)
    assert done.returncode == 0, done.stderr
    return path


@pytest.fixture(scope="module")
def chromium():
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine: the report was not opened in a browser")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.mark.parametrize("size", [(1400, 1000), (420, 800)], ids=["wide", "narrow"])
def test_the_report_opens_with_the_verdicts_and_every_figure_loads(report, chromium, finished, size):
    page = chromium.new_page(viewport={"width": size[0], "height": size[1]})
    errors, requests = [], []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(report.as_uri())
    title = page.get_by_text("Did it reproduce?")
    title.wait_for()
    assert 0 <= title.bounding_box()["y"] < size[1]  # on the screen without scrolling
    text = page.inner_text("body")
    assert (
        text.index("Did it reproduce?")
        < text.index("Gram matrices after 18 layers")
        < text.index("Every claim is a rule")
    )
    verdicts = pd.read_csv(finished / "results/test/tables/claims.csv")
    table = page.locator("table", has_text="verdict")
    assert table.locator("tbody tr").count() == len(verdicts)
    assert table.locator("td", has_text="reproduced").first.is_visible()
    found = page.evaluate(LOADS)
    assert found.keys() == {str(path.relative_to(finished)) for path in (finished / "figures").rglob("*.png")}
    assert all(found.values())
    assert errors == []
    assert [url for url in requests if not url.startswith(("file:", "data:", "blob:"))] == []  # self-contained


def test_the_report_has_a_category_for_all_that_it_should_show(report, chromium):
    page = chromium.new_page(viewport={"width": 1400, "height": 1000})
    page.goto(report.as_uri())
    page.wait_for_selector("text=Did it reproduce?")
    wanted = (
        "Verdicts",
        "Figures of the paper",
        "Figures beyond the paper",
        "Rendered notebooks",
        "Tables",
        "Configuration",
    )
    for category in wanted:
        assert page.get_by_text(category, exact=True).count() == 1, category
    page.get_by_text("Figures of the paper", exact=True).click()
    page.get_by_text("Figure 07", exact=True).wait_for()
    page.get_by_text("Figure 10", exact=True).wait_for()


def test_every_table_and_figure_has_a_record_and_is_as_recorded(finished, capsys):
    for path in [*finished.glob("results/test/tables/*.csv"), *finished.glob("figures/test/*.p*")]:
        kept = json.loads(provenance.record_path(path).read_text(encoding="utf-8"))
        assert kept["sha256"] == provenance.sha256(path)
        assert kept["configuration"]["run"] == "test"
        assert kept["versions"] == provenance.versions()
        assert not any(name.startswith("/") for name in kept["inputs"])
    figure = json.loads(provenance.record_path(finished / "figures/test/figure_03.png").read_text(encoding="utf-8"))
    assert "repository:notebooks/depth.ipynb" in figure["inputs"]
    assert main(["verify", "test", "--directory", str(finished)]) == 0
    assert "all as recorded" in capsys.readouterr().out


# What a machine without a registry may lack: the workflow's engine, and whatever only draws or renders.
BARE = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"snakemake", "matplotlib", "seaborn", "papermill", "nbconvert", "nbformat", "ipykernel"}:
            raise ModuleNotFoundError(f"{name} is not on this machine")
sys.meta_path.insert(0, Absent())
"""


def test_the_same_tables_are_made_without_snakemake(finished, tmp_path):
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare" / "sitecustomize.py").write_text(BARE)
    command = [sys.executable, REPOSITORY / "workflow" / "without_snakemake.py", "--directory", tmp_path, TEST_CONFIG]
    environment = os.environ | {"PYTHONPATH": str(tmp_path / "bare")}

    def run():
        return subprocess.run(list(map(str, command)), env=environment, capture_output=True, text=True)

    done = run()
    assert done.returncode == 0, done.stderr
    tables = tmp_path / "results/test/tables"
    for name in ("deep_rfm", "networks", "ablation", "nfa", "training", "nfa_summary"):
        expected = (finished / f"results/test/tables/{name}.csv").read_bytes()
        assert (tables / f"{name}.csv").read_bytes() == expected, name
    cost = pd.read_csv(tables / "cost.csv")
    assert set(cost.rule) >= {"prepare_data", "fit_deep_rfm", "train_network", "measure_network", "ablate_network"}
    assert (cost.seconds > 0).all()
    # Started again it finds everything done, and makes again only what is gone, with what that needs.
    assert run().stdout == ""
    (tmp_path / "results/test/networks/digits/mlp/seed_0/nfa.csv").unlink()
    assert run().stdout.split("\n")[:2] == ["train_network digits_mlp_0", "measure_network digits_mlp_0"]
    (tmp_path / "results/test/data/digits.npz").write_bytes(b"half")
    (tmp_path / "results/test/deep_rfm/digits/relu/seed_0.csv").unlink()
    stopped = run()
    assert stopped.returncode == 1
    assert "digits.npz is not what its job wrote" in stopped.stderr
    assert "1 jobs failed" in stopped.stderr
    assert run().returncode == 0
