"""Figure S4: NC1 and NC2 of Deep RFMs with something taken out."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ...drawing import BLACK, BLUE, GREEN, METRIC_LABELS, ORANGE, RED, band, captioned, legend_above
from ...pipeline.tables import summary

# Label, colour and marker of each variant.
STYLES = {
    "none": ("Deep RFM", BLACK, "o"),
    "identity": ("$I$ for $M^{1/2}$", ORANGE, "s"),
    "rotated": ("rotated $M^{1/2}$", BLUE, "D"),
    "permuted labels": ("$M^{1/2}$ of permuted labels", RED, "^"),
    "no features": (r"without $\Phi$", GREEN, "v"),
}


def removals_figure(rows: Sequence[tuple[str, pd.DataFrame]], caption: str) -> Figure:
    """Draw NC1 (left) and NC2 (right) of X̃ against layer for each variant, a row per dataset and activation.

    Args:
        rows: A name and the rows of removals.csv for each.
        caption: What was run.
    """
    figure, axes = plt.subplots(len(rows), 2, figsize=(9.0, 2.7 * len(rows) + 0.9), squeeze=False, layout="constrained")
    for line, (name, table) in zip(axes, rows, strict=True):
        for axis, metric in zip(line, ("nc1", "nc2"), strict=True):
            chosen = table[(table.component == "agop") & (table.metric == metric) & (table.value > 0)]
            for variant, (label, colour, marker) in STYLES.items():
                curve = summary(chosen[chosen.variant == variant], ["layer"])
                if len(curve):
                    band(axis, curve.layer, curve["mean"], curve["std"], label, colour, marker)
            axis.set(xlabel="layer", ylabel=METRIC_LABELS[metric], title=name)
            axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    return captioned(legend_above(figure, axes[0, 0]), caption)


def falls(table: pd.DataFrame) -> pd.DataFrame:
    """Return the decades by which NC1 of X̃ falls from the first layer to the last, mean and standard deviation over seeds.

    Args:
        table: Rows of removals.csv of one dataset and activation.
    """
    import numpy as np

    chosen = table[(table.component == "agop") & (table.metric == "nc1")]
    wide = chosen.pivot(index=["variant", "seed"], columns="layer", values="value")
    decades = np.log10(wide.iloc[:, 0]) - np.log10(wide.iloc[:, -1])
    found = (
        decades.groupby("variant", sort=False)
        .agg(["mean", "std"])
        .reindex([v for v in STYLES if v in set(chosen.variant)])
    )
    whole = found["mean"].get("none", float("nan"))
    return pd.DataFrame(
        {
            "variant": found.index,
            "decades": found["mean"],
            "± decades": found["std"],
            "share of the Deep RFM's": found["mean"] / whole,
        }
    )
