"""A whole run of the workflow: what it leaves, and that it leaves the same again."""

import json
import re
import shutil

import numpy as np
import pandas as pd
import pytest
from conftest import REPOSITORY, made

from agop_dnc.__main__ import main
from agop_dnc.pipeline import provenance
from agop_dnc.studies.verdicts.claims import CLAIMS

# The report is opened in Debian's Chromium, headless, if there is one.
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


def test_one_core_and_another_folder_give_the_same_bytes(finished, tmp_path, snakemake):
    done = snakemake(tmp_path, "--cores", "1")
    assert done.returncode == 0, done.stderr
    first, second = made(finished), made(tmp_path)
    assert first.keys() == second.keys()
    assert [name for name in first if first[name] != second[name]] == []


def test_run_makes_what_the_contract_names(finished):
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
        *("nc1", "nc1_pinv", "nc2", "nc2_random", "nc2_mse", "nc2_normalised"),
        *("gram_within", "gram_within_smallest", "gram_between", "largest_small_class_cosine"),
        *("interpolation_error", "ridge_used", "test_accuracy"),
    }
    assert sorted(table.layer.unique()) == [1, 2, 3, 4]  # the last is the final predictor's
    assert np.isfinite(table.value).all()
    left = [name for name in files if "provenance" not in name]  # a record says what the snapshots were
    assert not [name for name in left if "partial" in name or "snapshots" in name or "state" in name]


def test_last_snapshot_of_every_network_is_kept(finished):
    for seed in (0, 1):
        assert (finished / f"results/test/networks/digits/mlp/seed_{seed}/last.safetensors").stat().st_size > 1000


def test_every_claim_has_its_verdict(finished):
    table = pd.read_csv(finished / "results/test/tables/claims.csv")
    about = ["claim", "paper", "dataset", "model", "measured", "expected", "verdict", "seeds", "low", "high"]
    assert list(table.columns) == [*about, "reference", "as_paper", "source"]
    assert set(table.claim) == {name for name in CLAIMS if name.startswith(("dnc-", "check-"))}
    assert set(table.verdict) <= {"reproduced", "not reproduced", "undecided", "not tested"}
    # Of a run of two seeds, three layers and four epochs, of which nothing can be said; what is not tested says why.
    assert set(table.verdict) == {"not tested"}
    assert table.measured.notna().all()


def test_departures_are_measured_next_to_the_papers_definition(finished):
    table = pd.read_csv(finished / "results/test/tables/departures.csv")
    assert list(table.columns) == ["dataset", "departure", "variant", "quantity", "step", "value"]
    # 7 is a script that does not parse, and the test configuration trains no ResNet for 12.
    assert set(table.departure) == set(range(1, 14)) - {7, 12}
    for _, rows in table.groupby(["departure", "quantity"]):
        assert "paper" in set(rows.variant)
        assert rows.variant.nunique() > 1


def test_index_links_every_notebook_in_the_papers_order(finished):
    folder = finished / "results/test/notebooks"
    page = (folder / "index.html").read_text(encoding="utf-8")
    linked = re.findall(r'href="([^"]+)"', page)
    assert sorted(linked) == sorted(path.name for path in folder.glob("*.html") if path.name != "index.html")
    assert linked[:2] == ["claims.html", "departures.html"]  # the verdicts first
    assert linked[2:] == sorted(linked[2:])
    assert all((folder / picture).exists() for picture in re.findall(r'src="([^"]+)"', page))
    assert "not tested" in page


def test_tables_of_networks_are_those_of_the_contract(finished):
    names = ("networks", "truncation", "nfa", "training")
    tables = {name: pd.read_csv(finished / f"results/test/tables/{name}.csv") for name in names}
    first = ["dataset", "architecture", "seed", "epoch"]
    assert list(tables["networks"].columns) == [*first, "layer", "component", "metric", "value"]
    assert list(tables["truncation"].columns) == [*first, "layer", "component", "rank", "metric", "value"]
    assert list(tables["nfa"].columns) == [*first, "layer", "target", "value"]
    assert list(tables["training"].columns) == [*first, "metric", "value"]
    assert not any(table.duplicated(list(table.columns[:-1])).any() for table in tables.values())
    assert set(tables["networks"].component) == {"input", "right", "output"}
    assert {"right", "output"} <= set(tables["truncation"].component)
    assert {1, 20} <= set(tables["truncation"]["rank"])
    assert set(tables["truncation"].epoch) == {4}
    assert {"sqrt_agop", "agop", "sqrt_agop_rotated"} <= set(tables["nfa"].target)
    wanted = {"train_loss", "train_accuracy", "test_loss", "test_accuracy", "trace_within", "trace_between"}
    assert wanted | {"nc3", "nc4", "running_loss"} <= set(tables["training"].metric)
    assert sorted(tables["nfa"].epoch.unique()) == [0, 2, 4]


def test_truncation_that_keeps_every_direction_is_the_layer_itself(finished):
    """Hidden layers of 32 have a rank of 32 at most: 20 of them are near all that matters, and 1 is not."""
    networks, truncated = (
        pd.read_csv(finished / f"results/test/tables/{name}.csv") for name in ("networks", "truncation")
    )
    keys = ["dataset", "architecture", "seed", "epoch", "layer", "component", "metric"]
    both = truncated.merge(networks, on=keys, suffixes=("", "_whole"))
    both = both[both.metric == "nc1"]
    error = (np.log(both.value) - np.log(both.value_whole)).abs().groupby(both["rank"]).mean()
    assert error[20] < error[1]


def test_run_writes_nothing_into_the_repository(finished):
    left = {path.name for path in REPOSITORY.iterdir()}
    assert not (REPOSITORY / "results" / "test").exists(), left
    assert not (REPOSITORY / "figures" / "test").exists(), left


@pytest.fixture(scope="module")
def report(finished, snakemake, tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    done = snakemake(finished, "--report", path)
    assert done.returncode == 0, done.stderr
    assert "mimetype" not in done.stderr  # every file's is known
    return path


def test_report_is_one_file_with_the_captions(report, finished):
    text = report.read_text(encoding="utf-8")
    assert "Look for the squares" in text  # Figure 3's
    assert "A row is one measured number of a Deep RFM" in text  # a table's


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
def test_report_opens_with_the_verdicts_and_every_figure_loads(report, chromium, finished, size):
    page = chromium.new_page(viewport={"width": size[0], "height": size[1]})
    errors, requests = [], []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(report.as_uri())
    title = page.get_by_text("Did it reproduce?")
    title.wait_for()
    assert 0 <= title.bounding_box()["y"] < size[1]  # on the screen without scrolling
    verdicts = pd.read_csv(finished / "results/test/tables/claims.csv")
    text = page.inner_text("body")
    end = "The configuration is in the category of that name."
    assert text.index("Did it reproduce?") < text.index(f"{verdicts.claim[0]}. ") < text.index(end)
    if size[0] > 1000:  # all of it, on one screen
        box = page.get_by_text(end).bounding_box()
        assert box["y"] + box["height"] < size[1]
    table = page.locator("table", has_text="not tested")
    claims = [name for name in verdicts.claim.unique() if not CLAIMS[name].theorem]
    assert [row.split(".")[0] for row in table.locator("tbody tr td:first-child").all_inner_texts()] == claims
    counts = [int(count) for count in table.locator("tbody td:not(:first-child)").all_inner_texts() if count.strip()]
    assert sum(counts) == verdicts.claim.isin(claims).sum()
    found = page.evaluate(LOADS)
    assert found.keys() == {str(path.relative_to(finished)) for path in (finished / "figures").rglob("*.png")}
    assert all(found.values())
    assert errors == []
    assert [url for url in requests if not url.startswith(("file:", "data:", "blob:"))] == []  # self-contained


def test_report_is_small_and_leaves_out_long_tables(report):
    text = report.read_text(encoding="utf-8")
    assert "deep_rfm.csv" in text
    assert "kernel_learning.csv" not in text
    # Snakemake's own part is 3.4 MB.
    assert report.stat().st_size < 10e6


@pytest.mark.parametrize("width", [1400, 420])
def test_pages_link_their_neighbours_and_show_figures_at_full_size(finished, chromium, width):
    folder = finished / "results/test/notebooks"
    page = chromium.new_page(viewport={"width": width, "height": 900})
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto((folder / "index.html").as_uri())
    page.locator("a.card", has_text="Figure 3:").click()
    assert page.inner_text("main").startswith("Figure 3: ")  # no code before the title
    links = page.locator("nav a").all_inner_texts()
    assert links == ["All figures", "← Figure 1", "Figure 4 →", "Notebook (ipynb)"]
    assert all((folder / link.get_attribute("href")).exists() for link in page.locator("nav a").all())
    overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert page.evaluate(overflow) == 0
    picture = page.locator(".picture img").first
    own = picture.evaluate("image => image.naturalWidth")
    assert picture.bounding_box()["width"] < own
    picture.click()
    assert picture.bounding_box()["width"] == own
    assert page.evaluate(overflow) == 0  # it scrolls by itself
    page.locator("nav a", has_text="Figure 4").click()
    assert page.inner_text("main").startswith("Figure 4: ")
    assert errors == []


def test_report_has_a_category_for_all_that_it_should_show(report, chromium):
    page = chromium.new_page(viewport={"width": 1400, "height": 1000})
    page.goto(report.as_uri())
    page.wait_for_selector("text=Did it reproduce?")
    wanted = ("Verdicts", "Figures of the paper", "Figures beyond the paper", "Rendered notebooks", "Tables", "Configuration")  # fmt: skip
    for category in wanted:
        assert page.get_by_text(category, exact=True).count() == 1, category
    page.get_by_text("Figures of the paper", exact=True).click()
    page.get_by_text("Figure 07", exact=True).wait_for()
    page.get_by_text("Figure 10", exact=True).wait_for()


def test_every_table_and_figure_is_as_recorded(finished, capsys):
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
