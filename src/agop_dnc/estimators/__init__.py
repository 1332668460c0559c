"""Recursive Feature Machines as scikit-learn estimators.

They take what scikit-learn takes, arrays, lists and data frames, and PyTorch tensors as well, and give NumPy arrays. They compute in PyTorch,
on a GPU if there is one.
"""
