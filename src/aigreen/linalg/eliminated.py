r"""Normal equations of effects with few levels, from blocks of whole units whose own effects are eliminated.

With the dummies :math:`D` of all levels but those of units, and values :math:`V` (n, k) less their unit means,

.. math:: S = \sum_i \big(D_i'W_iD_i - D_i'w_i w_i'D_i / w_i'1\big), \qquad r = \sum_i D_i'W_i\tilde V_i, \qquad
          G = \sum_i \tilde V_i'W_i\tilde V_i

are sums over units i, so that any number of units needs no more memory than S, of the size levels x levels.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from aigreen.linalg.arrays import cross_products, crosstab, sum_by, sum_by_two
from aigreen.linalg.fixed_effects import NULL
from aigreen.linalg.normal_equations import Solver, cholesky_solver, schur_matrix


class Eliminated:
    """Sums over units, added block by block, and their solution.

    Parameters
    ----------
    sizes : sequence of int
        Number of levels of each effect but that of units.
    k : int
        Number of columns of values.

    Attributes
    ----------
    matrix : ndarray, shape (levels, levels)
    right : ndarray, shape (levels, k)
    gram : ndarray, shape (k, k)
    diagonal : ndarray, shape (levels,)
        Sum of weights of each level.
    reach : ndarray, shape (k,)
        Largest deviation of a value from the mean of its unit.
    """

    def __init__(self, sizes: Sequence[int], k: int) -> None:
        self.sizes = list(sizes)
        self.offsets = np.concatenate([[0], np.cumsum(self.sizes, dtype=np.intp)])
        n = int(self.offsets[-1])
        self.matrix, self.right, self.gram = np.zeros((n, n)), np.zeros((n, k)), np.zeros((k, k))
        self.diagonal, self.reach = np.zeros(n), np.zeros(k)

    @property
    def n_levels(self) -> int:
        """Number of levels."""
        return len(self.diagonal)

    def add(
        self, unit: np.ndarray, n_units: int, levels: Sequence[np.ndarray], w: np.ndarray, values: np.ndarray
    ) -> Units:
        """Add rows of whole units.

        Parameters
        ----------
        unit : ndarray of int, shape (n,)
        levels : sequence of ndarray of int, shape (n,)
            Level of each row in each effect, numbered as in `matrix`.
        w : ndarray, shape (n,)
            Positive.
        values : ndarray, shape (n, k)

        Returns
        -------
        Units
        """
        units = Units.of(unit, n_units, levels, w, self.n_levels)
        own = np.zeros((self.n_levels, self.n_levels))
        for j, level in enumerate(levels):
            size = np.bincount(level, w, self.n_levels)
            self.diagonal += size
            own[np.diag_indices(self.n_levels)] += size
            for other in levels[:j]:
                both = sparse.coo_array((w, (level, other)), shape=own.shape).toarray()
                own += both + both.T
        self.matrix += schur_matrix(own, units.by_level, units.inverse)
        within = values - units.mean(unit, w, values)[unit]
        self.reach = np.maximum(self.reach, np.abs(within).max(axis=0, initial=0.0))
        weighted = within * w[:, None]
        for level in levels:
            self.right += sum_by(level, weighted, self.n_levels)
        self.gram += cross_products(within, weighted)
        return units

    def target_sums(
        self,
        units: Units,
        unit: np.ndarray,
        levels: Sequence[np.ndarray],
        w: np.ndarray,
        column: np.ndarray,
        k: int,
    ) -> np.ndarray:
        r"""Sum target rows, :math:`D_1'w - B'A^{-1}1'w`, by level and target, shape (levels, k).

        Parameters
        ----------
        units : Units
            Of the block's fitted rows.
        unit, levels, w
            Of the block's target rows.
        column : ndarray of int
            Their target.
        """
        total = np.zeros((self.n_levels, k))
        for level in levels:
            total += sum_by_two(level, column, w, self.n_levels, k)
        by_unit = sparse.coo_array((w * units.inverse[unit], (unit, column)), shape=(len(units.inverse), k)).tocsr()
        through = units.by_level.T @ by_unit
        return total - (through if isinstance(through, np.ndarray) else through.toarray())

    @cached_property
    def _solved(self) -> tuple[Solver, np.ndarray]:
        return cholesky_solver(self.matrix, self.diagonal, self._independent())

    @property
    def solve(self) -> Solver:
        """Solver of ``matrix @ x = r``."""
        return self._solved[0]

    @property
    def rank(self) -> int:
        """Number of independent equations."""
        return len(self._solved[1])

    @property
    def whole(self) -> bool:
        """Whether every level has rows and their units connect them all."""
        return bool((self.diagonal > 0).all()) and self.rank == self.n_levels - len(self.sizes)

    def _independent(self) -> np.ndarray | None:
        """Levels without the first of each connected component, where there is one effect beside units."""
        if len(self.sizes) != 1:
            return None
        present = self.diagonal > 0
        _, component = csgraph.connected_components(sparse.csr_array(self.matrix != 0), directed=False)
        keep = present.copy()
        keep[np.unique(np.where(present, component, -1), return_index=True)[1]] = False
        return np.flatnonzero(keep & present)

    @cached_property
    def null(self) -> np.ndarray:
        """Random vectors of the null space of the equations, shape (levels, 4)."""
        z = np.random.default_rng(0).standard_normal((self.n_levels, 4)) * (self.diagonal > 0)[:, None]
        return z - self.solve(self.matrix @ z)

    def reaches(
        self,
        units: Units,
        unit: np.ndarray,
        levels: Sequence[np.ndarray],
    ) -> np.ndarray:
        """Mark rows whose sum of effects the fitted rows identify; rows of units of a block, of any period."""
        reached = units.inverse[unit] > 0
        total = (-units.inverse[:, None] * (units.by_level @ self.null))[unit]
        for level in levels:
            reached &= self.diagonal[level] > 0
            total += self.null[level]
        largest = max(1.0, float(np.abs(self.null).max(initial=0.0)))
        return reached & (np.abs(total).max(axis=1, initial=0.0) < NULL * largest)


class Moments:
    """Sums of columns about the first row, from which their spread follows.

    Attributes
    ----------
    low, high : ndarray, shape (k,)
        Range of each column.
    level : ndarray, shape (k,)
        Weighted sum of squares about zero.
    weight : float
        Sum of weights.
    """

    def __init__(self, k: int) -> None:
        self.low, self.high = np.full(k, np.inf), np.full(k, -np.inf)
        self.level, self.weight = np.zeros(k), 0.0
        self._start: np.ndarray | None = None
        self._total, self._square = np.zeros(k), np.zeros(k)

    def add(self, values: np.ndarray, w: np.ndarray) -> None:
        """Add rows, shape (n, k)."""
        if not len(values):
            return
        if self._start is None:
            self._start = values[0].copy()
        self.low = np.minimum(self.low, values.min(axis=0))
        self.high = np.maximum(self.high, values.max(axis=0))
        apart = values - self._start
        self._total += w @ apart
        self._square += w @ apart**2
        self.level += w @ values**2
        self.weight += float(w.sum())

    @property
    def largest(self) -> float:
        """Largest absolute value of the first column."""
        return float(max(abs(self.low[0]), abs(self.high[0])))

    @property
    def spread(self) -> np.ndarray:
        """Weighted sum of squares about the mean, shape (k,); exactly zero of a constant."""
        return np.where(self.high > self.low, self._square - self._total**2 / self.weight, 0.0)

    @property
    def size(self) -> np.ndarray:
        """Weighted sum of squares about the mean, of a constant about zero, shape (k,)."""
        return np.where(self.high > self.low, self.spread, self.level)


class Units:
    """Sums of the fitted rows of the units of a block.

    Attributes
    ----------
    inverse : ndarray, shape (units,)
        One by the sum of weights; zero without rows.
    by_level : ndarray or sparse array, shape (units, levels)
        Sums of weights.
    """

    def __init__(self, inverse: np.ndarray, by_level: np.ndarray | sparse.csr_array) -> None:
        self.inverse, self.by_level = inverse, by_level

    @classmethod
    def of(cls, unit: np.ndarray, n_units: int, levels: Sequence[np.ndarray], w: np.ndarray, n_levels: int) -> Units:
        """Sum the weights of rows."""
        size = np.bincount(unit, w, n_units)
        inverse = np.divide(1.0, size, out=np.zeros(n_units), where=size > 0)
        by_level: np.ndarray | sparse.csr_array = np.zeros((n_units, n_levels))
        if len(levels) == 1:
            by_level = crosstab(unit, levels[0], w, n_units, n_levels)
        elif levels:
            rows, columns = np.tile(unit, len(levels)), np.concatenate(list(levels))
            by_level = crosstab(rows, columns, np.tile(w, len(levels)), n_units, n_levels)
        return cls(inverse, by_level)

    def mean(self, unit: np.ndarray, w: np.ndarray, values: np.ndarray) -> np.ndarray:
        """Weighted means of the fitted rows by unit, shape (units, k)."""
        return sum_by(unit, values * w[:, None], len(self.inverse)) * self.inverse[:, None]
