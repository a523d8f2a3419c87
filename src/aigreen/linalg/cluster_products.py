"""Cross products by cluster, so that a bootstrap draw is a weighted sum of small matrices."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse

_PIVOT = 1e-9
BLOCK = 2**18
LARGEST = 2**26


def dummies(codes: Sequence[np.ndarray], sizes: Sequence[int], rows: np.ndarray) -> np.ndarray:
    """Lay out dummies of several fixed effects side by side, shape (len(rows), sum of sizes)."""
    D = np.zeros((len(rows), sum(sizes)))
    start = 0
    for code, size in zip(codes, sizes, strict=True):
        D[np.arange(len(rows)), start + code[rows]] = 1.0
        start += size
    return D


def take_unit_means(Z: np.ndarray, unit: np.ndarray, w: np.ndarray) -> None:
    """Subtract, in place, the mean over clean rows (positive w) of each row's unit."""
    present, code = np.unique(unit, return_inverse=True)
    size = np.bincount(code, w, len(present))
    weights = w / np.where(size > 0, size, 1.0)[code]
    mean = sparse.csr_array((weights, (code, np.arange(len(code)))), shape=(len(present), len(code))) @ Z
    Z -= mean[code]


def regular(matrices: np.ndarray) -> np.ndarray:
    """Mark positive definite matrices of a stack, whatever the units of their columns."""
    n = matrices.shape[-1]
    if n == 0:
        return np.ones(len(matrices), dtype=bool)
    diagonal = np.diagonal(matrices, axis1=1, axis2=2)
    good = (diagonal > 0).all(axis=1)
    scale = 1.0 / np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
    scaled = matrices * scale[:, :, None] * scale[:, None, :]
    try:
        pivots = np.diagonal(np.linalg.cholesky(scaled[good]), axis1=1, axis2=2)
        good[good] = (pivots**2 > _PIVOT).all(axis=1)
    except np.linalg.LinAlgError:
        for j in np.flatnonzero(good):
            try:
                good[j] = (np.diag(np.linalg.cholesky(scaled[j])) ** 2 > _PIVOT).all()
            except np.linalg.LinAlgError:
                good[j] = False
    return good


def cluster_blocks(ends: np.ndarray, size: int) -> list[tuple[int, int]]:
    """Ranges of clusters of about `size` rows each."""
    blocks, start, n = [], 0, len(ends) - 1
    while start < n:
        stop = max(start + 1, int(np.searchsorted(ends, ends[start] + size, side="right")) - 1)
        blocks.append((start, min(stop, n)))
        start = blocks[-1][1]
    return blocks
