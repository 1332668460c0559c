"""Names, tables and sentences of the notebooks of Figures G1 and G2."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import pandas as pd

from ...notes import short
from ..sentences import change, estimate, listed, span, thousandths
from .titles import model_title, title

# Test accuracies whose iterations are told, and the iteration up to which progress is called early.
PASSED, EARLY = (0.05, 0.99), 8


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


def grokking_found(table: pd.DataFrame) -> str:
    """Return for each operation and kernel when test accuracy rises, and what the AGOP does before, from the numbers alone.

    Args:
        table: Rows of modular_arithmetic.csv.
    """
    lines = []
    for key, own in table.groupby(["p", "operation", "kernel"], sort=False):
        p, operation, kernel = cast(tuple[int, str, str], key)
        rfm, random = own[own.model == "rfm"], own[own.model == "random_circulant"]
        curves = {
            str(metric): rows.pivot(index="iteration", columns="seed", values="value").sort_index()
            for metric, rows in rfm.groupby("metric")
        }
        test = curves["test_accuracy"]
        passed = [f"{100 * share:g} % {_passed(test, share)}" for share in PASSED]
        deviation, alignment = (_early(curves[metric]) for metric in ("circulant_deviation", "alignment"))
        early = min(EARLY, int(test.index.max()))
        lines.append(
            f"- {title(p, operation)}, {model_title(kernel)}: training accuracy is at least "
            f"{thousandths(curves['train_accuracy'].to_numpy().min())} throughout. Test accuracy reaches {listed(passed)}; it is "
            f"{estimate(test.iloc[0], thousandths)} with the plain kernel, at most {thousandths(test.loc[:early].to_numpy().max())} in the "
            f"first {early} iterations, {estimate(test.iloc[-1], thousandths)} in the last, "
            f"and {_random(random)} with random circulant features (guessing: {short(1 / p)}). From iteration 1 to {early} the circulant "
            f"deviation {deviation} and the alignment with the last AGOP {alignment}."
        )
    return "\n".join(lines)


def _passed(curves: pd.DataFrame, share: float) -> str:
    """Return at which iterations the seeds' curves reach a share."""
    first = [int(curve.index[curve >= share][0]) for _, curve in curves.items() if (curve >= share).any()]
    if not first:
        return "in no seed"
    return f"at iteration {span(first)}{'' if len(first) == curves.shape[1] else f' in {len(first)} of {curves.shape[1]} seeds'}"


def _early(curves: pd.DataFrame) -> str:
    first, last = (curves.to_numpy()[curves.index == i].ravel() for i in (1, min(EARLY, int(curves.index.max()))))
    return change(first, last, thousandths)


def _random(rows: pd.DataFrame) -> str:
    return estimate(rows[rows.metric == "test_accuracy"].value, thousandths)


def features_found(table: pd.DataFrame, shown: Sequence[Mapping[str, Any]]) -> str:
    """Return for each matrix that is drawn how circulant its block is, next to random entries, from the numbers alone.

    Args:
        table: Rows of modular_arithmetic.csv.
        shown: The jobs whose M is drawn, with `p`, `operation` and `kernel`.
    """
    lines = []
    for job in shown:
        p, operation, kernel = job["p"], job["operation"], job["kernel"]
        chosen = (table.p == p) & (table.operation == operation) & (table.kernel == kernel) & (table.model == "rfm")
        rows = table[chosen & (table.iteration == table[chosen].iteration.max())]
        values = {str(metric): own.value for metric, own in rows.groupby("metric")}
        lines.append(
            f"- {title(p, operation)}, {model_title(kernel)}: the circulant deviation after the last iteration is "
            f"{estimate(values['circulant_deviation'])} for the AGOP and {estimate(values['circulant_deviation_root'])} for $M$ (random "
            "entries: "
            f"about {short(1 - 1 / p)}); test accuracy {estimate(values['test_accuracy'], thousandths)}."
        )
    return "\n".join(lines)
