"""From true means to the true value of what estimators report. No estimator or adapter may import this."""

from __future__ import annotations

import numpy as np
from scipy import special

EXACT_BELOW = 200.0


def expected_log1p(mean: np.ndarray) -> np.ndarray:
    r"""Compute the expectation of ln(1 + Y) for Poisson counts Y.

    The sum over the distribution below a mean of 200; above it the expansion around the mean to the fourth central
    moment, :math:`\ln m - \mu / 2m^2 + \mu / 3m^3 - (\mu + 3\mu^2) / 4m^4` with :math:`m = 1 + \mu`, whose error is
    below 1e-6.

    Parameters
    ----------
    mean : array
        Means of the counts.

    Returns
    -------
    ndarray
        Same shape. The true effect on ln(1 + Y) in a row is ``expected_log1p(mean_with)`` less
        ``expected_log1p(mean_without)``; on counts it is the difference of the means, in percent their ratio.
    """
    mean = np.asarray(mean, dtype=float)
    m = 1 + mean
    result = np.log(m) - mean / (2 * m**2) + mean / (3 * m**3) - (mean + 3 * mean**2) / (4 * m**4)
    small = mean < EXACT_BELOW
    if not small.any():
        return result
    low, inverse = np.unique(mean[small], return_inverse=True)
    total, top = np.zeros_like(low), int(low[-1] + 12 * np.sqrt(low[-1]) + 30)
    for k in range(1, top + 1):
        total += np.log1p(k) * np.exp(special.xlogy(k, low) - low - special.gammaln(k + 1))
    result[small] = total[inverse]
    return result
