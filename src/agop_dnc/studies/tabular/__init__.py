"""RFM against other classifiers on tabular data."""
