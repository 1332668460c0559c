"""The variants of a Deep RFM that are run: the Deep RFM itself, and four with something taken out."""

VARIANTS = ("none", "identity", "rotated", "permuted labels", "no features")
