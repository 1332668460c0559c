"""What the notebooks say beside their figures: names, captions, and the numbers as small tables."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from IPython.display import HTML

TITLES = {
    "mnist": "MNIST",
    "cifar10": "CIFAR-10",
    "svhn": "SVHN",
    "digits": "Digits",
    "digits_imbalanced": "Digits, imbalanced",
    "digits_random": "Digits, random labels",
}
Facts = Mapping[str, Any]


def facts(path: str | Path) -> Facts:
    """What a dataset was when it was prepared: points, test_points, image_shape, class_sizes."""
    content: Facts = json.loads(Path(path).read_text(encoding="utf-8"))
    return content


def title(dataset: str) -> str:
    """A dataset's name as the paper writes it, or as the configuration does.

    >>> title("cifar10"), title("mine")
    ('CIFAR-10', 'mine')
    """
    return TITLES.get(dataset, dataset)


def figure_title(figure: str) -> str:
    """A figure as the paper names it.

    >>> figure_title("figure_07"), figure_title("figure_s1")
    ('Figure 7', 'Figure S1')
    >>> figure_title("claims")
    'Claims'
    """
    if not figure.startswith("figure_"):
        return figure.capitalize()
    return f"Figure {figure.removeprefix('figure_').lstrip('0').upper()}"


def markdown(table: pd.DataFrame) -> str:
    """A table as Markdown, its `…_mean` and `…_std` columns put together as mean ± standard deviation."""
    merged = {}
    for name in table.columns:
        if name.endswith("_mean"):
            stem = name.removesuffix("_mean")
            merged[stem.replace("_", " ")] = [
                f"{m:.2f} ± {s:.2f}" for m, s in zip(table[name], table[f"{stem}_std"], strict=True)
            ]
        elif not name.endswith("_std"):
            merged[name] = [str(value) for value in table[name]]
    lines = [list(merged), ["---"] * len(merged), *zip(*merged.values(), strict=True)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def short(value: Any) -> str:
    """A number in few characters.

    >>> short(0.001234), short(0.98), short(3), short(1.5e-9), short(float("nan"))
    ('0.00123', '0.98', '3', '1.5e-09', '')
    """
    return "" if pd.isna(value) else f"{value:.3g}"


def shown(table: pd.DataFrame) -> HTML:
    """A table for a notebook. (pandas' Styler would put a random id in it.)"""
    return HTML(table.to_html(index=False, border=0, float_format=short, na_rep=""))  # type: ignore[no-untyped-call]
