"""Least squares, two-stage least squares and Poisson with absorbed fixed effects; pyfixest projects and iterates."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from aigreen.errors import CollinearError, ConvergenceError
from aigreen.linalg.collinearity import independent_columns
from aigreen.linalg.fixed_effects import FixedEffects
from aigreen.linalg.varying_slopes import Slope, absorb
from aigreen.regression.separation import may_be_separated, separated_rows

TOLERANCE = 1e-10
PATIENCE = 5_000  # rounds of alternating projections


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
    """

    beta: np.ndarray
    scores: np.ndarray
    bread: np.ndarray
    sigma2: float

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
    from pyfixest.estimation import demean

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
    effects: Sequence[np.ndarray],
    weights: np.ndarray | None,
    offset: np.ndarray | None,
) -> tuple[Regression | None, np.ndarray]:
    """Fit a Poisson regression, or find the rows that it separates.

    Returns
    -------
    regression, or None where rows are separated; mask of these rows
    """
    try:
        regression, mean = poisson(y, X, effects, weights, offset)
    except (CollinearError, ConvergenceError):
        gone = separated_rows(y, X, effects)
        if not gone.any():
            raise
        return None, gone
    if may_be_separated(y, mean, weights):
        gone = separated_rows(y, X, effects)
        if gone.any():
            return None, gone
    return regression, np.zeros(len(y), dtype=bool)


def poisson(
    y: np.ndarray,
    X: np.ndarray,
    effects: Sequence[np.ndarray],
    weights: np.ndarray | None,
    offset: np.ndarray | None,
) -> tuple[Regression, np.ndarray]:
    r"""Poisson pseudo-maximum likelihood by pyfixest, with scores :math:`w_i \tilde x_i (y_i - \mu_i)`.

    Fixed effects are taken out by alternating projections, and where these creep (large and tiny fitted means joined by
    few units) by least squares with a preconditioner.

    Returns
    -------
    regression, fitted means of shape (n,)

    Raises
    ------
    ConvergenceError, CollinearError
    """
    import pyfixest

    columns = {f"x{j}": X[:, j] for j in range(X.shape[1])} | {f"f{j}": codes for j, codes in enumerate(effects)}
    options = {name: values for name, values in (("weights", weights), ("offset", offset)) if values is not None}
    formula = "y ~ " + " + ".join(f"x{j}" for j in range(X.shape[1]))
    formula += (" | " + " + ".join(f"f{j}" for j in range(len(effects)))) if effects else " - 1"
    demeaners = [
        pyfixest.MapDemeaner(fixef_tol=TOLERANCE, fixef_maxiter=PATIENCE),
        pyfixest.LsmrDemeaner(fixef_atol=TOLERANCE, fixef_btol=TOLERANCE, fixef_maxiter=PATIENCE),
    ]
    fit, failed = None, None
    for demeaner in demeaners:
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                fit = pyfixest.fepois(
                    formula,
                    pd.DataFrame({"y": y} | columns | options),
                    vcov="iid",
                    ssc=pyfixest.ssc(k_adj=False),
                    fixef_rm="none",
                    iwls_tol=TOLERANCE,
                    iwls_maxiter=100,
                    separation_check=[],
                    demeaner=demeaner,
                    collin_tol=1e-14,
                    **{name: name for name in options},
                )
            break
        except (pyfixest.errors.NonConvergenceError, np.linalg.LinAlgError, ValueError, RuntimeError) as error:
            failed = error
    if fit is None:
        raise ConvergenceError(f"the Poisson fit failed: {failed}") from failed
    beta = fit.coef().to_numpy()
    if not fit.convergence or not np.isfinite(beta).all():
        raise ConvergenceError("the Poisson fit did not converge in 100 iterations")
    if len(beta) != X.shape[1]:
        raise CollinearError("at the fitted means, a column of the Poisson regression is determined by the others")
    mean = fit.predict(type="response")
    w = np.ones(len(y)) if weights is None else weights
    within = project(X, effects, w * mean)
    bread = np.linalg.inv((within * (w * mean)[:, None]).T @ within)
    return Regression(beta, within * (w * (y - mean))[:, None], bread, 1.0), mean
