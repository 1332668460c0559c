"""Name operations and models as readers know them."""

from __future__ import annotations

SYMBOLS = {"add": "+", "subtract": "−", "multiply": "×", "divide": "÷"}


def title(p: int, operation: str) -> str:
    """Return an operation modulo p as readers write it.

    >>> title(61, "divide")
    'a ÷ b mod 61'
    """
    return f"a {SYMBOLS[operation]} b mod {p}"


def model_title(kernel: str) -> str:
    """Return an RFM with one of the kernels as readers know it.

    >>> model_title("quadratic")
    'RFM, quadratic kernel'
    """
    return f"RFM, {'Gaussian' if kernel == 'gaussian' else kernel} kernel"
