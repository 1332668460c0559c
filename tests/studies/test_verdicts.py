"""The pictures of the verdicts, and the history of the rules."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from matplotlib.patches import Rectangle

from agop_dnc.pipeline import tables
from agop_dnc.studies import judging
from agop_dnc.studies.judging import NOT_TESTED, REPRODUCED, VERDICTS, Finding, judge
from agop_dnc.studies.verdicts import figures, history, notes
from agop_dnc.studies.verdicts.claims import CLAIMS

BEFORE = Path(__file__).parent / "rules"


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def verdicts(datasets, architectures=("mlp", "resnet18", "vgg11")):
    """claims.csv with every claim asked of every dataset and model, the verdicts in turn."""
    rows = []
    for claim in CLAIMS.values():
        network = claim.id in ("dnc-5", "dnc-6a", "dnc-6b", "dnc-7a", "dnc-7b")
        models = architectures if network else ("deep_rfm relu", "deep_rfm cos")
        cells = [("", "ReLU features")] if claim.theorem else [(d, m) for d in datasets for m in models]
        rows += [(claim.id, *cell, VERDICTS[i % 4]) for i, cell in enumerate(cells, start=len(rows))]
    return pd.DataFrame(rows, columns=["claim", "dataset", "model", "verdict"])


def texts(figure):
    return [text.get_text() for axis in figure.axes for text in axis.texts]


@pytest.mark.parametrize(
    "datasets", [["digits"], ["mnist", "cifar10", "svhn", "digits_imbalanced", "a_long_name_of_ones_own"]]
)
def test_every_verdict_has_a_cell_with_its_mark(datasets):
    table = verdicts(datasets)
    figure = figures.verdict_figure(table, "A caption.")
    marks = [text for text in texts(figure) if text in figures.VERDICT_MARKS.values()]
    expected = table.verdict.map(figures.VERDICT_MARKS)
    assert pd.Series(marks).value_counts().to_dict() == expected.value_counts().to_dict()
    cells = [patch for axis in figure.axes for patch in axis.patches if isinstance(patch, Rectangle)]
    assert len(cells) == len(table)


@pytest.mark.parametrize(
    "datasets", [["digits"], ["mnist", "cifar10", "svhn", "digits_imbalanced", "a_long_name_of_ones_own"]]
)
def test_nothing_is_clipped_and_no_label_runs_into_a_cell(datasets):
    figure = figures.verdict_figure(verdicts(datasets), "A caption.")
    figure.canvas.draw()
    page = figure.bbox
    for axis in figure.axes:
        boxes = [text.get_window_extent() for text in axis.texts]
        assert all(box.x0 >= page.x0 and box.x1 <= page.x1 and box.y0 >= page.y0 and box.y1 <= page.y1 for box in boxes)
        left = min(patch.get_window_extent().x0 for patch in axis.patches)
        names = [text for text in axis.texts if text.get_text() in notes.CLAIM_NAMES.values()]
        assert names
        assert all(text.get_window_extent().x1 < left for text in names)
        headers = [text.get_window_extent() for text in axis.texts if text.get_va() == "bottom"]
        assert not any(one.overlaps(other) for i, one in enumerate(headers) for other in headers[:i])


def test_names_are_a_readers_and_not_the_programs():
    figure = figures.verdict_figure(verdicts(["digits_imbalanced", "cifar10"]), "A caption.")
    shown = " ".join(texts(figure)).replace("\n", " ")
    assert all(name in shown for name in ("Digits, imbalanced", "CIFAR-10", "Deep RFM, ReLU", "ResNet-18"))
    assert not any(name in shown for name in ("deep_rfm", "resnet18", "digits_imbalanced", "cifar10"))


def test_blocks_hold_claims_that_share_runs_ten_columns_at_most():
    blocks = figures.verdict_blocks(verdicts(["mnist", "cifar10", "svhn", "digits"]))
    assert [len(block.runs) for block in blocks] == [8, 10, 2, 1]
    assert blocks[1].claims == blocks[2].claims == ["dnc-5", "dnc-6a", "dnc-6b", "dnc-7a", "dnc-7b"]
    assert [block.heading for block in blocks] == ["", "", "", "Checks of theorems"]


def test_what_was_not_run_has_a_row():
    table = pd.DataFrame([("dnc-2c", "", "", NOT_TESTED)], columns=["claim", "dataset", "model", "verdict"])
    assert "not run" in texts(figures.verdict_figure(table, ""))


def test_the_colours_differ_in_lightness():
    lightness = sorted(np.dot(to_rgb(colour), (0.299, 0.587, 0.114)) for colour in figures.VERDICT_COLOURS.values())
    assert np.diff(lightness).min() > 0.08  # of 256 shades twenty
    assert set(figures.VERDICT_COLOURS) == set(figures.VERDICT_MARKS) == set(VERDICTS)


def test_the_evidence_shows_seeds_intervals_bounds_and_references():
    claim = CLAIMS["dnc-6b"]
    first, second = (quantity.name for quantity in claim.quantities)
    rows = []
    for dataset, shift in (("digits", 0.0), ("mnist", 0.1)):
        values = {first: {0: 0.1 + shift, 1: 0.12 + shift, 2: 0.15 + shift}, second: {0: 0.0, 1: 0.1, 2: 0.2}}
        rows += judge(claim, Finding(dataset, "mlp", values, {first: 0.01}))[1]
    figure = figures.evidence_figure(pd.DataFrame(rows))
    assert len(figure.axes) == 2
    axis = figure.axes[0]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["Digits: MLP", "MNIST: MLP"]
    assert axis.get_xlabel() == f"{first} (≥ 0.05)"
    drawn = [sorted(map(float, line.get_xdata())) for line in axis.lines]
    expected = judging.interval([0.1, 0.12, 0.15])
    assert pytest.approx([expected.low, expected.high]) in drawn
    assert [0.1, 0.12, 0.15] in drawn
    assert [0.01, 0.01] in drawn
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == ["one seed", "95 % interval of the mean", "within bounds", "before training"]


def test_one_seed_has_no_interval_but_is_shown():
    claim = CLAIMS["dnc-1a"]
    (quantity,) = (quantity.name for quantity in claim.quantities)
    _, rows = judge(claim, Finding("digits", "deep_rfm relu", {quantity: {0: 0.05}}))
    axis = figures.evidence_figure(pd.DataFrame(rows)).axes[0]
    assert [list(line.get_xdata()) for line in axis.lines] == [[0.05]]


# History.


def table_of_5e6b864():
    return tables.read(BEFORE / "deep_rfm_5e6b864.csv")


def at_layer_18(metric):
    table = table_of_5e6b864()
    rows = table[(table.layer == 18) & (table.metric == metric) & (table.component == "agop")]
    return {key: tuple(values) for key, values in rows.groupby(["dataset", "activation"]).value}


def verdict_of(*conditions):
    return REPRODUCED if all(conditions) else judging.NOT_REPRODUCED


def test_the_verdicts_that_5e6b864_turned_follow_from_its_tables():
    within, between, nc2 = (at_layer_18(metric) for metric in ("gram_within", "gram_between", "nc2"))
    table = table_of_5e6b864()
    nc1 = table[(table.metric == "nc1") & (table.component == "agop")].pivot(
        index=["dataset", "activation", "seed"], columns="layer", values="value"
    )
    falls = {key: min(values) for key, values in np.log10(nc1[1] / nc1[20]).groupby(["dataset", "activation"])}
    turned = []
    for (dataset, activation), worst in between.items():
        key = (dataset, activation)
        points, old, new = (max(v) <= 0.1 for v in (within[key], worst, np.array(nc2[key]) / 90**0.5))
        one = verdict_of(points, old), verdict_of(points, new)
        four = verdict_of(points, falls[key] >= 2, old), verdict_of(points, falls[key] >= 2)
        cases = [(1, *one)] + ([(4, *four)] if dataset == "digits_imbalanced" else [])
        values = tuple(round(value, 3) for value in worst)
        turned += [(claim, dataset, f"deep_rfm {activation}", values, a, b) for claim, a, b in cases if a != b]
    kept = history.HISTORY[0].turned
    assert sorted(turned) == sorted((t.claim, t.dataset, t.model, t.values, t.old, t.new) for t in kept)
    assert len(kept) == 5


def test_the_history_is_a_page_with_every_change():
    page = history.markdown()
    assert page.count("### ") == len(history.HISTORY)
    assert [change.date for change in history.HISTORY] == sorted(change.date for change in history.HISTORY)
    assert "| 4 | Digits, imbalanced: Deep RFM, cosines | 0.124, 0.082, 0.107 | not reproduced | reproduced |" in page
    assert ".113 .094 .164" in page
    claims = [name for name in CLAIMS if name.startswith("dnc-")]
    assert len(claims) == 16  # 'Sixteen claims'


def test_every_claim_takes_an_old_ones_place():
    successors = [name for names in history.SUCCESSORS.values() for name in names]
    assert sorted(successors) == sorted(name for name in CLAIMS if name.startswith(("dnc-", "check-")))


def test_runs_judged_by_the_old_rules_show_both_verdicts():
    old = notes.read(tables.read(BEFORE / "claims_2026-11-24.csv"))
    new = pd.DataFrame(
        [("dnc-1a", "digits", "deep_rfm relu", REPRODUCED), ("dnc-1b", "digits", "deep_rfm relu", "undecided")],
        columns=["claim", "dataset", "model", "verdict"],
    )
    shown = history.both(old, new)
    one = shown[(shown["old claim"] == 1) & (shown.dataset == "digits") & (shown.model == "deep_rfm relu")]
    assert one.claim.tolist() == ["dnc-1a", "dnc-1b", "dnc-1c"]
    assert one["old verdict"].tolist() == [REPRODUCED] * 3
    assert one.verdict.tolist() == [REPRODUCED, "undecided", "not asked"]
    assert len(shown) == sum(len(history.SUCCESSORS[number]) for number in old.claim)


def test_the_summary_counts_verdicts_and_leaves_checks_out():
    table = notes.summary(verdicts(["digits", "mnist"]))
    assert table.claim.tolist() == [name for name, claim in CLAIMS.items() if not claim.theorem]
    assert table.loc[table.claim == "dnc-5", list(VERDICTS)].to_numpy().sum() == 6
