"""Centres of treated rows in influence functions, which take the place of their unknown effects."""

from __future__ import annotations

import numpy as np

from aigreen.counterfactual.rows import Cells
from aigreen.errors import EstimationError, SmallCellWarning, counted, their, warn


def centred(tau: np.ndarray, v: np.ndarray, *, leave_one_out: bool) -> np.ndarray:
    r"""Sum v (tau - centre) by cluster and cell, the centre being :math:`\sum_c v_c (v\tau)_c / \sum_c v_c^2`.

    Parameters
    ----------
    tau, v : ndarray, shape (clusters, cells)
        Sums of v tau, which the result takes the place of, and of v.
    leave_one_out : bool
        Whether the centre is that of the other clusters: of the cell, or of all cells where no other is in the cell.
    """
    at = np.nonzero(v)
    w = v[at]
    tau[at] -= w * _centres(at, tau[at] * w, w * w, leave_one_out)
    return tau


def at_common_ratio(gap: np.ndarray, mu: np.ndarray, *, leave_one_out: bool) -> np.ndarray:
    r"""Sum w (y - ratio mu) by cluster and cell, the ratio being that of the cell, :math:`\sum wy / \sum w\mu`.

    Parameters
    ----------
    gap, mu : ndarray, shape (clusters, cells)
        Sums of w (y - mu), or of w y, which the result takes the place of, and of w mu.
    leave_one_out : bool
        As in `centred`.
    """
    at = np.nonzero((gap != 0) | (mu != 0))
    gap[at] -= mu[at] * _centres(at, gap[at], mu[at], leave_one_out)
    return gap


def _centres(at: tuple[np.ndarray, np.ndarray], top: np.ndarray, bottom: np.ndarray, leave_one_out: bool) -> np.ndarray:
    """Ratio of the sums of `top` and `bottom` over the clusters of each cell, for entries at (clusters, cells)."""
    cluster, cell = at
    above, below = np.bincount(cell, top)[cell], np.bincount(cell, bottom)[cell]
    if not leave_one_out:
        return _ratio(above, below)
    alone = np.bincount(cell)[cell] == 1
    above, below = above - top, below - bottom
    if alone.any():
        own, size = np.bincount(cluster, top), np.bincount(cluster, bottom)
        above = np.where(alone, top.sum() - own[cluster], above)
        below = np.where(alone, bottom.sum() - size[cluster], below)
    return _ratio(above, below)


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    return np.divide(above, below, out=np.zeros_like(above), where=below > 0)


def check_lone_cells(
    alone: np.ndarray, cells: Cells, clusters: np.ndarray, *, leave_one_out: bool, what: str = "treated rows"
) -> None:
    """Warn of cells in one cluster; refuse to leave a cluster out where there is no other.

    Parameters
    ----------
    alone : ndarray of bool, shape (cells,)
    clusters : ndarray of int
        Of the cells' rows.
    what : str
        Rows in words.
    """
    if not alone.any():
        return
    if not leave_one_out:
        first = [f"({g}, {t})" for g, t in zip(cells.cohort[alone], cells.time[alone], strict=True)]
        message = (
            f"{counted(len(first), 'cohort-period has', 'cohort-periods have')} {what} in one cluster only: "
            f"{their(len(first))} errors are too small"
        )
        warn(SmallCellWarning(message, count=len(first), first=first))
    elif (clusters == clusters[0]).all():
        raise EstimationError(
            f"variance='leave_one_out' needs two clusters with {what}, and all are in one; "
            "with variance='conservative' their own spread would count for nothing"
        )
