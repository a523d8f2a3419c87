"""Synthetic data with known effects, written in raw formats."""
