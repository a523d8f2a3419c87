"""Small-sample factors, influence functions and covariances of estimators with absorbed fixed effects."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from aigreen.errors import EstimationError, TooFewClustersError
from aigreen.linalg.arrays import is_nested, sum_by

SMALL_SAMPLE = "(N-1)/(N-K) G/(G-1), K without fixed effects nested in clusters"


def n_parameters(k: int, effects: Sequence[np.ndarray], clusters: Sequence[np.ndarray] = ()) -> int:
    """Count parameters for the small-sample factor.

    Fixed effects nested in a cluster variable do not count (their variation is already inside the clusters); of the
    others each but one loses a level. Same rule as fixest's default ``ssc(K.fixef = "nonnested", K.exact = FALSE)``.
    """
    counted = [f for f in effects if not any(is_nested(f, c) for c in clusters)]
    levels = sum(int(f.max()) + 1 for f in counted)
    return k + levels - (len(counted) - 1 if effects else 0)


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
    """Two-way clustered covariance, one plus other minus intersection, without negative eigenvalues.

    Source: Cameron, Gelbach and Miller (2011), equations 2.9 and 2.11 and section 2.3.
    """
    both = first.astype(np.int64) * (int(second.max()) + 1) + second
    total = np.zeros((influence.shape[1], influence.shape[1]))
    for codes, sign in ((first, 1), (second, 1), (np.unique(both, return_inverse=True)[1], -1)):
        psi = sum_by(codes, influence, int(codes.max()) + 1)
        total += sign * psi.T @ psi
    values, vectors = np.linalg.eigh(total)
    if values[0] < 0:
        total = (vectors * np.maximum(values, 0)) @ vectors.T
    return factor * total
