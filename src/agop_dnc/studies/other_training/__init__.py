"""The study `other_training`."""
