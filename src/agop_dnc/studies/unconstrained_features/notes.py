"""Short tables and sentences of the notebooks on the deep unconstrained features model."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pandas as pd

from ...notes import short
from ..sentences import change, counted, estimate, listed, span

# A loss is at the predicted optimum, or below collapse, by these relative differences.
AT_OPTIMUM, BELOW = 1e-3, 1e-4
# Random starts of each seed in study d2; the start after them is the collapsed solution with noise.
RANDOM_STARTS = 4


def threshold_summary(curves: pd.DataFrame) -> pd.DataFrame:
    """Return how often what was found in study d2 is what was predicted, one row per number of layers.

    The lowest loss of all starts includes a start next to the collapsed solution, so it says whether collapse is a minimum, not whether
    it is found: the share of random starts that reach the predicted optimum says that.

    Args:
        curves: Rows of dufm_curves.csv of study d2.
    """
    by_ratio = curves[curves.step == -1].pivot(index=["layers", "ratio"], columns="metric", values="value")
    error = (by_ratio["lowest loss"] / by_ratio.optimum - 1).abs()
    agrees = (by_ratio.optimum < 0.5) == (by_ratio.collapsed == 1)
    starts = curves[(curves.metric == "loss") & (curves.step < RANDOM_STARTS)]
    starts = starts.join(by_ratio.optimum, on=["layers", "ratio"])
    collapsing = starts[starts.optimum < 0.5]
    reached = collapsing.value < collapsing.optimum * (1 + 1e-6)
    return pd.DataFrame(
        {
            "largest relative error of the lowest loss": error.groupby("layers").max(),
            "collapsed or not as predicted": agrees.groupby("layers").sum().astype(str)
            + " of "
            + agrees.groupby("layers").size().astype(str),
            "random starts that reach a collapsed optimum": reached.groupby(collapsing.layers).mean(),
        }
    ).reset_index()


def descent_found(curves: pd.DataFrame, predictions: pd.DataFrame) -> str:
    """Return for each number of layers how often the predicted optimum is reached, and how far the end is collapsed.

    Args:
        curves: Rows of dufm_curves.csv of study d1.
        predictions: Rows of predictions.csv of study d1.
    """
    lines = []
    for layers, own in curves.groupby("layers", sort=False):
        rows = predictions[
            predictions.setting.str.contains(f"L = {layers},") & predictions.quantity.str.startswith("loss")
        ]
        optimum = rows.predicted.iloc[0]
        ways = [
            f"by {str(quantity).removeprefix('loss of ')} in "
            f"{listed([_reached(part) for _, part in group.groupby('setting', sort=False)])}"
            for quantity, group in rows.groupby("quantity", sort=False)
        ]
        lines.append(
            f"- {layers} layers: the predicted optimum, {short(optimum)}, is reached within a relative {AT_OPTIMUM:g} {'; '.join(ways)}. "
            "The "
            f"lowest loss of all is {_against(rows.measured.min(), optimum)} it. {_collapse_sentence(own)}"
        )
    return "\n".join(lines)


def _reached(losses: pd.DataFrame) -> str:
    size = losses.setting.iloc[0].split("start × ")[-1]
    return f"{(losses.measured < losses.predicted * (1 + AT_OPTIMUM)).sum()} of {counted(len(losses), 'seed')} from starts × {size}"


def _against(loss: float, optimum: float) -> str:
    """Return how far a loss is above or below another one, in percent."""
    share = loss / optimum - 1
    return f"{100 * abs(share):.2g} % {'below' if share < 0 else 'above'}"


def _collapse_sentence(curves: pd.DataFrame) -> str:
    """Return DNC1 to DNC3 at the first and the last step of gradient descent from the first kind of starts."""
    own = curves[(curves.setting == curves[curves.metric == "loss"].setting.iloc[0]) & (curves.layer > 0)]
    # The optimum does not fix the angle of the free features.
    fixed = own[(own.metric != "dnc2") | (own.layer > 1)]
    largest = fixed.groupby(["step", "metric"]).value.max()
    first, last = largest[own.step.min()], largest[own.step.max()]
    said = [
        f"{name} {change([first[metric] - least], [last[metric] - least])}"
        for metric, name, least in (("dnc1", "DNC1", 0), ("dnc2", "DNC2 (from layer 2 on)", 1), ("dnc3", "DNC3", 0))
    ]
    return f"In gradient descent from {own.setting.iloc[0].replace('start', 'starts')} the largest over layers and seeds of {listed(said)}."


def threshold_found(curves: pd.DataFrame) -> str:
    """Return for each number of layers where the optimum is collapsed and how often random starts find it, from the numbers alone.

    Args:
        curves: Rows of dufm_curves.csv of study d2.
    """
    by_ratio = curves[curves.step == -1].pivot(index=["layers", "ratio"], columns="metric", values="value")
    summary = threshold_summary(curves).to_dict("records")
    lines = []
    for row, (layers, found) in zip(summary, by_ratio.groupby("layers"), strict=True):
        ends = [
            f"{words} at {counted(len(part), 'strength')} ({span(part.index.get_level_values('ratio'))} times the threshold)"
            for value, words in ((1, "collapsed"), (0, "zero"))
            if len(part := found[found.collapsed == value])
        ]
        share = row["random starts that reach a collapsed optimum"]
        reached = f" Where the optimum is collapsed, {short(100 * share)} % of the random starts reach it."
        lines.append(
            f"- {layers} layers: the best solution found is {listed(ends)}, as predicted at {row['collapsed or not as predicted']}; its "
            "loss is "
            f"off the predicted one by at most a relative {short(row['largest relative error of the lowest loss'])}."
            f"{'' if math.isnan(share) else reached}"
        )
    return "\n".join(lines)


# How features and head end in study d3.
_ENDS = {
    "end to end": "after training end to end",
    "features frozen": "with a new head on the same features",
    "freed": "with the features freed from the backbone",
}


def network_found(predictions: pd.DataFrame, titles: Mapping[str, str]) -> str:
    """Return for each dataset how far above the predicted optimum the network ends, and how far it has collapsed.

    Args:
        predictions: Rows of predictions.csv of study d3.
        titles: The datasets' names for readers.
    """
    lines = []
    for data, rows in predictions.groupby("data", sort=False):
        rows = rows.assign(end=rows.setting.str.split(", ").str[-1])
        losses = rows[rows.quantity == "loss"]
        optimum = losses.predicted.iloc[0]
        said = [
            f"{estimate(100 * (part.measured / optimum - 1))} {words}"
            for end, words in _ENDS.items()
            if len(part := losses[losses.end == end])
        ]
        dnc1 = rows[(rows.end == "end to end") & (rows.quantity == "dnc1")].groupby("layer").measured.mean()
        lines.append(
            f"- {titles[str(data)]}: the loss less the predicted optimum, {short(optimum)}, is in percent of it {listed(said)}. After "
            "training "
            f"DNC1 is {short(dnc1.iloc[0])} at the backbone's output and {span(dnc1.iloc[1:])} at the inputs of the later layers."
        )
    return "\n".join(lines)


def ranks_found(predictions: pd.DataFrame) -> str:
    """Return for each problem whether losses below that of collapse were found, and of which ranks, from the numbers alone.

    Args:
        predictions: Rows of predictions.csv of study d4.
    """
    problem = predictions.setting.str.removeprefix("D4: ").str.rsplit(", ", n=1).str[0]
    lines = []
    for name, rows in predictions.groupby(problem, sort=False):
        losses = rows[rows.quantity == "loss"]
        best = losses.sort_values("measured", kind="stable").iloc[0]
        ranks = rows[(rows.quantity == "rank of the input") & (rows.setting == best.setting) & (rows.seed == best.seed)]
        below = [
            f"{(part.measured < part.predicted * (1 - BELOW)).sum()} of {len(part)} by {str(setting).split(', ')[-1]}"
            for setting, part in losses.groupby("setting", sort=False)
        ]
        shown = " ".join(str(int(rank)) for rank in ranks.sort_values("layer").measured)
        lines.append(
            f"- {name}: the better of collapse and all zeros has a loss of {short(best.predicted)}. Seeds that end below it by more than "
            f"a relative {BELOW:g}: "
            f"{listed(below)}. The lowest loss is {short(best.measured)}, {_against(best.measured, best.predicted)} it; the ranks of the "
            f"layers' inputs are {shown} there, first to last, and {int(ranks.predicted.iloc[0])} throughout under collapse."
        )
    return "\n".join(lines)
