r"""Vertices of the dual program where violations also have a sign or a direction.

With rows :math:`A\delta \le d + \sigma\eta` that tie steps together the nuisance :math:`\delta_{post}` no longer falls
into intervals. It is eliminated period by period from the last (Fourier and Motzkin): each pair of a row that bounds a
period from above and one from below gives a row without it. What remains are rows in the few numbers of which all rows
are made (effects before treatment that enter, and the effect of interest), each divided by its :math:`\sigma`: the
vertices. After each period only rows that are corners of the convex hull of the others are kept, since others never
bind.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial import ConvexHull, QhullError

_CANCELLED = 1e-13  # of the size of what was added
_FLAT = 1e-9  # extent, relative to the largest entries
_DIGITS = 11


def vertices(post: np.ndarray, given: np.ndarray, sigma: np.ndarray, weights: np.ndarray) -> np.ndarray:
    r"""Weights of :math:`\hat\eta = \max_v w_v'(g, b)`, the nuisance free but for :math:`l'\delta_{post} = b`.

    Parameters
    ----------
    post : ndarray, shape (m, T);  given : ndarray, shape (m, p)
        Rows :math:`A_{post}\delta_{post} + G g \le \sigma\eta`.
    sigma : ndarray, shape (m,)
    weights : ndarray, shape (T,)
        l.

    Returns
    -------
    ndarray, shape (v, p + 1)
        Weights on g and b.
    """
    n_post = post.shape[1]
    scale = sigma.max()
    equality = np.concatenate([weights, np.zeros(given.shape[1]), [-1.0, 0.0]])
    rows = np.column_stack([post, given, np.zeros(len(post)), sigma / scale])
    rows = np.vstack([rows, equality, -equality])
    for period in reversed(range(n_post)):
        at = rows[:, period]
        above, below = rows[at > 0] / at[at > 0, None], rows[at < 0] / -at[at < 0, None]
        pairs = (above[:, None] + below).reshape(-1, rows.shape[1])
        size = (np.abs(above)[:, None] + np.abs(below)).reshape(pairs.shape)
        pairs[np.abs(pairs) < _CANCELLED * size] = 0.0
        pairs = pairs[pairs[:, -1] > 0]  # not the equality with itself
        rows = np.vstack([rows[at == 0], _corners(pairs / pairs[:, -1:])])
    return _corners(rows[:, n_post:] / rows[:, -1:])[:, :-1] / scale


def _corners(points: np.ndarray) -> np.ndarray:
    """Return the points that are no average of the others."""
    if not len(points):
        return points
    scaled = points / np.maximum(np.abs(points).max(axis=0), np.finfo(float).tiny)
    first = np.unique(np.round(scaled, _DIGITS), axis=0, return_index=True)[1]
    points, scaled = points[first], scaled[first] - scaled[first].mean(axis=0)
    _, size, axes = np.linalg.svd(scaled, full_matrices=False)
    rank = int((size > _FLAT).sum())
    if len(points) <= rank + 1:
        return points
    along = scaled @ axes[:rank].T / size[:rank]
    if rank == 1:
        return points[[along[:, 0].argmin(), along[:, 0].argmax()]]
    try:
        return points[ConvexHull(along).vertices]
    except QhullError:  # nearly flat: keeping all is right, if slower
        return points
