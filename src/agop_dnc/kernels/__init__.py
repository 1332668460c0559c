"""Kernels, kernel regression, random features and the AGOP of kernel machines."""
