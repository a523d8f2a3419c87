"""Matrices worked on column by column: rows taken, columns joined, rows summed by code."""

from __future__ import annotations

import numpy as np
from scipy import sparse

ALONE = 2**18  # multiplications that are left to one thread


def take_rows(values: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Take rows of a vector or matrix; a matrix comes in Fortran order, which makes work on its columns faster."""
    if values.ndim == 1:
        return values.take(rows)
    out = np.empty((len(rows), values.shape[1]), order="F")
    for j in range(values.shape[1]):
        out[:, j] = values[:, j].take(rows)
    return out


def beside(first: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """Put a vector (n,) or matrix (n, k) to the left of a matrix (n, m), in Fortran order; without a copy for k = 0."""
    return rest if first.shape[1:] == (0,) else np.vstack([first.T, rest.T]).T


def sum_by(codes: np.ndarray, values: np.ndarray, n: int) -> np.ndarray:
    """Sum the rows of `values`, shape (rows, k), by code below `n`; shape (n, k)."""
    out = np.empty((n, values.shape[1]))
    for j in range(values.shape[1]):
        out[:, j] = np.bincount(codes, values[:, j], n)
    return out


def centre_by(codes: np.ndarray, values: np.ndarray, weights: np.ndarray, n: int) -> np.ndarray:
    """Values, shape (rows, k), less their weighted means by code; all codes below `n` occur."""
    mean = sum_by(codes, values * weights[:, None], n) / np.bincount(codes, weights, n)[:, None]
    return values - mean[codes]


def sum_of_targets(values: np.ndarray, targets: sparse.coo_array) -> np.ndarray:
    """Weighted sums of the columns of `values`, shape (n, p), with weights `targets`, shape (n, k); shape (p, k)."""
    row, column = targets.coords
    sums = [np.bincount(column, targets.data * x.take(row), targets.shape[1]) for x in values.T]
    return np.reshape(sums, (len(sums), targets.shape[1]))


def cross_products(first: np.ndarray, second: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Weighted products of the columns of two tall matrices, shape (n, k) and (n, m), without weighted copies; (k, m).

    Blocks of rows are too small for a linear algebra library to share among threads, whose number would show in the
    last digits.
    """
    out = np.zeros((first.shape[1], second.shape[1]))
    rows = max(1, ALONE // max(1, out.size))
    for start in range(0, len(first), rows):
        block = first[start : start + rows].T
        out += (block if weights is None else block * weights[start : start + rows]) @ second[start : start + rows]
    return out


def crosstab(
    row: np.ndarray, column: np.ndarray, values: np.ndarray, n_rows: int, n_columns: int
) -> np.ndarray | sparse.csr_array:
    """Sum `values` by two codes; dense where that is not larger than a few times the data."""
    if n_rows * n_columns <= max(4 * len(values), 1_000_000):
        return sum_by_two(row, column, values, n_rows, n_columns)
    return sparse.coo_array((values, (row, column)), shape=(n_rows, n_columns)).tocsr()


def sum_by_two(row: np.ndarray, column: np.ndarray, values: np.ndarray, n_rows: int, n_columns: int) -> np.ndarray:
    """Sum `values` by two codes, shape (n_rows, n_columns)."""
    cell = np.multiply(row, n_columns, dtype=np.intp)
    cell += column
    return np.bincount(cell, values, n_rows * n_columns).reshape(n_rows, n_columns)


def compact(codes: np.ndarray) -> tuple[np.ndarray, int]:
    """Renumber codes without gaps; also return how many there are."""
    present = np.flatnonzero(np.bincount(codes))
    if len(present) == present[-1] + 1:
        return codes, len(present)
    position = np.zeros(present[-1] + 1, dtype=np.intp)
    position[present] = np.arange(len(present))
    return position[codes], len(present)


def distinct(codes: np.ndarray) -> int:
    """Count the codes that occur; codes are small integers from zero."""
    return int(np.count_nonzero(np.bincount(codes)))


def is_nested(inner: np.ndarray, outer: np.ndarray) -> bool:
    """Whether every level of `inner` lies within one level of `outer`."""
    holder = np.zeros(inner.max() + 1, dtype=outer.dtype)
    holder[inner] = outer
    return bool(np.array_equal(holder[inner], outer))
