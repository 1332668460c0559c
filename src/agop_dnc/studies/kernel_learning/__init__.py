"""The study `kernel_learning`."""
