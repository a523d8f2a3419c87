r"""Channels on clean rows: what of an outcome moves with its channels once fixed effects and covariates are out.

On clean rows (untreated and unexposed), with :math:`F` the fixed effects and covariates,

.. math:: Y = F'g + M'b + e, \qquad M_k = F'm_k + u_k .

For all rows :math:`\dot M_k = M_k - F'm_k` and :math:`\dot Y = Y - F'(g + \sum_k b_k m_k)`, which is Y less its own
imputation without channels (Frisch, Waugh and Lovell). ``docs/decomposition.md`` has the proofs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from aigreen.errors import CollinearError
from aigreen.linalg.arrays import sum_by
from aigreen.linalg.collinearity import independent_columns, symmetric_inverse
from aigreen.linalg.fixed_effects import FixedEffects

_DETERMINED = 1e-10
_ROUNDING = 1e-24


@dataclass(frozen=True, eq=False)
class Loadings:
    """Loadings of parts on channels, with influence functions.

    Attributes
    ----------
    values : ndarray, shape (K, K)
    slopes_psi : ndarray, shape (clusters, K)
        Of the slopes, the sums of their columns.
    carried : callable
        For movements of the channels, shape (K, q): influence of the loadings on what each channel carries, one after
        another, shape (clusters, q).
    """

    values: np.ndarray
    slopes_psi: np.ndarray
    carried: Callable[[np.ndarray], Iterable[np.ndarray]]


@dataclass(frozen=True, eq=False)
class CleanFit:
    r"""The fit on clean rows, and the deviations of all rows from it.

    Attributes
    ----------
    effects : FixedEffects
        Projection on the clean rows.
    weights : ndarray, shape (n_clean,), or None
    outcome : ndarray, shape (n,)
        :math:`\dot Y`; without meaning where rows are not reached.
    channels : ndarray, shape (n, K)
        :math:`\dot M`.
    loadings : ndarray, shape (K, K)
        Part k of the outcome is ``channels @ loadings[k]``: the coefficients on a diagonal for parallel channels; for
        ordered ones, what adding channel k to the earlier ones changes.
    covariates : ndarray, shape (n, p)
        Covariates less their fixed effects.
    bread : ndarray, shape (p, p)
        Inverse of the weighted cross-products of `covariates` on the clean rows.
    """

    effects: FixedEffects
    weights: np.ndarray | None
    outcome: np.ndarray
    channels: np.ndarray
    loadings: np.ndarray
    covariates: np.ndarray
    bread: np.ndarray

    @property
    def slopes(self) -> np.ndarray:
        """Coefficients b of the channels, all together in one fit, shape (K,)."""
        return self.loadings.sum(axis=0)

    @property
    def rest(self) -> np.ndarray:
        r"""What no channel carries, :math:`\dot Y - \dot M'b`, shape (n,)."""
        return self.outcome - self.channels @ self.slopes

    def slopes_influence(self, clusters: np.ndarray, n_clusters: int) -> np.ndarray:
        """Influence functions of `slopes` by cluster of the clean rows, shape (n_clusters, K)."""
        return self._slopes_influence(len(self.loadings), clusters, n_clusters)

    def carried_influence(self, moved: np.ndarray, clusters: np.ndarray, n_clusters: int) -> Iterator[np.ndarray]:
        """Influence of `loadings` on what each channel carries; see the function `carried_influence`."""
        return carried_influence(
            self.loadings, lambda k: self._slopes_influence(k, clusters, n_clusters), moved
        )  # fmt: skip

    def _slopes_influence(self, k: int, clusters: np.ndarray, n_clusters: int) -> np.ndarray:
        """Influence functions of the slopes of the first k channels without the others, shape (n_clusters, k)."""
        rows = self.effects.rows
        m = self.channels[rows, :k]
        residual = self.outcome[rows] - m @ self.loadings[:k, :k].sum(axis=0)
        wm = m if self.weights is None else m * self.weights[:, None]
        return _slope_influence(m, wm, residual, clusters, n_clusters)

    def rest_influence(self, targets: sparse.sparray, clusters: np.ndarray, n_clusters: int) -> np.ndarray:
        """Influence of clean rows on weighted sums of `rest` at given b, targets (n, q), shape (n_clusters, q)."""
        rows = self.effects.rows
        return self._through_fit(self.outcome[rows] - self.channels[rows] @ self.slopes, targets, clusters, n_clusters)

    def channel_influence(self, k: int, targets: sparse.sparray, clusters: np.ndarray, n_clusters: int) -> np.ndarray:
        """Influence of clean rows on weighted sums of channel k's deviations, shape (n_clusters, q)."""
        return self._through_fit(self.channels[self.effects.rows, k], targets, clusters, n_clusters)

    def _through_fit(
        self, residual: np.ndarray, targets: sparse.sparray, clusters: np.ndarray, n_clusters: int
    ) -> np.ndarray:
        scores = residual if self.weights is None else residual * self.weights
        psi = self.effects.cluster_sums(scores, targets, clusters, n_clusters)
        np.negative(psi, out=psi)
        if self.bread.size:
            by_cluster = sum_by(clusters, self.covariates[self.effects.rows] * scores[:, None], n_clusters)
            psi -= by_cluster @ self.bread @ (targets.T @ self.covariates).T
        return psi


def fit_clean(
    y: np.ndarray,
    channels: np.ndarray,
    covariates: np.ndarray,
    effects: FixedEffects,
    weights: np.ndarray | None,
    names: Sequence[str],
    *,
    ordered: bool = False,
) -> CleanFit:
    """Regress the outcome on channels, and both on fixed effects and covariates, on the clean rows.

    Parameters
    ----------
    y : ndarray, shape (n,)
    channels : ndarray, shape (n, K)
    covariates : ndarray, shape (n, p)
        Independent of each other and of the fixed effects.
    effects : FixedEffects
        Fitted on the clean rows.
    weights : ndarray, shape (n,), or None
    names : sequence of str
        Of the channels, for errors.
    ordered : bool
        Whether earlier channels move later ones.

    Raises
    ------
    CollinearError
        Where a channel does not vary on the clean rows apart from the rest.
    """
    rows, k = effects.rows, len(names)
    w0 = None if weights is None else weights[rows]
    within = np.column_stack([y, channels, covariates])
    within -= effects.predict(effects.coefficients(within))
    x, bread = within[:, 1 + k :], np.zeros((0, 0))
    dots = within[:, : 1 + k]
    if x.shape[1]:
        x0 = x[rows]
        wx0 = x0 if w0 is None else x0 * w0[:, None]
        bread = symmetric_inverse(wx0.T @ x0)
        dots = dots - x @ (bread @ (wx0.T @ dots[rows]))
    d0 = dots[rows]
    gram = d0.T @ (d0 if w0 is None else d0 * w0[:, None])
    values, w = channels[rows], np.ones(len(rows)) if w0 is None else w0
    require_variation(gram[1:, 1:], w @ (values - np.average(values, axis=0, weights=w)) ** 2, w @ values**2, names)
    return CleanFit(effects, w0, dots[:, 0], dots[:, 1:], channel_loadings(gram, ordered=ordered), x, bread)


def carried_influence(
    loadings: np.ndarray, slopes_influence: Callable[[int], np.ndarray], moved: np.ndarray
) -> Iterator[np.ndarray]:
    """Influence of loadings on what each channel carries, ``loadings @ moved``: one channel after another.

    Parameters
    ----------
    loadings : ndarray, shape (K, K)
    slopes_influence : callable
        Influence functions of the slopes of the first k channels without the others, shape (n_clusters, k).
    moved : ndarray, shape (K, q)
        How far each channel moved.

    Yields
    ------
    ndarray, shape (n_clusters, q)
    """
    if not np.count_nonzero(loadings - np.diag(np.diag(loadings))):
        psi = slopes_influence(len(loadings))
        yield from (psi[:, [k]] * moved[k] for k in range(len(moved)))
        return
    before: np.ndarray | float = 0.0
    for k in range(1, 1 + len(moved)):
        now = slopes_influence(k) @ moved[:k]
        yield now - before
        before = now


def channel_loadings(gram: np.ndarray, *, ordered: bool) -> np.ndarray:
    r"""Find the loadings of parts on channels from cross-products of outcome and channels, both less F.

    Parallel: :math:`\mathrm{diag}(b)`. Ordered: with :math:`b^{(k)}` the coefficients on the first k channels (zero for
    the others), row k is :math:`b^{(k)} - b^{(k-1)}`. Columns sum to b in both cases.

    Parameters
    ----------
    gram : ndarray, shape (..., 1 + K, 1 + K)
        The outcome first; any number of fits at once.

    Returns
    -------
    ndarray, shape (..., K, K)
    """
    k = gram.shape[-1] - 1
    loadings = np.zeros((*gram.shape[:-2], k, k))
    scale = np.sqrt(np.diagonal(gram, axis1=-2, axis2=-1)[..., 1:])
    scaled = gram[..., 1:, 1:] / (scale[..., :, None] * scale[..., None, :])
    right = gram[..., 1:, 0] / scale
    if not ordered:
        if k:
            at = np.arange(k)
            loadings[..., at, at] = np.linalg.solve(scaled, right[..., None])[..., 0] / scale
        return loadings
    for j in range(k):
        n = j + 1
        slopes = np.linalg.solve(scaled[..., :n, :n], right[..., :n, None])[..., 0] / scale[..., :n]
        loadings[..., j, :n] = slopes - loadings[..., :j, :n].sum(axis=-2)
    return loadings


def _slope_influence(
    m: np.ndarray, wm: np.ndarray, residual: np.ndarray, clusters: np.ndarray, n_clusters: int
) -> np.ndarray:
    return sum_by(clusters, wm * residual[:, None], n_clusters) @ symmetric_inverse(wm.T @ m)


def require_variation(within: np.ndarray, spread: np.ndarray, level: np.ndarray, names: Sequence[str]) -> None:
    """Refuse channels that do not vary apart from the rest.

    Parameters
    ----------
    within : ndarray, shape (K, K)
        Weighted cross-products of the channels on the clean rows, less fixed effects and covariates.
    spread, level : ndarray, shape (K,)
        Weighted sums of their squares, about the mean and about zero.

    Raises
    ------
    CollinearError
    """
    keep = independent_columns(within, spread + level * (_ROUNDING / _DETERMINED), _DETERMINED)
    if keep.all():
        return
    first = int(np.flatnonzero(~keep)[0])
    constant = spread[first] <= _ROUNDING * level[first]
    alone = within[first, first] <= _DETERMINED * spread[first] + _ROUNDING * level[first]
    others = ", ".join(repr(name) for name in names[:first])
    why = "is constant" if constant else "is determined by the fixed effects" if alone else f"is determined by {others}"
    raise CollinearError(f"channel {names[first]!r} {why} on the clean rows (untreated and unexposed)")
