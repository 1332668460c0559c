"""Names and tables of the notebooks of Figures G1 and G2."""

from __future__ import annotations

from typing import cast

import pandas as pd

from .titles import title


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Return a row per operation, kernel and seed: when test accuracy passed 5, 50 and 99 %, and the numbers of the end."""
    rows = []
    for key, own in table.groupby(["p", "operation", "kernel", "seed"], sort=False):
        p, operation, kernel, seed = cast(tuple[int, str, str, int], key)
        wide = own[own.model == "rfm"].pivot(index="iteration", columns="metric", values="value").sort_index()
        random = own[(own.model == "random_circulant") & (own.metric == "test_accuracy")].value
        row = {"": title(p, operation), "kernel": kernel, "seed": seed}
        for share in (0.05, 0.5, 0.99):
            passed = wide.index[wide.test_accuracy >= share]
            row[f"iteration at {share:.0%}"] = str(passed[0]) if len(passed) else "–"
        last = wide.iloc[-1]
        row |= {"last iteration": wide.index[-1], "test accuracy": last.test_accuracy}
        row |= {
            "smallest training accuracy": wide.train_accuracy.min(),
            "circulant deviation": last.circulant_deviation,
        }
        rows.append(
            row | {"test accuracy, random circulant": random.mean(), "plain kernel": wide.test_accuracy.iloc[0]}
        )
    return pd.DataFrame(rows)


def progress(table: pd.DataFrame, iterations: int = 8) -> pd.DataFrame:
    """Return how far the test accuracy and the two measures of the AGOP moved from iteration 1 to 8, as means over seeds."""
    rows = []
    chosen = table[table.model == "rfm"]
    for key, own in chosen.groupby(["p", "operation", "kernel"], sort=False):
        p, operation, kernel = cast(tuple[int, str, str], key)
        means = own.groupby(["metric", "iteration"]).value.mean()
        row = {"": title(p, operation), "kernel": kernel}
        for metric in ("test_accuracy", "circulant_deviation", "alignment"):
            curve = means[metric]
            last = min(iterations, int(curve.index.max()))
            row[metric.replace("_", " ")] = f"{curve[1]:.3f} → {curve[last]:.3f}"
        rows.append(row)
    return pd.DataFrame(rows)
