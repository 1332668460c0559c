"""Measure a trained network: the rows of networks.csv, truncation.csv, nfa.csv and training.csv at one epoch."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from ...collapse.metrics import COLLAPSE
from ...collapse.network import loss_and_accuracy
from ...collapse.network import measure as measured
from ...data.prepared import Arrays
from ...models.networks import Network, hidden_names
from ...pipeline.tables import Row

# What measure() calls the numbers of a whole network, and training.csv.
_TRAINING_NAMES = {"loss": "train_loss", "accuracy": "train_accuracy"}


def measure(
    network: Network, arrays: Arrays, seed: int, ranks: Sequence[int] = (), rotations: int = 5
) -> dict[str, list[Row]]:
    """Return the rows of each table for a network with these weights.

    Args:
        network: On the arrays' device, in evaluation mode.
        arrays: The points it was trained on, in its precision, and the test points.
        seed: Of the nulls' random rotations.
        ranks: Numbers of singular directions of the truncated ablation; no truncations if empty.
        rotations: Rotations of the weight-preserving null; without it if 0.
    """
    x, x_test = (part.reshape(-1, *arrays.image_shape) for part in (arrays.x_train, arrays.x_test))
    names = hidden_names(network)
    table = measured(network, x, arrays.y_train, names, ranks, seed, rotations=rotations).table
    found: dict[str, list[Row]] = {"networks": [], "truncation": [], "nfa": [], "training": []}
    for record in table.drop(columns="name").to_dict("records"):
        row = {str(key): value for key, value in record.items()}
        rank = row.pop("rank", float("nan"))
        if row["component"] == "nfa":
            found["nfa"].append({"layer": row["layer"], "target": row["metric"], "value": row["value"]})
        elif row["component"] == "network":
            metric = _TRAINING_NAMES.get(row["metric"], row["metric"])
            found["training"].append({"metric": metric, "value": row["value"]})
        elif pd.isna(rank) and row["metric"] in COLLAPSE:
            found["networks"].append(row)
        else:
            found["truncation"].append(row | {"rank": 0 if pd.isna(rank) else int(rank)})
    if len(x_test):
        tested = loss_and_accuracy(network, x_test, arrays.y_test, int(arrays.y_train.max()) + 1)
        found["training"] += [{"metric": f"test_{name}", "value": value} for name, value in tested.items()]
    return found
