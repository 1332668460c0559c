"""Share what every figure uses: colours, curves with bands, captions, legends and saving. No model is known here.

Colours differ in lightness as well as in hue, and every curve has its own marker, so that figures survive greyscale printing
and colour blindness.
"""

from __future__ import annotations

import io
import textwrap
from pathlib import Path
from typing import Any

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, ScalarFormatter
from PIL import Image

from .files import replacing

matplotlib.use("Agg")
BLACK, BLUE, ORANGE = "#000000", "#0072B2", "#E69F00"
METRIC_LABELS = {
    "nc1": r"NC1 = tr $\Sigma_W$ / tr $\Sigma_B$",
    "nc2": r"NC2 = $\|\tilde\mu\tilde\mu^\top - \Sigma_{\mathrm{ETF}}\|_F$",
}
# On a log scale, the lower edge of a band is clipped at this share of the mean.
BAND_FLOOR = 0.01
sns.set_theme(context="paper", style="ticks", font="DejaVu Sans")
plt.rcParams.update({"savefig.dpi": 150, "mathtext.fontset": "dejavusans", "legend.frameon": False})


def linear_band(axis: Axes, curve: pd.DataFrame, x: str, label: str, colour: Any, marker: str) -> None:
    """Draw a curve on a linear scale with a band of one standard deviation.

    Args:
        axis: The axes to draw on.
        curve: A table with the columns `x`, `mean` and `std`.
        x: The name of the column on the horizontal axis.
        label: The curve's name in the legend.
        colour: A Matplotlib colour for the curve and its band.
        marker: A Matplotlib marker.
    """
    axis.plot(curve[x], curve["mean"], color=colour, marker=marker, markersize=3.5, linewidth=1.3, label=label)
    axis.fill_between(
        curve[x], curve["mean"] - curve["std"], curve["mean"] + curve["std"], color=colour, alpha=0.25, linewidth=0
    )
    sns.despine(ax=axis)


def band(axis: Axes, x: Any, mean: Any, std: Any, label: str, colour: str, marker: str) -> None:
    """Draw a curve on a log scale with a band of one standard deviation.

    The lower edge of the band is at least 0.01 times the mean.

    Args:
        axis: The axes to draw on; its vertical axis becomes logarithmic.
        x: Positions, shape (n,).
        mean: Means, shape (n,).
        std: Standard deviations, shape (n,).
        label: The curve's name in the legend.
        colour: A Matplotlib colour for the curve and its band.
        marker: A Matplotlib marker.
    """
    axis.plot(x, mean, color=colour, marker=marker, markersize=3.5, linewidth=1.3, label=label)
    axis.fill_between(x, np.maximum(mean - std, BAND_FLOOR * mean), mean + std, color=colour, alpha=0.25, linewidth=0)
    axis.set_yscale("log")
    low, high = axis.get_ylim()
    if high / low > 1e4:  # labels at every decade would overlap
        axis.yaxis.set_major_locator(LogLocator(numticks=7))
    if high / low < 10:  # less than a decade: label intermediate values with plain numbers
        axis.yaxis.set_minor_locator(LogLocator(subs=(2, 3, 4, 6)))
        axis.yaxis.set_minor_formatter(ScalarFormatter())
        axis.yaxis.set_major_formatter(ScalarFormatter())
    sns.despine(ax=axis)


def plain_if_narrow(axis: Axes) -> None:
    """Write plain numbers on a log scale of hardly a decade, where powers of ten would be too far apart."""
    low, high = axis.get_ylim()
    if axis.get_yscale() == "log" and high / low < 10:
        axis.yaxis.set_minor_locator(LogLocator(subs=(2, 3, 4, 6)))
        axis.yaxis.set_minor_formatter(ScalarFormatter())
        axis.yaxis.set_major_formatter(ScalarFormatter())


def save(figure: Figure, *paths: str | Path) -> None:
    """Write a figure to each path, in the format of its suffix, and close it.

    The files contain no dates, so equal figures give equal files. Each file is written completely or not at all.

    Args:
        figure: The figure, which is closed afterwards.
        *paths: The files to write.
    """
    for path in map(Path, paths):
        with replacing(path) as temporary:
            if path.suffix == ".png":
                Path(temporary).write_bytes(_png(figure))
            else:
                figure.savefig(temporary, metadata={"CreationDate": None} if path.suffix == ".pdf" else None)
        figure.set_layout_engine("none")  # all formats share the layout of the first
    plt.close(figure)


def png(figure: Figure) -> bytes:
    """Return a figure as the bytes of a PNG, to show it in a notebook without saving it; close the figure."""
    written = _png(figure)
    plt.close(figure)
    return written


def _png(figure: Figure) -> bytes:
    """Return a figure as a PNG of 256 colours, a third as large as one of all colours and the same to the eye."""
    drawn, written = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png")
    image = Image.open(drawn).convert("RGB")
    image.quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(written, "png", optimize=True)
    return written.getvalue()


def legend_above(figure: Figure, *axes: Axes) -> Figure:
    """Put one legend for several panels above them, where no curve can cross it.

    Args:
        figure: The figure.
        axes: The panels whose labelled curves it lists, each label once.

    Returns:
        The figure.
    """
    found: dict[str, Any] = {}
    for axis in axes:
        handles, labels = axis.get_legend_handles_labels()
        found = dict(zip(labels, handles, strict=True)) | found
    figure.legend(list(found.values()), list(found), loc="outside upper center", ncols=min(5, len(found)))
    return figure


def captioned(figure: Figure, caption: str) -> Figure:
    """Put a caption, wrapped to the figure's width, below the panels.

    Args:
        figure: The figure.
        caption: The caption.

    Returns:
        The same figure.
    """
    characters = int(figure.get_figwidth() * 14)
    figure.supxlabel("\n".join(textwrap.wrap(caption, characters)), fontsize=8, x=0.01, ha="left")
    return figure


GREEN, RED = "#009E73", "#D55E00"
