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
from aigreen.linalg.arrays import beside
from aigreen.linalg.fixed_effects import FixedEffects

_SETTLED = 1e-7  # largest change of an index in a step; that of the next one is of its square
_STEPS = 100
_IDLE, _NOTHING = 5, 1e-6  # steps that gain nothing, measured by the smallest outcome, and move rows
_SURE = 1e-9  # gain of a step, as a share of all outcomes, below which rounding hides whether it is one
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
        Independent of the effects and of each other.
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
    centre = X.mean(axis=0)
    X = X - centre
    mean, gamma1, gamma2, own = _start(wy, effects, weights, offset)
    beta, start, largest, idle = np.zeros(X.shape[1]), None, 1.0, 0
    values = np.empty((X.shape[1] + 1, len(y))).T
    whole, least, rank = float(own.sum()), float(wy[wy > 0].min()), effects.rank
    for _ in range(_STEPS):
        v = mean if weights is None else weights * mean
        if not v.all():
            break
        effects = effects.reweight(v)
        np.subtract(wy, v, out=values[:, 0])
        np.multiply(X.T, v, out=values.T[1:])
        by_first, by_rest, explained = effects.regress(values, tolerance=min(_LOOSE, 0.1 * largest), start=start)
        products = X.T @ values - explained[1:]
        d_beta = _solve(products[:, 1:], products[:, 0])
        net = np.append(1.0, -d_beta)
        d1, d2 = by_first @ net, by_rest @ net
        change = X @ d_beta + effects.on_fitted(d1, d2)
        start = by_rest
        start[:, 0] = 0.0

        promised, linear = np.einsum("i,i", values[:, 0], change), np.einsum("i,i", wy, change)
        size = 1.0
        while True:
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                trial = np.exp(size * change) * mean
                shift = _to_own_maximum(trial, own, effects, weights)
                gain = size * linear + np.einsum("i,i", own, shift)
            if gain > 1e-4 * size * promised or promised < _SURE * whole:
                break
            size /= 2
            if size < _SMALLEST:
                raise ConvergenceError(_FAILED)
        trial *= np.exp(shift)[effects.largest]
        mean, beta = trial, beta + size * d_beta
        gamma1, gamma2 = gamma1 + size * d1 + shift, gamma2 + size * d2
        largest = np.abs(change).max()
        idle += promised < _NOTHING * least
        if largest < _SETTLED or idle == _IDLE:
            break
    if largest < _SETTLED:
        effects = effects.reweight(mean if weights is None else weights * mean)
        if effects.rank == rank:
            return PoissonFit(beta, effects.by_effect(gamma1 - centre @ beta, gamma2), mean, effects)
    raise ConvergenceError(_FAILED)


def _start(
    wy: np.ndarray, effects: FixedEffects, weights: np.ndarray | None, offset: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Means that are products of the relative means of the effects, these effects, and outcomes summed by the largest.

    Close to the solution without covariates.
    """
    mean = np.ones(len(wy)) if offset is None else np.exp(offset)
    first, rest = effects.sums(beside(wy, (mean if weights is None else weights * mean)[:, None]))
    own = first[:, 0]
    overall = own.sum() / first[:, 1].sum()
    seen = rest[:, 0] > 0
    gamma2 = np.log(np.where(seen, rest[:, 0], 1.0) / np.where(seen, rest[:, 1] * overall, 1.0))
    mean *= np.exp(effects.on_fitted(np.zeros(len(own)), gamma2))
    gamma1 = _to_own_maximum(mean, own, effects, weights)
    mean *= np.exp(gamma1)[effects.largest]
    return mean, gamma1, gamma2, own


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
