"""Weights that turn effects by cohort and time into averages, with the influence of estimated weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import pandas as pd

from aigreen.errors import EffectsError, NoInfluenceError, OptionError

Aggregation = Literal["simple", "group", "event_study", "calendar"]

_ASCENDING = {"cohort", "time", "horizon"}
KEYS = {"simple": None, "group": "cohort", "event_study": "horizon", "calendar": "time"}
_ROWS = 4_096


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
    estimates: np.ndarray, influence: np.ndarray | None, mass: Mass, groups: np.ndarray, n_groups: int
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
    m = mass.value[mass.of]
    total = np.bincount(groups, weights=m, minlength=n_groups)
    if (total <= 0).any():
        raise EffectsError("an average has no mass: its effects have weight zero")
    weights = np.zeros((len(estimates), n_groups))
    weights[np.arange(len(estimates)), groups] = m / total[groups]
    means = weights.T @ estimates
    if influence is None:
        return means, None, weights
    result = _product(influence, weights)
    if mass.influence is not None:
        slope = np.zeros((len(mass.value), n_groups))
        np.add.at(slope, (mass.of, groups), (estimates - means[groups]) / total[groups])
        result += mass.influence @ slope
    return means, result, weights


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
