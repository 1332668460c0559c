"""The study `feature_kernel`."""
