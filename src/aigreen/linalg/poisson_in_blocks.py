r"""Poisson pseudo-maximum likelihood on rows in blocks of whole units, one pass a step of Newton's method.

Units take their maximum given the other effects, :math:`e^{\alpha_i} = \sum_t w y / \sum_t w e^{\eta - \alpha_i}`, in
each block, so that steps are those of the concentrated likelihood, a weighted least squares of :math:`(y - \mu) / \mu`
with weights :math:`w\mu`. At the solution the sums of that least squares are those of the counts.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from aigreen.errors import ConvergenceError
from aigreen.linalg.eliminated import Eliminated
from aigreen.linalg.poisson import IDLE, MOVING, NOTHING

Point = tuple[np.ndarray, np.ndarray]  # effects of levels, shape (levels,), and slopes, shape (p,)

_SETTLED = 1e-9  # largest change of an index in a step; that of the next one is of its square
_FARTHEST = 4.0  # largest change of an index that one step may make
_STEPS = 60
_HALVINGS = 20
_FAILED = (
    "the Poisson fit did not converge: covariates or effects may separate some rows, which a Panel in memory finds "
    "and leaves out"
)


def at_maximum(
    index: np.ndarray, unit: np.ndarray, n_units: int, w: np.ndarray, y: np.ndarray, fitted: np.ndarray
) -> np.ndarray:
    """Add to the other effects of rows those of units, at their maximum on the rows marked; shape (n,).

    Parameters
    ----------
    fitted : ndarray of bool, shape (n,)
        Rows of units with a positive count among them; units without rows get no effect.
    """
    own, top = unit[fitted], np.full(n_units, -np.inf)
    np.maximum.at(top, own, index[fitted])
    index = index - np.where(np.isfinite(top), top, 0.0)[unit]
    total = np.bincount(own, (w * y)[fitted], n_units)
    size = np.bincount(own, w[fitted] * np.exp(index[fitted]), n_units)
    return index + np.log(np.where(size > 0, total, 1.0) / np.where(size > 0, size, 1.0))[unit]


def escaping(
    change: np.ndarray, unit: np.ndarray, n_units: int, w: np.ndarray, zero: np.ndarray, fitted: np.ndarray
) -> tuple[np.ndarray, float]:
    """Mark the zero counts whose means a step lets run to zero; also return how far it moves others.

    Parameters
    ----------
    change : ndarray, shape (n,)
        Of the index, without effects of units.
    w : ndarray, shape (n,)
        Weights times means.
    zero, fitted : ndarray of bool, shape (n,)
        Zero counts, and rows that are fitted.
    """
    size = np.bincount(unit, w * fitted, n_units)
    mean = np.bincount(unit, w * change * fitted, n_units) / np.where(size > 0, size, 1.0)
    change = change - mean[unit]
    gone = fitted & zero & (change < -MOVING)
    return gone, float(np.abs(change[fitted & ~gone]).max(initial=0.0))


def watcher(smallest: float, look: Callable[[Point, Point], None]) -> Callable[[Point, Point, float, float], None]:
    """Make a `watch` of `maximise` that takes a look where a step moves rows and gains nothing, and stops idle steps.

    Parameters
    ----------
    smallest : float
        Smallest positive count times its weight.
    look : function of a point and the step from it
        May raise.
    """
    idle = 0

    def watch(point: Point, step: Point, gain: float, largest: float) -> None:
        nonlocal idle
        if gain < NOTHING * smallest:
            idle += 1
            if largest > MOVING:
                look(point, step)
            if idle == IDLE:
                raise ConvergenceError(_FAILED)

    return watch


def maximise(
    equations: Callable[[Point], tuple[Eliminated, float]],
    alive: np.ndarray,
    reach: np.ndarray,
    watch: Callable[[Point, Point, float, float], None] | None = None,
    begin: Point | None = None,
) -> Point:
    """Find the maximum.

    Parameters
    ----------
    equations : function of a point
        Goes through the rows; returns the equations of a step, and the log-likelihood but for what does not change.
    alive : ndarray of bool, shape (levels,)
        Levels with a positive count.
    reach : ndarray, shape (p,)
        Largest deviation of the covariates from means of units.
    watch : function of a point, the step from it, its gain to first order and its largest change of an index, optional
        May raise.
    begin : Point, optional
        Default: zeros.

    Raises
    ------
    ConvergenceError
    """
    now = start = step = begin or (np.zeros(len(alive)), np.zeros(len(reach)))
    best, size, halvings, rank = -np.inf, 0.0, 0, 0
    for _ in range(_STEPS):
        found, likelihood = equations(now)
        if not likelihood >= best - 1e-11 * abs(best) and halvings < _HALVINGS:
            size, halvings = size / 2, halvings + 1
            now = _moved(start, step, size)
            continue
        gamma = found.solve(found.right)
        gram = found.gram - found.right.T @ gamma
        try:
            d_beta = np.linalg.solve(gram[1:, 1:], gram[1:, 0])
        except np.linalg.LinAlgError:
            break
        d_gamma = gamma[:, 0] - gamma[:, 1:] @ d_beta
        largest = 2 * float(np.abs(d_beta) @ reach)
        for a, b in zip(found.offsets[:-1], found.offsets[1:], strict=True):
            some = d_gamma[a:b][alive[a:b]]
            largest += float(np.ptp(some)) if some.size else 0.0
        if not np.isfinite(largest):
            break
        rank = max(rank, found.rank)
        best, start, step, halvings = likelihood, now, (d_gamma, d_beta), 0
        if watch is not None:
            watch(now, step, float(found.right[:, 0] @ d_gamma + found.gram[0, 1:] @ d_beta), largest)
        size = 1.0 / max(1.0, largest / _FARTHEST)
        now = _moved(start, step, size)
        if largest < _SETTLED:
            if found.rank < rank:  # means that run to zero take equations with them
                break
            return now
    raise ConvergenceError(_FAILED)


def _moved(start: Point, step: Point, size: float) -> Point:
    return start[0] + size * step[0], start[1] + size * step[1]
