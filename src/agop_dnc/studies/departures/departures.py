r"""What the released code does differently from the paper, measured one departure at a time.

The functions in :mod:`.rows` measure a departure in rows with the columns departure (its number), variant (`paper`, `released`, or
a third one of interest), quantity, step (layer or epoch; 0 if there is none) and value. For Deep RFMs, the paper's variant is the
run's own table, so only the other variants are computed. The conclusion that a departure bears on is a rule for its quantity
(:data:`CONCLUSIONS`), which is applied to every variant alike.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

COLUMNS = ["dataset", "departure", "variant", "quantity", "step", "value"]


@dataclass(frozen=True)
class Departure:
    """A difference between the paper and the released code.

    Attributes:
        number: Its number.
        title: What differs.
        paper: What the paper says.
        released: What the released code does.
        asked: The key in CONCLUSIONS of the conclusion it bears on; empty if nothing can be measured.
    """

    number: int
    title: str
    paper: str
    released: str
    asked: str = ""


DEPARTURES = {
    departure.number: departure
    for departure in (
        Departure(1, "Scale of NC1", "Σ_W divided by N", "divided by K·N: every NC1 is K times smaller, slopes are the same", "falls"),
        Departure(2, "Ridge of the solver", "0", "1e-3", "falls"),
        Departure(3, "Precision and distances", "exact", "float32, distances from ‖x‖² + ‖z‖² − 2xᵀz", "falls"),
        Departure(4, "Form of NC2", "Frobenius norm of the difference", "mean of its squared entries", "falls"),
        Departure(5, "Number of cosine features", "4,096 (here the configured width)", "as many as the inputs have dimensions; a comment says bandwidth 0.1", "falls"),
        Departure(6, "Length of training", "as many epochs as stated, first measured untrained", "one epoch more, first measured after one epoch", "falls"),
        Departure(7, "Averaging Deep RFM over seeds", "mean over seeds", "the script does not parse, and would plot NC2 as NC1"),
        Departure(8, "Scale of the AGOP, cosine features", "mean over points (Section 3.2), sum over points (Algorithm 1)", "scaled to a largest entry of 1", "falls"),
        Departure(9, "Momentum", "carried over from epoch to epoch", "reset to zero in every epoch", "small"),
        Departure(10, "Test points and training loss", "standardised with training statistics; loss at the end of the epoch", "standardised with their own statistics; running mean of the loss", "accurate"),
        Departure(11, "Centre of the Gram matrices", "mean of the class means", "mean of the samples", "alike"),
        Departure(12, "Convolution for the data's channels", "initialised like the other convolutions", "PyTorch's default initialisation; without a bias in the VGG", "small"),
        Departure(13, "κ in Section 5.1", "1 − 2λ̂(1 + 1/λ_map), as printed", "not used; compared with what Lemma C.2 gives, to first order and exactly", "converges"),
    )
}  # fmt: skip


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Return the first and the last value of every curve, and whether the conclusion holds for it.

    Args:
        table: Rows of departures.csv.

    Returns:
        One row per dataset, departure, quantity and variant. `changes` is true if the conclusion for the variant differs from the one
        for the paper's definition.
    """
    records = []
    for (dataset, number, quantity), rows in table.groupby(["dataset", "departure", "quantity"], sort=False):
        departure = DEPARTURES[int(str(number))]
        curves = {
            variant: part.sort_values("step").value.tolist() for variant, part in rows.groupby("variant", sort=False)
        }
        conclusion, test = CONCLUSIONS["fitted" if str(quantity).startswith("training loss") else departure.asked]
        holds = {variant: test(curve) for variant, curve in curves.items()}
        for variant, curve in curves.items():
            records.append(
                {
                    "dataset": dataset,
                    "departure": departure.number,
                    "title": departure.title,
                    "quantity": quantity,
                    "variant": variant,
                    "first": curve[0] if len(curve) > 1 else math.nan,
                    "last": curve[-1],
                    "conclusion": conclusion,
                    "holds": holds[variant],
                    "changes": holds[variant] != holds["paper"],
                }
            )
    return pd.DataFrame(records).sort_values(["dataset", "departure"], kind="stable", ignore_index=True)


# Each conclusion in words, and as a test of a curve from its first value to its last.
CONCLUSIONS: dict[str, tuple[str, Callable[[list[float]], bool]]] = {
    "falls": ("falls tenfold from first to last", lambda curve: curve[-1] <= curve[0] / 10),
    "small": ("ends below 1: classes are farther apart than they are wide", lambda curve: curve[-1] < 1),
    "accurate": ("above 0.9", lambda curve: curve[-1] > 0.9),
    "fitted": ("below 0.1", lambda curve: curve[-1] < 0.1),
    "alike": ("below 0.1: a twentieth of the colour scale", lambda curve: curve[-1] < 0.1),
    "converges": ("gets below 0.001", lambda curve: curve[-1] < 1e-3),
}


def answers(summarised: pd.DataFrame) -> pd.DataFrame:
    """Return whether each departure changes the paper's conclusion.

    Args:
        summarised: What :func:`summary` returned, for one dataset.

    Returns:
        One row per departure, with its number, title, both definitions and the answer.
    """
    records = []
    for departure in DEPARTURES.values():
        rows = summarised[(summarised.departure == departure.number) & (summarised.variant != "paper")]
        changed = list(dict.fromkeys(f"{row.quantity} ({row.variant})" for row in rows[rows.changes].itertuples()))
        if not departure.asked:
            answer = "nothing to switch"
        elif rows.empty:
            answer = "not measured in this run"
        else:
            answer = f"changes: {'; '.join(changed)}" if changed else "does not change"
        records.append(
            {
                "number": departure.number,
                "what": departure.title,
                "the paper": departure.paper,
                "the released code": departure.released,
                "the conclusion": answer,
            }
        )
    return pd.DataFrame(records)
