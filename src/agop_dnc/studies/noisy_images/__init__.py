"""Images whose class a small part decides, in noise: what ConvRFM is shown on."""
