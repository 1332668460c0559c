"""Reduce other_training.csv to one value per network of each quantity that is drawn.

`excess` is the correlation of WᵀW with AGOP^{1/2} less that with its W-preserving null, mean over hidden layers; `svd_share` is
SVᵀ's share of the fall of log NC1 over all hidden layers, left out if that fall is below a tenth of a decade.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from ..scales.quantities import svd_share

WAY = ["loss", "weight_decay", "label_noise", "batch_norm"]
KEYS = ["dataset", *WAY, "seed"]
FITTED = 0.99
DRAWN = ("nc1", "nc2", "nc3", "nc4", "excess", "svd_share")


def quantities(table: pd.DataFrame) -> pd.DataFrame:
    """Return one row per network.

    Columns: those of :data:`KEYS`; `way`, its name; `fitted`, whether its training accuracy is at least 0.99; `accuracy`, `test_accuracy` (NaN
    without test points), `nc1_true` and those of :data:`DRAWN`, and all of these also `untrained_…`.
    """
    records = []
    for key, rows in table.groupby(KEYS, sort=False):
        record: dict[str, Any] = dict(zip(KEYS, key, strict=True))
        record["way"] = way_title(record)
        record |= _values(rows[rows.epoch == rows.epoch.max()])
        record |= {f"untrained_{name}": value for name, value in _values(rows[rows.epoch == 0]).items()}
        records.append(record | {"fitted": record["accuracy"] >= FITTED})
    return pd.DataFrame(records)


def way_title(way: dict[str, Any]) -> str:
    """Return the name of a way of training by what it changes.

    >>> way_title({"loss": "squared_error", "weight_decay": 0.0, "label_noise": 0.1, "batch_norm": False})
    'label noise 0.1'
    """
    if way["loss"] == "cross_entropy":
        return "cross-entropy"
    if way["weight_decay"]:
        return f"weight decay {way['weight_decay']:g}"
    if way["batch_norm"]:
        return "batch norm."
    return f"label noise {way['label_noise']:g}" if way["label_noise"] else "squared error"


def _values(rows: pd.DataFrame) -> dict[str, float]:
    whole = rows[rows.component == "network"].set_index("metric").value
    found = {name: float(whole.get(name, float("nan"))) for name in ("accuracy", "test_accuracy", "nc3", "nc4")}
    last = rows[(rows.component == "output") & (rows.layer == rows.layer.max())].set_index("metric").value
    found |= {name: float(last[name]) for name in ("nc1", "nc2", "nc1_true")}
    nfa = rows[rows.component == "nfa"].pivot(index="layer", columns="metric", values="value")
    found["excess"] = float((nfa.sqrt_agop - nfa.sqrt_agop_null).mean())
    return found | {"svd_share": svd_share(rows)}
