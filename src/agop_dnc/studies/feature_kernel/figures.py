"""Draw Figure S3: the kernel of ReLU features and its variance."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from ...drawing import BLACK, band, captioned
from ...pipeline.tables import summary


def feature_kernel_figure(table: pd.DataFrame, caption: str) -> Figure:
    """Draw ReLU(Wx)ᵀReLU(Wy) against the angle between x and y, and its variance against the width (Proposition A.1).

    Args:
        table: Rows of feature_kernel.csv.
        caption: The caption.

    Returns:
        The figure.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(8.2, 3.4), layout="constrained")
    means = summary(table[table.metric == "mean"], ["width", "angle"])
    widths = sorted(table.width.unique())
    for width, colour, marker in zip(widths, sns.color_palette("viridis", len(widths)), "os^Dv*", strict=False):
        curve = means[means.width == width]
        left.plot(curve.angle, curve["mean"], marker, color=colour, markersize=4, label=f"D = {width:,}")
    expected = table[table.metric == "expected"].drop_duplicates("angle").sort_values("angle")
    left.plot(
        expected.angle, expected.value, color=BLACK, linewidth=1, label=r"$(\sin\theta + (\pi-\theta)\cos\theta)/\pi$"
    )
    left.set(xlabel=r"angle $\theta$", ylabel=r"mean of $\mathrm{ReLU}(Wx)^\top\mathrm{ReLU}(Wy)$")
    left.set_xticks([0, np.pi / 4, np.pi / 2, 3 * np.pi / 4, np.pi], labels=["0", "π/4", "π/2", "3π/4", "π"])
    left.legend(fontsize=7)
    variances = table[(table.metric == "variance") & (table.value > 1e-20)]
    shown = sorted(variances.angle.unique())[::3]
    for angle, colour, marker in zip(shown, sns.color_palette("viridis", len(shown)), "os^Dv*", strict=False):
        curve = summary(variances[variances.angle == angle], ["width"])
        band(right, curve.width, curve["mean"], curve["std"], f"θ = {angle / np.pi:.2f} π", colour, marker)
    anchor = variances.groupby("width").value.mean()
    right.plot(widths, anchor.iloc[0] * widths[0] / np.array(widths), color=BLACK, linestyle=":", label="∝ 1/D")
    right.set(xlabel="width $D$", ylabel="variance", xscale="log")
    right.legend(fontsize=7)
    sns.despine(figure)
    return captioned(figure, caption)
