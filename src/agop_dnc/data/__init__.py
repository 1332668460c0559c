"""Data: images with labels for the workflow, tables for RFM, and targets whose EGOP is known."""
