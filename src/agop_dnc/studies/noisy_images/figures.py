"""Figure C1: accuracy of ConvRFM on stars in noise, and what its M does to the images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ...drawing import BLACK, BLUE, captioned

# Test accuracy of the authors' stored run with 50 images, before and after one update.
PUBLISHED = (0.7795, 0.9483)


def stars_figure(table: pd.DataFrame, images: Mapping[str, np.ndarray[Any, Any]], caption: str) -> Figure:
    """Draw the accuracy of each seed against updates of M, test images before and after M^{1/2}, and M's leading eigenvectors.

    Args:
        table: Rows of noisy_images.csv for one number of images.
        images: `before`, `after` and `vectors`, see :func:`.rows.stars_rows`; without them only the accuracy is drawn.
        caption: The caption.

    Returns:
        The figure.
    """
    columns = len(images["before"]) if images else 0
    figure = plt.figure(figsize=(4.2 + 1.7 * columns, 4.6), layout="constrained")
    left, right = cast(Any, figure.subfigures(1, 2, width_ratios=(4.2, max(0.1, 1.7 * columns))))
    axis = left.subplots()
    for index, (_, curve) in enumerate(table.groupby("seed")):
        curve = curve.sort_values("round")
        label = "one seed" if index == 0 else None
        axis.plot(
            curve["round"], curve.value, color=BLUE, alpha=0.35, linewidth=0.9, marker="o", markersize=2.5, label=label
        )
    mean = table.groupby("round").value.mean()
    axis.plot(mean.index, mean, color=BLUE, linewidth=2, marker="s", label="mean")
    axis.plot(range(len(PUBLISHED)), PUBLISHED, "--", color=BLACK, marker="x", label="published run")
    axis.set(xlabel="updates of $M$", ylabel="test accuracy", ylim=(0.45, 1.02))
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.legend(fontsize=7)
    sns.despine(ax=axis)
    if images:
        rows = (
            ("before", "image"),
            ("after", "norm of patches\nafter $M^{1/2}$"),
            ("vectors", "leading eigen-\nvectors of $M$"),
        )
        for line, (name, label) in zip(right.subplots(3, columns, squeeze=False), rows, strict=True):
            for panel, picture in zip(line, images[name], strict=False):
                panel.imshow(picture, cmap="gray")
            for panel in line:
                panel.set(xticks=[], yticks=[])
            line[0].set_ylabel(label, fontsize=7)
    return captioned(figure, caption)


def accuracy_summary(table: pd.DataFrame) -> pd.DataFrame:
    """Return mean and standard deviation of the test accuracy over seeds, one row per number of images and updates of M.

    Args:
        table: Rows of noisy_images.csv.
    """
    found = table.groupby(["n", "round"]).value.agg(["mean", "std", "count"]).reset_index()
    names = {"round": "updates of M", "mean": "test accuracy", "std": "± test accuracy", "count": "seeds"}
    return found.rename(columns=names)
