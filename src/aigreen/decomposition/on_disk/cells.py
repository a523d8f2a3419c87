"""Parts of all cohort-periods from sums by cluster; the counterparts of `aigreen.decomposition.estimates`."""

from __future__ import annotations

import numpy as np

from aigreen.counterfactual.centring import centred, check_lone_cells
from aigreen.counterfactual.leave_out import check_lone_terms, without_each_of_products
from aigreen.counterfactual.on_disk.clean_rows import CleanRows
from aigreen.counterfactual.on_disk.sums import Sums
from aigreen.counterfactual.rows import Cells
from aigreen.decomposition.channel_fit import Loadings, carried_influence, channel_loadings
from aigreen.decomposition.estimates import CellParts, ResponseFit, fill_channels, fill_others, fill_spillover
from aigreen.decomposition.options import PartOptions
from aigreen.linalg.collinearity import symmetric_inverse


class CellSums:
    """Means over treated rows by cohort and period, and the response of exposed rows.

    Attributes
    ----------
    found : ndarray of int, shape (cells,)
        Cohort-periods with treated rows, among all.
    cohort, time : ndarray of int, shape (cells,)
    shown : ndarray of bool
        Functions of exposure that some exposed row has, q of them.
    of : ndarray of int, shape (q,)
        Exposure of each.
    count : ndarray, shape (cells,)
        Sums of the weights of treated rows in means.
    moved : ndarray, shape (1 + K, clusters, cells);  dose : ndarray, shape (q, clusters, cells)
        What clusters add to means of outcome and channels, and of functions of exposure.
    through : ndarray, shape (1 + K, clusters, cells)
        Influence of clean rows on these means.
    """

    def __init__(self, options: PartOptions, clean: CleanRows, sums: Sums) -> None:
        self.options, self.sums, design = options, sums, clean.design
        self.found = found = np.flatnonzero(sums.counts)
        self.shown = clean.support.seen > 0
        self.of = np.zeros(0, dtype=np.intp) if clean.basis is None else clean.basis.of[self.shown]
        self._terms = [] if clean.basis is None else list(np.array(clean.basis.terms, dtype=object)[self.shown])
        self.count = sums.weight[:, found].sum(axis=0)
        self._weight = sums.weight[:, found]
        self.moved = sums.moved[:, :, found] / self.count
        self.dose = sums.dose[self.shown][:, :, found] / self.count
        self.through = -sums.error[:, :, found] / self.count
        self.cohort = design.cohorts[found // design.sample.n_periods].astype(np.int64)
        self.time = design.sample.times[found % design.sample.n_periods]
        alone = np.count_nonzero(self._weight, axis=0) == 1
        cells = Cells(self.cohort, self.time, found[:0], found[:0])
        clusters = np.flatnonzero(sums.with_treated)
        check_lone_cells(alone, cells, clusters, leave_one_out=options.leave_one_out)

    def own(self, values: np.ndarray) -> np.ndarray:
        """Centred sums of what clusters add to means, shape (clusters, cells)."""
        sums = values * self.count
        return centred(sums, self._weight, leave_one_out=self.options.leave_one_out) / self.count

    def channel_influence(self, i: int) -> np.ndarray:
        """Influence functions of the mean deviations of channel i, shape (clusters, cells)."""
        return self.own(self.moved[1 + i]) + self.through[1 + i]

    def response_of_channels(self) -> tuple[np.ndarray, np.ndarray]:
        """Regress each channel's deviations on exposed rows, where origins are asked for; as `ResponseFit`."""
        k, q, n_clusters = len(self.moved) - 1 if self.options.origins else 0, len(self.of), len(self._weight)
        theta, psi = np.zeros((k, q)), np.zeros((k, n_clusters, q))
        for j in range(k):
            theta[j], psi[j] = self.on_exposure(self.sums.crosses[:, :, 1 + j], self.exposed_error(1 + j))
        return theta, psi

    def exposed_error(self, j: int | slice) -> np.ndarray:
        """Influence of clean rows on sums over exposed rows of outcome and channels times functions of exposure."""
        return -self.sums.error[j, :, -len(self.shown) :] @ self.sums.turn

    def on_exposure(
        self, cross: np.ndarray, error: np.ndarray, sums: Sums | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Regress on functions of exposure.

        Parameters
        ----------
        cross, error : ndarray, shape (clusters, all functions of exposure)
            Cross-products with `turn`ed functions by cluster, and influence of clean rows on their sums.
        sums : Sums, optional
            Others, which hold products of functions of exposure.

        Returns
        -------
        theta : ndarray, shape (q,);  psi : ndarray, shape (clusters, q)
        """
        sums = sums or self.sums
        if not len(self.of):
            return np.zeros(0), np.zeros((len(self._weight), 0))
        grams, turn = sums.grams[:, self.shown][:, :, self.shown], sums.turn[np.ix_(self.shown, self.shown)]
        cross, error = cross[:, self.shown], error[:, self.shown]
        bread = symmetric_inverse(grams.sum(axis=0))
        coefficients = bread @ cross.sum(axis=0)
        scores = cross - grams @ coefficients
        moved, alone = without_each_of_products(grams, scores, turn)
        check_lone_terms(alone, self._terms, refused=self.options.leave_one_out)
        own = moved if self.options.leave_one_out else scores @ bread @ turn.T
        return turn @ coefficients, own + error @ bread @ turn.T


class LinearSums(CellSums):
    """The same, with the loadings of a linear outcome."""

    def __init__(self, options: PartOptions, clean: CleanRows, sums: Sums) -> None:
        super().__init__(options, clean, sums)
        values = channel_loadings(sums.products.sum(axis=0), ordered=options.ordered)
        self.slopes = values.sum(axis=0)
        self.loadings = Loadings(
            values,
            self._slopes_influence(len(values)),
            lambda moved: carried_influence(values, self._slopes_influence, moved),
        )

    def parts(self) -> CellParts:
        """Compute all parts of all cells."""
        layout = self.options.layout
        moved = self.moved[1:].sum(axis=1)
        values = np.zeros((len(layout.labels), len(self.count)))
        psi = np.zeros((len(self._weight), *values.shape))
        fill_channels(layout, self.loadings, moved, self.channel_influence, None, values, psi)
        direct, net = layout.direct, self._rest(self.moved)
        psi[:, direct] = self._rest(self.through) - self.loadings.slopes_psi @ moved
        if self.options.exposures:
            response, dose = self._response(), self.dose.sum(axis=1)
            net = net - np.tensordot(response.theta, self.dose, 1)
            fill_spillover(layout, response, dose, self.of, values, psi)
            fill_others(layout, self.loadings, response, dose, values, psi)
            psi[:, direct] -= psi[:, layout.spillover]
        values[direct] = net.sum(axis=0)
        psi[:, direct] += self.own(net)
        layout.add_up(values, psi)
        return CellParts(values, psi, self.count)

    def _rest(self, sums: np.ndarray) -> np.ndarray:
        """Subtract what channels carry from the sums of the outcome."""
        return sums[0] - np.tensordot(self.slopes, sums[1:], 1)

    def _slopes_influence(self, k: int) -> np.ndarray:
        """Influence functions of the slopes of the first k channels without the others, shape (clusters, k)."""
        own = self.sums.products[:, 1 : 1 + k, 1 : 1 + k]
        gram, right = own.sum(axis=0), self.sums.products[:, 1 : 1 + k, 0]
        bread = symmetric_inverse(gram)
        return (right - own @ (bread @ right.sum(axis=0))) @ bread

    def _response(self) -> ResponseFit:
        crosses = np.moveaxis(self.sums.crosses, 2, 0)
        error = self._rest(self.exposed_error(slice(None))) - self.loadings.slopes_psi @ crosses[1:].sum(axis=1)
        theta, psi = self.on_exposure(self._rest(crosses), error)
        return ResponseFit(theta, psi, *self.response_of_channels())
