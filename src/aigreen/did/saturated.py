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

from aigreen.linalg.arrays import crosstab, is_nested
from aigreen.linalg.collinearity import column_scale, column_size, independent_columns


@dataclass(frozen=True)
class Contrast:
    """One effect: the change of a group since its reference period, less that of its control group (codes)."""

    group: int
    time: int
    reference: int
    control: int


class GroupProfiles:
    """Time profiles of groups, in each connected set of periods relative to its first.

    Parameters
    ----------
    size : ndarray, shape (groups, times)
        Rows (sum of weights) of each group in each period.
    through : ndarray, shape (groups, times, times)
        :math:`B_g'A_g^{-1}B_g`.

    Attributes
    ----------
    component : ndarray of int, shape (groups, times)
        Connected set of periods of the group, -1 without rows.
    inverse : ndarray, shape (groups, times, times)
        Of :math:`S_g`, zero for the first period of each set.
    """

    def __init__(self, size: np.ndarray, through: np.ndarray) -> None:
        self.size = size
        self.n_groups, self.n_times = size.shape
        self.component = np.full(size.shape, -1)
        self.inverse = np.zeros(through.shape)
        for g in range(self.n_groups):
            present = np.flatnonzero(size[g])
            touch = csr_array(through[g][np.ix_(present, present)])
            labels = csgraph.connected_components(touch, directed=False)[1]
            self.component[g, present] = labels
            free = np.setdiff1d(present, present[np.unique(labels, return_index=True)[1]])
            if free.size:
                at = np.ix_(free, free)
                self.inverse[g][at] = np.linalg.inv((np.diag(size[g]) - through[g])[at])

    @property
    def n_free(self) -> np.ndarray:
        """Number of free parameters in each group's profile, shape (groups,): periods less connected sets."""
        return (self.component >= 0).sum(axis=1) - (self.component.max(axis=1) + 1)

    def identified(self, c: Contrast) -> bool:
        """Whether connected rows link both groups' period with their reference."""
        return all(
            g < self.n_groups and self.component[g, c.time] == self.component[g, c.reference] >= 0
            for g in (c.group, c.control)
        )

    def slopes(self, contrasts: Sequence[Contrast]) -> np.ndarray:
        """Differentiate contrasts by the right sides of all equations, shape (groups, times, contrasts)."""
        group, time, reference, control = _codes(contrasts)
        each = np.arange(len(contrasts))
        slopes = np.zeros((self.n_groups, self.n_times, len(contrasts)))
        slopes[group, :, each] = self.inverse[group, time] - self.inverse[group, reference]
        slopes[control, :, each] = self.inverse[control, reference] - self.inverse[control, time]
        return slopes


class Profiles(GroupProfiles):
    """Projection on unit effects and group x time effects.

    Parameters
    ----------
    unit, group, time : ndarray of int, shape (n,)
        Codes without gaps; `group` is constant within units.
    weights : ndarray, shape (n,), or None
    """

    def __init__(self, unit: np.ndarray, group: np.ndarray, time: np.ndarray, weights: np.ndarray | None) -> None:
        self.unit, self.weights = unit, weights
        self.n_units, n_groups, self.n_times = (int(c.max()) + 1 for c in (unit, group, time))
        self.cell = group * self.n_times + time
        self._by_unit = self._table(unit, time, self.n_units)
        self.total = self._by_unit.sum(axis=1)
        self._unit_group = np.zeros(self.n_units, dtype=np.intp)
        self._unit_group[unit] = group
        through = products_of_units(self._by_unit, self._unit_group, n_groups)
        super().__init__(self._table(group, time, n_groups), through)

    def _table(self, codes: np.ndarray, time: np.ndarray, n: int) -> np.ndarray:
        """Rows (sum of weights) by code and period, shape (n, times)."""
        sums = np.bincount(codes * self.n_times + time, self.weights, n * self.n_times)
        return sums.reshape(n, self.n_times).astype(float, copy=False)

    def _weighted(self, values: np.ndarray) -> np.ndarray:
        return values if self.weights is None else values * self.weights

    def fit(self, values: np.ndarray) -> np.ndarray:
        """Return profiles of columns, shape (groups, times, k), and leave their residuals in `values`, shape (n, k)."""
        right = np.zeros((self.n_groups * self.n_times, values.shape[1]))
        for j, column in enumerate(values.T):
            self._centre(column)
            right[:, j] = np.bincount(self.cell, self._weighted(column), len(right))
        profile = self.inverse @ right.reshape(self.n_groups, self.n_times, -1)
        for j, column in enumerate(values.T):
            column -= profile[:, :, j].ravel()[self.cell]
            self._centre(column)
        return profile

    def _centre(self, column: np.ndarray) -> None:
        """Take the means of units out of a column, in place."""
        mean = np.bincount(self.unit, self._weighted(column), self.n_units) / self.total
        column -= mean[self.unit]

    def influence(
        self, scores: np.ndarray, contrasts: Sequence[Contrast], clusters: np.ndarray, n_clusters: int
    ) -> np.ndarray:
        """Sum the influence of rows on the contrasts by cluster, shape (n_clusters, len(contrasts)).

        Parameters
        ----------
        scores : shape (n,)
            Weight times residual.
        """
        group, _, _, control = _codes(contrasts)
        slopes = self.slopes(contrasts)
        cells = crosstab(clusters, self.cell, scores, n_clusters, self.n_groups * self.n_times)
        psi = cells @ slopes.reshape(-1, len(contrasts))
        if not is_nested(self.unit, clusters):
            shape = (n_clusters, self.n_units)
            sums = coo_array((scores / self.total[self.unit], (clusters, self.unit)), shape=shape).tocsc()
            for g in range(self.n_groups):
                units, columns = np.flatnonzero(self._unit_group == g), np.flatnonzero((group == g) | (control == g))
                psi[:, columns] -= sums[:, units] @ (self._by_unit[units] @ slopes[g][:, columns])
        return psi


def products_of_units(by_unit: np.ndarray, group: np.ndarray, n_groups: int) -> np.ndarray:
    """Sum :math:`bb'/b'1` over the units of each group, b their weights by period; shape (groups, times, times)."""
    out = np.zeros((n_groups, by_unit.shape[1], by_unit.shape[1]))
    for g in range(n_groups):
        b = by_unit[group == g]
        out[g] = (b / b.sum(axis=1)[:, None]).T @ b
    return out


def contrasts_of(profile: np.ndarray, contrasts: Sequence[Contrast]) -> np.ndarray:
    """Contrasts of profiles, shape (groups, times, k); shape (len(contrasts), k)."""
    g, t, r, c = _codes(contrasts)
    return profile[g, t] - profile[g, r] - profile[c, t] + profile[c, r]


def _codes(contrasts: Sequence[Contrast]) -> tuple[np.ndarray, ...]:
    """Group, time, reference and control of the contrasts."""
    return tuple(np.array([(c.group, c.time, c.reference, c.control) for c in contrasts], dtype=int).reshape(-1, 4).T)


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
    profiles: Profiles, values: np.ndarray, contrasts: Sequence[Contrast], clusters: np.ndarray, n_clusters: int
) -> SaturatedFit:
    r"""Estimate contrasts of profiles.

    With :math:`\gamma(\cdot)` the contrast of a column's profile, :math:`\hat\tau = \gamma(y) - \gamma(X)\hat\beta` and

    .. math:: \psi_c(\hat\tau) = \sum_{i \in c} w_i e_i f_i'(F'WF)^-f_\tau - \gamma(X)\psi_c(\hat\beta).

    Parameters
    ----------
    values : ndarray, shape (n, 1 + p)
        Outcome and covariates; overwritten.
    """
    w, x = profiles.weights, values[:, 1:]
    x /= column_scale(x)
    size = column_size(x, w)
    profile = profiles.fit(values)
    weighted = x if w is None else x * w[:, None]
    gram = weighted.T @ x
    kept = independent_columns(gram, size)
    bread = np.linalg.inv(gram[np.ix_(kept, kept)])
    beta = np.zeros(len(kept))
    beta[kept] = bread @ (weighted.T @ values[:, 0])[kept]
    scores = values[:, 0] - x @ beta
    if w is not None:
        scores *= w
    gamma = contrasts_of(profile, contrasts)
    psi = profiles.influence(scores, contrasts, clusters, n_clusters)
    if kept.any():
        slopes = [np.bincount(clusters, x[:, j] * scores, n_clusters) for j in np.flatnonzero(kept)]
        psi -= np.column_stack(slopes) @ bread @ gamma[:, 1:][:, kept].T
    return SaturatedFit(gamma[:, 0] - gamma[:, 1:] @ beta, psi, kept)
