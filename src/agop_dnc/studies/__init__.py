"""The studies: each declares its tables and figures, and holds what it measures."""
