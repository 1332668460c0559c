"""Name targets and models of the study as readers know them."""

from __future__ import annotations

from .formulas import FORMULAS

MODELS = {"laplace": "Laplace kernel", "rfm": "RFM"}


def title(target: str, noise: float) -> str:
    """Return a target with its noise as readers write it.

    >>> title("product", 0.1), title("product", 0.0)
    ('x₁x₂, noise 0.1', 'x₁x₂')
    """
    return FORMULAS[target] + (f", noise {noise:g}" if noise else "")
