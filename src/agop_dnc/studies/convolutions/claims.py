"""The claim about trained convolutions, conv-3, as a rule over convolutions.csv.

Each layer has its interval over seeds, of its correlation less its null. The layer whose interval decides is the one with the
smallest :func:`..judging.margin`, so the claim is reproduced if every layer's whole interval is above 0, and not reproduced if
some layer's whole interval is not.
"""

from __future__ import annotations

import math

import pandas as pd

from ..judging import (
    LEAST_SEEDS,
    Claim,
    Context,
    Finding,
    Findings,
    Quantity,
    Source,
    Tables,
    UntestedError,
    above,
    by_seed,
    differences,
    interval,
    margin,
    table_of,
)

FITTED = 0.99
EXCESS = "correlation with AGOP^{1/2} less its null that keeps W, in the layer that decides"
ABOVE_NULL = above(0.0, "the null keeps all that W alone gives")
CLAIMS: tuple[Claim, ...] = (
    Claim(
        "conv-3",
        "Beaglehole, Radhakrishnan, Pandit, Belkin, arXiv 2309.00570",
        "In every convolution of a trained network the Gram matrix of the filters correlates with the root of the AGOP over patches, "
        "beyond what the weights alone explain.",
        "Filters follow the patch AGOP",
        "the Convolutional Neural Feature Ansatz",
        (Quantity(EXCESS, ABOVE_NULL, "before training"),),
    ),
)


def findings(tables: Tables, context: Context) -> Findings:
    """Yield what convolutions.csv says of conv-3, by dataset and architecture.

    Args:
        tables: The run's tables, of which only `convolutions` is used.
        context: The datasets with their own labels, and settings by (dataset, architecture).

    Yields:
        The claim's id and a finding.
    """
    table = table_of(tables, "convolutions")
    for key, rows in table.groupby(["dataset", "architecture"], sort=False):
        dataset, architecture = map(str, key)
        settings = context.settings.get((dataset, architecture), {})
        differs = differences({"dataset": dataset, **settings}, {"dataset": "imagenet"})
        try:
            _check_fitted(rows)
            deciding, trained, untrained = deciding_layer(rows)
        except UntestedError as reason:
            yield "conv-3", Finding(dataset, architecture, reason=str(reason), differs=differs)
            continue
        filters = rows[rows.layer == deciding].filters.iloc[0]
        note = f"of {rows.layer.max()} convolutions, number {deciding} (filters of {filters}) decides"
        reference = {EXCESS: sum(untrained.values()) / len(untrained)}
        yield "conv-3", Finding(dataset, architecture, {EXCESS: trained}, reference, differs=differs, note=note)


def _check_fitted(rows: pd.DataFrame) -> None:
    """Raise UntestedError unless the training accuracy of every trained network is 0.99 or more."""
    lowest = rows[(rows.metric == "train_accuracy") & (rows.trained == 1)].value.min()
    if not lowest >= FITTED:
        raise UntestedError(f"training accuracy is {lowest:.3g}, and the claim is about networks that fit")


def excess(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the correlation with AGOP^{1/2} less its null, a row per (trained, seed) and a column per layer."""
    wide = rows[rows.layer > 0].pivot(index=["trained", "layer", "seed"], columns="metric", values="value")
    return (wide.sqrt_agop - wide.sqrt_agop_null).unstack("layer")


def deciding_layer(rows: pd.DataFrame) -> tuple[int, dict[int, float], dict[int, float]]:
    """Return the layer whose interval over seeds decides, with its excess by seed after and before training.

    Raises:
        UntestedError: If there are fewer than three seeds, or a correlation is not finite.
    """
    found = excess(rows)
    trained, untrained = found.loc[1], found.loc[0]
    if len(trained) < LEAST_SEEDS:
        raise UntestedError(f"{len(trained)} seeds; an interval needs {LEAST_SEEDS}")
    if not all(math.isfinite(value) for value in trained.to_numpy().ravel()):
        raise UntestedError("a correlation is not finite")
    margins = {layer: margin(interval(values), ABOVE_NULL) for layer, values in trained.items()}
    deciding = min(trained.columns, key=lambda layer: margins[layer])
    return int(deciding), by_seed(trained[deciding]), by_seed(untrained[deciding])


SOURCE = Source(CLAIMS, findings)
