"""The study `collapse_iteration`."""
