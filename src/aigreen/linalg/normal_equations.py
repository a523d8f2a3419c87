r"""Solvers of singular normal equations :math:`Sx = r`, with :math:`S = C - B'A^{-1}B` and A diagonal.

A solver takes r, shape (n, k), in the range of S and returns one of the solutions, shape (n, k). One that iterates
heeds a relative tolerance and a start, shape (n, k), too.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from scipy import linalg, sparse

from aigreen.errors import ConvergenceError
from aigreen.linalg.arrays import cross_products

EXACT = 1e-13
_PIVOT = 1e-10
_NULL_CURVATURE = 1e-13


class Solver(Protocol):
    """A solver of Sx = r."""

    def __call__(self, r: np.ndarray, tolerance: float = EXACT, start: np.ndarray | None = None) -> np.ndarray:
        """Return x."""


class SchurOperator:
    """The matrix S as an operator, where it is too large to form."""

    def __init__(self, c: sparse.csr_array, b: sparse.csr_array | np.ndarray, a_inverse: np.ndarray) -> None:
        self.c, self.b, self.a_inverse = c, b, a_inverse

    def __matmul__(self, x: np.ndarray) -> np.ndarray:
        return self.c @ x - self.b.T @ (self.a_inverse[:, None] * (self.b @ x))


def schur_matrix(c: np.ndarray, b: sparse.csr_array | np.ndarray, a_inverse: np.ndarray) -> np.ndarray:
    """Return the matrix S, shape (n, n)."""
    if isinstance(b, np.ndarray):
        return c - cross_products(b, b, a_inverse)
    return c - (b.T @ (sparse.diags_array(a_inverse) @ b)).toarray()


def cholesky_solver(
    matrix: np.ndarray, diagonal: np.ndarray, independent: np.ndarray | None = None
) -> tuple[Solver, np.ndarray]:
    """Solve by a Cholesky factor of a largest independent set of equations; also return the set, positions of them.

    Parameters
    ----------
    matrix : ndarray, shape (n, n)
        Positive semi-definite matrix S.
    diagonal : ndarray, shape (n,)
        Diagonal of C, by which S is scaled; zero where an unknown is in no equation.
    independent : ndarray of int, optional
        A largest independent set, where it is known; otherwise, or where rounding makes it dependent (weights that
        differ by many powers of ten), pivots find one.
    """
    with np.errstate(divide="ignore"):
        scale = np.where(diagonal > 0, 1.0 / np.sqrt(diagonal), 0.0)
    scaled = matrix * scale[:, None] * scale
    keep, factor = _pivoted_cholesky(scaled) if independent is None else _cholesky(scaled, independent)

    def solve(r: np.ndarray, tolerance: float = EXACT, start: np.ndarray | None = None) -> np.ndarray:
        x = np.zeros_like(r)
        if keep.size:
            d = scale[keep, None]
            x[keep] = linalg.cho_solve((factor, True), r[keep] * d, check_finite=False) * d
        return x

    return solve, keep


def _cholesky(matrix: np.ndarray, keep: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cholesky factor of these rows and columns, of fewer where rounding makes them dependent."""
    if not keep.size:
        return keep, np.zeros((0, 0))
    try:
        return keep, linalg.cholesky(matrix[np.ix_(keep, keep)], lower=True)
    except np.linalg.LinAlgError:
        return _pivoted_cholesky(matrix)


def _pivoted_cholesky(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Largest independent set of columns of a positive semi-definite matrix and their Cholesky factor."""
    if matrix.diagonal().max(initial=0.0) <= _PIVOT:
        return np.zeros(0, dtype=np.intp), np.zeros((0, 0))
    factor, pivots, rank, _ = linalg.lapack.dpstrf(matrix, tol=_PIVOT, lower=1)
    return pivots[:rank].astype(np.intp) - 1, np.tril(factor[:rank, :rank])


def conjugate_gradients(operator: SchurOperator, diagonal: np.ndarray, *, iterations: int = 10_000) -> Solver:
    """Solve by preconditioned conjugate gradients, all columns at once; `diagonal` is that of C, shape (n,)."""
    inverse = np.where(diagonal > 0, 1.0 / np.where(diagonal > 0, diagonal, 1.0), 0.0)[:, None]

    def solve(r: np.ndarray, tolerance: float = EXACT, start: np.ndarray | None = None) -> np.ndarray:
        x = np.zeros_like(r) if start is None else start.copy()
        residual = r.copy() if start is None else r - operator @ start
        goal = tolerance**2 * np.einsum("ij,ij->j", r, inverse * r)
        z = inverse * residual
        p = z.copy()
        rho = np.einsum("ij,ij->j", residual, z)
        live = rho > 0
        for _ in range(iterations):
            live &= rho > goal
            if not live.any():
                return x
            q = operator @ p
            curvature = np.einsum("ij,ij->j", p, q)
            live &= curvature > _NULL_CURVATURE * np.einsum("ij,i,ij->j", p, diagonal, p)
            step = np.where(live, rho / np.where(live, curvature, 1.0), 0.0)
            x += step * p
            residual -= step * q
            z = inverse * residual
            rho, before = np.einsum("ij,ij->j", residual, z), rho
            p = z + np.where(live, rho / np.where(live, before, 1.0), 0.0) * p
        raise ConvergenceError(f"fixed effects: conjugate gradients did not converge in {iterations:,} iterations")

    return solve
