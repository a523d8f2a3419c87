r"""Poisson pseudo-maximum likelihood with any number of fixed effects, by Newton's method on sums by level.

With :math:`V = W\mu` and scores :math:`s = w(y - \mu)` a step solves

.. math:: \begin{pmatrix} F'VF & F'VX \\ X'VF & X'VX \end{pmatrix} \begin{pmatrix} d\gamma \\ d\beta \end{pmatrix}
          = \begin{pmatrix} F's \\ X's \end{pmatrix},

which needs sums by level and no projected rows. After each step the largest effect takes its maximum given the others,
:math:`e^{\alpha_i} = \sum_{j \in i} w_j y_j / \sum_{j \in i} w_j e^{\eta_j - \alpha_i}`: with units, steps are those of
the concentrated (multinomial) likelihood.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import linalg

from aigreen.errors import CollinearError, ConvergenceError
from aigreen.linalg.arrays import weighted_gram
from aigreen.linalg.fixed_effects import FixedEffects

_SETTLED = 1e-7  # largest change of an index in a step; that of the next one is of its square
_STEPS = 100
_IDLE, _NOTHING = 5, 1e-6  # steps that gain nothing, measured by the smallest outcome, and move rows
_SURE = 1e-9  # gain of a step, as a share of all outcomes, below which rounding hides whether it is one
_FARTHEST = 4.0  # largest change of an index in one step: a longer one leaves means that are zero to rounding
_SMALLEST = 1e-10
_LOOSE = 1e-2
_FAILED = "the Poisson fit did not converge: covariates or effects may separate some rows"


@dataclass(frozen=True, eq=False)
class PoissonFit:
    r"""A fit, :math:`\mu = e^{F'\gamma + X'\beta + \text{offset}}`.

    Attributes
    ----------
    beta : ndarray, shape (p,)
    gamma : list of ndarray, shape (levels,)
        Effects in the order of the codes: ``effects.predict(gamma)`` sums them for every row.
    mean : ndarray, shape (n_fitted,)
    effects : FixedEffects
        Projection with weights :math:`w\mu`.
    """

    beta: np.ndarray
    gamma: list[np.ndarray]
    mean: np.ndarray
    effects: FixedEffects


def fit_poisson(
    y: np.ndarray,
    X: np.ndarray,
    effects: FixedEffects,
    weights: np.ndarray | None = None,
    offset: np.ndarray | None = None,
) -> PoissonFit:
    """Fit on the fitted rows of `effects`, to which the other arrays belong.

    Parameters
    ----------
    y : ndarray, shape (n_fitted,)
        Zero or more, with a positive sum in each level of each effect.
    X : ndarray, shape (n_fitted, p)
        Independent of the effects and of each other; centred, if values are large beside their differences.
    effects : FixedEffects
        Of any weights.
    weights : ndarray, shape (n_fitted,), optional
        Positive.
    offset : ndarray, shape (n_fitted,), optional

    Raises
    ------
    ConvergenceError
        Among others where effects and covariates separate rows: their means run to zero.
    CollinearError
    """
    wy = y if weights is None else weights * y
    mean, gamma1, gamma2, own = _start(wy, effects, weights, offset)
    beta, start, largest, idle = np.zeros(X.shape[1]), None, 1.0, 0
    least, rank = float(wy[wy > 0].min()), effects.rank
    for _ in range(_STEPS):
        v = mean if weights is None else weights * mean
        if not v.all():
            break
        effects = effects.reweight(v)
        d_beta, d1, d2, start = _direction(wy, v, X, effects, min(_LOOSE, 0.1 * largest), start)
        change = X @ d_beta
        change += effects.on_fitted(d1, d2)
        largest, promised = float(np.abs(change).max()), float(np.einsum("i,i", wy, change))
        size, mean, shift = _ahead(mean, change, promised, own, effects, weights)
        del change
        beta, gamma1, gamma2 = beta + size * d_beta, gamma1 + size * d1 + shift, gamma2 + size * d2
        idle += promised < _NOTHING * least
        if largest < _SETTLED or idle == _IDLE:
            break
    if largest < _SETTLED:
        effects = effects.reweight(mean if weights is None else weights * mean)
        if effects.rank == rank:
            return PoissonFit(beta, effects.by_effect(gamma1, gamma2), mean, effects)
    raise ConvergenceError(_FAILED)


def _direction(
    wy: np.ndarray, v: np.ndarray, X: np.ndarray, effects: FixedEffects, tolerance: float, start: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return the step in coefficients, in the largest effect and in the others, and the next start."""
    column = wy - v
    right = np.array([np.einsum("i,i", x, column) for x in X.T])
    sums = effects.sums(column if x is None else np.multiply(v, x, out=column) for x in [None, *X.T])
    by_first, by_rest, explained = effects.regress(*sums, tolerance=tolerance, start=start)
    d_beta = _solve(weighted_gram(X, v) - explained[1:, 1:], right - explained[1:, 0])
    net = np.append(1.0, -d_beta)
    step = by_first @ net, by_rest @ net
    by_rest[:, 0] = 0.0
    return d_beta, *step, by_rest


def _start(
    wy: np.ndarray, effects: FixedEffects, weights: np.ndarray | None, offset: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Means that are products of the relative means of the effects, these effects, and outcomes summed by the largest.

    Close to the solution without covariates.
    """
    mean = np.ones(len(wy)) if offset is None else np.exp(offset)
    first, rest = effects.sums([wy, mean if weights is None else weights * mean])
    own = first[:, 0]
    overall = own.sum() / first[:, 1].sum()
    seen = rest[:, 0] > 0
    gamma2 = np.log(np.where(seen, rest[:, 0], 1.0) / np.where(seen, rest[:, 1] * overall, 1.0))
    mean *= np.exp(effects.on_fitted(np.zeros(len(own)), gamma2))
    gamma1 = _to_own_maximum(mean, own, effects, weights)
    mean *= np.exp(gamma1)[effects.largest]
    return mean, gamma1, gamma2, own


def _ahead(
    mean: np.ndarray,
    change: np.ndarray,
    promised: float,
    own: np.ndarray,
    effects: FixedEffects,
    weights: np.ndarray | None,
) -> tuple[float, np.ndarray, np.ndarray]:
    """Go as far along `change` as the likelihood rises: how far, the means there, and the change of the largest effect.

    `promised` is the gain of the whole step to first order.
    """
    size = 1.0 / max(1.0, float(np.abs(change).max()) / _FARTHEST)
    while size > _SMALLEST:
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            trial = np.exp(size * change)
            trial *= mean
            shift = _to_own_maximum(trial, own, effects, weights)
            gain = size * promised + np.einsum("i,i", own, shift)
        if gain > 1e-4 * size * abs(promised) or abs(promised) < _SURE * own.sum():
            trial *= np.exp(shift)[effects.largest]
            return size, trial, shift
        size /= 2
    raise ConvergenceError(_FAILED)


def _to_own_maximum(mean: np.ndarray, own: np.ndarray, effects: FixedEffects, weights: np.ndarray | None) -> np.ndarray:
    """Change of the largest effect that makes means sum to outcomes, `own`, in each of its levels."""
    sums = np.bincount(effects.largest, mean if weights is None else weights * mean, len(own))
    seen = own > 0
    return np.log(np.where(seen, own, 1.0) / np.where(seen, sums, 1.0))


def _solve(gram: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Solve equations in covariates whose cross-products are `gram`."""
    if not len(right):
        return right
    try:
        with np.errstate(invalid="ignore", divide="ignore"):
            scale = 1.0 / np.sqrt(np.diag(gram))
            correlations = gram * scale[:, None] * scale
        factor = linalg.cho_factor(correlations)
    except (linalg.LinAlgError, ValueError) as error:
        raise CollinearError("at the fitted means, the covariates are collinear within the fixed effects") from error
    return scale * linalg.cho_solve(factor, scale * right)
