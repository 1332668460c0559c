r"""What the released code does otherwise than the paper, each measured by switching only that.

A departure is measured, by one of the functions in :mod:`.departure_runs`, in rows with the columns departure (its number), variant (`paper`,
`released`, or another that belongs beside them), quantity, step (layer or epoch; 0 where there is none) and value. What the
paper's definitions give for a Deep RFM is the run's own table, so that only the other variants are computed. The
conclusion that a departure bears on is a rule on its quantity (:data:`CONCLUSIONS`), asked of every variant alike.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

COLUMNS = ["dataset", "departure", "variant", "quantity", "step", "value"]


@dataclass(frozen=True)
class Departure:
    """What the paper says, what the released code does, and which conclusion both are asked for."""

    number: int
    title: str
    paper: str
    released: str
    asked: str = ""  # a key of CONCLUSIONS


DEPARTURES = {
    departure.number: departure
    for departure in (
        Departure(1, "Scale of NC1", "Σ_W divided by N", "by K·N: every NC1 is K times smaller, and no slope changes", "falls"),
        Departure(2, "Ridge of the solver", "0", "1e-3", "falls"),
        Departure(3, "Precision and distances", "exact", "float32, distances from ‖x‖² + ‖z‖² − 2xᵀz", "falls"),
        Departure(4, "Form of NC2", "Frobenius norm of the difference", "mean of its squared entries", "falls"),
        Departure(5, "Number of cosine features", "4,096 (here the configured width)", "as many as the inputs have dimensions; bandwidth 0.1 in a comment", "falls"),
        Departure(6, "Length of training", "as many epochs as said, first measured untrained", "one epoch more, first measured after one", "falls"),
        Departure(7, "Averaging Deep RFM over seeds", "mean over seeds", "the script does not parse, and would plot NC2 as NC1"),
        Departure(8, "Scale of the AGOP, cosine features", "mean over points (Section 3.2), sum (Algorithm 1)", "largest entry 1", "falls"),
        Departure(9, "Momentum", "carried over epochs", "from zero in every epoch", "small"),
        Departure(10, "Test points and training loss", "standardised with training statistics; loss of the epoch's end", "with their own; running mean", "accurate"),
        Departure(11, "Centre of the Gram matrices", "mean of the class means", "mean of the samples", "alike"),
        Departure(12, "Convolution for the data's channels", "initialised like the others", "PyTorch's default initialisation; the VGG's has no bias", "small"),
        Departure(13, "κ in Section 5.1", "1 − 2λ̂(1 + 1/λ_map), as printed", "not used; beside it what Lemma C.2 gives, to first order and exactly", "converges"),
    )
}  # fmt: skip


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """One row per dataset, departure, quantity and variant: first and last value, and whether the conclusion holds.

    table: rows of departures.csv. `changes`: whether a variant's conclusion is another than the paper's definition gives.
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


# What a curve, first value to last, must show for a conclusion to hold.
CONCLUSIONS: dict[str, tuple[str, Callable[[list[float]], bool]]] = {
    "falls": ("falls tenfold from first to last", lambda curve: curve[-1] <= curve[0] / 10),
    "small": ("ends below 1: classes farther apart than wide", lambda curve: curve[-1] < 1),
    "accurate": ("above 0.9", lambda curve: curve[-1] > 0.9),
    "fitted": ("below 0.1", lambda curve: curve[-1] < 0.1),
    "alike": ("below 0.1: a twentieth of the colour scale", lambda curve: curve[-1] < 0.1),
    "converges": ("gets below 0.001", lambda curve: curve[-1] < 1e-3),
}


def answers(summarised: pd.DataFrame) -> pd.DataFrame:
    """For each departure whether the paper's conclusion changes: columns number, what, paper, released, conclusion.

    summarised: what :func:`summary` gives for one dataset.
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
