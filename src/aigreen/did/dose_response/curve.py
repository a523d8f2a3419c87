r"""Curves of effects and of causal responses over the dose, averaged over cohorts and periods.

With c the cells (cohort and period), :math:`p_c` the share of the cohort, :math:`a_{ci}` the weights of its treated
units and :math:`r_{ci}` their outcome changes less what comparison units predict,

.. math::
    L(d) = B(d)'A^{-1}\sum_c p_c \sum_i a_{ci} B_i r_{ci}, \qquad A = \sum_c p_c \sum_i a_{ci} B_i B_i',
    \qquad R(d) = \sum_c \pi_c(d)\, B'(d)'\hat\beta_c, \qquad \pi_c(d) = p_c B(d)'A^{-1}\sum_i a_{ci} B_i,

where :math:`\hat\beta_c` is the regression in cell c alone and :math:`\pi_c(d)` the linear prediction, by the same
functions, that a treated unit with dose d is of cell c. Both are weights of the dose distribution: L is the regression
of all :math:`r_{ci}` at once, and equals :math:`\sum_c \pi_c(d) B(d)'\hat\beta_c` where cells do not differ.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aigreen.did.dose_response.regressions import Design, Regressions, losses
from aigreen.effects.aggregation import Mass
from aigreen.errors import CollinearError
from aigreen.linalg.arrays import sum_by
from aigreen.linalg.collinearity import independent_columns, symmetric_inverse


@dataclass(frozen=True, eq=False)
class Curve:
    """Effects by dose, or by cell.

    Attributes
    ----------
    values : ndarray, shape (k,)
    psi : ndarray, shape (clusters, k)
        Influence functions.
    share, lost : ndarray, shape (clusters, m)
        As `ClusterShares` has them, the former up to a factor.
    of : ndarray of int, shape (k,)
        Column of these for each effect.
    cohort : ndarray of float, shape (m,)
        Of each column; inf for several.
    """

    values: np.ndarray
    psi: np.ndarray
    share: np.ndarray
    lost: np.ndarray
    of: np.ndarray
    cohort: np.ndarray

    @classmethod
    def over_doses(cls, values: np.ndarray, psi: np.ndarray, share: np.ndarray, lost: np.ndarray) -> Curve:
        """Put together a curve over all cohorts, with shares for each dose, all of shape (..., k)."""
        k = len(values)
        return cls(values, psi, share, lost, np.arange(k), np.full(k, np.inf))


def share_lost(losses: np.ndarray) -> np.ndarray:
    """Divide the second of `losses`, shape (2, clusters, k), by the first; zero where a cluster adds nothing."""
    added, less = losses
    return np.divide(less, added, out=np.zeros_like(added), where=added > 0)


class _Pool:
    """Cells put together by the shares of their cohorts."""

    def __init__(self, found: Regressions, designs: list[Design], mass: Mass, n_clusters: int) -> None:
        self.found, self.designs, self.mass, self.n_clusters = found, designs, mass, n_clusters
        self.p = mass.value[mass.of]
        self.gram = sum(self.p[design.cells].sum() * design.gram for design in designs)

    def zeros(self, k: int) -> np.ndarray:
        """Influence functions of units, shape (N, k), to be filled in."""
        return np.zeros((len(self.found.cohort), k))

    def by_cluster(self, units: np.ndarray) -> np.ndarray:
        """Sum over the units of each cluster, shape (N, k) to (clusters, k)."""
        return sum_by(self.found.wide.clusters, units, self.n_clusters)

    def through_masses(self, slope: np.ndarray) -> np.ndarray:
        """Influence of the shares of cohorts, given the derivative to the mass of each cell, shape (cells, k)."""
        by_mass = np.zeros((len(self.mass.value), slope.shape[1]))
        np.add.at(by_mass, self.mass.of, slope)
        return (
            np.zeros((self.n_clusters, slope.shape[1]))
            if self.mass.influence is None
            else self.mass.influence @ by_mass
        )


def mean_doses(found: Regressions, mass: Mass) -> np.ndarray:
    """Mean dose of treated units in each bin, shape (K,)."""
    pool = _Pool(found, found.designs, mass, 0)
    total = sum(pool.p[design.cells].sum() * (design.doses @ design.weighted) for design in found.designs)
    size = sum(pool.p[design.cells].sum() * design.mean for design in found.designs)
    _check_identified(found, pool.gram)
    return np.clip(total / size, *found.basis.bins)  # rounding must not lead out of the bin


def level_curve(found: Regressions, mass: Mass, at: np.ndarray, n_clusters: int) -> Curve:
    """Average effects at the doses `at`, shape (k,), on units with these doses.

    Raises
    ------
    CollinearError
        The doses do not tell the functions apart.
    """
    pool = _Pool(found, found.designs, mass, n_clusters)
    _check_identified(found, pool.gram)
    V = symmetric_inverse(pool.gram) @ found.basis(at).T
    size = found.basis.size
    moments, psi = np.zeros((len(pool.p), size)), pool.zeros(size)
    for design in found.designs:
        gaps, p, weighted = found.gaps(design), pool.p[design.cells], design.weighted
        moments[design.cells] = gaps.gap @ weighted
        psi[design.treated] += weighted * (p @ gaps.gap)[:, None]
        psi[design.treated] -= np.outer(design.share, p @ moments[design.cells])
        psi[design.controls] += gaps.through_controls(weighted) * (p @ gaps.residual)[:, None]
    beta = symmetric_inverse(pool.gram) @ (pool.p @ moments)
    share, grams = pool.zeros(len(at)), np.zeros((n_clusters, size, size))
    for design in found.designs:
        p = pool.p[design.cells].sum()
        psi[design.treated] -= p * (design.weighted * (design.B @ beta)[:, None])
        psi[design.treated] += p * np.outer(design.share, design.gram @ beta)
        moments[design.cells] -= design.gram @ beta
        share[design.treated] += p * np.abs(design.weighted @ V)
        grams += p * design.grams(found.wide.clusters, n_clusters)
    by_cluster = pool.by_cluster(psi) @ V + pool.through_masses(moments @ V)
    lost = share_lost(losses(grams, symmetric_inverse(pool.gram), found.basis(at).T))
    return Curve.over_doses(found.basis(at) @ beta, by_cluster, pool.by_cluster(share), lost)


def response_curve(found: Regressions, mass: Mass, at: np.ndarray, n_clusters: int) -> Curve:
    """Average causal responses at the doses `at`, shape (k,), over the cells whose doses identify the functions."""
    designs = [design for design in found.designs if design.identified]
    pool = _Pool(found, designs, mass, n_clusters)
    inverse = symmetric_inverse(pool.gram)
    V, slope = inverse @ found.basis(at).T, found.basis.slope(at).T
    response, psi, share = np.zeros((len(pool.p), len(at))), pool.zeros(len(at)), pool.zeros(len(at))
    H, less = np.zeros((found.basis.size, len(at))), np.zeros((2, n_clusters, len(at)))
    for design in designs:
        gaps, p, weight = found.gaps(design), pool.p[design.cells], design.mean @ V
        beta = design.inverse @ (gaps.gap @ design.weighted).T
        response[design.cells] = beta.T @ slope
        H += np.outer(design.mean, p @ response[design.cells])
        a = design.weighted @ (design.inverse @ slope) * weight
        error = p @ gaps.gap - design.B @ (beta @ p)
        psi[design.treated] += a * error[:, None]
        psi[design.controls] += gaps.through_controls(a) * (p @ gaps.residual)[:, None]
        share[design.treated] += p.sum() * np.abs(a)
        less += (p @ p) * weight**2 * design.losses(slope, found.wide.clusters, n_clusters)
    Q = inverse @ H
    moved = np.zeros_like(response)
    for design in designs:
        p = pool.p[design.cells]
        left = (design.B @ V) * (p @ response[design.cells] - p.sum() * (design.B @ Q))
        psi[design.treated] += design.share[:, None] * (left - design.share @ left)
        moved[design.cells] = (design.mean @ V) * response[design.cells] - ((design.gram @ Q) * V).sum(axis=0)
    by_cluster = pool.by_cluster(psi) + pool.through_masses(moved)
    return Curve.over_doses((V * H).sum(axis=0), by_cluster, pool.by_cluster(share), share_lost(less))


def _check_identified(found: Regressions, gram: np.ndarray) -> None:
    bad = np.flatnonzero(~independent_columns(gram, np.diag(gram)))
    if bad.size:
        terms = [found.basis.terms[j] for j in bad[:5]]
        distinct = len(np.unique(np.concatenate([design.doses for design in found.designs])))
        raise CollinearError(
            f"{distinct:,} distinct doses of treated units do not tell {found.basis.size} functions of the dose apart: "
            f"{bad.size:,} are determined by the others, first on {', '.join(terms)}; take fewer knots, a lower "
            "degree, or basis='bins'"
        )
