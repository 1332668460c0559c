"""Captions, short tables and sentences of the notebooks on what collapse is good for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from ...collapse.scores import SIMPLEX_SCORES
from ...notes import Facts, short, title
from ..judging import LEAST_SEEDS, interval
from .claims import accuracy_differences, auroc_differences
from .figures import last_layers
from .titles import LOSSES, SCORES, model_title, points_title

Panels = dict[tuple[str, str], str]


def scored_panels(table: pd.DataFrame) -> Panels:
    """Return the (dataset, model) pairs of out_of_distribution.csv with their names, in its order."""
    found = table[["dataset", "model"]].drop_duplicates().itertuples(index=False, name=None)
    return {(dataset, model): f"{title(dataset)}: {model_title(model)}" for dataset, model in found}


def compared_panels(table: pd.DataFrame) -> Panels:
    """Return the (dataset, loss) pairs of readouts.csv with their names, in its order."""
    found = table[["dataset", "loss"]].drop_duplicates().itertuples(index=False, name=None)
    return {(dataset, loss): f"{title(dataset)}, {LOSSES[loss]}" for dataset, loss in found}


def scored_caption(facts_of: Mapping[str, Facts], scoring: Mapping[str, Any], seeds: Sequence[int]) -> str:
    """Return which points are held out and scored, and what curves, points and lines are."""
    runs = [f"{title(dataset)}: {len(fact['class_sizes'])} classes" for dataset, fact in facts_of.items()]
    return (
        f"{'. '.join(runs)}, of which {scoring['held_out']} are held out, others for each seed. {_counted(len(seeds), 'seed')}. "
        "Filled: scores of the simplex of class means; hollow: the others, of features or of outputs. Left, means over kinds of points and "
        f"seeds, layer 0 being the points themselves. Right, means over seeds{_intervals(seeds)}. Dotted: chance."
    )


def compared_caption(facts_of: Mapping[str, Facts], settings: Mapping[str, Any], seeds: Sequence[int]) -> str:
    """Return what is trained, and what points and lines are."""
    runs = [
        f"{title(dataset)}: n = {fact['points']:,}, {len(fact['class_sizes'])} classes, {fact['test_points']:,} test points"
        for dataset, fact in facts_of.items()
    ]
    return (
        f"{'. '.join(runs)}. MLP with {_counted(settings['hidden_layers'], 'hidden layer')} of {settings['width']} and a linear layer of d "
        "features; "
        f"{settings['epochs']} epochs, learning rate {settings['learning_rate']:g}, momentum {settings['momentum']:g}, batches of "
        f"{settings['batch_size']}. {_counted(len(seeds), 'seed')}: small points; larger ones are means"
        f"{_intervals(seeds, ', on the left')}."
    )


def _intervals(seeds: Sequence[int], where: str = "") -> str:
    return f"{where} with 95 % intervals" if len(seeds) >= LEAST_SEEDS else ""


def _counted(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def separation_summary(rows: pd.DataFrame) -> pd.DataFrame:
    """Return AUROC and FPR95 of every score in the last layer by kind of points, means over seeds with their intervals.

    Args:
        rows: Those of out_of_distribution.csv of one dataset and model.
    """
    last = last_layers(rows[rows.metric.isin(["auroc", "fpr95"])])
    records = []
    for score, label in SCORES.items():
        record: dict[str, Any] = {"score": label}
        for (points, metric), values in last[last.score == score].groupby(["points", "metric"], sort=False).value:
            record[f"{'AUROC' if metric == 'auroc' else 'FPR95'}, {points_title(str(points))}"] = interval_text(values)
        records.append(record)
    return pd.DataFrame(records)


def interval_text(values: pd.Series) -> str:
    """Return a mean with its 95 % interval, if there are seeds enough for one.

    >>> interval_text(pd.Series([0.5, 0.5, 0.5])), interval_text(pd.Series([0.25, 0.75]))
    ('0.5 (0.5 to 0.5)', '0.5')
    """
    if len(values) < LEAST_SEEDS:
        return short(float(values.mean()))
    found = interval(values)
    return f"{short(found.mean)} ({short(found.low)} to {short(found.high)})"


def separation_sentences(table: pd.DataFrame) -> str:
    """Return for each dataset and model how the angle compares with the softmax, and which score is best, from the numbers."""
    lines = []
    for (dataset, model), name in scored_panels(table).items():
        rows = table[(table.dataset == dataset) & (table.model == model)]
        aurocs = last_layers(rows[rows.metric == "auroc"]).groupby("score").value.mean()
        best = str(aurocs.idxmax())
        own = rows[(rows.metric == "auroc") & (rows.layer == 0)].groupby("score").value.mean()
        simplex = str(aurocs.reindex(SIMPLEX_SCORES).idxmax())
        difference = auroc_differences(rows)
        worst = difference.mean().idxmin()
        collapse = rows[rows.metric == "nc1"].groupby("layer").value.mean()
        last = difference.mean(axis=1)
        lines.append(
            f"- {name}: NC1 goes from {short(collapse.iloc[0])} (the points) to {short(collapse.iloc[-1])} in the last layer, where the "
            f"angle to the nearest vertex has an AUROC of {short(aurocs['angle'])} and the maximum softmax probability of "
            f"{short(aurocs['softmax'])}, mean over kinds; the difference is {interval_text(last)}{_direction(last)}, "
            f"smallest for {points_title(str(worst))} ({short(float(difference.mean().min()))}). "
            f"The best of the simplex's scores is the {SCORES[simplex]} "
            f"({short(aurocs[simplex])}), the best of all the {SCORES[best]} ({short(aurocs[best])}){_at_points(own)}."
        )
    return "\n".join(lines)


def _at_points(own: pd.Series) -> str:
    """Return which score is best at the points themselves (layer 0), if they were scored."""
    if not len(own):
        return ""
    return f"; at the points themselves, before any layer, it is the {SCORES[str(own.idxmax())]} ({short(float(own.max()))})"


def _direction(values: pd.Series, words: tuple[str, str] = ("the angle is better", "the softmax is better")) -> str:
    if len(values) < LEAST_SEEDS:
        return ""
    found = interval(values)
    return f", {words[0]}" if found.low > 0 else f", {words[1]}" if found.high < 0 else ", within what seeds differ by"


def readout_summary(table: pd.DataFrame) -> pd.DataFrame:
    """Return what each readout's networks are measured by, means over seeds: one row per dataset, loss, dimension and readout."""
    columns = {
        "train_accuracy": "training accuracy",
        "test_accuracy": "test accuracy",
        "train_loss": "training loss",
        "test_loss": "test loss",
        "nc1": "NC1",
        "nc2": "NC2",
        "nc3": "NC3",
        "nc4": "NC4",
        "epochs": "epochs to 0.99",
        "parameters": "trained parameters",
        "operations": "multiply-adds per point and step",
    }
    keys = ["dataset", "loss", "dimension", "readout"]
    wide = table.pivot_table(index=keys, columns="metric", values="value", sort=False)
    wide = wide.reindex(columns=list(columns)).rename(columns=columns).reset_index()
    whole = {name: wide[name].astype(int) for name in ("trained parameters", "multiply-adds per point and step")}
    named: pd.DataFrame = wide.assign(dataset=wide.dataset.map(title), loss=wide.loss.map(LOSSES), **whole)
    named.columns.name = None
    return named.rename(columns={"dimension": "d"})


def readout_sentences(table: pd.DataFrame) -> str:
    """Return for each dataset, loss and dimension what fixing the readout does, from the numbers."""
    lines = []
    for (dataset, loss), name in compared_panels(table).items():
        for d, rows in table[(table.dataset == dataset) & (table.loss == loss)].groupby("dimension"):
            means = rows.groupby(["metric", "readout"]).value.mean()
            difference = accuracy_differences(rows)
            counts = {readout: int(means["parameters", readout]) for readout in ("learned", "fixed")}
            lines.append(
                f"- {name}, d = {d}: with the fixed simplex the test accuracy is {short(means['test_accuracy', 'fixed'])}, with the "
                f"learned readout {short(means['test_accuracy', 'learned'])}; the difference is {interval_text(difference)}"
                f"{_direction(difference, ('the simplex is better', 'the learned one is better'))}. NC1 is "
                f"{short(means['nc1', 'fixed'])} and {short(means['nc1', 'learned'])}, NC2 {short(means['nc2', 'fixed'])} and "
                f"{short(means['nc2', 'learned'])}. It trains {counts['fixed']:,} parameters instead of {counts['learned']:,}."
            )
    return "\n".join(lines)
