"""The claim about stars in noise, conv-1, as a rule over noisy_images.csv."""

from __future__ import annotations

from typing import Any

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

# The settings of the published run.
PAPER_SETTINGS: dict[str, Any] = {
    "n": 50,
    "n_test": 2050,
    "filter_size": 11,
    "depth": 1,
    "ridge": 1e-3,
}
GAIN = "points of accuracy gained by one update of M"
CLAIMS: tuple[Claim, ...] = (
    Claim(
        "conv-1",
        "Radhakrishnan et al., Science 2024",
        "The AGOP over patches makes noise images readable: stars in noise, 50 training images.",
        "Patch AGOP finds stars in noise",
        "the authors' notebook on stars",
        (Quantity(GAIN, at_least(10.0, "the published run gains 17 points, from 77.95 to 94.83 %")),),
    ),
)


def findings(tables: Tables, context: Context) -> Findings:
    """Yield what noisy_images.csv says of conv-1 for 50 training images.

    Args:
        tables: The run's tables, of which only `noisy_images` is used.
        context: Settings by (`stars`, `conv_rfm n=50`).

    Yields:
        The claim's id and a finding.
    """
    table = table_of(tables, "noisy_images")
    rows = table[(table.dataset == "stars") & (table.n == PAPER_SETTINGS["n"])]
    if not len(rows):
        raise UntestedError("the claim is about 50 training images, which were not run")
    if rows["round"].max() < 1:
        raise UntestedError("M was never updated")
    wide = rows.pivot(index="seed", columns="round", values="value")
    settings = context.settings.get(("stars", "conv_rfm n=50"), {})
    gain = 100 * (wide[1] - wide[0])
    yield "conv-1", Finding("stars", "ConvRFM", {GAIN: by_seed(gain)}, differs=differences(settings, PAPER_SETTINGS))


SOURCE = Source(CLAIMS, findings)
