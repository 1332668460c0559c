"""The study `sample_sizes`."""
