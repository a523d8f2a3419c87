"""Projection off fixed effects and covariates, with inner products of projected pieces of variables.

Resampling tests need products such as that of a projected variable's rows in one cluster with those in another, and no
projected rows: all of them come from group sums.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import linalg, sparse

from aigreen.linalg.arrays import compact
from aigreen.linalg.fixed_effects import FixedEffects

_RANK_TOLERANCE = 1e-11


@dataclass(frozen=True)
class Pieces:
    r"""Pieces (one a group of rows, or a union of groups) of a variable in the projection space.

    The product of two projected pieces is ``first . first + left . right``, each a row of these arrays.
    """

    first: sparse.csr_array
    left: np.ndarray
    right: np.ndarray


class Projection:
    """Weighted projection off fixed effects and covariates.

    Parameters
    ----------
    effects : sequence of int arrays, shape (n,)
        Level of each row in each fixed effect; none means an intercept.
    n_rows : int
    weights : ndarray, shape (n,), optional
        Positive.
    covariates : ndarray, shape (n, p), optional

    Attributes
    ----------
    weights : ndarray, shape (n,)
    kept : ndarray of bool, shape (p,)
        Covariates that the others and the fixed effects do not determine.
    """

    def __init__(
        self,
        effects: Sequence[np.ndarray],
        n_rows: int,
        weights: np.ndarray | None = None,
        covariates: np.ndarray | None = None,
    ) -> None:
        self.weights = np.ones(n_rows) if weights is None else weights
        codes = [compact(c)[0] for c in effects] or [np.zeros(n_rows, dtype=np.intp)]
        self._effects = FixedEffects(codes, weights=weights)
        self._x = np.empty((n_rows, 0))
        self.kept = np.zeros(0, dtype=bool)
        if covariates is not None and covariates.shape[1]:
            self._x, self.kept = self._orthonormal(covariates)

    def residuals(self, y: np.ndarray) -> np.ndarray:
        """Return the residuals of `y`, shape (n,) or (n, k)."""
        within = self._effects.residualize(y)
        return within - self._x @ (self._x.T @ (self.weights * within.T).T)

    def pieces(
        self, values: np.ndarray, groups: np.ndarray, n_groups: int, unions: sparse.csr_array | None = None
    ) -> Pieces:
        """Return the pieces of a variable, shape (n,), one for each group of rows, or row of `unions` of groups."""
        first, left, right = self._effects.pieces(values, groups, n_groups, unions)
        weighted = self.weights * values
        on_x = [np.bincount(groups, weighted * column, minlength=n_groups) for column in self._x.T]
        if unions is not None:
            on_x = [unions @ column for column in on_x]
        return Pieces(first, np.column_stack([left, *on_x]), np.column_stack([right, *on_x]))

    def nested_in(self, groups: np.ndarray) -> bool:
        """Whether every level of the largest fixed effect lies in one group of rows."""
        return self._effects.nested_in(groups)

    def _orthonormal(self, covariates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Basis of the covariates within fixed effects, and which of them span it."""
        mean = np.average(covariates, axis=0, weights=self.weights)
        centred = covariates - np.where(np.ptp(covariates, axis=0) > 0, mean, 0.0)
        scale = np.sqrt(self.weights @ centred**2)
        within = self._effects.residualize(covariates) / np.where(scale > 0, scale, 1.0)
        gram = within.T @ (self.weights[:, None] * within)
        root, pivot, rank, _ = linalg.lapack.dpstrf(gram, tol=_RANK_TOLERANCE)
        chosen = pivot[:rank] - 1
        kept = np.isin(np.arange(covariates.shape[1]), chosen)
        if not rank or gram.max() <= _RANK_TOLERANCE:
            return np.empty((len(covariates), 0)), np.zeros_like(kept)
        lower = linalg.solve_triangular(np.triu(root[:rank, :rank]), np.eye(rank), trans="T", check_finite=False)
        return (lower @ within[:, chosen].T).T, kept
