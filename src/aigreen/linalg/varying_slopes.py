r"""Fixed effects with slopes that differ by level, :math:`\alpha_i + \delta_i t`, projected out exactly.

Within each level of a grouping its columns (one, where the level has an effect of its own, then slope variables) are
made orthogonal on the fitted rows by weighted Gram-Schmidt. The block :math:`A` of the largest grouping is diagonal
again, so that it is eliminated as in `aigreen.linalg.fixed_effects`, and only the columns of the other groupings are
solved for. All matrices are sparse: each row has one entry for each column of each grouping.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse

from aigreen.errors import EmptyDataError
from aigreen.linalg.absorption import Absorption
from aigreen.linalg.arrays import compact, take_rows
from aigreen.linalg.fixed_effects import BLOCK, DENSE_LEVELS, NULL, FixedEffects
from aigreen.linalg.normal_equations import SchurOperator, cholesky_solver, conjugate_gradients, schur_matrix

_CONSTANT = 1e-14


@dataclass(frozen=True, eq=False)
class Slope:
    """A variable, shape (n,), whose coefficient differs by level of `codes`, shape (n,)."""

    codes: np.ndarray
    values: np.ndarray

    def take(self, rows: np.ndarray) -> Slope:
        """Return the slope of some rows (positions or mask), with levels renumbered."""
        return Slope(compact(self.codes[rows])[0], self.values[rows])

    @property
    def n_levels(self) -> int:
        """Number of coefficients."""
        return int(self.codes.max()) + 1


def absorb(
    codes: Sequence[np.ndarray],
    slopes: Sequence[Slope],
    *,
    fitted: np.ndarray | None = None,
    weights: np.ndarray | None = None,
) -> Absorption:
    """Projection on fixed effects and, where there are any, varying slopes; arguments as for `FixedEffects`."""
    if slopes:
        return SlopedEffects(codes, slopes, fitted=fitted, weights=weights)
    return FixedEffects(codes, fitted=fitted, weights=weights)


class SlopedEffects(Absorption):
    """Least-squares projection on fixed effects and varying slopes, fitted on some rows and defined on all.

    Its coefficients are in an orthogonal basis.

    Parameters
    ----------
    codes : sequence of ndarray of int, shape (n,)
    slopes : sequence of Slope
    fitted, weights
        As for `FixedEffects`.

    Attributes
    ----------
    reached : ndarray of bool, shape (n,)
        Rows whose sum of effects and slopes the fitted rows identify: a level whose variable does not vary on its
        fitted rows has no slope, so that rows with another value of the variable are not reached.

    Examples
    --------
    >>> unit, time = np.repeat([0, 1], 4), np.tile(np.arange(4.0), 2)
    >>> fitted = np.array([1, 1, 1, 0, 1, 0, 0, 0], dtype=bool)
    >>> effects = SlopedEffects([unit], [Slope(unit, time)], fitted=fitted)
    >>> effects.residualize(np.array([1.0, 2.0, 3.0, 9.0, 5.0, 5.0, 5.0, 5.0])).round(12)
    array([ 0.,  0.,  0.,  5.,  0., nan, nan, nan])
    """

    def __init__(
        self,
        codes: Sequence[np.ndarray],
        slopes: Sequence[Slope],
        *,
        fitted: np.ndarray | None = None,
        weights: np.ndarray | None = None,
    ) -> None:
        self.codes = tuple(codes)
        n = len(slopes[0].codes)
        chosen = np.ones(n, dtype=bool) if fitted is None else np.asarray(fitted, dtype=bool)
        if weights is not None:
            chosen = chosen & (weights > 0)
        self.rows = np.flatnonzero(chosen)
        if not self.rows.size:
            raise EmptyDataError("no row to fit fixed effects on", count=0)
        self._w = None if weights is None else take_rows(weights, self.rows)
        blocks = [self._block(*grouping) for grouping in _groupings(codes, slopes)]
        first = int(np.argmax([block.shape[1] for block in blocks]))
        rest = [block for j, block in enumerate(blocks) if j != first]
        self._d1 = blocks[first]
        self._d2 = sparse.hstack(rest, format="csr") if rest else sparse.csr_array((n, 0))
        self._d1_0, self._d2_0 = self._d1[self.rows], self._d2[self.rows]
        self._solve_for_rest()

    # -- set-up --------------------------------------------------------------------------------------------------

    def _block(self, codes: np.ndarray, columns: list[np.ndarray]) -> sparse.csr_array:
        """Columns by level, orthogonal on the fitted rows of each, shape (n, levels x columns)."""
        n, m = len(codes), int(codes.max()) + 1
        code, w = codes[self.rows], np.ones(len(self.rows)) if self._w is None else self._w

        def sums(values: np.ndarray) -> np.ndarray:
            return np.bincount(code, w * values[self.rows], m)

        basis: list[np.ndarray] = []
        for column in columns:
            q = column / (column.std() or 1.0)
            whole = sums(q**2)
            for _ in range(2):  # once more for what rounding leaves
                for b in basis:
                    size = sums(b**2)
                    q = q - (sums(b * q) / np.where(size > 0, size, 1.0))[codes] * b
            flat = sums(q**2) <= _CONSTANT * whole
            q[self.rows[flat[code]]] = 0.0
            basis.append(q)
        k = len(basis)
        at = (codes.astype(np.intp)[:, None] * k + np.arange(k)).ravel()
        rows = np.repeat(np.arange(n), k)
        return sparse.csr_array((np.column_stack(basis).ravel(), (rows, at)), shape=(n, m * k))

    def _solve_for_rest(self) -> None:
        """Solver of the equations in S, and the rank."""
        w = np.ones(len(self.rows)) if self._w is None else self._w
        a = (self._d1_0.multiply(self._d1_0)).T @ w
        self._a_inverse = np.where(a > 0, 1.0 / np.where(a > 0, a, 1.0), 0.0)
        weighted = (sparse.diags_array(w) @ self._d2_0).tocsr()
        self._b = (self._d1_0.T @ weighted).tocsr()
        c = (self._d2_0.T @ weighted).tocsr()
        self._diagonal = c.diagonal()
        live = int((a > 0).sum())
        if self._d2.shape[1] > DENSE_LEVELS:
            operator = SchurOperator(c, self._b, self._a_inverse)
            self._s: SchurOperator | np.ndarray = operator
            self._solver = conjugate_gradients(operator, self._diagonal)
            self.rank = live + int((self._diagonal > 0).sum())
            return
        matrix = schur_matrix(c.toarray(), self._b, self._a_inverse)
        self._s, (self._solver, independent) = matrix, cholesky_solver(matrix, self._diagonal)
        self.rank = live + len(independent)

    # -- projections ---------------------------------------------------------------------------------------------

    def coefficients(self, y: np.ndarray) -> list[np.ndarray]:
        """Estimate the coefficients of the orthogonal columns: of the largest grouping, and of the others."""
        y0 = take_rows(y, self.rows)
        flat = y0[:, None] if y0.ndim == 1 else y0
        wy = flat if self._w is None else flat * self._w[:, None]
        mean1 = self._a_inverse[:, None] * (self._d1_0.T @ wy)
        gamma2 = self._solver(self._d2_0.T @ wy - self._b.T @ mean1)
        gamma1 = mean1 - self._a_inverse[:, None] * (self._b @ gamma2)
        return [gamma1[:, 0], gamma2[:, 0]] if y0.ndim == 1 else [gamma1, gamma2]

    def predict(self, coefficients: Sequence[np.ndarray]) -> np.ndarray:
        """Sum the effects of every row, shape (n,) or (n, k); without meaning where not `reached`."""
        return self._d1 @ coefficients[0] + self._d2 @ coefficients[1]

    def implied_weights(self, targets: np.ndarray | sparse.sparray) -> np.ndarray:
        """As `FixedEffects.implied_weights`."""
        one = targets.ndim == 1
        sums1, gamma2 = self._adjoint(targets[:, None] if one else targets)
        gamma1 = self._a_inverse[:, None] * (sums1.toarray() - self._b @ gamma2)
        v = self._d1_0 @ gamma1 + self._d2_0 @ gamma2
        if self._w is not None:
            v *= self._w[:, None]
        return v[:, 0] if one else v

    def cluster_sums(
        self, scores: np.ndarray, targets: np.ndarray | sparse.sparray, clusters: np.ndarray, n_clusters: int
    ) -> np.ndarray:
        """As `FixedEffects.cluster_sums`."""
        sums1, gamma2 = self._adjoint(targets)
        by_cluster = sparse.csr_array((scores, (clusters, np.arange(len(scores)))), shape=(n_clusters, len(scores)))
        first = by_cluster @ self._d1_0 @ sparse.diags_array(self._a_inverse)
        return (first @ sums1).toarray() + (by_cluster @ self._d2_0 - first @ self._b) @ gamma2

    def leverage(self) -> np.ndarray:
        """As `FixedEffects.leverage`."""
        own = self._d1_0 @ sparse.diags_array(self._a_inverse)
        h = np.asarray(own.multiply(self._d1_0).sum(axis=1)).ravel()
        for start in range(0, len(h), BLOCK):
            rows = slice(start, start + BLOCK)
            rest = (self._d2_0[rows] - own[rows] @ self._b).toarray()
            h[rows] += np.einsum("ij,ji->i", rest, self._solver(rest.T))
        return h if self._w is None else h * self._w

    def _adjoint(self, targets: np.ndarray | sparse.sparray) -> tuple[sparse.csr_array, np.ndarray]:
        """Columns of the largest grouping summed over targets, and the coefficients of the others."""
        entries = sparse.csr_array(targets)
        self.require_reached(np.flatnonzero(np.diff(entries.indptr)))
        sums1 = (self._d1.T @ entries).tocsr()
        through = self._b.T @ (sparse.diags_array(self._a_inverse) @ sums1)
        return sums1, self._solver((self._d2.T @ entries - through).toarray())

    @cached_property
    def reached(self) -> np.ndarray:
        """Rows whose sum of effects and slopes the fitted rows identify, shape (n,)."""
        if len(self.rows) == self._d1.shape[0]:
            return np.ones(len(self.rows), dtype=bool)
        dead1, dead2 = (self._a_inverse == 0).astype(float), (self._diagonal == 0).astype(float)
        unknown = abs(self._d1) @ dead1 + abs(self._d2) @ dead2
        z = np.random.default_rng(0).standard_normal((self._d2.shape[1], 4)) * (1 - dead2)[:, None]
        null2 = z - self._solver(self._s @ z)
        null1 = -self._a_inverse[:, None] * (self._b @ null2)
        functional = self.predict([null1, null2]) / max(1.0, float(np.abs(null2).max(initial=0.0)))
        reached = (unknown < NULL) & (np.abs(functional).max(axis=1) < NULL)
        reached[self.rows] = True
        return reached


def _groupings(codes: Sequence[np.ndarray], slopes: Sequence[Slope]) -> list[tuple[np.ndarray, list[np.ndarray]]]:
    """Distinct codes with their columns: ones for fixed effects, then variables."""
    out = [(code, [np.ones(len(code))]) for code in codes]
    for slope in slopes:
        same = [columns for code, columns in out if np.array_equal(code, slope.codes)]
        if same:
            same[0].append(slope.values.astype(float))
        else:
            out.append((slope.codes, [slope.values.astype(float)]))
    return out
