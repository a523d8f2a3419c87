"""Regressions with absorbed fixed effects, least squares, Poisson and instruments."""
