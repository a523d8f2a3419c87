r"""Unit effects and a free time profile for each group: the engine of interaction-weighted and stacked event studies.

.. math:: y_{it} = \alpha_i + \delta_{g(i)t} + x_{it}'\beta + e_{it}

Units stand in one group each, so that given :math:`\beta` the groups separate. With unit weights eliminated, group g
leaves the small system :math:`S_g \delta_g = r_g` in its T periods, where

.. math:: S_g = C_g - B_g'A_g^{-1}B_g, \quad r_g = \sum_i w_{it}(y_{it} - \bar y_i),

with :math:`B_g` the units x periods weights and :math:`A_g, C_g` their row and column sums. A saturated regression on
hundreds of cohort x period dummies thus costs a few passes over the rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array, csgraph, csr_array

from aigreen.absorb import beside, take_rows
from aigreen.did.regression import column_scale
from aigreen.did.sandwich import independent_columns, is_nested, sum_by


@dataclass(frozen=True)
class Contrast:
    """One effect: the change of a group since its reference period, less that of its control group (codes)."""

    group: int
    time: int
    reference: int
    control: int


class Profiles:
    """Projection on unit effects and group x time effects.

    Parameters
    ----------
    unit, group, time : ndarray of int, shape (n,)
        Codes without gaps; `group` is constant within units.
    weights : ndarray, shape (n,), or None
    """

    def __init__(self, unit: np.ndarray, group: np.ndarray, time: np.ndarray, weights: np.ndarray | None) -> None:
        self.unit, self.group, self.time = unit, group, time
        self.n_units, self.n_groups, self.n_times = (int(c.max()) + 1 for c in (unit, group, time))
        self.weights = np.ones(len(unit)) if weights is None else weights
        self.cell = group * self.n_times + time
        self.total = np.bincount(unit, self.weights, self.n_units)
        shape = (self.n_units, self.n_times)
        self._by_unit = np.bincount(unit * self.n_times + time, self.weights, shape[0] * shape[1]).reshape(shape)
        self._unit_group = np.zeros(self.n_units, dtype=np.intp)
        self._unit_group[unit] = group
        self.component = np.full((self.n_groups, self.n_times), -1)
        self.inverse = np.zeros((self.n_groups, self.n_times, self.n_times))
        for g in range(self.n_groups):
            self._invert(g)

    def _invert(self, g: int) -> None:
        """Invert S_g, with the first period of each connected set of periods as its zero."""
        of_group = self._unit_group == g
        b = self._by_unit[of_group]
        s = np.diag(b.sum(axis=0)) - (b / self.total[of_group, None]).T @ b
        present = np.flatnonzero(b.any(axis=0))
        touch = csr_array(b[:, present].T @ b[:, present])
        labels = csgraph.connected_components(touch, directed=False)[1]
        self.component[g, present] = labels
        free = np.setdiff1d(present, present[np.unique(labels, return_index=True)[1]])
        if free.size:
            self.inverse[g][np.ix_(free, free)] = np.linalg.inv(s[np.ix_(free, free)])

    @property
    def n_free(self) -> np.ndarray:
        """Number of free parameters in each group's profile, shape (groups,): periods less connected sets."""
        return (self.component >= 0).sum(axis=1) - (self.component.max(axis=1) + 1)

    def fit(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return profiles, shape (groups, times, k), and residuals, shape (n, k), of columns."""
        weighted = values * self.weights[:, None]
        mean = sum_by(self.unit, weighted, self.n_units) / self.total[:, None]
        weighted -= take_rows(mean, self.unit) * self.weights[:, None]
        right = sum_by(self.cell, weighted, self.n_groups * self.n_times)
        profile = self.inverse @ right.reshape(self.n_groups, self.n_times, -1)
        rest = values - take_rows(profile.reshape(-1, values.shape[1]), self.cell)
        mean = sum_by(self.unit, rest * self.weights[:, None], self.n_units) / self.total[:, None]
        rest -= take_rows(mean, self.unit)
        return profile, rest

    def identified(self, c: Contrast) -> bool:
        """Whether connected rows link both groups' period with their reference."""
        return all(self.component[g, c.time] == self.component[g, c.reference] >= 0 for g in (c.group, c.control))

    def influence(
        self, scores: np.ndarray, contrasts: Sequence[Contrast], clusters: np.ndarray, n_clusters: int
    ) -> np.ndarray:
        """Sum the influence of rows on the contrasts by cluster, shape (n_clusters, len(contrasts)).

        Parameters
        ----------
        scores : shape (n,)
            Weight times residual.
        """
        nested = is_nested(self.unit, clusters)
        psi = np.zeros((n_clusters, len(contrasts)))
        for g in range(self.n_groups):
            slopes = np.zeros((self.n_times, len(contrasts)))
            for j, c in enumerate(contrasts):
                sign = (c.group == g) - float(c.control == g)
                if sign:
                    slopes[:, j] = sign * (self.inverse[g][:, c.time] - self.inverse[g][:, c.reference])
            columns = np.flatnonzero(slopes.any(axis=0))
            if not columns.size:
                continue
            rows = np.flatnonzero(self.group == g)
            who, s = clusters[rows], scores[rows]
            cells = np.bincount(who * self.n_times + self.time[rows], s, n_clusters * self.n_times)
            part = cells.reshape(n_clusters, self.n_times) @ slopes[:, columns]
            if not nested:
                unit = self.unit[rows]
                sums = coo_array((s / self.total[unit], (who, unit)), shape=(n_clusters, self.n_units)).tocsr()
                part -= sums @ (self._by_unit @ slopes[:, columns])
            psi[:, columns] += part
        return psi


@dataclass(frozen=True)
class SaturatedFit:
    """Contrasts and covariate slopes with influence by cluster (no small-sample factor).

    Attributes
    ----------
    values : ndarray, shape (k,)
    psi : ndarray, shape (n_clusters, k)
    kept : ndarray of bool, shape (p,)
        Covariates that the effects and earlier covariates do not determine.
    """

    values: np.ndarray
    psi: np.ndarray
    kept: np.ndarray


def saturated_fit(
    profiles: Profiles,
    y: np.ndarray,
    X: np.ndarray,
    contrasts: Sequence[Contrast],
    clusters: np.ndarray,
    n_clusters: int,
) -> SaturatedFit:
    r"""Estimate contrasts of profiles.

    With :math:`\gamma(\cdot)` the contrast of a column's profile, :math:`\hat\tau = \gamma(y) - \gamma(X)\hat\beta` and

    .. math:: \psi_c(\hat\tau) = \sum_{i \in c} w_i e_i f_i'(F'WF)^-f_\tau - \gamma(X)\psi_c(\hat\beta).
    """
    X = X / column_scale(X)
    profile, residual = profiles.fit(beside(y, X))
    w = profiles.weights
    residual_y, residual_x = residual[:, 0], residual[:, 1:]
    centred = X - np.average(X, axis=0, weights=w) if X.shape[1] else X
    kept = independent_columns((residual_x * w[:, None]).T @ residual_x, w @ centred**2)
    residual_x = residual_x[:, kept]
    bread = np.linalg.inv((residual_x * w[:, None]).T @ residual_x)
    beta = bread @ (residual_x.T @ (w * residual_y))
    scores = w * (residual_y - residual_x @ beta)
    g, t, r, c = (np.array([getattr(x, name) for x in contrasts]) for name in ("group", "time", "reference", "control"))
    gamma = profile[g, t] - profile[g, r] - profile[c, t] + profile[c, r]
    of_y, of_x = gamma[:, 0], gamma[:, 1:][:, kept]
    psi = profiles.influence(scores, contrasts, clusters, n_clusters)
    if kept.any():
        psi -= sum_by(clusters, residual_x * scores[:, None], n_clusters) @ bread @ of_x.T
    return SaturatedFit(of_y - of_x @ beta, psi, kept)
