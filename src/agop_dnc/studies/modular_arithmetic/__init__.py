"""RFM groks modular arithmetic through block-circulant features."""
