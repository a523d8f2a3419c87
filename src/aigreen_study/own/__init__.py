"""A study of the user's own panel: one file of data, one of configuration."""
