"""Name targets and kinds of RFM as readers know them."""

from __future__ import annotations

# The targets and the kinds of RFM (with whether gradients are centred) as readers know them.
FORMULAS = {"product": "x₁x₂", "hermite_pair": "He₂(u·x)/√2 + He_p(v·x)/√p!"}
KINDS = {"rfm": ("RFM", False), "rfm_centred": ("RFM, centred", True)}
