"""Low-rank polynomials, which RFM learns and the Laplace kernel does not."""
