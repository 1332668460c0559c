"""Name claims, datasets and models as a reader knows them."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from ...notes import title
from ..judging import VERDICTS
from ..networks.titles import TITLES as NETWORK_TITLES
from .claims import CLAIMS

# The claims in a few words, for where there is no room for more.
CLAIM_NAMES: dict[int | str, str] = {
    **{name: claim.short for name, claim in CLAIMS.items()},
    # In runs that were judged by the rules up to 2026-11-24 (see `history`).
    1: "Gram matrices after 18 layers are those of collapsed data",
    2: "NC1 falls through M½ alone; random features raise it",
    3: "NC1 and NC2 fall exponentially with depth",
    4: "Imbalanced classes collapse too",
    5: "In networks NC1 falls mostly through SVᵀ",
    6: "The weights' NFM correlates with the AGOP's root",
    7: "NC2 progresses only in the networks' last layer",
    8: "The kernel of ReLU features and its 1/D variance",
}
_FEATURES = {"relu": "ReLU", "cos": "cosines"}


def model_title(model: str) -> str:
    """Return a model of claims.csv as a reader knows it.

    >>> model_title("deep_rfm relu"), model_title("resnet18"), model_title("mine")
    ('Deep RFM, ReLU', 'ResNet-18', 'mine')
    """
    if model.startswith("deep_rfm"):
        features = model.removeprefix("deep_rfm").strip()
        return ", ".join(part for part in ("Deep RFM", _FEATURES.get(features, features)) if part)
    return NETWORK_TITLES.get(model, model)


def run_title(dataset: str, model: str) -> str:
    """Return a dataset and a model of claims.csv, either of which may be empty, as a reader knows them.

    >>> run_title("digits_imbalanced", "deep_rfm cos"), run_title("", "ReLU features")
    ('Digits, imbalanced: Deep RFM, cosines', 'ReLU features')
    """
    return ": ".join(part for part in (title(dataset) if dataset else "", model_title(model) if model else "") if part)


def read(table: pd.DataFrame) -> pd.DataFrame:
    """Return claims.csv or claims_evidence.csv, as read from the file, with empty names instead of missing ones."""
    return table.fillna({"dataset": "", "model": ""})


def summary(verdicts: pd.DataFrame) -> pd.DataFrame:
    """Return how often each verdict was given to each claim: one row per claim, checks of theorems left out.

    Args:
        verdicts: Rows of claims.csv.
    """
    found = places(verdicts)
    return found.assign(**{verdict: found[verdict].map(len) for verdict in VERDICTS})


def places(verdicts: pd.DataFrame) -> pd.DataFrame:
    """Return where each verdict was given: one row per claim, checks of theorems left out, and for each verdict a list of datasets and models.

    Args:
        verdicts: Rows of claims.csv.
    """
    rows = []
    for name in _present(verdicts.claim):
        judged = verdicts[verdicts.claim == name]
        where = {
            verdict: [run_title(row.dataset, row.model) for _, row in judged[judged.verdict == verdict].iterrows()]
            for verdict in VERDICTS
        }
        rows.append({"claim": name, "about": CLAIM_NAMES[name]} | where)
    return pd.DataFrame(rows, columns=["claim", "about", *VERDICTS])


def _present(names: Iterable[str]) -> list[str]:
    there = set(names)
    return [name for name, claim in CLAIMS.items() if name in there and not claim.theorem]
