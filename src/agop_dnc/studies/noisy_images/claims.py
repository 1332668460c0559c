"""The claims about images in noise, conv-1 (stars) and conv-2 (digits), as rules over noisy_images.csv."""

from __future__ import annotations

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
    at_least,
    by_seed,
    differences,
    table_of,
)

# The settings of the published runs.
PAPER_SETTINGS: dict[str, Any] = {
    "n": 50,
    "n_test": 2050,
    "filter_size": 11,
    "depth": 1,
    "ridge": 1e-3,
}
PAPER_DIGITS: dict[str, Any] = {
    "n": 4000,
    "n_test": 4000,
    "side": 42,
    "sigma": 1.0,
    "filter_size": 3,
    "depth": 3,
    "ridge": 1e-5,
}
STARS, MNIST = "stars", "mnist"
ROUNDS = 4
GAIN = "points of accuracy gained by one update of M"
GAIN_CHOSEN = "points of test accuracy gained over the CNTK by the round that validation data choose among four"
CLAIMS: tuple[Claim, ...] = (
    Claim(
        "conv-1",
        "Radhakrishnan et al., Science 2024",
        "The AGOP over patches makes noise images readable: stars in noise, 50 training images.",
        "Patch AGOP finds stars in noise",
        "the authors' notebook on stars",
        (Quantity(GAIN, at_least(10.0, "the published run gains 17 points, from 77.95 to 94.83 %")),),
    ),
    Claim(
        "conv-2",
        "Radhakrishnan et al., Science 2024",
        "The AGOP over patches makes noise images readable: digits of MNIST in noise, four rounds.",
        "Patch AGOP reads digits in noise",
        "the authors' notebook on digits in noise",
        (
            Quantity(
                GAIN_CHOSEN,
                at_least(2.0, "the published run gains 7 points with 4,000 images, from 52.0 to 59.4 %"),
            ),
        ),
    ),
)


def findings(tables: Tables, context: Context) -> Findings:
    """Yield what noisy_images.csv says of conv-1 for 50 training images, and of conv-2 for each dataset of digits.

    Args:
        tables: The run's tables, of which only `noisy_images` is used.
        context: Settings by (`stars`, `conv_rfm n=50`) and (dataset, `conv_rfm`).

    Yields:
        The claim's id and a finding.
    """
    table = table_of(tables, "noisy_images")
    try:
        yield "conv-1", _stars(table, context)
    except UntestedError as reason:
        yield "conv-1", Finding("", "", reason=str(reason))
    for dataset, rows in table[table.dataset != STARS].groupby("dataset", sort=False):
        try:
            yield "conv-2", _digits(str(dataset), rows, context)
        except UntestedError as reason:
            yield "conv-2", Finding(str(dataset), "ConvRFM", reason=str(reason))


def _stars(table: pd.DataFrame, context: Context) -> Finding:
    rows = table[(table.dataset == STARS) & (table.n == PAPER_SETTINGS["n"])]
    if not len(rows):
        raise UntestedError("the claim is about 50 training images, which were not run")
    if rows["round"].max() < 1:
        raise UntestedError("M was never updated")
    wide = rows.pivot(index="seed", columns="round", values="value")
    settings = context.settings.get((STARS, "conv_rfm n=50"), {})
    gain = by_seed(100 * (wide[1] - wide[0]))
    return Finding(STARS, "ConvRFM", {GAIN: gain}, differs=differences(settings, PAPER_SETTINGS))


def _digits(dataset: str, rows: pd.DataFrame, context: Context) -> Finding:
    if dataset != MNIST:
        raise UntestedError("the claim is about MNIST")
    if rows["round"].max() + 1 < ROUNDS:
        raise UntestedError(f"the claim is about {ROUNDS} rounds, and {rows['round'].max() + 1} were run")
    first = rows[rows["round"] < ROUNDS]
    gains = by_seed({seed: 100 * gain_chosen(own) for seed, own in first.groupby("seed")})
    settings = {"n": int(rows.n.iloc[0]), **context.settings.get((dataset, "conv_rfm"), {})}
    return Finding(dataset, "ConvRFM", {GAIN_CHOSEN: gains}, differs=differences(settings, PAPER_DIGITS))


def gain_chosen(rows: pd.DataFrame) -> float:
    """Return how much higher the test accuracy of the round chosen on validation data is than that of round 0.

    Args:
        rows: Rows of noisy_images.csv of one seed, with both accuracies of each round. The first of equally accurate rounds is chosen.
    """
    wide = rows.pivot(index="round", columns="metric", values="value").sort_index()
    return float(wide.test_accuracy.iloc[int(wide.validation_accuracy.argmax())] - wide.test_accuracy.iloc[0])


SOURCE = Source(CLAIMS, findings)
