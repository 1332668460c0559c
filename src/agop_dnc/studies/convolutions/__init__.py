"""The Neural Feature Ansatz in the convolutions of trained networks."""
