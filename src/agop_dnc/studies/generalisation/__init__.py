"""The study `generalisation`."""
