"""Least squares, two-stage least squares and Poisson with absorbed fixed effects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from aigreen.errors import CollinearError, ConvergenceError, SeparatedError
from aigreen.linalg import poisson
from aigreen.linalg.arrays import cross_products
from aigreen.linalg.collinearity import column_scale, independent_columns
from aigreen.linalg.fixed_effects import FixedEffects
from aigreen.linalg.varying_slopes import Slope, absorb
from aigreen.regression.separation import separated_rows

TOLERANCE = 1e-10
EXPLAINED = 1e-9  # left of a standard deviation where all is explained: projections stop at `TOLERANCE`
# Rounds of alternating projections. Effects that few rows connect take thousands; the exact way is then sooner.
PATIENCE = 300


@dataclass(frozen=True)
class Regression:
    """A fit.

    Attributes
    ----------
    beta : ndarray, shape (k,)
    scores : ndarray, shape (n, k)
        Each row's contribution to the estimating equations; they sum to zero.
    bread : ndarray, shape (k, k)
        Inverse of minus the derivative of the estimating equations.
    sigma2 : float
        Sum of squared residuals over n - 1 (least squares), or 1 (Poisson).
    mean : ndarray, shape (n,), optional
        Fitted means (Poisson).
    """

    beta: np.ndarray
    scores: np.ndarray
    bread: np.ndarray
    sigma2: float
    mean: np.ndarray | None = None

    @property
    def influence(self) -> np.ndarray:
        """Influence of each row on `beta`, shape (n, k)."""
        return self.scores @ self.bread

    def scaled(self, factor: np.ndarray) -> Regression:
        """Return the fit for coefficients multiplied by `factor`, shape (k,)."""
        return replace(
            self, beta=self.beta * factor, scores=self.scores / factor, bread=self.bread * np.outer(factor, factor)
        )


def project(
    values: np.ndarray, effects: Sequence[np.ndarray], weights: np.ndarray | None, slopes: Sequence[Slope] = ()
) -> np.ndarray:
    """Take fixed effects out of the columns of `values`, shape (n, k), by alternating projections or, if slow, exactly.

    With varying slopes always exactly.

    Raises
    ------
    ConvergenceError
    """
    if slopes and values.shape[1]:
        return absorb(effects, slopes, weights=weights).residualize(values)
    if not effects or not values.shape[1]:
        return values
    from pyfixest.core.demean import demean

    codes = np.column_stack(effects).astype(np.uint64)
    weights = np.ones(len(values)) if weights is None else weights
    residuals, converged = demean(values, codes, weights, TOLERANCE, PATIENCE)
    return residuals if converged else FixedEffects(effects, weights=weights).residualize(values)


def least_squares(y: np.ndarray, X: np.ndarray, Z: np.ndarray | None, weights: np.ndarray | None) -> Regression:
    r"""Least squares, or two-stage least squares with instruments `Z` (which include the exogenous columns of `X`).

    .. math:: \hat\beta = (\hat X' W X)^{-1} \hat X' W y, \quad \hat X = Z (Z'WZ)^{-1} Z'WX, \quad
              s_i = w_i \hat x_i (y_i - x_i'\hat\beta).
    """
    root = np.ones(len(y)) if weights is None else np.sqrt(weights)
    y, X = y * root, X * root[:, None]
    fitted = X
    if Z is not None:
        Z = Z * root[:, None]
        fitted = Z @ np.linalg.lstsq(Z.T @ Z, Z.T @ X, rcond=None)[0]
        gram = fitted.T @ fitted
        if not independent_columns(gram, np.einsum("ij,ij->j", X, X)).all():
            raise CollinearError("the instruments do not move the treatments apart from the covariates")
    bread = np.linalg.inv(fitted.T @ fitted)
    beta = bread @ (fitted.T @ y)
    residual = y - X @ beta
    return Regression(beta, fitted * residual[:, None], bread, float(residual @ residual) / (len(y) - 1))


def fit_poisson(
    y: np.ndarray,
    X: np.ndarray,
    projected: np.ndarray,
    effects: FixedEffects | None,
    weights: np.ndarray | None,
    offset: np.ndarray | None,
) -> tuple[Regression | None, np.ndarray]:
    r"""Fit a Poisson regression, with scores :math:`w_i \tilde x_i (y_i - \mu_i)`, or find the rows that it separates.

    Parameters
    ----------
    y : ndarray, shape (n,)
    X, projected : ndarray, shape (n, k)
        Columns, and what fixed effects leave of them, in units of standard deviations, in whose place come the scores;
        without effects they span an intercept.
    effects : FixedEffects, optional
        Of all rows.
    weights, offset : ndarray, shape (n,), optional

    Returns
    -------
    regression, or None where rows are separated; mask of these rows

    Raises
    ------
    ConvergenceError, CollinearError
    """
    try:
        beta, mean, within = _poisson(y, projected, effects, weights, offset)
    except SeparatedError as found:
        return None, found.rows
    except (CollinearError, ConvergenceError):
        gone = separated_rows(y, X / column_scale(X), [] if effects is None else effects.codes)
        if not gone.any():
            raise
        return None, gone
    residual, v = y - mean, mean
    if weights is not None:
        residual, v = weights * residual, weights * v
    bread = np.linalg.inv(cross_products(within, within, v))
    within *= residual[:, None]
    return Regression(beta, within, bread, 1.0, mean), np.zeros(len(y), dtype=bool)


def _poisson(
    y: np.ndarray,
    X: np.ndarray,
    effects: FixedEffects | None,
    weights: np.ndarray | None,
    offset: np.ndarray | None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return coefficients, means and columns within effects, in place of `X`.

    Without effects the intercept is taken as one of one level.
    """
    if effects is not None:
        fit = poisson.fit_poisson(y, X, effects, weights, offset)
        gamma = fit.effects.coefficients(X)
        for j, x in enumerate(X.T):
            x -= fit.effects.predict([of_level[:, j] for of_level in gamma])
        return fit.beta, fit.mean, X
    intercept = np.linalg.lstsq(X, np.ones(len(X)), rcond=None)[0]
    j = int(np.abs(intercept).argmax())
    fit = poisson.fit_poisson(
        y, np.delete(X, j, axis=1), FixedEffects([np.zeros(len(X), dtype=np.intp)]), weights, offset
    )  # fmt: skip
    return np.insert(fit.beta, j, 0.0) + fit.gamma[0] * intercept, fit.mean, X
