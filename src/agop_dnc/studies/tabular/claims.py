"""The claims about tabular data, rfm-2 and rfm-4, as rules over tabular.csv.

Each quantity has one value per set, so that its interval is over sets, paired.
"""

from __future__ import annotations

import pandas as pd

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
    at_most,
    table_of,
)
from .notes import accuracies, ranks
from .sets import IN_90

PAPER = "Radhakrishnan et al., Science 2024"
DATASET = "the 90 UCI sets"
DIFFERENCE = "accuracy of RFM less that of the Laplace kernel"
BEHIND = "rank of RFM less that of the second-best other method"

CLAIMS: tuple[Claim, ...] = (
    Claim(
        "rfm-2",
        PAPER,
        "On real tabular data the AGOP improves the Laplace kernel.",
        "AGOP improves the Laplace kernel",
        "the comparison on the sets of Fernández-Delgado et al.",
        (Quantity(DIFFERENCE, above(0.0, "an improvement, of the mean over sets")),),
    ),
    Claim(
        "rfm-4",
        PAPER,
        "RFM is competitive with the best methods for tabular data: first or second in mean rank.",
        "RFM is first or second in mean rank",
        "the comparison on the sets of Fernández-Delgado et al.",
        (Quantity(BEHIND, at_most(0.0, "then at most one of the others has a lower mean rank")),),
    ),
)


def findings(tables: Tables, context: Context) -> Findings:
    """Yield what tabular.csv says of each claim.

    Args:
        tables: The run's tables, of which only `tabular` is used.
        context: Not used.

    Yields:
        A claim's id and a finding.
    """
    table = table_of(tables, "tabular")
    missing = set(IN_90) - set(table.dataset)
    if missing:
        raise UntestedError(f"the claim is about the 90 UCI sets, of which {len(IN_90) - len(missing)} were run")
    table = table[table.dataset.isin(IN_90)]
    note = "a value per set, not per seed"
    for protocol, model in (("clean", "RFM, tuned within folds"), ("within", "RFM, tuned as published")):
        accuracy = accuracies(table, protocol)
        yield "rfm-2", Finding(DATASET, model, {DIFFERENCE: _by_set(accuracy.rfm - accuracy.laplace)}, note=note)
    yield "rfm-4", Finding(DATASET, "RFM, tuned within folds", {BEHIND: _by_set(behind(accuracies(table)))}, note=note)


def behind(accuracy: pd.DataFrame) -> pd.Series:
    """Return by set RFM's rank less that of the second-best other method by mean rank.

    RFM is first or second in mean rank just if the mean of this is at most 0.
    """
    by_rank = ranks(accuracy)
    second = by_rank.drop(columns="rfm").mean().sort_values().index[1]
    difference: pd.Series = by_rank.rfm - by_rank[second]
    return difference


def _by_set(values: pd.Series) -> dict[int, float]:
    return dict(enumerate(float(value) for value in values.sort_index()))


SOURCE = Source(CLAIMS, findings)
