"""The study `kernel_trace`."""
