"""Models of the untreated outcome, fitted on untreated rows and predicted for all, with their influence functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import linalg, sparse

from aigreen.errors import CollinearError, EstimationError
from aigreen.linalg import poisson
from aigreen.linalg.arrays import beside, sum_of_targets, take_rows
from aigreen.linalg.collinearity import independent_of_effects
from aigreen.linalg.fixed_effects import FixedEffects
from aigreen.panel.dropped import Dropped


@dataclass(frozen=True, eq=False)
class Untreated:
    r"""Counterfactual of all rows, :math:`\hat\mu = F'\hat\gamma + X'\hat\beta`, or the exponential of that.

    Attributes
    ----------
    mean : ndarray, shape (n,)
        Without meaning where the rows are not reached; zero there for counts.
    slope : ndarray, shape (n,), or None
        Derivative of the mean by the index; None for one.
    scores : ndarray, shape (n_fitted,)
        Weight times residual.
    effects : FixedEffects
        Projection at the solution.
    covariates : ndarray, shape (n, p)
        Covariates less their fixed effects.
    beta : ndarray, shape (p,)
    bread : ndarray, shape (p, p)
        Inverse of the weighted cross-products of `covariates` on the fitted rows.
    """

    mean: np.ndarray
    slope: np.ndarray | None
    scores: np.ndarray
    effects: FixedEffects
    covariates: np.ndarray
    beta: np.ndarray
    bread: np.ndarray

    def beta_influence(self, clusters: np.ndarray, n_clusters: int) -> np.ndarray:
        r"""Influence functions of :math:`\hat\beta` by cluster of the fitted rows, shape (n_clusters, p)."""
        rows = self.effects.rows
        sums = [np.bincount(clusters, x.take(rows) * self.scores, n_clusters) for x in self.covariates.T]
        return np.reshape(sums, (len(sums), n_clusters)).T @ self.bread

    def influence(self, targets: sparse.coo_array, clusters: np.ndarray, n_clusters: int) -> np.ndarray:
        r"""Influence functions of :math:`w'\hat\mu` for weights `targets` (n, k), shape (n_clusters, k)."""
        if self.slope is not None:
            row, column = targets.coords
            data = targets.data * self.slope[row]
            moves = data != 0
            if not moves.all():
                data, row, column = data[moves], row[moves], column[moves]
            targets = sparse.coo_array((data, (row, column)), targets.shape)
        psi = self.effects.cluster_sums(self.scores, targets, clusters, n_clusters)
        if self.beta.size:
            psi += self.beta_influence(clusters, n_clusters) @ sum_of_targets(self.covariates, targets)
        return psi


def usable_covariates(
    X: np.ndarray, names: Sequence[str], effects: FixedEffects, weights: np.ndarray | None, dropped: Dropped
) -> tuple[np.ndarray, np.ndarray]:
    """Covariates that fixed effects and earlier ones do not determine on the fitted rows; the others are counted.

    Returns
    -------
    X : ndarray, shape (n, p)
    reached : ndarray of bool, shape (n,)
        Rows whose counterfactual does not hinge on a covariate that is left out.
    """
    keep, reached = independent_of_effects(effects, X, weights)
    dropped.collinear(names, keep)
    return X[:, keep], reached


def fit_linear(y: np.ndarray, X: np.ndarray, effects: FixedEffects, weights: np.ndarray | None) -> Untreated:
    """Least squares on the fitted rows; covariates must be independent."""
    if not X.shape[1]:
        residual = y - effects.predict(effects.coefficients(y))
        scores = residual[effects.rows]
        scores = scores if weights is None else scores * weights[effects.rows]
        none = np.zeros((len(y), 0))
        return Untreated(y - residual, None, scores, effects, none, np.zeros(0), np.zeros((0, 0)))
    both = beside(y, X)
    within = both - effects.predict(effects.coefficients(both))
    w0 = None if weights is None else weights[effects.rows]
    beta, bread = _regress(take_rows(within, effects.rows), w0)
    residual = within[:, 0] - within[:, 1:] @ beta
    scores = residual[effects.rows]
    scores = scores if w0 is None else scores * w0
    return Untreated(y - residual, None, scores, effects, within[:, 1:], beta, bread)


def fit_poisson(y: np.ndarray, X: np.ndarray, effects: FixedEffects, weights: np.ndarray | None) -> Untreated:
    """Poisson pseudo-maximum likelihood on the fitted rows; covariates must be independent.

    Separated rows must have been left out.

    Raises
    ------
    ConvergenceError, CollinearError
    """
    rows = effects.rows
    w0 = None if weights is None else weights[rows]
    x = take_rows(X, rows)
    centre = x.mean(axis=0)
    x -= centre
    fit = poisson.fit_poisson(y[rows], x, effects, w0)
    del x
    effects = fit.effects
    mean = effects.predict(fit.gamma)
    mean += X @ fit.beta - centre @ fit.beta
    mean[~effects.reached] = -np.inf
    with np.errstate(over="ignore"):
        np.exp(mean, out=mean)
    if not np.isfinite(mean).all():
        raise EstimationError("counterfactual means overflow: covariates of treated rows are far outside the untreated")
    scores = y[rows] - fit.mean
    scores = scores if w0 is None else scores * w0
    within = effects.predict(effects.coefficients(X))
    np.subtract(X, within, out=within)
    bread = _bread(take_rows(within, rows), fit.mean if w0 is None else w0 * fit.mean)
    return Untreated(mean, mean, scores, effects, within, fit.beta, bread)


def _regress(within: np.ndarray, weights: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients of the first column on the others, and the inverse of the others' cross-products."""
    x = within[:, 1:]
    bread = _bread(x, weights)
    return bread @ ((x if weights is None else x * weights[:, None]).T @ within[:, 0]), bread


def _bread(x: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    """Inverse of the weighted cross-products, whatever the units of the columns."""
    if not x.shape[1]:
        return np.zeros((0, 0))
    wx = x if weights is None else x * weights[:, None]
    scale = 1.0 / np.sqrt(np.einsum("ij,ij->j", wx, x))
    try:
        factor = linalg.cho_factor((wx.T @ x) * scale[:, None] * scale, check_finite=True)
    except (linalg.LinAlgError, ValueError) as error:
        raise CollinearError("the covariates are collinear on the untreated rows") from error
    return linalg.cho_solve(factor, np.diag(scale)) * scale[:, None]
