"""The average gradient outer product of a predictor against the expected one of its target."""
