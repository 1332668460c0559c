"""The study `networks`."""
