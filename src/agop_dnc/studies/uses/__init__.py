"""The study `uses`."""
