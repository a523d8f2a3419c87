"""Small-sample factors, influence functions and covariances of estimators with absorbed fixed effects."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from aigreen.errors import CovarianceWarning, EstimationError, TooFewClustersError, counted, warn
from aigreen.linalg.arrays import is_nested, sum_by

SMALL_SAMPLE = "(N-1)/(N-K) G/(G-1), K without fixed effects nested in clusters"
_ROUNDING = 1e-10


def n_parameters(k: int, effects: Sequence[np.ndarray], clusters: Sequence[np.ndarray] = ()) -> int:
    """Count parameters for the small-sample factor.

    Fixed effects nested in a cluster variable do not count (their variation is already inside the clusters); of the
    others each but one loses a level. Same rule as fixest's default ``ssc(K.fixef = "nonnested", K.exact = FALSE)``.
    """
    counted = [f for f in effects if not any(is_nested(f, c) for c in clusters)]
    return parameters_of_levels(k, [int(f.max()) + 1 for f in counted]) if effects else k


def parameters_of_levels(k: int, levels: Sequence[int]) -> int:
    """Count parameters where there are fixed effects; `levels` are the sizes of those that count."""
    return k + sum(levels) - (len(levels) - 1)


def cluster_factor(n: int, n_parameters: int, n_clusters: int) -> float:
    r"""Variance factor :math:`(N-1)/(N-K) \cdot G/(G-1)`.

    Raises
    ------
    TooFewClustersError, EstimationError
    """
    if n_clusters < 2:
        raise TooFewClustersError(f"{n_clusters} cluster: no variance can be computed", count=n_clusters)
    return row_factor(n, n_parameters) * n_clusters / (n_clusters - 1)


def row_factor(n: int, n_parameters: int) -> float:
    """Variance factor :math:`(N-1)/(N-K)`."""
    if n <= n_parameters:
        raise EstimationError(f"{n} rows do not identify {n_parameters} parameters")
    return (n - 1) / (n - n_parameters)


def two_way_covariance(influence: np.ndarray, first: np.ndarray, second: np.ndarray, factor: float) -> np.ndarray:
    """Two-way clustered covariance, one plus other minus intersection, positive semi-definite.

    Negative eigenvalues are set to zero; where a variance itself is not positive, the intersection is not subtracted,
    so that no coefficient is left without an error. Either warns (`CovarianceWarning`).

    Sources: Cameron, Gelbach and Miller (2011), equations 2.9 and 2.11 and section 2.3; for the sum without the
    intersection MacKinnon, Nielsen and Webb (2021), Journal of Business and Economic Statistics 39.
    """
    both = first.astype(np.int64) * (int(second.max()) + 1) + second
    one_way = _cluster_products(influence, first) + _cluster_products(influence, second)
    total = one_way - _cluster_products(influence, np.unique(both, return_inverse=True)[1])
    least = _ROUNDING * np.diag(one_way)
    if (negative := (np.diag(total) <= least) & (least > 0)).any():
        message = (
            f"{negative.sum()} two-way clustered variances were negative: the intersection of the clusters is not "
            "subtracted, so all errors are too large rather than too small"
        )
        warn(CovarianceWarning(message, count=int(negative.sum())))
        return factor * one_way
    values, vectors = np.linalg.eigh(total)
    if (negative := values < -_ROUNDING * values[-1]).any():
        message = f"the two-way clustered covariance had {counted(negative.sum(), 'negative eigenvalue')}, set to zero"
        warn(CovarianceWarning(message, count=int(negative.sum())))
    if values[0] < 0:
        total = (vectors * np.maximum(values, 0)) @ vectors.T
    return factor * total


def driscoll_kraay_covariance(influence: np.ndarray, periods: np.ndarray, lag: int, factor: float) -> np.ndarray:
    r"""Covariance that allows for correlation within a period and, with Bartlett weights, up to `lag` periods apart.

    .. math:: V = \sum_{l=-L}^{L} \Big(1 - \frac{|l|}{L+1}\Big) \sum_t \psi_t \psi_{t-l}', \qquad
              \psi_t = \sum_{i} \psi_{it} .

    Source: Driscoll and Kraay (1998), Review of Economics and Statistics 80.
    """
    psi = sum_by(periods, influence, int(periods.max()) + 1)
    total = psi.T @ psi
    for distance in range(1, min(lag, len(psi) - 1) + 1):
        product = psi[distance:].T @ psi[:-distance]
        total += (1 - distance / (lag + 1)) * (product + product.T)
    return factor * total


def _cluster_products(influence: np.ndarray, codes: np.ndarray) -> np.ndarray:
    psi = sum_by(codes, influence, int(codes.max()) + 1)
    return psi.T @ psi
