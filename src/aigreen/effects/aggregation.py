"""Weights that turn effects by cohort and time into averages, with the influence of estimated weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
import pandas as pd

from aigreen.errors import EffectsError, NoInfluenceError, OptionError

Aggregation = Literal["simple", "group", "event_study", "calendar"]

_ASCENDING = {"cohort", "time", "horizon"}
KEYS = {"simple": None, "group": "cohort", "event_study": "horizon", "calendar": "time"}
_ROWS = 4_096
_SERIES = 1e-3  # log ratio below which quotients lose digits and series do not


@dataclass(frozen=True)
class Mass:
    """How much each effect counts in an average, and the sampling error of that.

    Attributes
    ----------
    value : ndarray, shape (m,)
        Masses: cohort shares, or numbers of treated rows.
    of : ndarray of int, shape (k,)
        Position in `value` of each effect.
    influence : ndarray, shape (clusters, m), or None
        Influence functions of `value`; None where the masses are taken as fixed.
    """

    value: np.ndarray
    of: np.ndarray
    influence: np.ndarray | None = None

    def take(self, rows: np.ndarray) -> Mass:
        """Return the masses of these effects."""
        return Mass(self.value, self.of[rows], self.influence)

    def average(self, groups: np.ndarray, n_groups: int) -> Mass:
        """Return the mean mass in each group of effects."""
        share = np.zeros((len(self.value), n_groups))
        np.add.at(share, (self.of, groups), 1.0)
        share /= share.sum(axis=0)
        influence = None if self.influence is None else self.influence @ share
        return Mass(share.T @ self.value, np.arange(n_groups), influence)

    def weighted_mean(
        self, estimates: np.ndarray, influence: np.ndarray | None, groups: np.ndarray, n_groups: int
    ) -> tuple[np.ndarray, np.ndarray | None, np.ndarray]:
        r"""Mass-weighted mean of effects in each group, its influence functions and the weights.

        With :math:`\theta_r = \sum_{j \in r} m_j \theta_j / m_r`,

        .. math::
            \psi_r = \sum_{j \in r} \frac{m_j}{m_r} \psi_j
            + \sum_{j \in r} \frac{\theta_j - \theta_r}{m_r} \psi_{m_j}.

        Parameters
        ----------
        estimates : shape (k,);  influence : shape (clusters, k) or None;  groups : shape (k,), group of each effect.

        Returns
        -------
        estimates : shape (r,);  influence : shape (clusters, r) or None;  weights : shape (k, r)
        """
        m = self.value[self.of]
        total = np.bincount(groups, weights=m, minlength=n_groups)
        weights = _spread(m, total, groups)
        means = weights.T @ estimates
        if influence is None:
            return means, None, weights
        result = _product(influence, weights)
        if self.influence is not None:
            slope = np.zeros((len(self.value), n_groups))
            np.add.at(slope, (self.of, groups), (estimates - means[groups]) / total[groups])
            result += self.influence @ slope
        return means, result, weights


def log_mean(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    r"""Logarithmic mean :math:`L(a, b) = (a - b)/\ln(a/b)` of a >= 0 and b > 0, and its derivatives by a and b.

    :math:`L(b, b) = b` with derivatives 1/2; :math:`L(0, b) = 0`, with derivatives zero in place of infinity and zero.
    """
    positive = a > 0
    ratio = np.log(np.where(positive, a, b)) - np.log(b)
    near = np.abs(ratio) < _SERIES
    x = np.where(near, 1.0, ratio)
    grown = np.where(near, 1 + ratio / 2 + ratio**2 / 6 + ratio**3 / 24, np.expm1(x) / x)  # L / b
    by_a = np.where(near, 0.5 - ratio / 6 + ratio**2 / 24 - ratio**3 / 120, (1 - grown * np.exp(-x)) / x)
    by_b = np.where(near, 0.5 + ratio / 6 + ratio**2 / 24 + ratio**3 / 120, (grown - 1) / x)
    return np.where(positive, b * grown, 0.0), np.where(positive, by_a, 0.0), np.where(positive, by_b, 0.0)


@dataclass(frozen=True)
class LogMeanMass:
    r"""Masses of effects on the log of ratios of two sums, which add up to the log of the ratio of the added sums.

    An effect counts by :math:`L(V_1, V_0)`, the logarithmic mean of the sum of outcomes and the sum of counterfactuals
    of its rows; an average divides by that of the added sums, so that
    :math:`\sum_c L(V_{1c}, V_{0c})\ln(V_{1c}/V_{0c}) = \sum_c (V_{1c} - V_{0c})` makes averages of logs those of the
    whole, in any order of averaging (Sato 1976; Vartia 1976; Ang and Liu 2001).

    Attributes
    ----------
    outcome, counterfactual : ndarray, shape (m,)
        Sums :math:`V_1` and :math:`V_0`.
    of : ndarray of int, shape (k,)
        Position in them of each effect.
    outcome_influence, counterfactual_influence : ndarray, shape (clusters, m)
    """

    outcome: np.ndarray
    counterfactual: np.ndarray
    of: np.ndarray
    outcome_influence: np.ndarray
    counterfactual_influence: np.ndarray

    @property
    def value(self) -> np.ndarray:
        """Logarithmic means, shape (m,)."""
        return log_mean(self.outcome, self.counterfactual)[0]

    @property
    def influence(self) -> np.ndarray:
        """Influence functions of the logarithmic means, shape (clusters, m)."""
        _, by_outcome, by_counterfactual = log_mean(self.outcome, self.counterfactual)
        return self.outcome_influence * by_outcome + self.counterfactual_influence * by_counterfactual

    def take(self, rows: np.ndarray) -> LogMeanMass:
        """Return the masses of these effects."""
        return replace(self, of=self.of[rows])

    def average(self, groups: np.ndarray, n_groups: int) -> LogMeanMass:
        """Return the masses of the added sums of each group of effects."""
        member = np.zeros((len(self.outcome), n_groups))
        np.add.at(member, (self.of, groups), 1.0)
        return LogMeanMass(
            self.outcome @ member,
            self.counterfactual @ member,
            np.arange(n_groups),
            self.outcome_influence @ member,
            self.counterfactual_influence @ member,
        )

    def contributions(
        self, estimates: np.ndarray, influence: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray | None]:
        r"""Effects times their masses, :math:`L_j\theta_j` (in units of the outcome), with influence functions.

        Outcomes that are all zero have :math:`\theta_j = -\infty` and :math:`L_j\theta_j = -V_{0j}`, the limit.
        """
        of, empty = self.of, np.isneginf(estimates)
        mass, finite = self.value[of], np.where(empty, 0.0, estimates)
        values = np.where(empty, -self.counterfactual[of], mass * finite)
        if influence is None:
            return values, None
        psi = influence * np.where(empty, 0.0, mass)
        psi += self.influence[:, of] * finite
        if empty.any():
            lost = of[empty]
            psi[:, empty] = self.outcome_influence[:, lost] - self.counterfactual_influence[:, lost]
        return values, psi

    def weighted_mean(
        self, estimates: np.ndarray, influence: np.ndarray | None, groups: np.ndarray, n_groups: int
    ) -> tuple[np.ndarray, np.ndarray | None, np.ndarray]:
        r"""As `Mass.weighted_mean`, but divided by the logarithmic mean :math:`L_r` of the added sums.

        .. math:: \theta_r = \sum_{j \in r} L_j\theta_j / L_r, \qquad
                  \psi_r = \Big(\sum_{j \in r}\psi_{L_j\theta_j} - \theta_r\psi_{L_r}\Big) / L_r
        """
        whole, (parts, psi) = self.average(groups, n_groups), self.contributions(estimates, influence)
        total = whole.value
        if (total <= 0).any():
            raise EffectsError(
                "an average of logs is not finite: all counts of its treated rows are zero, or all their "
                "counterfactuals (separation)"
            )
        weights = _spread(self.value[self.of], total, groups)
        means = np.bincount(groups, parts, n_groups) / total
        if psi is None:
            return means, None, weights
        member = np.zeros(weights.shape)
        member[np.arange(len(groups)), groups] = 1.0
        return means, (_product(psi, member) - whole.influence * means) / total, weights


def _spread(mass: np.ndarray, total: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Weights of effects in their groups, shape (k, r)."""
    if (total <= 0).any():
        raise EffectsError("an average has no mass: its effects have weight zero")
    weights = np.zeros((len(mass), len(total)))
    weights[np.arange(len(mass)), groups] = mass / total[groups]
    return weights


def _product(influence: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Multiply by blocks of rows: for tall matrices the buffers of a matrix product are as large as the matrix."""
    result = np.empty((len(influence), weights.shape[1]))
    for start in range(0, len(influence), _ROWS):
        np.matmul(influence[start : start + _ROWS], weights, out=result[start : start + _ROWS])
    return result


def covariance_of_sums(covariance: np.ndarray | None, weights: np.ndarray, method: str) -> np.ndarray | None:
    """Covariance of weighted sums of effects, weights of shape (k, r); sums of unreported covariances are refused."""
    if covariance is None:
        return None
    unknown = np.isnan(covariance)
    touched = (np.abs(weights).T @ unknown @ np.abs(weights)) > 0
    if np.diag(touched).any():
        raise NoInfluenceError(f"{method} reports no covariances of its effects, so no error of their average")
    mixed = weights.T @ np.where(unknown, 0.0, covariance) @ weights
    return np.where(touched, np.nan, mixed)


def group_index(levels: Mapping[str, pd.Index], n: int) -> tuple[np.ndarray, pd.Index]:
    """Code n effects by `levels`, each of length n; without levels they form one group, labelled ATT.

    Cohorts, periods and horizons ascend; other labels keep the order in which they first occur.
    """
    if not levels:
        return np.zeros(n, dtype=np.intp), pd.Index(["ATT"], name="effect")
    coded = (level.factorize(sort=name in _ASCENDING) for name, level in levels.items())
    codes, labels = zip(*coded, strict=True)
    if len(levels) == 1:
        return codes[0], labels[0].rename(*levels)
    shape = [len(label) for label in labels]
    present, groups = np.unique(np.ravel_multi_index(codes, shape), return_inverse=True)
    arrays = [label.take(at) for label, at in zip(labels, np.unravel_index(present, shape), strict=True)]
    return groups, pd.MultiIndex.from_arrays(arrays, names=list(levels))


def levels_kept(index: pd.Index, how: str) -> list[str]:
    """Levels that stay when effects are aggregated `how`: its key, and what is neither cohort, time nor horizon."""
    if how not in KEYS:
        raise OptionError("aggregate", how, get_args(Aggregation))
    key = KEYS[how]
    others = [name for name in index.names if name not in _ASCENDING]
    return [*others, key] if key else others
