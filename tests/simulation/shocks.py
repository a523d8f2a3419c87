"""Shocks of the panels that coverage is measured on."""

import numpy as np


def persistent(rng: np.random.Generator, n_cities: int, periods: int) -> np.ndarray:
    """Standard normal shocks of cities by period, each correlated at 0.5 with that of the period before."""
    shock = rng.standard_normal((n_cities, periods))
    for t in range(1, periods):
        shock[:, t] = 0.5 * shock[:, t - 1] + np.sqrt(0.75) * shock[:, t]
    return shock
