"""The study `scales`."""
