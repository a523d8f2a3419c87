"""Bias, coverage and size of the estimators on simulated panels."""
