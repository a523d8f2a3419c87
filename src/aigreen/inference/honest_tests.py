r"""Moment-inequality test of an effect when trends may bend by no more than a bound.

Let :math:`f_t(\delta)`, t = 1..T, be the steps of the violation :math:`\delta` after the reference (first or second
differences) and :math:`|f_t(\delta)| \le M + \bar M v'\delta_{pre}` the restriction. Any post-treatment violation is
:math:`l'\delta_{post} = \sum_t L_t f_t + h'\delta_{pre}`, so the null :math:`\theta` asks for steps with
:math:`\sum_t L_t f_t = b := l'\beta_{post} - h'\beta_{pre} - \theta`. The statistic of Andrews, Roth and Pakes is

.. math:: \hat\eta = \min_{\eta, f} \eta : \; \pm f_t - M - \bar M \hat v \le \sigma_{t\pm} \eta, \; \sum_t L_t f_t = b.

Each f_t is in an interval of its own, so the steps can be eliminated by hand: the intervals must not be empty, and b
must lie between the sums of their ends. Hence :math:`\hat\eta` is the largest of T + 2 linear functions of two numbers,

.. math:: \frac{-2 (M + \bar M \hat v)}{\sigma_{t+} + \sigma_{t-}}, \qquad
          \frac{\pm b - \sum_t |L_t| (M + \bar M \hat v)}{\sum_t |L_t| \sigma_{t, \pm \mathrm{sign} L_t}},

which are the vertices of the dual program; the first kind differ by positive factors, so that only the two extreme ones
can be largest. No linear program is solved and no critical value is simulated.

With a sign or a direction of :math:`\delta` in addition, the vertices are found by `aigreen.inference.honest_shape`;
they are functions of up to three numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import optimize, special

from aigreen.inference.honest_shape import vertices

Sign = Literal["positive", "negative"]
Direction = Literal["increasing", "decreasing"]

_SIZE_OF_FIRST_STAGE = 0.1
_ANGLES = 8192
_HEIGHTS = 64  # on the sphere, with twice as many angles
_GRID = 513
_BISECTIONS = 48
_TIE = 1e-12


@dataclass(frozen=True, eq=False)
class StepBound:
    """Restriction that steps after the reference are at most M + Mbar v'delta in absolute value.

    Attributes
    ----------
    steps : ndarray, shape (T, k)
        Steps as functions of the violations at all horizons but the reference.
    sums : ndarray, shape (T,)
        L: how steps add up to the violation of the effect of interest.
    effect : ndarray, shape (k,)
        Effect of interest less the part of its violation that effects before treatment give (l, -h).
    yardstick : ndarray, shape (k,)
        Mbar v.
    constant : float
        M.
    shape : ndarray, shape (S, k), optional
        Combinations of violations that are not positive.
    """

    steps: np.ndarray
    sums: np.ndarray
    effect: np.ndarray
    yardstick: np.ndarray
    constant: float = 0.0
    shape: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class DualVertices:
    """The vertices: values `level + slope * theta`, covariance, and loadings on two or three independent normals."""

    level: np.ndarray
    slope: np.ndarray
    covariance: np.ndarray
    loadings: np.ndarray

    @classmethod
    def of(cls, bound: StepBound, values: np.ndarray, covariance: np.ndarray) -> DualVertices:
        """Vertices of a restriction, given estimates and their covariance."""
        if bound.shape is not None:
            return cls._shaped(bound, bound.shape, values, covariance)
        signed = np.stack([bound.steps, -bound.steps]) - bound.yardstick
        sigma = np.sqrt(np.maximum(np.einsum("stk,kj,stj->st", signed, covariance, signed), 0))
        up = np.where(bound.sums >= 0, sigma[0], sigma[1])
        down = np.where(bound.sums >= 0, sigma[1], sigma[0])
        length = np.abs(bound.sums)
        total = length.sum()
        empty = np.unique(-2 / sigma.sum(axis=0))[[0, -1]]
        ends = np.array([1 / (length @ up), 1 / (length @ down)])
        sign = np.array([1.0, -1.0])
        on_effect = np.concatenate([np.zeros(len(empty)), sign * ends])
        on_yardstick = np.concatenate([empty, -total * ends])
        pair = np.stack([bound.effect, bound.yardstick])
        weights = np.stack([on_effect, on_yardstick], axis=1)
        middle = pair @ covariance @ pair.T
        roots, vectors = np.linalg.eigh(middle)
        loadings = weights @ (vectors * np.sqrt(np.maximum(roots, 0)))
        level = weights @ (pair @ values) + on_yardstick * bound.constant
        return cls(level, -on_effect, loadings @ loadings.T, loadings)

    @classmethod
    def _shaped(cls, bound: StepBound, shape: np.ndarray, values: np.ndarray, covariance: np.ndarray) -> DualVertices:
        rows = np.vstack([bound.steps - bound.yardstick, -bound.steps - bound.yardstick, shape])
        constant = np.repeat([-1.0 if bound.constant else 0.0, 0.0], [2 * len(bound.steps), len(shape)])
        n_pre = rows.shape[1] - len(bound.sums)
        sigma = np.sqrt(np.einsum("mk,kj,mj->m", rows, covariance, rows))
        effect = np.where(np.arange(rows.shape[1]) < n_pre, 0.0, bound.effect)
        given = np.column_stack([rows[:, :n_pre], constant])
        found = vertices(rows[:, n_pre:], given, sigma, effect[n_pre:])
        weights = found[:, -1:] * effect
        weights[:, :n_pre] = found[:, :n_pre]
        roots, vectors = np.linalg.eigh(covariance)
        left, size, _ = np.linalg.svd(weights @ (vectors * np.sqrt(np.maximum(roots, 0))), full_matrices=False)
        loadings = (left * size)[:, size > _TIE * size[0]]
        level = weights @ values + found[:, n_pre] * bound.constant
        return cls(level, -found[:, -1], loadings @ loadings.T, loadings)

    def least_favourable(self, alpha: float) -> float:
        r"""Value that the largest vertex exceeds with probability alpha when all moments bind.

        In polar coordinates, with :math:`h(u)` the largest loading in direction u (at least 0), it is the average over
        directions of :math:`P(\chi > c / h(u))`; of two normals :math:`P(\chi > x) = \exp(-x^2 / 2)`.
        """
        rank = self.loadings.shape[1]
        directions = _directions(max(rank, 2))[:rank]
        reach = np.maximum((self.loadings @ directions).max(axis=0), 0)
        n_directions = len(reach)
        reach = reach[reach > 0]
        if not reach.size:
            return 0.0

        def excess(c: float) -> float:
            x = c / reach
            beyond = np.exp(-0.5 * x**2)
            if rank == 3:
                beyond = special.erfc(x / np.sqrt(2)) + np.sqrt(2 / np.pi) * x * beyond
            return float(beyond.sum() / n_directions - alpha)

        return float(optimize.brentq(excess, 0, reach.max() * 40, xtol=1e-14 * reach.max()))

    def margin(self, theta: np.ndarray, alpha: float, kappa: float, first_stage: float) -> np.ndarray:
        """Statistic less its critical value at each null, shape (n,); positive where rejected."""
        y = self.level[:, None] + self.slope[:, None] * theta
        winner = y.argmax(axis=0)
        eta = y.max(axis=0)
        variance = np.diag(self.covariance)[winner]
        live = (variance > 0) & (eta > 0)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = self.covariance[:, winner] / variance
            crossing = (y - ratio * eta) / (1 - ratio)
        low = np.where(ratio < 1 - _TIE, crossing, -np.inf).max(axis=0)
        high = np.minimum(np.where(ratio > 1 + _TIE, crossing, np.inf).min(axis=0), first_stage)
        sd = np.sqrt(np.where(live, variance, 1.0))
        level = (alpha - kappa) / (1 - kappa)
        critical = truncated_quantile(1 - level, np.minimum(low, eta) / sd, np.maximum(high, eta) / sd) * sd
        decided = np.where(eta > first_stage, eta, eta - np.maximum(critical, 0))
        return np.where(live, decided, np.minimum(eta, 0))

    def accepted(self, alpha: float, kappa: float | None = None) -> tuple[float, float]:
        """Outermost nulls that the hybrid test accepts; nan where it rejects all.

        A first stage of size `kappa` (a tenth of alpha) rejects by the least favourable critical value; the second
        conditions on the winning vertex and on having passed the first.
        """
        kappa = alpha * _SIZE_OF_FIRST_STAGE if kappa is None else kappa
        first_stage = self.least_favourable(kappa)
        reachable = first_stage - self.level
        if (reachable[self.slope == 0] < 0).any():
            return np.nan, np.nan
        ends = reachable / np.where(self.slope == 0, np.nan, self.slope)
        low, high = ends[self.slope < 0].max(), ends[self.slope > 0].min()
        if not low < high:
            return np.nan, np.nan
        theta = np.linspace(low, high, _GRID)
        inside = np.flatnonzero(self.margin(theta, alpha, kappa, first_stage) <= 0)
        if not inside.size:
            return np.nan, np.nan
        first, last = inside[0], inside[-1]
        a = theta[[first, last]]
        b = theta[[max(first - 1, 0), min(last + 1, _GRID - 1)]]
        for _ in range(_BISECTIONS):
            middle = (a + b) / 2
            ok = self.margin(middle, alpha, kappa, first_stage) <= 0
            a, b = np.where(ok, middle, a), np.where(ok, b, middle)
        return float(a[0]), float(a[1])


def _directions(dimension: int) -> np.ndarray:
    """Evenly spread unit vectors in the plane or in space, shape (dimension, n)."""
    if dimension == 2:
        angle = (np.arange(_ANGLES) + 0.5) * (2 * np.pi / _ANGLES)
        return np.stack([np.cos(angle), np.sin(angle)])
    height, angle = np.meshgrid(
        2 * (np.arange(_HEIGHTS) + 0.5) / _HEIGHTS - 1, (np.arange(2 * _HEIGHTS) + 0.5) * (np.pi / _HEIGHTS)
    )
    ring = np.sqrt(1 - height**2)
    return np.stack([ring * np.cos(angle), ring * np.sin(angle), height]).reshape(3, -1)


def truncated_quantile(p: float, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Quantile of a standard normal given that it lies between low and high; exact far in the upper tail."""
    tail = np.logaddexp(np.log1p(-p) + special.log_ndtr(-low), np.log(p) + special.log_ndtr(-high))
    return np.clip(-special.ndtri_exp(np.minimum(tail, -1e-300)), low, high)


def hull(
    bounds: list[StepBound],
    values: np.ndarray,
    covariance: np.ndarray,
    alpha: float,
    kappa: float | None = None,
) -> tuple[float, float]:
    """Smallest interval that holds the accepted nulls of a union of restrictions."""
    ends = np.array([DualVertices.of(b, values, covariance).accepted(alpha, kappa) for b in bounds])
    if np.isnan(ends).all():
        return np.nan, np.nan
    return float(np.nanmin(ends[:, 0])), float(np.nanmax(ends[:, 1]))


def differences(n_pre: int, n_post: int, order: int) -> np.ndarray:
    """First or second differences of the path with its zero reference, shape (n_pre + n_post + 1 - order, k)."""
    k = n_pre + n_post
    path = np.insert(np.eye(k), n_pre, 0.0, axis=0)
    return np.diff(path, n=order, axis=0)


def shape_rows(n_pre: int, n_post: int, sign: Sign | None, monotone: Direction | None) -> np.ndarray | None:
    """Return combinations of violations that a sign or a direction after the reference keeps from being positive."""
    if sign:
        return np.eye(n_pre + n_post)[n_pre:] * (-1 if sign == "positive" else 1)
    if monotone:
        return differences(n_pre, n_post, 1)[n_pre:] * (-1 if monotone == "increasing" else 1)
    return None


def step_bounds(
    n_pre: int,
    weights: np.ndarray,
    order: int,
    *,
    relative: float | None = None,
    absolute: float = 0.0,
    shape: np.ndarray | None = None,
) -> list[StepBound]:
    """Pieces of the restriction on first (order 1) or second (order 2) differences after the reference.

    With `relative`, each difference before the reference in turn, with either sign, is the yardstick; the union over
    pieces is the restriction by the largest of them. `shape` is that of `StepBound`.
    """
    n_post = len(weights)
    path = differences(n_pre, n_post, order)
    before = n_pre + 1 - order
    steps = path[before:]
    time = np.arange(1, n_post + 1)
    gap = time[:, None] - np.arange(n_post)
    sums = weights @ np.where(gap > 0, gap ** (order - 1), 0)
    effect = np.concatenate([np.zeros(n_pre), weights])
    if order == 2:
        effect[n_pre - 1] = weights @ time
    if relative is None:
        return [StepBound(steps, sums, effect, np.zeros(n_pre + n_post), absolute, shape)]
    yardsticks = [relative * sign * v for v in path[:before] for sign in (1.0, -1.0)]
    return [StepBound(steps, sums, effect, yardstick, shape=shape) for yardstick in yardsticks]
