"""Which columns are determined by others, whatever their units."""

from __future__ import annotations

import numpy as np

from aigreen.linalg.absorption import Absorption
from aigreen.linalg.arrays import take_rows

_COLLINEAR = 1e-9
_CLEARLY_INDEPENDENT = 1e-6


def independent_columns(gram: np.ndarray, size: np.ndarray, tol: float = 1e-10) -> np.ndarray:
    """Mark columns that earlier ones do not determine, by a Cholesky factorisation that skips dependent columns.

    Parameters
    ----------
    gram : shape (k, k)
        Cross products after projection.
    size : shape (k,)
        Sum of squares of each column before projection; a column is dependent when less than `tol` of it is left.
    """
    k = len(gram)
    factor = np.zeros((k, k))
    keep = np.zeros(k, dtype=bool)
    for j in range(k):
        left = gram[j, j] - factor[j] @ factor[j]
        if left <= tol * size[j] or size[j] == 0:
            continue
        keep[j] = True
        factor[j, j] = np.sqrt(left)
        factor[j + 1 :, j] = (gram[j + 1 :, j] - factor[j + 1 :] @ factor[j]) / factor[j, j]
    return keep


def column_scale(values: np.ndarray) -> np.ndarray:
    """Return the standard deviation of each column, one where that is zero: tolerances then hold in any unit."""
    scale = np.where(np.ptp(values, axis=0) > 0, values.std(axis=0), 1.0)
    return np.where(scale > 0, scale, 1.0)


def column_size(values: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    """Return the weighted sum of squares of each column, about its mean unless it is constant."""
    size = np.empty(values.shape[1])
    for j, column in enumerate(values.T):
        centred = column - np.average(column, weights=weights) if np.ptp(column) else column
        size[j] = centred @ (centred if weights is None else weights * centred)
    return size


def independent_within(values: np.ndarray, projected: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    """Mark the columns that neither what is projected out nor earlier columns determine, shape (k,).

    Parameters
    ----------
    values, projected : ndarray, shape (n, k)
        Columns before and after projection.
    """
    weighted = projected if weights is None else projected * weights[:, None]
    return independent_columns(weighted.T @ projected, column_size(values, weights))


def symmetric_inverse(gram: np.ndarray) -> np.ndarray:
    """Inverse of a positive definite matrix, whatever the units of its columns."""
    scale = 1.0 / np.sqrt(np.diag(gram))
    return np.linalg.inv(gram * scale[:, None] * scale) * scale[:, None] * scale


def independent_of_effects(
    effects: Absorption, X: np.ndarray, weights: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Find covariates that the fixed effects and earlier covariates do not determine on the fitted rows.

    Returns
    -------
    keep : ndarray of bool, shape (p,)
    reached : ndarray of bool, shape (n,)
        Rows where a covariate that is left out is determined in the same way, so that leaving it out is harmless.
    """
    keep = np.ones(X.shape[1], dtype=bool)
    reached = effects.reached.copy()
    if not X.shape[1]:
        return keep, reached
    within = effects.residualize(X)
    root = np.ones((len(effects.rows), 1)) if weights is None else np.sqrt(weights[effects.rows])[:, None]
    size = np.linalg.norm(take_rows(X, effects.rows) * root, axis=0)
    size = np.where(size > 0, size, 1.0)
    fitted = take_rows(within, effects.rows) * root / size
    if np.linalg.eigvalsh(fitted.T @ fitted)[0] > _CLEARLY_INDEPENDENT:
        return keep, reached
    scaled = within / size
    _, r = np.linalg.qr(fitted)
    basis: list[int] = []
    for j in range(X.shape[1]):
        left = r[:, j]
        solution = np.linalg.lstsq(r[:, basis], left, rcond=None)[0] if basis else np.zeros(0)
        if np.linalg.norm(left - r[:, basis] @ solution) > _COLLINEAR:
            basis.append(j)
            continue
        keep[j] = False
        gap = np.abs(scaled[:, j] - scaled[:, basis] @ solution)
        reached &= ~(gap > 1e-6 * max(1.0, float(np.nanmax(np.abs(scaled[:, j])))))
    return keep, reached
