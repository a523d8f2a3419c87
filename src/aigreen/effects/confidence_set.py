"""Values of a ratio that a test does not reject (Fieller), which need no denominator away from zero."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from aigreen.options import check_level


@dataclass(frozen=True)
class ConfidenceSet:
    """Values that a test does not reject: an interval, two rays, or the whole line.

    Attributes
    ----------
    intervals : tuple of (float, float)
        Ascending; infinite ends where the denominator is too near zero to bound the ratio.
    level : float
    """

    intervals: tuple[tuple[float, float], ...]
    level: float

    def __contains__(self, value: float) -> bool:
        return any(low <= value <= high for low, high in self.intervals)

    def __str__(self) -> str:
        return " or ".join(f"[{low:.4g}, {high:.4g}]" for low, high in self.intervals)


def ratio_set(
    numerator: tuple[float, np.ndarray], denominator: tuple[float, np.ndarray], level: float, df: float | None = None
) -> ConfidenceSet:
    r"""Invert the test of :math:`a - \pi b = 0`: all :math:`\pi` with :math:`(a - \pi b)^2 \le q^2\,V(a - \pi b)`.

    Parameters
    ----------
    numerator, denominator : (float, ndarray of shape (clusters,))
        Estimate, and influence functions on the same clusters.
    level : float
    df : float, optional
        Degrees of freedom of the t distribution; normal without.

    Source: Fieller (1954), Journal of the Royal Statistical Society B 16(2).
    """
    check_level(level)
    (a, of_a), (b, of_b) = numerator, denominator
    tail = (1 + level) / 2
    critical = (special.ndtri(tail) if df is None or np.isinf(df) else special.stdtrit(df, tail)) ** 2
    square = b**2 - critical * of_b @ of_b
    middle = a * b - critical * of_a @ of_b
    constant = a**2 - critical * of_a @ of_a
    root = middle**2 - square * constant
    if square < 0 and root <= 0:
        return ConfidenceSet(((-np.inf, np.inf),), level)
    low, high = sorted((middle + sign * np.sqrt(max(root, 0.0))) / square for sign in (-1, 1))
    ends = ((low, high),) if square > 0 else ((-np.inf, low), (high, np.inf))
    return ConfidenceSet(tuple((float(lower), float(upper)) for lower, upper in ends), level)
