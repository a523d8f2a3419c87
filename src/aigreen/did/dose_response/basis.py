"""Functions of the dose: B-splines, or indicators of bins. They add up to one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.interpolate import BSpline

from aigreen.errors import CollinearError, OptionError

Kind = Literal["spline", "bins"]
Knots = int | Sequence[float] | None

_QUARTILES = 3


@dataclass(frozen=True)
class DoseBasis:
    """Basis functions on the doses of treated units.

    Attributes
    ----------
    degree : int
        Of the splines; 0 for bins.
    knots : tuple of float
        Interior knots, or lower edges of all bins but the first; ascending.
    lowest, highest : float
        Doses between which the functions are used.
    """

    degree: int
    knots: tuple[float, ...]
    lowest: float
    highest: float

    @classmethod
    def choose(cls, kind: Kind, degree: int, knots: Knots, doses: np.ndarray) -> DoseBasis:
        """Place the knots, at quantiles of the doses if their number is given.

        Raises
        ------
        CollinearError
            All doses are equal, or quantiles coincide.
        OptionError
            Knots outside the doses.
        """
        low, high = float(doses.min()), float(doses.max())
        spline = kind == "spline"
        if spline and low == high:
            raise CollinearError(f"every treated unit has dose {low:g}: no curve is identified; take basis='bins'")
        if knots is None:
            knots = 0 if spline else _QUARTILES
        if isinstance(knots, int | np.integer):
            wanted = np.quantile(doses, np.arange(1, knots + 1) / (knots + 1), method="linear" if spline else "higher")
            placed = np.unique(wanted[(wanted > low) & ((wanted < high) | (not spline))])
            if len(placed) < knots:
                raise CollinearError(
                    f"knots={knots}: at quantiles of the doses only {len(placed)} differ from each other and from the "
                    f"ends {low:g} and {high:g} ({len(np.unique(doses)):,} distinct doses of treated units); write "
                    "fewer, or their places"
                )
        else:
            placed = np.asarray(knots, dtype=float)
            outside = (placed <= low) | (placed > high) | (spline & (placed == high))
            if outside.any():
                raise OptionError(
                    "knots", list(knots), [f"numbers between the doses of treated units, {low:g} and {high:g}"]
                )
        return cls(degree if spline else 0, tuple(placed.tolist()), low, high)

    @property
    def size(self) -> int:
        """Number of functions K."""
        return len(self.knots) + self.degree + 1

    @property
    def terms(self) -> list[str]:
        """Doses on which each function is not zero."""
        t = self._places
        spans = [(t[j], t[j + self.degree + 1]) for j in range(self.size)]
        return [f"[{a:g}, {b:g}{')' if not self.degree and b < self.highest else ']'}" for a, b in spans]

    @property
    def bins(self) -> tuple[np.ndarray, np.ndarray]:
        """Least and greatest dose of each bin, shape (K,)."""
        edges = np.array([self.lowest, *self.knots])
        return edges, np.append(np.nextafter(edges[1:], -np.inf), self.highest)

    def __call__(self, doses: np.ndarray) -> np.ndarray:
        """Evaluate the functions, shape (n,) to (n, K)."""
        if not self.degree:
            return np.eye(self.size)[np.searchsorted(self.knots, doses, side="right")]
        return BSpline(self._places, np.eye(self.size), self.degree)(doses)

    def slope(self, doses: np.ndarray) -> np.ndarray:
        """Evaluate the derivatives of the functions of a spline, shape (n,) to (n, K)."""
        return BSpline(self._places, np.eye(self.size), self.degree).derivative()(doses)

    @property
    def _places(self) -> np.ndarray:
        ends = self.degree + 1
        return np.array([self.lowest] * ends + list(self.knots) + [self.highest] * ends)


def check_basis(kind: Kind, degree: int, knots: Knots) -> None:
    """Refuse degrees and knots that cannot be used.

    Raises
    ------
    OptionError
    """
    if isinstance(degree, bool) or not isinstance(degree, int | np.integer) or degree < 1:
        raise OptionError("degree", degree, ["1", "2", "3", "..."])
    if knots is None:
        return
    least = 0 if kind == "spline" else 1
    allowed = [f"a number from {least} on", "ascending doses"]
    if isinstance(knots, int | np.integer) and not isinstance(knots, bool):
        if knots < least:
            raise OptionError("knots", knots, allowed)
        return
    places = np.asarray(knots, dtype=float) if isinstance(knots, Sequence | np.ndarray) else np.zeros(0)
    if places.ndim != 1 or len(places) < 1 or not np.isfinite(places).all() or (np.diff(places) <= 0).any():
        raise OptionError("knots", knots, allowed)
