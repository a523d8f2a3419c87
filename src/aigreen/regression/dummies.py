"""Which clusters stand behind dummies of treatment, and behind doses."""

from __future__ import annotations

import numpy as np

from aigreen.effects.cluster_shares import ClusterShares
from aigreen.regression.sample import Sample


def treatment_shares(
    sample: Sample, X: np.ndarray, n_treatments: int, *, by_cohort: bool, mean: np.ndarray | None = None
) -> ClusterShares | None:
    """Shares of clusters behind treatments, the first columns of X; None where no clusters are known.

    Rows at which a dummy is one are its treated rows, those of units that never have one its comparison; of doses see
    `Dosed`. Rows of counts count by their `mean`, shape (n,), as they do in the score of a Poisson regression.
    """
    D, k, panel = X[:, :n_treatments], X.shape[1], sample.panel
    weights = sample.weights
    if mean is not None:
        weights = mean if weights is None else weights * mean
    if by_cohort:
        cohort = sample.take(panel.cohort)
        return shares_by_cohort(D, k, cohort, panel.times[-1], sample.clusters, weights, len(panel.clusters))
    unit = sample.take(panel.unit_codes)
    if ((D == 0) | (D == 1)).all():
        ever = (np.bincount(unit, D.any(axis=1), panel.n_units) > 0)[unit]
        return shares_of_ever(D, k, ever, sample.clusters, weights, len(panel.clusters))
    dosed = Dosed(len(panel.clusters), n_treatments)
    dosed.add(D, unit, panel.n_units, sample.clusters, np.ones(len(D)) if weights is None else weights)
    return dosed.shares(k)


class Dosed:
    r"""Clusters behind doses, where most rows are of clusters without one.

    A unit counts by :math:`s_i`, the mean of its doses that are not zero, in absolute value. The slope is then much as
    one through the origin: cluster c weighs :math:`\sum_{i \in c} s_i` over its rows, and loses
    :math:`\sum_{i \in c} s_i^2 / \sum_i s_i^2` of its own deviation. Of other treatments no clusters are known.

    Parameters
    ----------
    n_clusters, n_treatments : int
    """

    def __init__(self, n_clusters: int, n_treatments: int) -> None:
        self._rows = np.zeros(n_clusters)
        self._sum, self._square = np.zeros((2, n_clusters, n_treatments))

    def add(self, D: np.ndarray, unit: np.ndarray, n_units: int, clusters: np.ndarray, w: np.ndarray) -> None:
        """Add rows, all those of their units: doses of shape (n, j), units, clusters and weights of shape (n,)."""
        n_clusters = len(self._rows)
        self._rows += np.bincount(clusters, w, n_clusters)
        for j, d in enumerate(np.abs(D.T)):
            mean = np.bincount(unit, d, n_units) / np.maximum(np.bincount(unit, d > 0, n_units), 1)
            self._sum[:, j] += np.bincount(clusters, w * mean[unit], n_clusters)
            self._square[:, j] += np.bincount(clusters, w * mean[unit] ** 2, n_clusters)

    def shares(self, k: int) -> ClusterShares | None:
        """Shares behind k coefficients, those of doses first; None where no clusters are known."""
        without = self._rows @ (self._sum == 0)
        known = (without >= self._rows.sum() / 2) & self._sum.any(axis=0)
        if not known.any():
            return None
        weight = np.where(known, self._sum, 0.0)
        lost = np.where(known, self._square, 0.0) / np.where(known, self._square.sum(axis=0), 1.0)
        group = np.full(k, -1)
        group[: len(known)] = np.where(known, np.arange(len(known)), -1)
        control = np.where(weight.any(axis=1), 0.0, self._rows)
        return ClusterShares.weighted(weight, lost, group, control / (control.sum() or 1.0))


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
