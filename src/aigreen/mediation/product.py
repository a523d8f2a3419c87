r"""Product of coefficients: channels and outcome on treatment under fixed effects, and its bootstrap over clusters."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from aigreen.decomposition.channel_fit import CleanFit, channel_loadings, fit_clean
from aigreen.decomposition.draws import warn_of_refits
from aigreen.decomposition.parts import Layout
from aigreen.errors import CollinearError
from aigreen.linalg.arrays import is_nested, sum_by
from aigreen.linalg.cluster_products import BLOCK, LARGEST, cluster_blocks, dummies, regular, take_unit_means
from aigreen.linalg.collinearity import independent_columns, independent_of_effects
from aigreen.linalg.fixed_effects import FixedEffects
from aigreen.linalg.sandwich import row_factor


@dataclass(frozen=True, eq=False)
class Response:
    """What a unit of treatment, from zero, does to the means of the channels, with influence functions by cluster.

    Attributes
    ----------
    untreated, effect : ndarray, shape (K,)
    untreated_psi, effect_psi : ndarray, shape (clusters, K)
    """

    untreated: np.ndarray
    effect: np.ndarray
    untreated_psi: np.ndarray
    effect_psi: np.ndarray


@dataclass(frozen=True, eq=False)
class Product:
    """Product of coefficients: treatment `d` less fixed effects and covariates, and the fit given treatment too.

    `fit` regresses outcome and channels on fixed effects, covariates and treatment, on all rows, so that its deviations
    are the residuals u and u'b + e; `total` and `a` are the coefficients of treatment in these regressions.
    """

    d: np.ndarray
    total: float
    a: np.ndarray
    fit: CleanFit

    @classmethod
    def of(
        cls,
        y: np.ndarray,
        M: np.ndarray,
        X: np.ndarray,
        effects: FixedEffects,
        weights: np.ndarray | None,
        names: list[str],
        *,
        ordered: bool,
    ) -> Product:
        """Fit; the first column of `X` is treatment, the others are covariates."""
        try:
            fit = fit_clean(y, M, X, effects, weights, names, ordered=ordered)
        except CollinearError as error:
            message = str(error).replace("fixed effects", "fixed effects, covariates and treatment")
            raise CollinearError(message.split(" on the clean rows")[0]) from None
        d = fit.covariates @ fit.bread[0] / fit.bread[0, 0]
        wd = d if weights is None else d * weights
        return cls(d, float(wd @ y / (wd @ d)), M.T @ wd / (wd @ d), fit)

    @property
    def values(self) -> np.ndarray:
        """Total, direct, channels."""
        through = self.fit.loadings @ self.a
        return np.concatenate([[self.total, self.total - through.sum()], through])

    def influence(self, clusters: np.ndarray, n_clusters: int) -> np.ndarray:
        r"""Influence by cluster of total, direct and channels: :math:`\psi_k = b_k \psi_{a_k} + a_k \psi_{b_k}`."""
        wd = self.d if self.fit.weights is None else self.d * self.fit.weights
        residuals = np.column_stack([self.fit.outcome, self.fit.channels])
        psi = sum_by(clusters, residuals * (wd / (wd @ self.d))[:, None], n_clusters)
        carried = self.fit.carried_influence(self.a[:, None], clusters, n_clusters)
        through = psi[:, 1:] @ self.fit.loadings.T + np.hstack(list(carried))
        return np.column_stack([psi[:, 0], psi[:, 0] - through.sum(axis=1), through])

    def factor_influence(self, clusters: np.ndarray, n_clusters: int) -> np.ndarray:
        """Influence by cluster of a and b of each channel, shape (clusters, K, 2)."""
        wd = self.d if self.fit.weights is None else self.d * self.fit.weights
        a_psi = sum_by(clusters, self.fit.channels * (wd / (wd @ self.d))[:, None], n_clusters)
        return np.stack([a_psi, self.fit.slopes_influence(clusters, n_clusters)], axis=2)

    def response(self, treatment: np.ndarray, M: np.ndarray, clusters: np.ndarray, n_clusters: int) -> Response:
        r"""Take from the fit what treatment does to its first K channels: a, with the mean of :math:`M - aD`.

        Parameters
        ----------
        treatment : shape (n,);  M : shape (n, K)
        """
        k = M.shape[1]
        w = np.ones(len(M)) if self.fit.weights is None else self.fit.weights
        w = w / w.sum()
        a = self.a[:k]
        wd = w * self.d / (w @ self.d**2)
        a_psi = sum_by(clusters, self.fit.channels[:, :k] * wd[:, None], n_clusters)
        mean, dose = w @ M, w @ treatment
        gaps = w[:, None] * (M - mean - np.outer(treatment - dose, a))
        return Response(mean - a * dose, a.copy(), sum_by(clusters, gaps, n_clusters) - a_psi * dose, a_psi)

    def through(self, response: Response, psi: np.ndarray, clusters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        r"""Parts where treatment moves the channels by `response`, with slopes b and, under interaction, h.

        The channels of the fit are M and, under interaction, their products with treatment. With c the coefficient of
        treatment, a the effects and :math:`\mu` the untreated means of the response: direct at untreated channels
        :math:`c + h'\mu`, interaction :math:`h_k a_k`, direct the sum of these, channels :math:`a_k b_k`.

        Parameters
        ----------
        response : Response
        psi : ndarray, shape (clusters, 2 + channels of the fit)
            Influence of the total, direct and parts of the fit as it is.

        Returns
        -------
        values, psi : of total, direct, channels, direct at untreated channels, interactions
        """
        k, slopes = len(response.effect), self.fit.slopes
        slopes_psi = self.fit.slopes_influence(clusters, len(psi))
        b, b_psi = slopes[:k], slopes_psi[:, :k]
        h, h_psi = (slopes[k:], slopes_psi[:, k:]) if len(slopes) > k else (np.zeros(k), np.zeros_like(b_psi))
        a, a_psi = response.effect, response.effect_psi
        own = self.values[Layout.direct] + h @ response.untreated
        own_psi = psi[:, Layout.direct] + h_psi @ response.untreated + response.untreated_psi @ h
        crossed, crossed_psi = h * a, h_psi * a + a_psi * h
        through, through_psi = a * b, a_psi * b + b_psi * a
        direct, direct_psi = own + crossed.sum(), own_psi + crossed_psi.sum(axis=1)
        total, total_psi = direct + through.sum(), direct_psi + through_psi.sum(axis=1)
        values = np.concatenate([[total, direct], through, [own], crossed])
        return values, np.column_stack([total_psi, direct_psi, through_psi, own_psi, crossed_psi])

    def classical(self, n: int, size: int) -> np.ndarray:
        """Covariance under independent errors of equal variance; `size` counts parameters of a channel's regression.

        The error of the total is that of the regression without channels, whichever channels there are. For the
        covariance to add up, those of direct with the channels take the difference, which is of order 1/n.
        """
        b, m, k = self.fit.slopes, self.fit.channels, len(self.a)
        row_factor(n, size + k)  # rows enough for an error
        w = np.ones(n) if self.fit.weights is None else self.fit.weights
        gram, squares = (m * w[:, None]).T @ m, w @ self.d**2
        noise = w @ self.fit.rest**2 / (n - size - k)
        layout, on_b, on_a = Layout(range(k)), slice(1, 1 + k), slice(1 + k, 1 + 2 * k)
        errors = np.zeros((1 + 2 * k, 1 + 2 * k))
        errors[0, 0] = noise / squares
        errors[on_b, on_b] = noise * np.linalg.inv(gram)
        errors[on_a, on_a] = gram / (n - size) / squares
        slope = np.zeros((layout.whole.stop, 1 + 2 * k))
        slope[[layout.total, layout.direct], 0] = 1.0
        slope[layout.total, on_a] = b
        slope[layout.direct, on_b] = -self.a
        slope[layout.channel, on_b], slope[layout.channel, on_a] = np.diag(self.a), np.diag(b)
        covariance = slope @ errors @ slope.T
        gap = w @ self.fit.outcome**2 / (n - size) / squares - covariance[layout.total, layout.total]
        spread = np.sqrt(np.diag(covariance)[layout.channel])
        shift = gap / 2 * spread / (spread.sum() or 1.0)
        covariance[layout.direct, layout.channel] += shift
        covariance[layout.channel, layout.direct] += shift
        parts = covariance[layout.direct :, layout.direct :].sum(axis=0)
        covariance[layout.total, layout.direct :] = covariance[layout.direct :, layout.total] = parts
        covariance[layout.total, layout.total] = parts.sum()
        return covariance


@dataclass(frozen=True, eq=False)
class ProductData:
    """What `Product` is estimated from, row by row.

    Attributes
    ----------
    y : ndarray, shape (n,)
    M : ndarray, shape (n, K)
        Channels.
    X : ndarray, shape (n, 1 + p)
        Treatment and covariates.
    codes : sequence of ndarray of int, shape (n,)
        Fixed effects.
    weights : ndarray, shape (n,), or None
    clusters : ndarray of int, shape (n,)
    names : list of str
        Of the channels.
    ordered : bool
    """

    y: np.ndarray
    M: np.ndarray
    X: np.ndarray
    codes: Sequence[np.ndarray]
    weights: np.ndarray | None
    clusters: np.ndarray
    names: list[str]
    ordered: bool

    def draws(self, omega: np.ndarray) -> np.ndarray:
        """Compute total, direct and channels for cluster weights; nan where a draw does not identify them.

        With the largest fixed effect nested in clusters the rest is one matrix product of weights and cluster-wise
        cross-products (`aigreen.decomposition.bootstrap`), else every draw is fitted.

        Parameters
        ----------
        omega : ndarray, shape (n_draws, n_clusters)

        Returns
        -------
        ndarray, shape (n_draws, 2 + K)
        """
        first = int(np.argmax([code.max() for code in self.codes]))
        rest = [code for j, code in enumerate(self.codes) if j != first]
        sizes = [int(code.max()) + 1 for code in rest]
        f, n_clusters = sum(sizes) + self.X.shape[1] - 1, omega.shape[1]
        d = f + 2 + self.M.shape[1]
        if not is_nested(self.codes[first], self.clusters) or n_clusters * d * d > LARGEST:
            warn_of_refits(len(omega))
            return self._refits(omega)
        gram, size = self._gram(self.codes[first], rest, sizes, n_clusters)
        keep = np.flatnonzero(independent_columns(gram.sum(axis=0)[:f, :f], size))
        kept = np.concatenate([keep, np.arange(f, d)])
        return self._solved(omega, gram[:, kept[:, None], kept], len(keep))

    def _gram(
        self, first: np.ndarray, rest: list[np.ndarray], sizes: list[int], n_clusters: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Cross-products by cluster of dummies, covariates, treatment, outcome and channels less means of `first`.

        Also the sums of squares of dummies and covariates before means are taken.
        """
        f = sum(sizes) + self.X.shape[1] - 1
        d = f + 2 + self.M.shape[1]
        w = np.ones(len(self.y)) if self.weights is None else self.weights
        order = np.argsort(self.clusters, kind="stable")
        ends = np.searchsorted(self.clusters[order], np.arange(n_clusters + 1))
        gram, size = np.zeros((n_clusters, d, d)), np.zeros(f)
        for start, stop in cluster_blocks(ends, max(1, BLOCK // d)):
            rows = order[ends[start] : ends[stop]]
            X = self.X[rows]
            Z = np.column_stack([dummies(rest, sizes, rows), X[:, 1:], X[:, 0], self.y[rows], self.M[rows]])
            size += w[rows] @ Z[:, :f] ** 2
            take_unit_means(Z, first[rows], w[rows])
            wZ = Z * w[rows, None]
            for c in range(start, stop):
                part = slice(ends[c] - ends[start], ends[c + 1] - ends[start])
                gram[c] = wZ[part].T @ Z[part]
        return gram, size

    def _solved(self, omega: np.ndarray, gram: np.ndarray, f: int) -> np.ndarray:
        """Draws from cross-products by cluster, of which the first `f` columns are dummies and covariates."""
        size = gram.shape[1]
        drawn = (omega @ gram.reshape(len(gram), -1)).reshape(-1, size, size)
        good = regular(drawn)
        drawn = drawn[good]
        within = drawn[:, f:, f:] - drawn[:, f:, :f] @ np.linalg.solve(drawn[:, :f, :f], drawn[:, :f, f:])
        on_treatment = within[:, 0, 1:] / within[:, 0, :1]
        residual = within[:, 1:, 1:] - within[:, 1:, :1] * on_treatment[:, None, :]
        through = np.einsum("rjk,rk->rj", channel_loadings(residual, ordered=self.ordered), on_treatment[:, 1:])
        out = np.full((len(omega), size - f), np.nan)
        total = on_treatment[:, 0]
        out[good] = np.column_stack([total, total - through.sum(axis=1), through])
        return out

    def _refits(self, omega: np.ndarray) -> np.ndarray:
        out = np.full((len(omega), Layout(self.names).whole.stop), np.nan)
        for draw, by_cluster in enumerate(omega):
            w = by_cluster[self.clusters] if self.weights is None else self.weights * by_cluster[self.clusters]
            with suppress(CollinearError):
                out[draw] = self._fitted(np.flatnonzero(w > 0), w).values
        return out

    def _fitted(self, rows: np.ndarray, weights: np.ndarray) -> Product:
        effects = FixedEffects([code[rows] for code in self.codes], weights=weights[rows])
        y, M, X = self.y[rows], self.M[rows], self.X[rows]
        if not independent_of_effects(effects, X, weights[rows])[0].all():
            raise CollinearError("the draw does not identify the treatment")
        return Product.of(y, M, X, effects, weights[rows], self.names, ordered=self.ordered)
