"""The claims in a few words."""

from __future__ import annotations

# The claims in a few words, for where there is no room for more.
CLAIM_NAMES = {
    1: "Gram matrices after 18 layers are those of collapsed data",
    2: "NC1 falls through M½ alone; random features raise it",
    3: "NC1 and NC2 fall exponentially with depth",
    4: "Imbalanced classes collapse too",
    5: "In networks NC1 falls mostly through SVᵀ",
    6: "The weights' NFM correlates with the AGOP's root",
    7: "NC2 progresses only in the networks' last layer",
    8: "The kernel of ReLU features and its 1/D variance",
}
