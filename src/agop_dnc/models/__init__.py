"""The models: Deep RFM, the networks and their training, the deep unconstrained features model."""
