"""Regressions without each cluster in turn: how far one moves the coefficients, and those that one alone identifies."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.linalg import solve_triangular

from aigreen.errors import EstimationError, SmallCellWarning, warn
from aigreen.linalg.arrays import sum_by

_ALONE = 1e-9
_TAKES_PART = 1e-6


def without_each(
    x: np.ndarray, w: np.ndarray, scores: np.ndarray, clusters: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    r"""Coefficients less those without each cluster, :math:`\hat\theta - \hat\theta_{(-c)} = (G - G_c)^{-1} s_c`.

    With :math:`WX = QR` (W in square roots) it is :math:`R^{-1}(I - Q_c'Q_c)^{-1}R^{-T}s_c`; the eigenvalues of
    :math:`Q_c'Q_c`, the leverage of the cluster, are one where it alone identifies a combination of coefficients.

    Parameters
    ----------
    x : ndarray, shape (n, q)
        Of full rank with the weights.
    w : ndarray, shape (n,)
        Weights, for counts times fitted means: :math:`G = \sum w x x'`.
    scores : ndarray, shape (clusters, q)
        :math:`s_c`, sums of regressors times weighted residuals.
    clusters : ndarray of int, shape (n,)

    Returns
    -------
    shift : ndarray, shape (clusters, q)
        Without the combinations that the cluster alone identifies; zero for clusters without rows.
    alone : ndarray of bool, shape (q,)
        Coefficients that some cluster alone identifies.
    """
    present, at = np.unique(clusters, return_inverse=True)
    q_rows, r = np.linalg.qr(x * np.sqrt(w)[:, None])
    q = x.shape[1]
    leverage, axes = np.linalg.eigh(
        np.stack([sum_by(at, q_rows[:, [j]] * q_rows, len(present)) for j in range(q)], axis=1)
    )
    lone = leverage > 1 - _ALONE
    turned = np.einsum("cji,jc->ci", axes, solve_triangular(r, scores[present].T, trans="T"))
    turned = np.where(lone, 0.0, turned) / np.where(lone, 1.0, 1 - leverage)
    shift = np.zeros(scores.shape)
    shift[present] = solve_triangular(r, np.einsum("cij,cj->ic", axes, turned)).T
    size = np.linalg.norm(r, axis=0)[:, None] * np.abs(solve_triangular(r, np.swapaxes(axes, 1, 2)[lone].T))
    return shift, (size > _TAKES_PART * size.max(axis=0, initial=0.0)).any(axis=1)


def check_lone_terms(alone: np.ndarray, terms: Sequence[str], *, refused: bool) -> None:
    """Refuse, or warn of, terms of a response whose exposed untreated rows are in one cluster."""
    if not alone.any():
        return
    first = [term for term, one in zip(terms, alone, strict=True) if one]
    if refused:
        raise EstimationError(
            "variance='leave_one_out' needs two clusters of exposed untreated rows for every term of exposure; "
            f"{len(first)} have one, first: {', '.join(first[:5])}; take wider bins, or variance='conservative', whose "
            "errors are then too small"
        )
    message = f"{len(first)} terms of exposure have exposed untreated rows in one cluster only: errors are too small"
    warn(SmallCellWarning(message, count=len(first), first=first))
