"""Effects on units exposed to the treatment of others."""
