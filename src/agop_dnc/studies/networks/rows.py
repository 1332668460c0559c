"""Measure a trained network: the rows of networks.csv, truncation.csv, nfa.csv and training.csv at one epoch."""

from __future__ import annotations

from collections.abc import Sequence

from ...collapse.network import COMPONENTS, ablation_rows, gradient_outer_products, loss_and_accuracy
from ...collapse.network import measure as measured
from ...data.datasets import Arrays
from ...models.networks import Network, hidden_names
from ...pipeline.tables import Row

# Names in training.csv of numbers that collapse.network.measure() names otherwise.
_TRAINING_NAMES = {"loss": "train_loss", "accuracy": "train_accuracy"}


def measure(network: Network, arrays: Arrays, seed: int, ranks: Sequence[int] = ()) -> dict[str, list[Row]]:
    """Return the rows of each table for a network with its current weights.

    Args:
        network: The network, on the arrays' device and in evaluation mode.
        arrays: The points it was trained on, in its precision, and the test points.
        seed: Seed of the random rotations that give the null of the Neural Feature Ansatz.
        ranks: How many singular directions the truncated ablation keeps; no truncations if empty.

    Returns:
        The rows by table: `networks`, `truncation`, `nfa` and `training`.
    """
    x, x_test = (part.reshape(-1, *arrays.image_shape) for part in (arrays.x_train, arrays.x_test))
    names = hidden_names(network)
    found: dict[str, list[Row]] = {"networks": [], "truncation": [], "nfa": [], "training": []}
    for record in measured(network, x, arrays.y_train, names, seed=seed).to_dict("records"):
        row = {str(key): value for key, value in record.items()}
        if row["component"] == "nfa":
            found["nfa"].append({"layer": row["layer"], "target": row["metric"], "value": row["value"]})
        elif row["component"] == "network":
            found["training"].append(
                {"metric": _TRAINING_NAMES.get(row["metric"], row["metric"]), "value": row["value"]}
            )
        else:
            found["networks"].append(row)
    if len(x_test):
        tested = loss_and_accuracy(network, x_test, arrays.y_test, int(arrays.y_train.max()) + 1)
        found["training"] += [{"metric": f"test_{name}", "value": value} for name, value in tested.items()]
    if ranks:
        S = gradient_outer_products(network, x, arrays.y_train, names)
        for row in ablation_rows(network, x, arrays.y_train, names, ranks, S):
            component, _, rank = str(row["component"]).partition("_top_")
            if row["component"] not in COMPONENTS:
                named = "agop_root" if component == "agop" else component
                found["truncation"].append(row | {"component": named, "rank": int(rank or 0)})
    return found
