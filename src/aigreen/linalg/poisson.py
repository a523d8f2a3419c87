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

from aigreen.errors import CollinearError, ConvergenceError, SeparatedError
from aigreen.linalg.arrays import cross_products
from aigreen.linalg.fixed_effects import FixedEffects
from aigreen.linalg.normal_equations import EXACT

DENSE = 100  # levels beyond which steps are solved by iterations, not by a factor that threads would share
_SETTLED = 1e-7  # largest change of an index in a step; that of the next one is of its square
_STEPS = 100
IDLE, NOTHING = 12, 1e-6  # steps that gain nothing, measured by the smallest outcome, and move rows
MOVING, AT_REST = 0.1, 1e-7  # changes of an index in such a step
_VANISHED = 1e-100
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
    SeparatedError
        Means of zero outcomes run to zero, by the same factor in each step, and no other mean moves.
    ConvergenceError, CollinearError
        Effects and covariates may separate rows all the same.
    """
    wy = y if weights is None else weights * y
    counts = _Counts(y, wy, effects.sums([wy])[0][:, 0], X, effects, weights)
    mean, gamma1, gamma2 = counts.start(offset)
    beta, start, tolerance, idle = np.zeros(X.shape[1]), None, _LOOSE, 0
    negligible = NOTHING * float(wy[wy > 0].min())
    for _ in range(_STEPS):
        d_beta, d1, d2, start = counts.direction(mean, tolerance, start)
        mean, size, shift, promised, largest = counts.ahead(mean, d_beta, d1, d2, negligible)
        beta, gamma1, gamma2 = beta + size * d_beta, gamma1 + size * d1 + shift, gamma2 + size * d2
        if largest < _SETTLED:
            break
        tolerance = min(_LOOSE, 0.1 * largest)
        if promised < negligible:
            tolerance, idle = EXACT, idle + 1
        if idle == IDLE:
            raise ConvergenceError(_FAILED)
    else:
        raise ConvergenceError(_FAILED)
    solved = effects.reweight(counts.weighted(mean))
    if solved.rank < effects.rank:
        raise ConvergenceError(_FAILED)
    return PoissonFit(beta, effects.by_effect(gamma1, gamma2), mean, solved)


@dataclass(frozen=True, eq=False)
class _Counts:
    """What does not change between steps.

    Attributes
    ----------
    y, wy : ndarray, shape (n_fitted,)
        Outcomes, and with weights.
    own : ndarray, shape (levels of the largest effect,)
        Sums of `wy`.
    X : ndarray, shape (n_fitted, p)
    effects : FixedEffects
    weights : ndarray, shape (n_fitted,), or None
    """

    y: np.ndarray
    wy: np.ndarray
    own: np.ndarray
    X: np.ndarray
    effects: FixedEffects
    weights: np.ndarray | None

    def weighted(self, mean: np.ndarray) -> np.ndarray:
        return mean if self.weights is None else self.weights * mean

    def start(self, offset: np.ndarray | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return means and effects near the solution without covariates, by setting one effect after the other."""
        mean = np.ones(len(self.y)) if offset is None else np.exp(offset)
        gamma1, gamma2 = (np.zeros(len(none)) for none in self.effects.sums([]))
        largest = (self.effects.largest, gamma1)
        for levels, gamma in [largest, *((level, gamma2) for level in self.effects.others), largest]:
            change = _to_maximum(self.weighted(mean), levels, np.bincount(levels, self.wy, len(gamma)))
            gamma += change
            mean *= np.exp(change)[levels]
        return mean, gamma1, gamma2

    def direction(
        self, mean: np.ndarray, tolerance: float, start: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return the step in coefficients, in the largest effect and in the others, and the next start."""
        v = self.weighted(mean)
        effects = self.effects.reweight(v, dense=DENSE)
        column = self.wy - v
        right = np.array([np.einsum("i,i", x, column) for x in self.X.T])
        sums = effects.sums(column if x is None else np.multiply(v, x, out=column) for x in [None, *self.X.T])
        by_first, by_rest, explained = effects.regress(*sums, tolerance=tolerance, start=start)
        d_beta = _solve(cross_products(self.X, self.X, v) - explained[1:, 1:], right - explained[1:, 0])
        net = np.append(1.0, -d_beta)
        step = by_first @ net, by_rest @ net
        by_rest[:, 0] = 0.0
        return d_beta, *step, by_rest

    def ahead(
        self, mean: np.ndarray, d_beta: np.ndarray, d1: np.ndarray, d2: np.ndarray, negligible: float
    ) -> tuple[np.ndarray, float, np.ndarray, float, float]:
        """Step as far as the likelihood rises.

        Returns
        -------
        means; share of the step that is taken; further change of the largest effect; gain of the whole step to first
        order; its largest change of an index
        """
        change = self.X @ d_beta
        change += self.effects.on_fitted(d1, d2)
        promised, largest = float(np.einsum("i,i", self.wy, change)), float(np.abs(change).max())
        if promised < negligible and largest > MOVING:
            moving = (self.y == 0) & (change < -MOVING)
            if np.abs(change[~moving]).max() < AT_REST:
                raise SeparatedError(moving)
        size = 1.0 if promised < negligible else 1.0 / max(1.0, largest / _FARTHEST)
        while size > _SMALLEST:
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                trial = np.exp(size * change)
                trial *= mean
                shift = _to_maximum(self.weighted(trial), self.effects.largest, self.own)
                gain = size * promised + np.einsum("i,i", self.own, shift)
            if gain > 1e-4 * size * abs(promised) or abs(promised) < _SURE * self.own.sum():
                trial *= np.exp(shift)[self.effects.largest]
                return np.maximum(trial, _VANISHED, out=trial), size, shift, promised, largest
            size /= 2
        raise ConvergenceError(_FAILED)


def _to_maximum(weighted: np.ndarray, levels: np.ndarray, total: np.ndarray) -> np.ndarray:
    """Change of an effect that makes weighted means sum to outcomes, `total` by level; zero where that is zero."""
    sums = np.bincount(levels, weighted, len(total))
    seen = total > 0
    return np.log(np.where(seen, total, 1.0) / np.where(seen, sums, 1.0))


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
