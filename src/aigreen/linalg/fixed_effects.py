r"""Fixed-effect projections: fit on some rows, predict on all, and the adjoint of that, without dummy matrices.

With rows of dummies :math:`F`, weights :math:`W` and fitted rows marked 0, the effects solve
:math:`F_0'WF_0\,\gamma = F_0'Wy_0`. The effect with most levels (units, as a rule) is eliminated: with
:math:`A = D_1'WD_1` (diagonal), :math:`B = D_1'WD_2`, :math:`C = D_2'WD_2`,

.. math:: S = C - B'A^{-1}B, \quad \gamma_2 = S^-(D_2'Wy - B'A^{-1}D_1'Wy), \quad \gamma_1 = A^{-1}(D_1'Wy - B\gamma_2),

so that only the small matrix :math:`S` is factorised (Frisch, Waugh and Lovell), once for any number of outcomes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from aigreen.errors import EmptyDataError, EstimationError
from aigreen.linalg.absorption import Absorption
from aigreen.linalg.arrays import cross_products, crosstab, sum_by_two, take_rows
from aigreen.linalg.normal_equations import EXACT, SchurOperator, cholesky_solver, conjugate_gradients, schur_matrix

DENSE_LEVELS = 4_000
NULL = 1e-7
BLOCK = 2**12  # rows


class FixedEffects(Absorption):
    r"""Least-squares projection on fixed effects, fitted on some rows and defined on all.

    Parameters
    ----------
    codes : sequence of ndarray of int, shape (n,)
        Level of each row in each fixed effect, from zero.
    fitted : ndarray of bool, shape (n,), optional
        Rows that enter the fit; all by default. Rows of weight zero never do.
    weights : ndarray of float, shape (n,), optional
        Weights of the rows.
    dense : int, optional
        Levels of all but the largest effect up to which S is factorised, and beyond which its equations are solved by
        conjugate gradients; by default `DENSE_LEVELS`.

    Attributes
    ----------
    codes : tuple of ndarray of int, shape (n,)
    rows : ndarray of int, shape (n_fitted,)
        Positions of the fitted rows.
    rank : int
        Rank of the dummies on the fitted rows: the degrees of freedom that they use. With three or more effects and no
        factorisation an upper bound, as one redundancy is counted for each effect after the first.
    reached : ndarray of bool, shape (n,)
        Rows whose sum of effects the fitted rows identify. With two effects: both levels stand in the same connected
        component of the bipartite graph of fitted rows (Abowd, Creecy and Kramarz 2002); with more, the row's dummies
        are orthogonal to the null space of the fitted ones.

    Examples
    --------
    >>> unit, time = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])
    >>> effects = FixedEffects([unit, time], fitted=np.array([True, True, True, False]))
    >>> effects.residualize(np.array([1.0, 2.0, 5.0, 9.0])).round(12)
    array([0., 0., 0., 3.])
    """

    def __init__(
        self,
        codes: Sequence[np.ndarray],
        *,
        fitted: np.ndarray | None = None,
        weights: np.ndarray | None = None,
        dense: int | None = None,
    ) -> None:
        self._dense = DENSE_LEVELS if dense is None else dense
        if not codes:
            raise EstimationError("at least one fixed effect is needed")
        self.codes = tuple(codes)
        sizes = [int(c.max()) + 1 for c in codes]
        first = int(np.argmax(sizes))
        self._u = codes[first]
        self._n_first = sizes[first]
        rest = [k for k in range(len(codes)) if k != first]
        offsets = np.concatenate([[0], np.cumsum([sizes[k] for k in rest])]).astype(np.intp)
        self._order = (first, *rest)
        self._offsets = offsets
        self._l = [codes[k] + start if start else codes[k] for k, start in zip(rest, offsets[:-1], strict=True)]
        self._n_rest = int(offsets[-1])

        n = len(self._u)
        chosen = np.ones(n, dtype=bool) if fitted is None else np.asarray(fitted, dtype=bool)
        if weights is not None:
            chosen = chosen & (weights > 0)
        self.rows = np.flatnonzero(chosen)
        if not self.rows.size:
            raise EmptyDataError("no row to fit fixed effects on", count=0)
        self._whole = self.rows.size == n
        self._u0 = self._fit_rows(self._u)
        self._l0 = [self._fit_rows(level) for level in self._l]
        self._weigh(None if weights is None else self._fit_rows(weights))
        self._structure()
        self._factorize()

    def reweight(self, weights: np.ndarray, *, dense: int | None = None) -> FixedEffects:
        """Return the projection with other positive weights on the same fitted rows, shape (n_fitted,).

        With `dense` equations in more levels are solved by iterations.
        """
        if not (weights > 0).all():
            raise EstimationError("new weights must be positive on all fitted rows")
        other = object.__new__(FixedEffects)
        other.__dict__.update(self.__dict__)
        other._dense = self._dense if dense is None else min(dense, self._dense)
        other._weigh(weights)
        other._factorize()
        return other

    # -- projections ---------------------------------------------------------------------------------------------

    def coefficients(self, y: np.ndarray) -> list[np.ndarray]:
        """Estimate the effects, in the order of `codes`; one solution where levels are redundant.

        Parameters
        ----------
        y : ndarray, shape (n,) or (n, k)
            Values of all rows; only fitted rows are read.
        """
        y0 = self._fit_rows(y)
        columns = [y0] if y0.ndim == 1 else y0.T
        sums = self.sums(column if self._w is None else column * self._w for column in columns)
        mean1, rest = self._reduce(*sums)
        gamma2 = self._solver(rest)
        gamma1 = mean1 - self._a_inverse[:, None] * (self._b @ gamma2)
        return self.by_effect(gamma1[:, 0], gamma2[:, 0]) if y0.ndim == 1 else self.by_effect(gamma1, gamma2)

    def by_effect(self, gamma1: np.ndarray, gamma2: np.ndarray) -> list[np.ndarray]:
        """Effects in the order of `codes`, from those of the largest effect and of all others."""
        parts = [gamma1, *(gamma2[a:b] for a, b in zip(self._offsets[:-1], self._offsets[1:], strict=True))]
        by_effect = dict(zip(self._order, parts, strict=True))
        return [by_effect[k] for k in range(len(parts))]

    def predict(self, coefficients: Sequence[np.ndarray]) -> np.ndarray:
        """Sum the effects of every row, shape (n,) or (n, k); without meaning where not `reached`."""
        ordered = [coefficients[k] for k in self._order]
        total = take_rows(ordered[0], self._u)
        for gamma, level, start in zip(ordered[1:], self._l, self._offsets, strict=False):
            level = level - start if start else level
            for column, values in zip(np.atleast_2d(total.T), np.atleast_2d(gamma.T), strict=True):
                column += values.take(level)
        return total

    # -- adjoint -------------------------------------------------------------------------------------------------

    def implied_weights(self, targets: np.ndarray | sparse.sparray) -> np.ndarray:
        r"""Weights on fitted rows that predictions for target rows give, :math:`v_0 = WF_0(F_0'WF_0)^-F'w`.

        Parameters
        ----------
        targets : array or sparse array, shape (n,) or (n, k)
            Weights :math:`w` on rows that are `reached`; one column a target.

        Returns
        -------
        ndarray, shape (n_fitted,) or (n_fitted, k)
            :math:`v_0'y_0 = w'F\hat\gamma` for every outcome.
        """
        one = targets.ndim == 1
        by_first, gamma2 = self._adjoint(targets[:, None] if one else targets)
        gamma1 = self._a_inverse[:, None] * (by_first.toarray().T - self._b @ gamma2)
        v = self.on_fitted(gamma1, gamma2)
        if self._w is not None:
            v *= self._w[:, None]
        return v[:, 0] if one else v

    def cluster_sums(
        self, scores: np.ndarray, targets: np.ndarray | sparse.sparray, clusters: np.ndarray, n_clusters: int
    ) -> np.ndarray:
        r"""Influence functions of :math:`w'F\hat\gamma` by cluster, without the implied weights.

        .. math:: \psi_c = \sum_{i \in c} s_i F_i'(F_0'WF_0)^- F'w

        Parameters
        ----------
        scores : ndarray, shape (n_fitted,)
            Weight times residual of the fitted rows (weight times y - mu for a count model).
        targets : array or sparse array, shape (n, k)
            Weights on rows that are `reached`; one column a target.
        clusters : ndarray of int, shape (n_fitted,)
            Cluster of each fitted row.
        n_clusters : int

        Returns
        -------
        ndarray, shape (n_clusters, k)
        """
        by_first, gamma2 = self._adjoint(targets)
        psi = np.zeros((n_clusters, gamma2.shape[1]))
        for level, a, b in zip(self._l0, self._offsets[:-1], self._offsets[1:], strict=True):
            psi += crosstab(clusters, level - a, scores, n_clusters, int(b - a)) @ gamma2[a:b]
        if not self._sums_to_zero(scores, clusters):
            shape = (n_clusters, self._n_first)
            first = sparse.coo_array((scores * self._a_inverse[self._u0], (clusters, self._u0)), shape=shape).tocsr()
            psi += (first @ by_first.T.tocsr()).toarray() - (first @ self._b) @ gamma2
        return psi

    def pieces(
        self, values: np.ndarray, groups: np.ndarray, n_groups: int, unions: sparse.csr_array | None = None
    ) -> tuple[sparse.csr_array, np.ndarray, np.ndarray]:
        r"""Inner products of the projections of parts of variables, each part the rows of one group.

        With the projection :math:`P = F_0(F_0'WF_0)^-F_0'W`, for parts :math:`x_g = 1_g x` and :math:`y_h = 1_h y`

        .. math:: x_g'WPy_h = a_g(x) \cdot a_h(y) + b_g(x) \cdot c_h(y) .

        Parameters
        ----------
        values : ndarray, shape (n_fitted,)
        groups : ndarray of int, shape (n_fitted,)
            Group of each fitted row.
        n_groups : int
        unions : sparse array, shape (n_unions, n_groups), optional
            Parts as sums of groups, one a row; by default each group is a part.

        Returns
        -------
        a : sparse array, shape (parts, levels of the largest effect)
        b, c : ndarray, shape (parts, levels of the other effects)
        """
        weighted = values if self._w is None else values * self._w
        shape = (n_groups, self._n_first)
        owner = self._owner(groups)
        if owner is None:
            first = sparse.coo_array((weighted, (groups, self._u0)), shape=shape).tocsr()
        else:
            sums = np.bincount(self._u0, weighted, self._n_first)
            first = sparse.coo_array((sums, (owner, np.arange(self._n_first))), shape=shape).tocsr()
        if unions is not None:
            first = unions @ first
        rest = np.zeros((first.shape[0], self._n_rest))
        for level, start, stop in zip(self._l0, self._offsets[:-1], self._offsets[1:], strict=True):
            part = crosstab(groups, level - start, weighted, n_groups, int(stop - start))
            part = part if unions is None else unions @ part
            rest[:, start:stop] = part if isinstance(part, np.ndarray) else part.toarray()
        root = sparse.diags_array(np.sqrt(self._a_inverse))
        first = first @ root
        through = first @ (root @ self._b)
        rest -= through if isinstance(through, np.ndarray) else through.toarray()
        return first, rest, self._solver(rest.T).T

    def leverage(self) -> np.ndarray:
        r"""Diagonal of the projection of the fitted rows, :math:`w_i F_i(F_0'WF_0)^-F_i'`, shape (n_fitted,)."""
        n = len(self._u0)
        h = self._a_inverse[self._u0]
        for start in range(0, n, BLOCK):
            rows = np.arange(start, min(start + BLOCK, n))
            first = self._u0[rows]
            through = self._b[first]
            through = through if isinstance(through, np.ndarray) else through.toarray()
            rest = -through * self._a_inverse[first][:, None]
            for level in self._l0:
                rest[np.arange(len(rows)), level[rows]] += 1.0
            h[rows] += np.einsum("ij,ji->i", rest, self._solver(rest.T))
        return h if self._w is None else h * self._w

    def nested_in(self, groups: np.ndarray) -> bool:
        """Whether each level of the largest effect has its fitted rows in one group, groups of shape (n_fitted,)."""
        return self._owner(groups) is not None

    def _owner(self, groups: np.ndarray) -> np.ndarray | None:
        """Group of each level of the largest effect, None where the rows of a level are in several."""
        owner = np.zeros(self._n_first, dtype=groups.dtype)
        owner[self._u0] = groups
        return owner if np.array_equal(owner.take(self._u0), groups) else None

    # -- weighted regressions ------------------------------------------------------------------------------------

    @property
    def largest(self) -> np.ndarray:
        """Level of each fitted row in the effect with most levels, shape (n_fitted,)."""
        return self._u0

    @property
    def others(self) -> list[np.ndarray]:
        """Levels of the fitted rows in the other effects, numbered one after the other, each of shape (n_fitted,)."""
        return self._l0

    def sums(self, columns: Iterable[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Sum each of k columns of the fitted rows by level of the largest effect, and of the others, (levels, k)."""
        sums1, sums2 = [], []
        for column in columns:
            sums1.append(np.bincount(self._u0, column, self._n_first))
            sums2.append(np.zeros(self._n_rest))
            for level in self._l0:
                sums2[-1] += np.bincount(level, column, self._n_rest)
        return np.reshape(sums1, (len(sums1), self._n_first)).T, np.reshape(sums2, (len(sums2), self._n_rest)).T

    def on_fitted(self, gamma1: np.ndarray, gamma2: np.ndarray) -> np.ndarray:
        """Sum effects, of the largest one and of the others, by fitted row, shape (n_fitted,) or (n_fitted, k)."""
        total = gamma1[self._u0]
        for level in self._l0:
            total += gamma2[level]
        return total

    def regress(
        self, sums1: np.ndarray, sums2: np.ndarray, *, tolerance: float = EXACT, start: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Estimate the effects from sums of weighted values of the fitted rows.

        Parameters
        ----------
        sums1 : ndarray, shape (levels of the largest effect, k)
        sums2 : ndarray, shape (levels of the other effects, k)
        tolerance : float
            Relative, where the equations are solved by iterations.
        start : ndarray, shape (levels of the other effects, k), optional
            Where the iterations start.

        Returns
        -------
        gamma1 : ndarray, shape (levels of the largest effect, k)
        gamma2 : ndarray, shape (levels of the other effects, k)
        explained : ndarray, shape (k, k)
            Weighted cross-products of the fitted values, from below where iterations end early.
        """
        mean1, rest = self._reduce(sums1, sums2)
        gamma2 = self._solver(rest, tolerance, start)
        gamma1 = mean1 - self._a_inverse[:, None] * (self._b @ gamma2)
        cross = cross_products(rest, gamma2)
        explained = cross_products(mean1, mean1, self._a) + cross + cross.T
        return gamma1, gamma2, explained - cross_products(gamma2, self._schur @ gamma2)

    # -- identification ------------------------------------------------------------------------------------------

    @cached_property
    def reached(self) -> np.ndarray:
        """Rows whose sum of effects the fitted rows identify, shape (n,)."""
        if self._whole:
            return np.ones(len(self._u), dtype=bool)
        reached = (self._a_inverse > 0)[self._u]
        for level in self._l:
            reached &= self._present[level]
        if len(self._l) == 1:
            component = np.full(self._n_first, -1)
            component[self._u0] = self._component[self._l0[0]]
            reached &= component[self._u] == self._component[self._l[0]]
        elif len(self._l) > 1:
            reached &= np.abs(self._null_functional()).max(axis=1) < NULL
            reached[self.rows] = True
        return reached

    def _null_functional(self) -> np.ndarray:
        """Dummies of every row times random vectors of the null space of the fitted dummies: zero where identified."""
        z = np.random.default_rng(0).standard_normal((self._n_rest, 4)) * self._present[:, None]
        null2 = z - self._solver(self._schur @ z)
        null1 = -self._a_inverse[:, None] * (self._b @ null2)
        total = null1[self._u]
        for level in self._l:
            total += null2[level]
        return total / max(1.0, float(np.abs(null2).max(initial=0.0)))

    # -- set-up --------------------------------------------------------------------------------------------------

    def _fit_rows(self, values: np.ndarray) -> np.ndarray:
        return values if self._whole else take_rows(values, self.rows)

    def _weigh(self, weights: np.ndarray | None) -> None:
        """Cross-products A, B of the eliminated effect with itself and the rest."""
        self._w = weights
        self._a = a = np.bincount(self._u0, weights, self._n_first).astype(float)
        with np.errstate(divide="ignore"):
            self._a_inverse = np.where(a > 0, 1.0 / a, 0.0)
        w = np.ones(len(self._u0)) if weights is None else weights
        parts = [
            crosstab(self._u0, level - start, w, self._n_first, int(stop - start))
            for level, start, stop in zip(self._l0, self._offsets[:-1], self._offsets[1:], strict=True)
        ]
        if not parts:
            self._b = np.zeros((self._n_first, 0))
        elif self._n_rest <= self._dense and all(isinstance(p, np.ndarray) for p in parts):
            self._b = parts[0] if len(parts) == 1 else np.hstack(parts)
        else:
            self._b = sparse.hstack([sparse.csr_array(p) for p in parts], format="csr")
        self._within = self._gram(w)

    def _gram(self, w: np.ndarray) -> np.ndarray | sparse.csr_array:
        """Cross-products C of the effects that are not eliminated."""
        n = self._n_rest
        diagonal = np.zeros(n)
        c = sparse.csr_array((n, n))
        for j, level in enumerate(self._l0):
            diagonal += np.bincount(level, w, n)
            for other in self._l0[:j]:
                block = sparse.coo_array((w, (level, other)), shape=(n, n)).tocsr()
                c = c + block + block.T
        self._diagonal = diagonal
        if n <= self._dense:
            dense = c.toarray()
            dense[np.arange(n), np.arange(n)] += diagonal
            return dense
        return sparse.csr_array(c + sparse.diags_array(diagonal))

    def _structure(self) -> None:
        """Levels with fitted rows and, with two effects, their connected components."""
        self._present = self._diagonal > 0
        self._independent: np.ndarray | None = None
        if len(self._l0) != 1:
            return
        n = self._n_rest
        if n <= self._dense:
            between = self._b.T @ self._b
            graph = sparse.csr_array(between)
            _, self._component = csgraph.connected_components(graph, directed=False)
            self._independent = self._all_but_one_a_component()
        else:
            size = self._n_first + n
            edges = sparse.coo_array(
                (np.ones(len(self._u0)), (self._u0, self._l0[0] + self._n_first)), shape=(size, size)
            )
            self._component = csgraph.connected_components(edges.tocsr(), directed=False)[1][self._n_first :]

    def _factorize(self) -> None:
        """Solver of the equations in S, and the rank."""
        levels = int((self._a_inverse > 0).sum())
        if self._n_rest > self._dense:
            self._schur = SchurOperator(self._within, self._b, self._a_inverse)
            self._solver = conjugate_gradients(self._schur, self._diagonal)
            redundant = len(self._l0)
            if redundant == 1:
                redundant = len(np.unique(self._component[self._present]))
            self.rank = levels + int(self._present.sum()) - redundant
            return
        self._schur = schur_matrix(self._within, self._b, self._a_inverse)
        self._solver, independent = cholesky_solver(self._schur, self._diagonal, self._independent)
        self._independent = independent if self._independent is None else self._independent
        self.rank = levels + len(independent)

    def _all_but_one_a_component(self) -> np.ndarray:
        """Levels of the second effect with fitted rows, less the first of each connected component."""
        keep = self._present.copy()
        keep[np.unique(np.where(self._present, self._component, -1), return_index=True)[1]] = False
        return np.flatnonzero(keep & self._present)

    # -- algebra -------------------------------------------------------------------------------------------------

    def _reduce(self, sums1: np.ndarray, sums2: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        r"""Means by level of the first effect, and the right-hand sides :math:`D_2'Wy - B'A^{-1}D_1'Wy`."""
        mean1 = sums1 * self._a_inverse[:, None]
        dense = isinstance(self._b, np.ndarray)
        return mean1, sums2 - (cross_products(self._b, mean1) if dense else self._b.T @ mean1)

    def _adjoint(self, targets: np.ndarray | sparse.sparray) -> tuple[sparse.csr_array, np.ndarray]:
        r"""Target weights summed by level of the first effect, (k, levels), and :math:`S^-(D_2'w - B'A^{-1}D_1'w)`."""
        entries = sparse.coo_array(targets)
        row, column = entries.coords
        self.require_reached(row)
        k = entries.shape[1]
        by_first = sparse.coo_array((entries.data, (column, self._u[row])), shape=(k, self._n_first)).tocsr()
        sums2 = np.zeros((self._n_rest, k))
        for level in self._l:
            sums2 += sum_by_two(level[row], column, entries.data, self._n_rest, k)
        mean1 = by_first.copy()
        mean1.data = mean1.data * self._a_inverse[mean1.indices]
        through = mean1 @ self._b
        through = through if isinstance(through, np.ndarray) else through.toarray()
        return by_first, self._solver(sums2 - through.T)

    def _sums_to_zero(self, scores: np.ndarray, clusters: np.ndarray) -> bool:
        """Whether scores sum to zero in every level of the first effect inside every cluster, as residuals do."""
        if not self.nested_in(clusters):
            return False
        size = np.bincount(self._u0, np.abs(scores), self._n_first)
        return bool((np.abs(np.bincount(self._u0, scores, self._n_first)) <= 1e-9 * size.max(initial=0.0)).all())
