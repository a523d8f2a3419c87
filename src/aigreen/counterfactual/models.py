"""Models of the untreated outcome, fitted on untreated rows and predicted for all, with their influence functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import linalg, sparse

from aigreen.errors import CollinearError, ConvergenceError, EstimationError
from aigreen.linalg.arrays import beside, sum_by, take_rows
from aigreen.linalg.collinearity import independent_of_effects
from aigreen.linalg.fixed_effects import FixedEffects
from aigreen.panel.dropped import Dropped

_STEP = 1e-8
_ITERATIONS = 200


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
        scores = take_rows(self.covariates, self.effects.rows) * self.scores[:, None]
        return sum_by(clusters, scores, n_clusters) @ self.bread

    def influence(self, targets: sparse.coo_array, clusters: np.ndarray, n_clusters: int) -> np.ndarray:
        r"""Influence functions of :math:`w'\hat\mu` for weights `targets` (n, k), shape (n_clusters, k)."""
        if self.slope is not None:
            row, column = targets.coords
            data = targets.data * self.slope[row]
            moves = data != 0
            targets = sparse.coo_array((data[moves], (row[moves], column[moves])), targets.shape)
        psi = self.effects.cluster_sums(self.scores, targets, clusters, n_clusters)
        if self.beta.size:
            psi += self.beta_influence(clusters, n_clusters) @ (targets.T @ self.covariates).T
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
    r"""Poisson pseudo-maximum likelihood on the fitted rows by iteratively reweighted least squares.

    Each step regresses :math:`z = \eta + (y - \mu)/\mu` on effects and covariates with weights :math:`w\mu`.
    Separated rows must have been left out.

    Raises
    ------
    ConvergenceError
    """
    rows = effects.rows
    y0, X0 = y[rows], take_rows(X, rows)
    w0 = np.ones(len(rows)) if weights is None else weights[rows]
    inner = FixedEffects([c[rows] for c in effects.codes])
    mu = _product_of_means(y0, w0, inner.codes)
    eta = np.log(mu)
    deviance = np.inf
    for _ in range(_ITERATIONS):
        z = eta + (y0 - mu) / mu
        try:
            inner = inner.reweight(w0 * mu)
            step = _index(z, X0, inner, w0 * mu) - eta
        except (linalg.LinAlgError, EstimationError):  # means run to zero
            break
        size = 1.0
        while True:
            trial = eta + size * step
            with np.errstate(over="ignore"):
                mu = np.exp(trial)
            likelihood = float(w0 @ (mu - y0 * trial))
            if likelihood <= deviance + 1e-9 * abs(deviance) or size < 1e-4:
                break
            size /= 2
        eta, deviance = trial, likelihood
        if not np.isfinite(deviance):
            break
        if size == 1.0 and np.abs(step).max() < _STEP:
            return _poisson_solution(y, X, effects, w0, eta, mu)
    raise ConvergenceError(
        "the Poisson fit on untreated rows did not converge: covariates or effects may separate some rows"
    )


def _product_of_means(y: np.ndarray, w: np.ndarray, codes: tuple[np.ndarray, ...]) -> np.ndarray:
    """Mean of the outcome times the relative mean of each effect: near the solution without covariates."""
    mean = (w @ y) / w.sum()
    mu = np.full(len(y), mean)
    for code in codes:
        size = np.bincount(code, w)
        relative = np.bincount(code, w * y) / np.where(size > 0, size, 1.0) / mean
        mu *= relative[code]
    return mu


def _poisson_solution(
    y: np.ndarray, X: np.ndarray, effects: FixedEffects, w0: np.ndarray, eta: np.ndarray, mu: np.ndarray
) -> Untreated:
    """Predict all rows from the converged working regression."""
    n, rows = len(y), effects.rows
    fitted, weights, z = np.zeros(n, dtype=bool), np.ones(n), np.zeros(n)
    fitted[rows], weights[rows], z[rows] = True, w0 * mu, eta + (y[rows] - mu) / mu
    effects = FixedEffects(effects.codes, fitted=fitted, weights=weights)
    model = fit_linear(z, X, effects, weights)
    with np.errstate(over="ignore"):
        mean = np.exp(np.where(effects.reached, model.mean, -np.inf))
    if not np.isfinite(mean).all():
        raise EstimationError("counterfactual means overflow: covariates of treated rows are far outside the untreated")
    scores = w0 * (y[rows] - mean[rows])
    return Untreated(mean, mean, scores, effects, model.covariates, model.beta, model.bread)


def _index(z: np.ndarray, X: np.ndarray, effects: FixedEffects, weights: np.ndarray) -> np.ndarray:
    """Fitted values of a weighted regression where all rows are fitted."""
    if not X.shape[1]:
        return effects.predict(effects.coefficients(z))
    both = beside(z, X)
    within = both - effects.predict(effects.coefficients(both))
    beta, _ = _regress(within, weights)
    return z - within[:, 0] + within[:, 1:] @ beta


def _regress(within: np.ndarray, weights: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients of the first column on the others, and the inverse of the others' cross-products."""
    x = within[:, 1:]
    wx = x if weights is None else x * weights[:, None]
    scale = 1.0 / np.sqrt(np.einsum("ij,ij->j", wx, x))
    try:
        factor = linalg.cho_factor((wx.T @ x) * scale[:, None] * scale, check_finite=True)
    except (linalg.LinAlgError, ValueError) as error:
        raise CollinearError("the covariates are collinear on the untreated rows") from error
    bread = linalg.cho_solve(factor, np.diag(scale)) * scale[:, None]
    return bread @ (wx.T @ within[:, 0]), bread
