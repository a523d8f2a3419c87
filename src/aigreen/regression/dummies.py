"""Which clusters stand behind dummies of treatment."""

from __future__ import annotations

import numpy as np

from aigreen.effects.cluster_shares import ClusterShares
from aigreen.regression.sample import Sample


def dummy_shares(
    sample: Sample, X: np.ndarray, n_treatments: int, *, by_cohort: bool, mean: np.ndarray | None = None
) -> ClusterShares | None:
    """Shares of clusters behind dummies of treatment, the first columns of X; None where a treatment is no dummy.

    Rows at which a dummy is one are its treated rows, those of units that never have one its comparison. Rows of counts
    count by their `mean`, shape (n,), as they do in the score of a Poisson regression.
    """
    D, k, panel = X[:, :n_treatments], X.shape[1], sample.panel
    weights = sample.weights
    if mean is not None:
        weights = mean if weights is None else weights * mean
    if not ((D == 0) | (D == 1)).all():
        return None
    if by_cohort:
        cohort = sample.take(panel.cohort)
        return shares_by_cohort(D, k, cohort, panel.times[-1], sample.clusters, weights, len(panel.clusters))
    unit = sample.take(panel.unit_codes)
    ever = (np.bincount(unit, D.any(axis=1), panel.n_units) > 0)[unit]
    return shares_of_ever(D, k, ever, sample.clusters, weights, len(panel.clusters))


def shares_by_cohort(
    D: np.ndarray,
    k: int,
    cohort: np.ndarray,
    last: int,
    clusters: np.ndarray,
    weights: np.ndarray | None,
    n_clusters: int,
) -> ClusterShares:
    """Shares behind dummies of times since treatment; rows of cohorts after the period `last` are comparison.

    Parameters
    ----------
    D : ndarray, shape (n, j)
        Dummies of the rows, or of sets of rows that have the same.
    k : int
        Number of coefficients, those of the dummies first.
    cohort, clusters : ndarray, shape (n,)
    weights : ndarray, shape (n,), optional
    """
    cohort = np.where(cohort > last, np.inf, cohort)
    levels = np.unique(cohort[np.isfinite(cohort)])
    group = np.where(np.isfinite(cohort), np.searchsorted(levels, cohort), -1)
    return _count(D, k, group, len(levels), clusters, weights, n_clusters)


def shares_of_ever(
    D: np.ndarray, k: int, ever: np.ndarray, clusters: np.ndarray, weights: np.ndarray | None, n_clusters: int
) -> ClusterShares:
    """Shares behind other dummies: rows of units that `ever` have one are treated, others comparison."""
    return _count(D, k, np.where(ever, 0, -1), 1, clusters, weights, n_clusters)


def _count(
    D: np.ndarray,
    k: int,
    group: np.ndarray,
    n_groups: int,
    clusters: np.ndarray,
    weights: np.ndarray | None,
    n_clusters: int,
) -> ClusterShares:
    inside = group >= 0
    of = np.zeros((n_groups, k))
    for j, d in enumerate(D.T):
        w = d[inside] if weights is None else d[inside] * weights[inside]
        of[:, j] = np.bincount(group[inside], w, n_groups)
    return ClusterShares.count(clusters, group, of, n_clusters=n_clusters, weights=weights)
