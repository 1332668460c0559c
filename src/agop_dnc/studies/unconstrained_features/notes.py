"""Short tables of the notebooks on the deep unconstrained features model."""

from __future__ import annotations

import pandas as pd

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
