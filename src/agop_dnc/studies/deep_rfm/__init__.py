"""The study `deep_rfm`."""
