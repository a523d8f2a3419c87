"""Regressions without each cluster in turn: how far one moves the coefficients, and those that one alone identifies."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse
from scipy.linalg import qr, solve_triangular
from scipy.sparse import csgraph

from aigreen.errors import EstimationError, SmallCellWarning, counted, warn

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
    groups = _apart(x)
    if len(groups) > 1:
        shift, alone = np.zeros(scores.shape), np.zeros(x.shape[1], dtype=bool)
        for columns in groups:
            rows = np.flatnonzero(x[:, columns].any(axis=1))
            found = without_each(x[np.ix_(rows, columns)], w[rows], scores[:, columns], clusters[rows])
            shift[:, columns], alone[columns] = found
        return shift, alone
    present, at, size = np.unique(clusters, return_inverse=True, return_counts=True)
    q_rows, r = qr((x.T * np.sqrt(w)).T, mode="economic", overwrite_a=True, check_finite=False)
    turned = solve_triangular(r, scores[present].T, trans="T").T
    order, first = np.argsort(at, kind="stable"), np.cumsum(size) - size
    only: list[np.ndarray] = []
    for m in np.unique(size):
        mine = np.flatnonzero(size == m)
        turned[mine], lone = _without_own(turned[mine], *_leverage(q_rows[order[first[mine][:, None] + np.arange(m)]]))
        only.append(lone)
    shift = np.zeros(scores.shape)
    shift[present] = solve_triangular(r, turned.T).T
    return shift, _takes_part(r, np.vstack(only))


def without_each_of_products(grams: np.ndarray, scores: np.ndarray, turn: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Do what `without_each` does from sums by cluster.

    Parameters
    ----------
    grams, scores : ndarray, shape (clusters, q, q) and (clusters, q)
        Cross-products of the columns of ``x @ turn``, and their scores.
    turn : ndarray, shape (q, q)
        Of `turn_apart`: makes columns nearly orthogonal, so that cross-products tell as much as rows.
    """
    shift, alone = np.zeros(scores.shape), np.zeros(len(turn), dtype=bool)
    for columns in _joined(turn @ turn.T):
        own = grams[:, columns[:, None], columns]
        root = solve_triangular(np.linalg.cholesky(own.sum(axis=0)), np.eye(len(columns)), lower=True).T
        inverse = turn[np.ix_(columns, columns)] @ root
        leverage = root.T @ own @ root
        values, vectors = np.linalg.eigh((leverage + np.swapaxes(leverage, 1, 2)) / 2)
        turned, lone = _without_own(scores[:, columns] @ root, values, np.swapaxes(vectors, 1, 2))
        shift[:, columns] = turned @ inverse.T
        alone[columns] = _takes_part(np.linalg.inv(inverse), lone)
    return shift, alone


def turn_apart(gram: np.ndarray) -> np.ndarray:
    """Columns of coefficients, shape (q, q), that make regressors with these cross-products orthogonal, if roughly.

    Columns that no rows join stay apart; those without rows are zero.
    """
    turn = np.zeros(gram.shape)
    for columns in _joined(gram):
        at = np.ix_(columns, columns)
        if gram[at].any():
            scale = 1 / np.sqrt(np.diag(gram)[columns])
            try:
                factor = np.linalg.cholesky(gram[at] * scale[:, None] * scale)
            except np.linalg.LinAlgError:  # collinear, which its users refuse
                factor = np.eye(len(columns))
            turn[at] = scale[:, None] * solve_triangular(factor, np.eye(len(columns)), lower=True).T
    return turn


def _without_own(turned: np.ndarray, leverage: np.ndarray, axes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Divide scores along each axis by one less its leverage; also return the axes that a cluster alone identifies."""
    lone = leverage > 1 - _ALONE
    factor = np.where(lone, 0.0, 1.0) / np.where(lone, 1.0, 1 - leverage) - 1
    return turned + np.einsum("ckq,ck->cq", axes, factor * np.einsum("ckq,cq->ck", axes, turned)), axes[lone]


def _takes_part(r: np.ndarray, lone: np.ndarray) -> np.ndarray:
    """Mark the coefficients that take part in combinations of which one cluster alone tells."""
    reach = np.linalg.norm(r, axis=0)[:, None] * np.abs(solve_triangular(r, lone.T))
    return (reach > _TAKES_PART * reach.max(axis=0, initial=0.0)).any(axis=1)


def _apart(x: np.ndarray) -> list[np.ndarray]:
    """Group columns that no rows join, as those of bins: their regressions are apart."""
    if x.shape[1] < 2 or (x != 0).all(axis=1).any():
        return [np.arange(x.shape[1])]
    entries = sparse.csr_array(x != 0, dtype=float)
    return _joined(entries.T @ entries)


def _joined(products: np.ndarray | sparse.csr_array) -> list[np.ndarray]:
    """Group columns by whether their products, shape (q, q), join them."""
    n, of = csgraph.connected_components(sparse.csr_array(products != 0), directed=False)
    return [np.flatnonzero(of == j) for j in range(n)]


def _leverage(q_rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues that may differ from zero of :math:`Q_c'Q_c`, shape (c, k), and their axes, shape (c, k, q).

    Parameters
    ----------
    q_rows : ndarray, shape (c, m, q)
        Of clusters of m rows: k is the smaller of m and q, so that many terms cost no more than rows times terms.
    """
    if q_rows.shape[1] < q_rows.shape[2]:
        _, root, axes = np.linalg.svd(q_rows, full_matrices=False)
        return root**2, axes
    values, vectors = np.linalg.eigh(np.swapaxes(q_rows, 1, 2) @ q_rows)
    return values, np.swapaxes(vectors, 1, 2)


def check_lone_terms(alone: np.ndarray, terms: Sequence[str], *, refused: bool) -> None:
    """Refuse, or warn of, terms of a response whose exposed untreated rows are in one cluster."""
    if not alone.any():
        return
    first = [term for term, one in zip(terms, alone, strict=True) if one]
    if refused:
        raise EstimationError(
            "variance='leave_one_out' needs two clusters of exposed untreated rows for every term of exposure; "
            f"{len(first)} {'has' if len(first) == 1 else 'have'} one, first: {', '.join(first[:5])}; take wider "
            "bins, or variance='conservative', whose errors are then too small"
        )
    message = (
        f"{counted(len(first), 'exposure term has', 'exposure terms have')} exposed untreated rows in one "
        "cluster only: errors are too small"
    )
    warn(SmallCellWarning(message, count=len(first), first=first))
