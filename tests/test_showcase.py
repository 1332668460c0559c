"""The showcase is what the code makes: compared with the finished default run in the folder that AGOP_DNC_RUN names.

On the machine that made it the bytes are equal. Another processor rounds otherwise, and training carries that on; the
tolerances say how far.
"""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import REPOSITORY

pytestmark = pytest.mark.skipif("AGOP_DNC_RUN" not in os.environ, reason="`make check-showcase` makes the run it needs")
SHOWCASE = REPOSITORY / "showcase"
RUN = Path(os.environ.get("AGOP_DNC_RUN", ".")).resolve()


def both(name, keys):
    shown, made = (pd.read_csv(folder / name) for folder in (SHOWCASE, RUN / "results" / "default" / "tables"))
    assert list(shown.columns) == list(made.columns)
    merged = shown.merge(made, on=keys, how="outer", suffixes=("_shown", "_made"), indicator=True)
    assert set(merged.pop("_merge")) == {"both"}
    return merged


def test_verdicts_are_the_same():
    keys = ["claim", "dataset", "model"]
    table = both("claims.csv", keys).fillna("")
    changed = table[(table.verdict_shown != table.verdict_made) & ~table.apply(on_the_edge, axis=1)]
    assert changed.empty, changed[[*keys, "verdict_shown", "verdict_made"]].to_string()


def on_the_edge(row):
    """Whether a quantity's seeds lie so near its bound that another draw of them may fall on the other side."""
    evidence = pd.read_csv(SHOWCASE / "claims_evidence.csv").fillna("")
    rows = evidence[(evidence.claim == row.claim) & (evidence.dataset == row.dataset) & (evidence.model == row.model)]
    spread = rows.groupby("quantity").agg({"value": ["mean", "std"], "at_least": "first", "at_most": "first"})
    mean, std, low, high = (spread.iloc[:, column] for column in range(4))
    return bool((np.minimum((mean - low).abs(), (mean - high).abs()) < 3 * std).any())


def test_the_evidence_is_the_same():
    table = both("claims_evidence.csv", ["claim", "dataset", "model", "quantity", "seed"])
    # Training and cosine features carry rounding on; the bounds themselves are tested with the verdicts.
    exact = table[table.claim == 8]
    np.testing.assert_allclose(exact.value_made, exact.value_shown, rtol=0.05)
    assert (table.value_made - table.value_shown).abs().max() < 0.5


def test_deep_rfm_is_the_same():
    keys = ["dataset", "activation", "seed", "layer", "component", "metric"]
    table = both("deep_rfm.csv", keys)
    table = table[table.metric.str.startswith(("nc", "gram"))]
    # Rounding grows from layer to layer: with ReLU to some hundredths at layer 20. With cosines by a factor of some thirty a
    # layer, so that from layer 9 on the numbers are another draw of the same curve.
    relu, cos = (table[table.activation == name] for name in ("relu", "cos"))
    np.testing.assert_allclose(relu.value_made, relu.value_shown, rtol=0.2, atol=1e-6)
    early, late = cos[cos.layer <= 7], cos[cos.layer > 7]
    np.testing.assert_allclose(early.value_made, early.value_shown, rtol=0.02, atol=1e-6)
    factors = np.log2(late.value_made / late.value_shown)
    assert factors.abs().max() < 2, factors.abs().max()


def test_the_neural_feature_ansatz_is_the_same():
    table = both("nfa_summary.csv", ["dataset", "architecture"])
    for name in (column for column in table.columns if column.endswith("_mean_shown")):
        np.testing.assert_allclose(table[name.replace("_shown", "_made")], table[name], atol=0.03)


def test_departures_are_the_same():
    table = both("departures.csv", ["dataset", "departure", "variant", "quantity", "step"])
    # Below 1e-6 a value is a floor that rounding makes; training and cosine features carry rounding on.
    table = table[table.value_shown > 1e-6]
    assert np.log2(table.value_made / table.value_shown).abs().max() < 1.5


def test_theory_is_the_same():
    theory = both("theory.csv", ["theorem", "data", "setting", "quantity"])
    # Closed forms to rounding; a rate from distances near rounding, and kernels after 20 layers, to some per cent.
    np.testing.assert_allclose(theory.predicted_made, theory.predicted_shown, rtol=0.1)
    np.testing.assert_allclose(theory.measured_made, theory.measured_shown, rtol=0.15)
    table = both("dufm.csv", ["study", "data", "setting", "classes", "layers", "seed", "quantity"])
    np.testing.assert_allclose(table.predicted_made, table.predicted_shown, rtol=1e-9)
    # Rounding decides in which valley a few starts end, where there are several: a share of losses may differ.
    losses = table[table.quantity.str.contains("loss")]
    same = np.isclose(losses.measured_made, losses.measured_shown, rtol=0.02)
    assert same.mean() > 0.8, losses[~same].to_string()
    lowest = table[table.quantity == "lowest loss"]
    np.testing.assert_allclose(lowest.measured_made, lowest.measured_shown, rtol=1e-6)


@pytest.mark.parametrize("picture", sorted(path.name for path in SHOWCASE.glob("*.png")))
def test_pictures_look_the_same(picture):
    from matplotlib.image import imread
    from skimage.metrics import structural_similarity

    shown, made = (imread(folder / picture)[..., :3] for folder in (SHOWCASE, RUN / "figures" / "default"))
    assert shown.shape == made.shape
    # 1 for equal pictures; a curve that moves by its own width takes some 0.02 off.
    assert structural_similarity(shown, made, channel_axis=2, data_range=1.0) > 0.9


def test_every_picture_and_notebook_of_the_run_is_shown():
    assert {path.name for path in SHOWCASE.glob("*.png")} == {
        path.name for path in (RUN / "figures/default").glob("*.png")
    }
    notebooks = {path.name for path in (RUN / "results/default/notebooks").glob("*.ipynb")}
    assert {path.name for path in (SHOWCASE / "notebooks").glob("*.ipynb")} == notebooks
