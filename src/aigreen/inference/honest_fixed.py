r"""Fixed-length confidence intervals when trends may bend by no more than M a period.

An estimator :math:`l'\hat\beta_{post} + v'\hat\beta_{pre}` of :math:`l'\tau_{post}` is free of linear trends where
:math:`\sum_t l_t t + \sum_s v_s s = 0`. With :math:`w_s = \sum_{t > s} (t - s) v_{-t}` for s = 1..P - 1, its bias
under second differences of at most M is at most

.. math:: B(w) = M \left( \sum_{s \ge 0} \Big| \sum_{t > s} (t - s) l_t \Big| + \sum_s |w_s| \right),

and its variance is quadratic in w. Estimators with the least variance for their bias are therefore a lasso path; the
interval is the shortest :math:`\hat\theta(w) \pm cv_\alpha(B/\sigma) \sigma` on it, where cv is the quantile of
:math:`|N(B/\sigma, 1)|`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import optimize, special

from aigreen.errors import ConvergenceError

_MOST_CORNERS = 100  # a coefficient
_TIE = 1e-9
_POINTS = 32  # of the grid between two corners of the path


@dataclass(frozen=True, eq=False)
class FixedLength:
    """A fixed-length interval.

    Attributes
    ----------
    estimate, half_length : float
    bias, std_error : float
        Largest bias, and standard error, of the estimator.
    weights : ndarray, shape (k,)
        On the estimates at all horizons but the reference.
    """

    estimate: float
    half_length: float
    bias: float
    std_error: float
    weights: np.ndarray


@dataclass(frozen=True, eq=False)
class BiasVariance:
    """Best estimators of an effect: weights `start + slopes @ w` for w on a lasso path.

    Attributes
    ----------
    start : ndarray, shape (k,)
    slopes : ndarray, shape (k, P - 1)
    floor : float
        Largest bias at w = 0 and M = 1, which no estimator can undercut.
    knots : ndarray, shape (r, P - 1)
        Corners of the path, from w = 0 to the least variance.
    covariance : ndarray, shape (k, k)
    """

    start: np.ndarray
    slopes: np.ndarray
    floor: float
    knots: np.ndarray
    covariance: np.ndarray

    @classmethod
    def of(cls, n_pre: int, weights: np.ndarray, covariance: np.ndarray) -> BiasVariance:
        """Path for the effect with these weights over horizons after the reference."""
        n_post = len(weights)
        time = np.arange(1, n_post + 1)
        start = np.concatenate([np.zeros(n_pre), weights])
        start[n_pre - 1] = weights @ time
        slopes = np.zeros((n_pre + n_post, n_pre - 1))
        slopes[:n_pre] = _slopes(n_pre)
        gap = time[:, None] - np.arange(n_post)
        floor = float(np.abs(weights @ np.maximum(gap, 0)).sum())
        knots = lasso_path(slopes.T @ covariance @ slopes, -slopes.T @ covariance @ start)
        return cls(start, slopes, floor, knots, covariance)

    def interval(self, values: np.ndarray, bound: float, alpha: float) -> FixedLength:
        """Shortest interval for second differences of at most `bound`."""
        best = self.knots[-1] if bound == 0 else self._shortest(bound, alpha)
        weights = self.start + self.slopes @ best
        bias = bound * (self.floor + np.abs(best).sum())
        error = float(np.sqrt(weights @ self.covariance @ weights))
        return FixedLength(float(weights @ values), float(half_length(bias, error, alpha)), float(bias), error, weights)

    def _shortest(self, bound: float, alpha: float) -> np.ndarray:
        """Point of the path with the shortest interval: the best of a grid, then refined around it."""
        last = len(self.knots) - 1

        def point(position: np.ndarray | float) -> np.ndarray:
            before = np.clip(np.floor(position).astype(int), 0, max(last - 1, 0))
            part = (position - before)[..., None]
            return (1 - part) * self.knots[before] + part * self.knots[np.minimum(before + 1, last)]

        def length(position: np.ndarray | float) -> np.ndarray:
            w = point(np.asarray(position))
            a = self.start + w @ self.slopes.T
            error = np.sqrt(np.einsum("...k,kj,...j->...", a, self.covariance, a))
            return half_length(bound * (self.floor + np.abs(w).sum(axis=-1)), error, alpha)

        grid = np.linspace(0, last, last * _POINTS + 1)
        lengths = length(grid)
        best = int(lengths.argmin())
        around = (grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)])
        if around[0] < around[1]:
            found = optimize.minimize_scalar(length, bounds=around, method="bounded", options={"xatol": 1e-10})
            if found.fun < lengths[best]:
                return point(np.asarray(found.x))
        return point(grid[best])


def half_length(bias: np.ndarray | float, std_error: np.ndarray | float, alpha: float) -> np.ndarray:
    r"""Return c with :math:`P(|N(B, \sigma^2)| \le c) = 1 - \alpha`, by Newton's method on the concave side."""
    b = np.abs(np.asarray(bias, dtype=float) / std_error)
    c = b + special.ndtri(1 - alpha / 2)
    for _ in range(100):
        gap = special.ndtr(c - b) - special.ndtr(-c - b) - (1 - alpha)
        density = (np.exp(-0.5 * (c - b) ** 2) + np.exp(-0.5 * (c + b) ** 2)) / np.sqrt(2 * np.pi)
        step = gap / density
        c = c - step
        if np.abs(step).max() < 1e-13 * (1 + np.abs(c).max()):
            break
    return c * std_error


def lasso_path(gram: np.ndarray, target: np.ndarray) -> np.ndarray:
    r"""Corners of :math:`\arg\min_w w'Hw/2 - g'w + \lambda |w|_1` as :math:`\lambda` falls from its largest value to 0.

    Homotopy: between corners the active coefficients are linear in lambda; at a corner one leaves (reaches zero) or
    joins (its score reaches lambda). What has just joined cannot leave at the same corner, nor can what has just left
    return with its old sign: both lines meet it there only.
    """
    k = len(target)
    w = np.zeros(k)
    knots = [w.copy()]
    if not target.any():
        return np.array(knots)
    penalty = np.abs(target).max()
    joined = int(np.abs(target).argmax())
    signs = np.zeros(k)
    signs[joined] = np.sign(target[joined])
    left = (-1, 0.0)
    for _ in range(_MOST_CORNERS * k):
        if penalty == 0:
            return np.array(knots)
        a = np.flatnonzero(signs)
        inverse = np.linalg.inv(gram[np.ix_(a, a)])
        fixed, moving = inverse @ target[a], inverse @ signs[a]
        events: list[tuple[float, int, float]] = [(0.0, -1, 0.0)]
        events += [
            (f / m, int(j), 0.0)
            for j, f, m in zip(a, fixed, moving, strict=True)
            if j != joined and m and 0 < f / m < penalty
        ]
        for j in np.flatnonzero(signs == 0):
            free = target[j] - gram[j, a] @ fixed
            pull = gram[j, a] @ moving
            for sign in (1.0, -1.0):
                meets = free / (sign - pull) if sign != pull else 0.0
                if (j, sign) != left and 0 < meets <= penalty * (1 + _TIE):
                    events.append((min(meets, penalty), int(j), sign))
        penalty, which, sign = max(events)
        w = np.zeros(k)
        w[a] = fixed - penalty * moving
        joined, left = (which, (-1, 0.0)) if sign else (-1, (which, signs[which]))
        if which >= 0:
            signs[which] = sign
            w[which] = 0.0
        knots.append(w.copy())
    raise ConvergenceError(f"no end of the lasso path after {len(knots)} corners")


def _slopes(n_pre: int) -> np.ndarray:
    """Weights before the reference as functions of w, in the order of horizons, shape (P, P - 1).

    Cumulating v twice from the earliest period gives w; so v is the second difference of w, and the weight just before
    the reference keeps the estimator free of linear trends.
    """
    lags = np.arange(1, n_pre + 1)
    cumulated = np.array([np.maximum(lags - s, 0) for s in range(1, n_pre)], dtype=float).reshape(n_pre - 1, n_pre)
    full = np.vstack([lags, cumulated])
    return np.linalg.inv(full)[::-1, 1:]
