"""Two claims about what collapse is good for, use-1 and use-2, as rules over out_of_distribution.csv and readouts.csv.

They come from slides on the collapse paper, which name out-of-distribution inference and a fixed simplex as last layer as
uses of collapse, without numbers or settings; the rules are ours.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from ...collapse.scores import SIMPLEX_SCORES
from ..judging import (
    Claim,
    Context,
    Finding,
    Findings,
    Quantity,
    Source,
    Tables,
    UntestedError,
    above,
    at_least,
    by_seed,
    table_of,
)
from .titles import model_title, points_title, readout_title

PAPER = "slides on Beaglehole et al., NeurIPS 2024"
FITTED = 0.99
# The score that is judged, of the three that the simplex gives.
JUDGED = SIMPLEX_SCORES[0]
AUROC = "AUROC of the angle to the nearest vertex less that of the maximum softmax probability, mean over the kinds of points"
ACCURACY = "test accuracy with the fixed simplex less that with a learned readout"
_SETTINGS = ("settings, of which the slides give none",)

CLAIMS: tuple[Claim, ...] = (
    Claim(
        "use-1",
        PAPER,
        "Collapsed features tell points of another distribution: in the last layer, the angle to the nearest vertex of the simplex separates "
        "them from test points at least as well as the classifier's maximum softmax probability.",
        "The simplex separates other data",
        "the slides: out-of-distribution inference",
        (Quantity(AUROC, at_least(0.0, "at least as well: the same scores, of the same model, on the same points")),),
    ),
    Claim(
        "use-2",
        PAPER,
        "The last layer need not be trained: a readout that is fixed to a simplex costs no test accuracy.",
        "A fixed simplex costs no accuracy",
        "the slides: a fixed simplex as last layer",
        (Quantity(ACCURACY, above(-0.01, "no accuracy: less than one test point in a hundred")),),
    ),
)


def findings(tables: Tables, context: Context) -> Findings:
    """Yield what the tables say of each claim.

    Args:
        tables: The run's tables, of which `out_of_distribution` and `readouts` are used.
        context: Not used.

    Yields:
        A claim's id and a finding, by dataset and model.
    """
    for name, table, keys in (
        ("use-1", "out_of_distribution", ["dataset", "model"]),
        ("use-2", "readouts", ["dataset", "loss", "dimension"]),
    ):
        try:
            yield from ((name, finding) for finding in _FOUND[name](table_of(tables, table), keys))
        except UntestedError as reason:
            yield name, Finding("", "", reason=str(reason))


def _scored(table: pd.DataFrame, keys: list[str]) -> Iterator[Finding]:
    for (dataset, model), rows in table.groupby(keys, sort=False):
        name = model_title(str(model))
        accuracy = rows[(rows.metric == "accuracy") & (rows.points == "train")].value
        if not accuracy.min() >= FITTED:
            yield Finding(str(dataset), name, reason=_unfitted(accuracy.min()), differs=_SETTINGS)
            continue
        differences = auroc_differences(rows)
        by_points = "; ".join(
            f"{points_title(str(points))} {value:+.3g}" for points, value in differences.mean().items()
        )
        yield Finding(
            str(dataset),
            name,
            {AUROC: by_seed(differences.mean(axis=1))},
            differs=_SETTINGS,
            note=f"means by kind: {by_points}",
        )


def auroc_differences(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the AUROC of the angle in the last layer of features less that of the final outputs' softmax, by seed and kind of points.

    Args:
        rows: Those of out_of_distribution.csv of one dataset and model.
    """
    found = rows[rows.metric == "auroc"]
    angle, softmax = (_at_last_layer(found[found.score == score]) for score in (JUDGED, "softmax"))
    difference: pd.DataFrame = angle - softmax
    return difference


def _at_last_layer(rows: pd.DataFrame) -> pd.DataFrame:
    last = rows[rows.layer == rows.layer.max()]
    wide: pd.DataFrame = last.pivot(index="seed", columns="points", values="value")
    return wide


def _compared(table: pd.DataFrame, keys: list[str]) -> Iterator[Finding]:
    for (dataset, loss, dimension), rows in table.groupby(keys, sort=False):
        name = readout_title(str(loss), str(dimension))
        # A simplex that lets its network not fit is a cost; a learned readout that does not fit is no standard.
        fitted = rows[(rows.metric == "train_accuracy") & (rows.readout == "learned")].value.min()
        if not fitted >= FITTED:
            yield Finding(str(dataset), name, reason=_unfitted(fitted), differs=_SETTINGS)
            continue
        yield Finding(str(dataset), name, {ACCURACY: by_seed(accuracy_differences(rows))}, differs=_SETTINGS)


def accuracy_differences(rows: pd.DataFrame) -> Any:
    """Return the test accuracy with the fixed readout less that with the learned one, by seed.

    Args:
        rows: Those of readouts.csv of one dataset, loss and dimension.
    """
    wide = rows[rows.metric == "test_accuracy"].pivot(index="seed", columns="readout", values="value")
    return wide.fixed - wide.learned


def _unfitted(accuracy: float) -> str:
    return f"training accuracy {accuracy:.3g} in one seed; the claim is about networks that have fitted their points ({FITTED:g})"


_FOUND = {"use-1": _scored, "use-2": _compared}
SOURCE = Source(CLAIMS, findings)
