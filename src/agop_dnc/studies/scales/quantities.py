r"""Reduce scales.csv to one value per network of each quantity that is drawn.

Per layer, `excess` is the correlation of WᵀW with AGOP^{1/2} less that with its W-preserving null. SVᵀ's share is of the fall of
log NC1 over all layers together (see :func:`agop_dnc.studies.networks.notes.svd_summary`); it is left out if that fall is below
a tenth of a decade, as a share of next to nothing says nothing.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from ..networks.notes import svd_summary

LEAST_FALL = 0.1  # decades
KEYS = ["dataset", "scale", "seed"]


def excess(table: pd.DataFrame) -> pd.DataFrame:
    """Return the NFA's excess over its null per layer of each network: columns dataset, scale, seed, epoch, trained, layer, value."""
    nfa = table[table.component == "nfa"]
    wide = nfa.pivot(index=[*KEYS, "epoch", "layer"], columns="metric", values="value")
    found = (wide.sqrt_agop - wide.sqrt_agop_null).rename("value").reset_index()
    return found.assign(trained=found.epoch > 0)


def quantities(table: pd.DataFrame) -> pd.DataFrame:
    """Return one row per network.

    Columns: dataset, scale, seed; `reached`, `epochs`, `loss`, `accuracy`, `test_accuracy` (NaN without test points);
    `excess` and `untrained_excess`, means over layers; `svd_share`; `nc1`, `nc2` and `untrained_nc1`, `untrained_nc2` of the
    last hidden layer's output.
    """
    over_layers = excess(table).groupby([*KEYS, "epoch"]).value.mean()
    return pd.DataFrame(
        [_network(dict(zip(KEYS, key, strict=True)), rows, over_layers) for key, rows in table.groupby(KEYS)]
    )


def _network(about: dict[str, Any], rows: pd.DataFrame, over_layers: Any) -> dict[str, Any]:
    last = int(rows.epoch.max())
    end, start = rows[rows.epoch == last], rows[rows.epoch == 0]
    whole = end[end.component == "network"].set_index("metric").value
    key: tuple[Any, ...] = tuple(about.values())
    record = about | {"reached": bool(whole["reached"]), "epochs": last}
    record |= {name: whole.get(name, float("nan")) for name in ("loss", "accuracy", "test_accuracy")}
    record |= {"excess": over_layers[(*key, last)], "untrained_excess": over_layers[(*key, 0)]}
    record["svd_share"] = svd_share(end)
    for prefix, of in (("", end), ("untrained_", start)):
        output = of[(of.component == "output") & (of.layer == of.layer.max())].set_index("metric").value
        record |= {f"{prefix}{metric}": output[metric] for metric in ("nc1", "nc2")}
    return record


def svd_share(rows: pd.DataFrame) -> float:
    """Return SVᵀ's share of the fall of log NC1 over all hidden layers of one network at one epoch; NaN if there is hardly a fall."""
    whole = svd_summary(rows[rows.metric == "nc1"]).iloc[-1]
    fall = whole["log₁₀ fall by SVᵀ"] + whole["log₁₀ fall by ReLU∘U"]
    return float(whole["share of SVᵀ"]) if fall >= LEAST_FALL else float("nan")
