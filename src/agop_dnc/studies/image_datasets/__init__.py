"""The CNTK and ConvRFM on datasets of images, next to the table of the authors' slides."""
