"""Centres of treated rows in influence functions, which take the place of their unknown effects."""

from __future__ import annotations

import numpy as np


def centred(tau: np.ndarray, v: np.ndarray, *, leave_one_out: bool) -> np.ndarray:
    r"""Sum v (tau - centre) by cluster and cell, the centre being :math:`\sum_c v_c (v\tau)_c / \sum_c v_c^2`.

    Parameters
    ----------
    tau, v : ndarray, shape (clusters, cells)
        Sums of v tau, which the result takes the place of, and of v.
    leave_one_out : bool
        Whether the centre is that of the other clusters.
    """
    top, bottom = np.einsum("ck,ck->k", tau, v), np.einsum("ck,ck->k", v, v)
    if leave_one_out:
        tau -= v * _ratio(top - tau * v, bottom - v * v)
    else:
        tau -= v * _ratio(top, bottom)
    return tau


def at_common_ratio(gap: np.ndarray, mu: np.ndarray, *, leave_one_out: bool) -> np.ndarray:
    r"""Sum w (y - ratio mu) by cluster and cell, the ratio being that of the cell, :math:`\sum wy / \sum w\mu`.

    Parameters
    ----------
    gap, mu : ndarray, shape (clusters, cells)
        Sums of w (y - mu), or of w y, and of w mu.
    """
    top, bottom = gap.sum(axis=0), mu.sum(axis=0)
    if leave_one_out:
        return gap - mu * _ratio(top - gap, bottom - mu)
    return gap - mu * _ratio(top, bottom)


def _ratio(top: np.ndarray, bottom: np.ndarray) -> np.ndarray:
    return np.divide(top, bottom, out=np.zeros_like(top), where=bottom > 0)
