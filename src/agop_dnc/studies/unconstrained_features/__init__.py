"""The study `unconstrained_features`."""
