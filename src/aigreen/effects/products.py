r"""Effects that are a slope times something else that was estimated: their distribution, and intervals, are skewed.

With :math:`(b, m)` normal around their estimates the product has the distribution function

.. math::
    F(q) = \int \Phi\Bigl(\operatorname{sgn}(b)\frac{q/b - E[m \mid b]}{\operatorname{sd}(m \mid b)}\Bigr)\,d\Phi(b),

and the interval goes from its lower to its upper quantile (MacKinnon, Lockwood and Williams 2004; Tofighi and MacKinnon
2011). Where one factor is measured well it is that of the delta method.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import special

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(96)
_REACH = 8.5  # standard deviations
_STEPS = 60
_SMALLEST = 1e-15


@dataclass(frozen=True, eq=False)
class Products:
    """Which effects are products, and with which slope.

    Attributes
    ----------
    of : ndarray of int, shape (k,)
        Position of each effect's slope; -1 where it is no product.
    slopes : ndarray, shape (K,)
    psi : ndarray, shape (clusters, K)
        Influence functions of the slopes.
    """

    of: np.ndarray
    slopes: np.ndarray
    psi: np.ndarray

    @classmethod
    def beside(cls, parts: Sequence[tuple[Products | None, int]]) -> Products | None:
        """Put together those of several results on the same clusters, each with its number of effects."""
        known = [products for products, _ in parts if products is not None]
        if not known:
            return None
        of, start = [], 0
        for products, k in parts:
            of.append(np.full(k, -1) if products is None else np.where(products.of < 0, -1, products.of + start))
            start += 0 if products is None else len(products.slopes)
        return cls(
            np.concatenate(of),
            np.concatenate([products.slopes for products in known]),
            np.hstack([products.psi for products in known]),
        )

    def take(self, rows: np.ndarray) -> Products:
        """Those of some effects."""
        return replace(self, of=self.of[rows])

    def average(self, groups: np.ndarray, n: int) -> Products:
        """Those of averages: products where all that is averaged has one slope."""
        low, high = np.full(n, len(self.slopes)), np.full(n, -1)
        np.minimum.at(low, groups, self.of)
        np.maximum.at(high, groups, self.of)
        return replace(self, of=np.where(low == high, low, -1))

    def split(self, values: np.ndarray, psi: np.ndarray) -> tuple[np.ndarray, Factor, Factor]:
        """Return the positions of the products among effects, their slopes, and what these are multiplied with."""
        b = np.where(self.of < 0, 0.0, self.slopes[self.of])
        at = np.flatnonzero((b != 0) & psi.any(axis=0) & self.psi[:, self.of].any(axis=0))
        slope = Factor(b[at], self.psi[:, self.of[at]])
        moved = values[at] / slope.value
        return at, slope, Factor(moved, (psi[:, at] - slope.psi * moved) / slope.value)


@dataclass(frozen=True, eq=False)
class Factor:
    """Factors of products, shape (k,), with influence functions, shape (clusters, k)."""

    value: np.ndarray
    psi: np.ndarray


@dataclass(frozen=True, eq=False)
class Factors:
    """Two factors of each product in units of their errors, the correlation of these, their degrees of freedom."""

    x: np.ndarray
    y: np.ndarray
    rho: np.ndarray
    x_df: np.ndarray
    y_df: np.ndarray

    def below(self, q: np.ndarray, tail: np.ndarray | float) -> np.ndarray:
        """Probability that a product is at most q, of normal factors with errors that have the t quantile at `tail`."""
        x_spread, y_spread = (special.stdtrit(df, tail) / special.ndtri(tail) for df in (self.x_df, self.y_df))
        x, y, q = self.x / x_spread, self.y / y_spread, q / (x_spread * y_spread)
        low, high = x - _REACH, x + _REACH
        zero = np.clip(0.0, low, high)  # where the sign of the slope changes
        rest = np.sqrt(np.maximum(1 - self.rho**2, 1e-12))
        total = np.zeros(len(x))
        for start, stop in ((low, zero), (zero, high)):
            half = (stop - start)[:, None] / 2
            u = start[:, None] + half * (1 + _NODES)
            v = u - x[:, None]
            with np.errstate(divide="ignore", invalid="ignore"):
                gap = np.sign(u) * (q[:, None] / u - y[:, None] - self.rho[:, None] * v) / rest[:, None]
                total += (half * np.exp(-(v**2) / 2) * np.where(half > 0, special.ndtr(gap), 0.0)) @ _WEIGHTS
        return total / np.sqrt(2 * np.pi)

    def bounds(self, tail: np.ndarray | float) -> tuple[np.ndarray, np.ndarray]:
        """Quantiles of the products at `tail` and 1 - `tail`."""
        x_far, y_far = (_REACH * np.abs(special.stdtrit(df, tail)) for df in (self.x_df, self.y_df))
        widest = (np.abs(self.x) + x_far) * (np.abs(self.y) + y_far)

        def quantile(p: np.ndarray | float) -> np.ndarray:
            return _root(lambda q: self.below(q, tail) - p, -widest, widest)

        return quantile(tail), quantile(1 - tail)

    def p_values(self) -> np.ndarray:
        """Twice the tail whose interval ends at zero."""
        zero = np.zeros(len(self.x))

        def gap(log_tail: np.ndarray) -> np.ndarray:
            below = self.below(zero, np.exp(log_tail))
            return np.exp(log_tail) - np.minimum(below, 1 - below)

        return 2 * np.exp(_root(gap, np.full(len(zero), np.log(_SMALLEST)), np.full(len(zero), np.log(0.5))))


def _root(increasing: Callable[[np.ndarray], np.ndarray], low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Halve intervals until each holds the root alone."""
    if not len(low):  # as in most results
        return low
    for _ in range(_STEPS):
        middle = (low + high) / 2
        above = increasing(middle) > 0
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    return (low + high) / 2
