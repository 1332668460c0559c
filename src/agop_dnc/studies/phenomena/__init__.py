"""The study `phenomena`."""
