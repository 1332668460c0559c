"""The study `removals`."""
