"""The study `departures`."""
