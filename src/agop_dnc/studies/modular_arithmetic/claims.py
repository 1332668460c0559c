"""The claims about modular arithmetic, grok-1 to grok-3, as rules over modular_arithmetic.csv.

Iteration 0 is the plain kernel. 'The first eight iterations' are those after no update of M to after eight; the AGOP of iteration 0 is the identity,
which has no off-diagonal block, so that progress of the AGOP is counted from iteration 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

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
    at_least,
    at_most,
    below,
    by_seed,
    differences,
    table_of,
)
from .titles import model_title, title

PAPER = "Mallinar et al., 2024"
EARLY, ALL = 8, 50
PAPER_SETTINGS: dict[str, Any] = {"p": 61, "train_fraction": 0.5, "bandwidth": 2.5, "ridge": 0.0}

FIRST = "largest test accuracy in the first 8 iterations"
BEST = "largest test accuracy within 50 iterations"
TRAIN = "smallest training accuracy"
END = "circulant deviation at the end"
DEVIATION = "change of the circulant deviation from iteration 1 to 8"
ALIGNMENT = "change of the alignment with the last AGOP from iteration 1 to 8"
RISE = "rise of the test accuracy over the first 8 iterations"
_HIDDEN = "as in grok-1: a twentieth of the pairs; guessing gets one in 61"

CLAIMS: tuple[Claim, ...] = (
    Claim(
        "grok-1",
        PAPER,
        "RFM groks modular addition: long after every training pair is right, test accuracy rises from 0 to 1.",
        "RFM groks modular addition",
        "the figures of test accuracy against iterations",
        (
            Quantity(FIRST, at_most(0.05, "a twentieth of the pairs; guessing gets one in 61")),
            Quantity(BEST, at_least(0.99, "all pairs but one in a hundred")),
            Quantity(TRAIN, at_least(1.0, "the machine interpolates at every iteration")),
        ),
    ),
    Claim(
        "grok-2",
        PAPER,
        "The features that RFM learns for modular addition are block-circulant.",
        "Features become block-circulant",
        "the figures of the AGOP",
        (Quantity(END, at_most(0.05, "a twentieth of the block's squared norm; random entries have 0.98")),),
    ),
    Claim(
        "grok-3",
        PAPER,
        "Progress is hidden: the features improve from the start, while test accuracy does not.",
        "Features improve before accuracy does",
        "the figures of circulant deviation and alignment",
        (
            Quantity(DEVIATION, below(0.0, "an improvement is a fall")),
            Quantity(ALIGNMENT, above(0.0, "an improvement is a rise")),
            Quantity(RISE, at_most(0.05, _HIDDEN)),
        ),
    ),
)

Values = dict[str, dict[int, float]]


class Curves:
    """The curves of one operation, modulus and kernel: for a metric a table with iterations as rows and seeds as columns."""

    def __init__(self, rows: pd.DataFrame) -> None:
        self._rows = rows

    def __call__(self, metric: str) -> pd.DataFrame:
        """Return a metric's curves.

        Raises:
            UntestedError: If they do not reach the iterations that the claims are about.
        """
        rows = self._rows[(self._rows.metric == metric) & (self._rows.iteration <= ALL)]
        curves = rows.pivot(index="iteration", columns="seed", values="value").sort_index()
        if curves.index.max() <= EARLY:
            raise UntestedError(
                f"the RFM ran for {curves.index.max()} iterations, and the claim is about more than {EARLY}"
            )
        return curves


def _groks(curves: Curves) -> Values:
    test, train = curves("test_accuracy"), curves("train_accuracy")
    return {
        FIRST: by_seed(test.loc[:EARLY].max()),
        BEST: by_seed(test.max()),
        TRAIN: by_seed(train.min()),
    }


def _circulant(curves: Curves) -> Values:
    return {END: by_seed(curves("circulant_deviation").iloc[-1])}


def _hidden(curves: Curves) -> Values:
    deviation, alignment, test = (curves(metric) for metric in ("circulant_deviation", "alignment", "test_accuracy"))
    return {
        DEVIATION: by_seed(deviation.loc[EARLY] - deviation.loc[1]),
        ALIGNMENT: by_seed(alignment.loc[EARLY] - alignment.loc[1]),
        RISE: by_seed(test.loc[:EARLY].max() - test.loc[0]),
    }


_MEASURES: dict[str, Callable[[Curves], Values]] = {"grok-1": _groks, "grok-2": _circulant, "grok-3": _hidden}


def findings(tables: Tables, context: Context) -> Findings:
    """Yield what modular_arithmetic.csv says of each claim for addition modulo 61, by kernel.

    Args:
        tables: The run's tables, of which only `modular_arithmetic` is used.
        context: Settings by (`a + b mod 61`, RFM with its kernel).

    Yields:
        A claim's id and a finding.
    """
    table = table_of(tables, "modular_arithmetic")
    chosen = table[(table.operation == "add") & (table.p == PAPER_SETTINGS["p"]) & (table.model == "rfm")]
    if not len(chosen):
        raise UntestedError("addition modulo 61 was not run")
    for kernel, rows in chosen.groupby("kernel", sort=False):
        yield from _findings_of_kernel(str(kernel), Curves(rows), context)


def _findings_of_kernel(kernel: str, curves: Curves, context: Context) -> Iterator[tuple[str, Finding]]:
    dataset, model = title(PAPER_SETTINGS["p"], "add"), model_title(kernel)
    differs = differences(context.settings.get((dataset, model), {}), PAPER_SETTINGS)
    for name, measure in _MEASURES.items():
        try:
            yield name, Finding(dataset, model, measure(curves), differs=differs)
        except UntestedError as reason:
            yield name, Finding(dataset, model, reason=str(reason), differs=differs)


SOURCE = Source(CLAIMS, findings)
