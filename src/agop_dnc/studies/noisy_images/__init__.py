"""Study ConvRFM on images in noise, whose class is decided by a small part of the image."""
