"""Every number that the prose quotes."""
