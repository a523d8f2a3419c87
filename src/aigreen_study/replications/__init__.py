"""Published numbers recomputed."""
