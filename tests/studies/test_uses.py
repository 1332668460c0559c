"""What collapse is good for: out-of-distribution points, fixed readouts, and the claims that are judged by them."""

import numpy as np
import pandas as pd
import pytest

from agop_dnc.studies import judging
from agop_dnc.studies.judging import NOT_REPRODUCED, NOT_TESTED, REPRODUCED, UNDECIDED, Context
from agop_dnc.studies.uses import claims

OOD_COLUMNS = ["dataset", "model", "seed", "layer", "score", "points", "metric", "value"]
READOUT_COLUMNS = ["dataset", "loss", "dimension", "readout", "seed", "metric", "value"]
SPREAD, ACROSS = (-0.001, 0.0, 0.001), (-0.05, 0.0, 0.05)


def scored(gain=0.05, spread=SPREAD, accuracy=1.0, kinds=("held_out", "noise"), model="mlp"):
    """Two layers of features and a readout; in the last layer the angle's AUROC is that of the softmax and `gain` more."""
    lines = []
    for seed, extra in enumerate(spread):
        about = ("digits", model, seed)
        lines += [(*about, 3, "outputs", points, "accuracy", accuracy) for points in ("train", "test")]
        for i, kind in enumerate(kinds):
            softmax = 0.8 + 0.05 * i
            # What must not be looked at: other layers, scores and metrics.
            lines += [(*about, layer, "angle", kind, "auroc", 0.1) for layer in (0, 1)]
            lines += [(*about, 1, "softmax", kind, "auroc", 0.99), (*about, 2, "distance", kind, "auroc", 0.2)]
            lines += [(*about, 2, "angle", kind, "fpr95", 0.7), (*about, 3, "softmax", kind, "fpr95", 0.1)]
            lines += [
                (*about, 2, "angle", kind, "auroc", softmax + gain + extra),
                (*about, 3, "softmax", kind, "auroc", softmax),
            ]
    return pd.DataFrame(lines, columns=OOD_COLUMNS)


def compared(gain=0.0, spread=SPREAD, learned=1.0, fixed=1.0, dimension=9):
    """Learned and fixed readouts, whose test accuracies differ by `gain`."""
    lines = []
    for seed, extra in enumerate(spread):
        for readout, fitted, tested in (("learned", learned, 0.95), ("fixed", fixed, 0.95 + gain + extra)):
            about = ("digits", "squared_error", dimension, readout, seed)
            lines += [(*about, "train_accuracy", fitted), (*about, "test_accuracy", tested), (*about, "nc1", 0.3)]
    return pd.DataFrame(lines, columns=READOUT_COLUMNS)


def judged(claim, **tables):
    found, evidence = judging.evaluate([claims.SOURCE], tables, Context({"digits": [50] * 10}))
    rows = [row for row in found if row["claim"] == claim]
    assert len(rows) == 1
    return rows[0], [e["value"] for e in evidence if e["claim"] == claim]


@pytest.mark.parametrize(
    ("gain", "spread", "verdict"),
    [
        (0.05, SPREAD, REPRODUCED),
        (0.0, (0.0, 0.0, 0.0), REPRODUCED),  # as well as
        (-0.05, SPREAD, NOT_REPRODUCED),
        (0.01, ACROSS, UNDECIDED),
        (0.05, (0.0, 0.0), NOT_TESTED),
    ],
)
def test_the_rule_of_use_1_gives_each_verdict(gain, spread, verdict):
    assert judged("use-1", out_of_distribution=scored(gain, spread))[0]["verdict"] == verdict


@pytest.mark.parametrize(
    ("gain", "spread", "verdict"),
    [
        (0.02, SPREAD, REPRODUCED),
        (-0.005, SPREAD, REPRODUCED),
        (-0.01, (0.0, 0.0, 0.0), NOT_REPRODUCED),  # the bound itself is outside
        (-0.03, SPREAD, NOT_REPRODUCED),
        (-0.01, ACROSS, UNDECIDED),
        (0.02, (0.0, 0.0), NOT_TESTED),
    ],
)
def test_the_rule_of_use_2_gives_each_verdict(gain, spread, verdict):
    assert judged("use-2", readouts=compared(gain, spread))[0]["verdict"] == verdict


def test_use_1_is_the_mean_over_kinds_of_the_last_layers_difference():
    table = scored(0.1)
    first = (table.points == "noise") & (table.score == "angle") & (table.layer == 2) & (table.metric == "auroc")
    table.loc[first, "value"] -= 0.3
    row, values = judged("use-1", out_of_distribution=table)
    np.testing.assert_allclose(values, [0.1 - 0.15 + extra for extra in SPREAD])
    assert row["measured"].endswith("means by kind: held-out classes +0.1; noise -0.2")
    assert row["model"] == "MLP, squared error"
    assert row["as_paper"] == "differs: settings, of which the slides give none"


def test_use_2_is_the_paired_difference_by_loss_and_dimension():
    table = pd.concat([compared(0.01), compared(-0.05, dimension=10).assign(loss="cross_entropy")])
    found, evidence = judging.evaluate([claims.SOURCE], {"readouts": table}, Context({}))
    verdicts = {row["model"]: row["verdict"] for row in found if row["claim"] == "use-2"}
    assert verdicts == {"MLP, squared error, d = 9": REPRODUCED, "MLP, cross-entropy, d = 10": NOT_REPRODUCED}
    np.testing.assert_allclose([e["value"] for e in evidence if e["model"].endswith("d = 9")], [0.009, 0.01, 0.011])


def test_networks_that_have_not_fitted_are_not_judged():
    row, _ = judged("use-1", out_of_distribution=scored(accuracy=0.98))
    assert row["verdict"] == NOT_TESTED
    assert "training accuracy 0.98" in row["measured"]
    assert judged("use-2", readouts=compared(learned=0.9))[0]["verdict"] == NOT_TESTED
    # A simplex that keeps its network from fitting is what the claim denies.
    assert judged("use-2", readouts=compared(-0.3, fixed=0.7))[0]["verdict"] == NOT_REPRODUCED


def test_a_table_that_is_missing_leaves_the_other_claim_alone():
    assert judged("use-1", readouts=compared())[0]["verdict"] == NOT_TESTED
    assert judged("use-2", readouts=compared())[0]["verdict"] == REPRODUCED
    row, _ = judged("use-2", out_of_distribution=scored())
    assert row["verdict"] == NOT_TESTED
    assert "no readouts.csv" in row["measured"]
