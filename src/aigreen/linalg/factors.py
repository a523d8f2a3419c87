r"""Interactive effects :math:`y_{it} = \alpha_i + \xi_t + \lambda_i'f_t + x_{it}'\beta` by least squares on some cells.

For given :math:`\xi, F, \beta` the coefficients :math:`c_i = (\alpha_i, \lambda_i)` of each unit are a regression on
:math:`Z = (1, F)`. With them concentrated out, a step in the rest is a regression on :math:`(1, \lambda_i)` by period
and on covariates, less what Z explains of them by unit (Gauss-Newton in the form of Kaufman, damped as by Levenberg and
Marquardt): a few steps, whatever cells are missing.

References
----------
Bai (2009), Panel Data Models with Interactive Fixed Effects, *Econometrica* 77. Golub and Pereyra (2003), Separable
Nonlinear Least Squares, *Inverse Problems* 19.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aigreen.errors import ConvergenceError

_START, _STARTED = 100, 1e-3
_EXACT, _ROUGH = (500, 1e-9), (30, 1e-3)  # steps, largest change in the last
_NULL = 1e-10
_DAMPING, _STUCK = 1e-3, 1e8


@dataclass(frozen=True, eq=False)
class Factors:
    """A fit of interactive effects.

    Attributes
    ----------
    factors : ndarray, shape (T, r)
    loadings : ndarray, shape (N, r)
    mean : ndarray, shape (N, T)
        Fitted values, of all cells; without meaning where the fitted ones do not reach.
    """

    factors: np.ndarray
    loadings: np.ndarray
    mean: np.ndarray


def fit_factors(y: np.ndarray, x: np.ndarray, w: np.ndarray, rank: int, *, rough: bool = False) -> Factors:
    """Fit effects of units and periods, `rank` factors and covariates.

    Parameters
    ----------
    y : ndarray, shape (N, T)
    x : ndarray, shape (N, T, p)
        Covariates; finite in all cells.
    w : ndarray, shape (N, T)
        Weights; zero for cells that are not fitted.
    rough : bool
        Stop where fitted values change by less than 0.001 standard deviations, and in any case after 30 steps: with
        more factors than there are, steps are many and lead far away.

    Raises
    ------
    ConvergenceError
    """
    (y, middle, scale), (x, _, _) = _standardised(np.where(w > 0, y, 0.0), w), _standardised(x, w)
    state = _State.of(y, x, w, *_start(y, x, w, rank))
    damping, (steps, tolerance) = _DAMPING, _ROUGH if rough else _EXACT
    for _ in range(steps):
        matrix, right = state.equations()
        roots, axes = np.linalg.eigh(matrix)
        live = roots > _NULL * roots[-1]
        along = np.where(live, axes.T @ right, 0.0)
        while True:
            step = axes @ (along / np.where(live, roots + damping * roots.mean(), 1.0))
            trial = state.moved(step)
            if trial.loss <= state.loss * (1 + 1e-14) or damping > _STUCK:
                break
            damping *= 10
        change = np.abs((trial.mean - state.mean)[w > 0]).max()
        state, damping = trial, damping / 10
        if change < tolerance:
            break
    if change >= tolerance and not rough:
        raise ConvergenceError(f"{rank} factors: no convergence in {steps} steps; take fewer")
    return Factors(state.z[:, 1:], state.c[:, 1:], middle + state.mean * scale)


@dataclass(frozen=True, eq=False)
class _State:
    """Parameters of periods and covariates, and what follows from them.

    Attributes
    ----------
    xi : ndarray, shape (T,);  z : ndarray, shape (T, 1 + r);  beta : ndarray, shape (p,)
    root : ndarray, shape (N, 1 + r, 1 + r)
        Roots of the inverse cross-products of Z on the fitted cells of each unit.
    c : ndarray, shape (N, 1 + r)
    mean : ndarray, shape (N, T)
    loss : float
    """

    y: np.ndarray
    x: np.ndarray
    w: np.ndarray
    xi: np.ndarray
    z: np.ndarray
    beta: np.ndarray
    root: np.ndarray
    c: np.ndarray
    mean: np.ndarray
    loss: float

    @classmethod
    def of(cls, y: np.ndarray, x: np.ndarray, w: np.ndarray, xi: np.ndarray, F: np.ndarray, beta: np.ndarray) -> _State:
        n_periods, q = len(F), 1 + F.shape[1]
        z = np.linalg.qr(np.column_stack([np.ones(n_periods), F]))[0] * np.sqrt(n_periods)
        z[:, 0] = 1.0
        products = (w @ (z[:, :, None] * z[:, None, :]).reshape(n_periods, -1)).reshape(-1, q, q)
        values, vectors = np.linalg.eigh(products)
        live = values > _NULL * values[:, -1:]
        root = vectors * np.where(live, 1 / np.sqrt(np.where(live, values, 1.0)), 0.0)[:, None, :]
        left = y - xi - x @ beta
        c = np.einsum("iab,icb,ic->ia", root, root, (w * left) @ z, optimize=True)
        error = left - c @ z.T
        return cls(y, x, w, xi, z, beta, root, c, y - error, float(np.vdot(w, error**2)))

    def moved(self, step: np.ndarray) -> _State:
        """Parameters after a step, shape (T (1 + r) + p,)."""
        n = self.z.size
        periods = step[:n].reshape(self.z.shape)
        parts = self.xi + periods[:, 0], self.z[:, 1:] + periods[:, 1:], self.beta + step[n:]
        return _State.of(self.y, self.x, self.w, *parts)

    def equations(self) -> tuple[np.ndarray, np.ndarray]:
        """Return matrix and right-hand side of the normal equations of a step."""
        (n_periods, q), n_units, p = self.z.shape, len(self.y), self.x.shape[2]
        n = n_periods * q
        loading = np.column_stack([np.ones(n_units), self.c[:, 1:]])
        matrix = np.zeros((n + p, n + p))
        own = self.w.T @ (loading[:, :, None] * loading[:, None, :]).reshape(n_units, -1)
        blocks = matrix[:n, :n].reshape(n_periods, q, n_periods, q)
        blocks[np.arange(n_periods), :, np.arange(n_periods), :] = own.reshape(n_periods, q, q)
        onto_units = np.einsum("it,tb,iba->iat", self.w, self.z, self.root, optimize=True)
        through = (onto_units[..., None] * loading[:, None, None, :]).reshape(n_units * q, n)
        matrix[:n, :n] -= through.T @ through
        error = self.w * (self.y - self.mean)
        right = [(error.T @ loading).ravel(), np.tensordot(error, self.x, 2)]
        if p:
            explained = np.einsum("iat,iap->itp", onto_units, np.einsum("iat,itp->iap", onto_units, self.x))
            within = self.w[:, :, None] * self.x - explained
            cross = np.einsum("itp,ic->tcp", within, loading).reshape(n, p)
            matrix[:n, n:], matrix[n:, :n] = cross, cross.T
            matrix[n:, n:] = np.tensordot(within, self.x, ((0, 1), (0, 1)))
        return matrix, np.concatenate(right)


def _standardised(values: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Values less their mean over fitted cells, by their standard deviation; that mean and deviation, too."""
    share = w / w.sum()
    middle = np.tensordot(share, values, 2)
    scale = np.sqrt(np.tensordot(share, (values - middle) ** 2, 2))
    scale = np.where(scale > 0, scale, 1.0)
    return (values - middle) / scale, middle, scale


def _start(y: np.ndarray, x: np.ndarray, w: np.ndarray, rank: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Start from principal components of the cells, those not fitted filled with the fit of the round before."""
    fitted, beta, seen = w > 0, np.zeros(x.shape[2]), np.average(y, weights=w)
    filled = np.where(fitted, y, seen)
    for _ in range(_START):
        left = filled - x @ beta
        unit, period = left.mean(axis=1, keepdims=True), left.mean(axis=0) - left.mean()
        left -= unit + period
        axes = np.linalg.eigh(left.T @ left)[1][:, len(w.T) - rank :]
        mean = unit + period + left @ axes @ axes.T
        if beta.size:
            beta = np.linalg.lstsq(x[fitted], (y - mean)[fitted], rcond=None)[0]
        before, filled = filled, np.where(fitted, y, mean + x @ beta)
        if np.abs(filled - before).max() < _STARTED:
            break
    return period, axes, beta
