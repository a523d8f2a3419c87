r"""How the effect of exposure grows with it: basis functions B(S) that are zero at zero, so that s(S) = B(S)'theta."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from aigreen.errors import OptionError
from aigreen.options import check_memory

Response = Literal["bins", "linear", "spline"]

_QUANTILES = {
    3: (0.1, 0.5, 0.9),
    4: (0.05, 0.35, 0.65, 0.95),
    5: (0.05, 0.275, 0.5, 0.725, 0.95),
}


@dataclass(frozen=True)
class Basis:
    """Basis functions of one or several exposures.

    Attributes
    ----------
    columns : tuple of str
        Exposure columns.
    kind : {"bins", "linear", "spline"}
    cuts : tuple of tuple of float
        For each column, lower edges of its bins (the first is 0), or knots of its spline; empty for linear.
    """

    columns: tuple[str, ...]
    kind: Response
    cuts: tuple[tuple[float, ...], ...]

    @classmethod
    def choose(cls, columns: Sequence[str], kind: Response, cuts: int | Sequence[float] | None, S: np.ndarray) -> Basis:
        """Choose edges or knots, at quantiles of the positive exposures S, shape (n, columns), if not given."""
        return cls(tuple(columns), kind, tuple(_cuts(kind, cuts, s[s > 0]) for s in S.T))

    @property
    def of(self) -> np.ndarray:
        """Column of each basis function, shape (q,)."""
        size = [len(c) if self.kind == "bins" else max(1, len(c) - 1) for c in self.cuts]
        return np.repeat(np.arange(len(self.columns)), size)

    @property
    def parts(self) -> list[tuple[str, int, np.ndarray]]:
        """Label, column and basis functions of each part: a bin, or a whole column."""
        of = self.of
        if self.kind != "bins":
            return [(name, j, np.flatnonzero(of == j)) for j, name in enumerate(self.columns)]
        out: list[tuple[str, int, np.ndarray]] = []
        for j, (name, low) in enumerate(zip(self.columns, self.cuts, strict=True)):
            for k, edge in enumerate(low):
                label = name
                if len(low) > 1:
                    label += f" ({edge:g}, {low[k + 1]:g}]" if k + 1 < len(low) else f" > {edge:g}"
                out.append((label, j, np.array([len(out)])))
        return out

    @property
    def terms(self) -> list[str]:
        """Name of each basis function."""
        if self.kind == "bins":
            return [label for label, _, _ in self.parts]
        names = [self.columns[j] for j in self.of]
        if self.kind == "linear":
            return names
        return [f"{name}, spline term {k}" for name, k in zip(names, self._within(), strict=True)]

    def __call__(self, S: np.ndarray) -> np.ndarray:
        """Evaluate the basis functions, shape (n, columns) to (n, q)."""
        check_memory("functions of exposure, rows x terms", "take fewer bins", len(S), len(self.of))
        return np.column_stack([self.at(j, S[:, j]) for j in range(len(self.columns))])

    def at(self, j: int, s: np.ndarray) -> np.ndarray:
        r"""Evaluate the basis functions of column j, shape (n, q_j).

        A spline is the restricted cubic one of Stone and Koo (1985), linear beyond the outer knots, without constant.
        """
        cuts = self.cuts[j]
        if self.kind == "linear":
            return s[:, None].astype(float)
        if self.kind == "bins":
            upper = (*cuts[1:], np.inf)
            return np.column_stack([((s > a) & (s <= b)).astype(float) for a, b in zip(cuts, upper, strict=True)])
        last, before = cuts[-1], cuts[-2]

        def cube(knot: float) -> np.ndarray:
            return np.maximum(s - knot, 0.0) ** 3

        bends = [
            cube(t) - cube(before) * ((last - t) / (last - before)) + cube(last) * ((before - t) / (last - before))
            for t in cuts[:-2]
        ]
        return np.column_stack([s, *(b / (last - cuts[0]) ** 2 for b in bends)])

    def _within(self) -> np.ndarray:
        """Count each basis function within its column, from 1."""
        of = self.of
        return np.arange(len(of)) - np.searchsorted(of, of) + 1


def check_cuts(kind: Response, cuts: int | Sequence[float] | None) -> None:
    """Refuse edges or knots that cannot be used.

    Raises
    ------
    OptionError
    """
    if cuts is None:
        return
    if kind == "linear":
        raise OptionError("bins", cuts, [None])
    allowed: list[object] = ["1", "2", "..."] if kind == "bins" else list(_QUANTILES)
    allowed.append("ascending positive numbers" if kind == "bins" else "three or more ascending numbers from 0")
    if isinstance(cuts, int | np.integer):
        if cuts < 1 or (kind == "spline" and cuts not in _QUANTILES):
            raise OptionError("bins", cuts, allowed)
        return
    values = np.asarray(cuts, dtype=float)
    fits = values.ndim == 1 and np.isfinite(values).all() and (np.diff(values) > 0).all()
    enough = fits and (values.size >= 1 and values[0] > 0 if kind == "bins" else values.size >= 3 and values[0] >= 0)
    if not enough:
        raise OptionError("bins", cuts, allowed)


def _cuts(kind: Response, cuts: int | Sequence[float] | None, positive: np.ndarray) -> tuple[float, ...]:
    if kind == "linear":
        return ()
    if cuts is not None and not isinstance(cuts, int | np.integer):
        return tuple(float(c) for c in ([0.0, *cuts] if kind == "bins" else cuts))
    if kind == "bins":
        if cuts is None or cuts == 1 or not positive.size:
            return (0.0,)
        cuts = min(int(cuts), positive.size)  # more bins than values are as many
        edges = np.unique(np.quantile(positive, np.arange(1, cuts) / cuts, method="inverted_cdf"))
        return (0.0, *(float(e) for e in edges if e < positive.max()))
    knots = np.unique(np.quantile(positive, _QUANTILES[4 if cuts is None else int(cuts)])) if positive.size else []
    if positive.size and len(knots) < 3:
        raise OptionError("response", "spline", ["bins (the exposure takes too few values for a spline)", "linear"])
    return tuple(float(k) for k in knots) if positive.size else (0.0, 1.0, 2.0)
