"""The claim about AGOP and EGOP, rfm-3, as a rule over egop.csv."""

from __future__ import annotations

from typing import cast

import numpy as np
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
    at_least,
    below,
    by_seed,
    table_of,
)
from .titles import MODELS, title

POINTS, DIMENSION = 4000, 10
COSINE = "cosine similarity at n = 4,000"
SLOPE = "slope of log relative error against log n"

CLAIMS: tuple[Claim, ...] = (
    Claim(
        "rfm-3",
        "Radhakrishnan et al., Science 2024; Trivedi et al., UAI 2014",
        "The AGOP of a predictor approaches the expected gradient outer product of its target as points are added.",
        "The AGOP approaches the EGOP",
        "consistency of the average gradient outer product",
        (
            Quantity(COSINE, at_least(0.95, "an angle of 18°"), "of the target's own gradients"),
            Quantity(SLOPE, below(0.0, "an error that falls with n; the rates that are proven have −1/2")),
        ),
    ),
)


def findings(tables: Tables, context: Context) -> Findings:
    """Yield what egop.csv says of rfm-3, by target, noise and predictor: the plain kernel, and RFM's last iteration.

    Args:
        tables: The run's tables, of which only `egop` is used.
        context: Settings by (target and noise, model).

    Yields:
        The claim's id and a finding.
    """
    table = table_of(tables, "egop")
    raw = table[table.gradients == "raw"]
    for key, rows in raw.groupby(["target", "noise"], sort=False):
        dataset = title(*cast(tuple[str, float], key))
        own = rows[(rows.model == "target") & (rows.metric == "cosine") & (rows.n == POINTS)].value.mean()
        for model, name in MODELS.items():
            chosen = rows[rows.model == model]
            d = context.settings.get((dataset, name), {}).get("d", DIMENSION)
            try:
                values = _values(chosen[chosen.iteration == chosen.iteration.max()], d)
            except UntestedError as reason:
                yield "rfm-3", Finding(dataset, name, reason=str(reason))
                continue
            yield "rfm-3", Finding(dataset, name, values, {COSINE: float(own)})


def _values(rows: pd.DataFrame, d: int) -> dict[str, dict[int, float]]:
    if d != DIMENSION:
        raise UntestedError(f"the claim is about d = {DIMENSION}, and d = {d} was run")
    cosines = rows[(rows.metric == "cosine") & (rows.n == POINTS)].set_index("seed").value
    if not len(cosines) or rows.n.nunique() < 3:
        raise UntestedError(f"it takes three numbers of points, one of them {POINTS:,}")
    errors = rows[rows.metric == "relative_error"].pivot(index="n", columns="seed", values="value").sort_index()
    slopes = np.polyfit(np.log(errors.index.to_numpy(float)), np.log(errors.to_numpy()), 1)[0]
    return {COSINE: by_seed(cosines), SLOPE: by_seed(pd.Series(slopes, index=errors.columns))}


SOURCE = Source(CLAIMS, findings)
