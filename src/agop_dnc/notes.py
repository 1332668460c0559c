"""What every notebook uses next to its figures: names, facts and short tables."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

TITLES = {
    "mnist": "MNIST",
    "mnist_imbalanced": "MNIST, imbalanced",
    "cifar10": "CIFAR-10",
    "cifar10_jpeg": "CIFAR-10 (JPEG)",
    "svhn": "SVHN",
    "cifar100": "CIFAR-100",
    "gtsrb": "GTSRB",
    "emnist": "EMNIST letters",
    "digits": "Digits",
    "digits_imbalanced": "Digits, imbalanced",
    "digits_random": "Digits, random labels",
}
Facts = Mapping[str, Any]


def facts(path: str | Path) -> Facts:
    """Return what a dataset was when it was prepared: points, test_points, image_shape, class_sizes."""
    content: Facts = json.loads(Path(path).read_text(encoding="utf-8"))
    return content


def title(dataset: str) -> str:
    """Return a dataset's name as the paper writes it, or as the configuration does.

    >>> title("cifar10"), title("mine")
    ('CIFAR-10', 'mine')
    """
    return TITLES.get(dataset, dataset)


def markdown(table: pd.DataFrame) -> str:
    """Return a table as Markdown, its `…_mean` and `…_std` columns put together as mean ± standard deviation."""
    merged = {}
    for name in table.columns:
        if name.endswith("_mean"):
            stem = name.removesuffix("_mean")
            merged[stem.replace("_", " ")] = [
                f"{m:.2f} ± {s:.2f}" for m, s in zip(table[name], table[f"{stem}_std"], strict=True)
            ]
        elif not name.endswith("_std"):
            merged[name] = [str(value) for value in table[name]]
    return table_of(pd.DataFrame(merged))


def table_of(cells: pd.DataFrame) -> str:
    """Return a table of short cells as Markdown.

    >>> print(table_of(pd.DataFrame({"a": [1.5], "b": ["x"]})))
    | a | b |
    | --- | --- |
    | 1.5 | x |
    <BLANKLINE>
    """
    rows = [[short(cell) if isinstance(cell, float) else str(cell) for cell in row] for row in cells.to_numpy()]
    lines = [list(map(str, cells.columns)), ["---"] * cells.shape[1], *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def short(value: Any) -> str:
    """Return a number in few characters.

    >>> short(0.001234), short(0.98), short(3), short(1.5e-9), short(float("nan"))
    ('0.00123', '0.98', '3', '1.5e-09', '')
    """
    return "" if pd.isna(value) else f"{value:.3g}"


def shown(table: pd.DataFrame) -> Any:
    """Return a table for a notebook to display.

    (pandas' Styler would put a random id in it.)
    """
    from IPython.display import HTML

    return HTML(table.to_html(index=False, border=0, float_format=short, na_rep=""))  # type: ignore[no-untyped-call]
