"""Difference-in-differences under staggered adoption."""
