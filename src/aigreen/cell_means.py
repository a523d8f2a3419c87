"""Means over the treated rows of each cohort and period, with what these rows add to influence functions."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from aigreen.did.centring import centred, check_lone_cells
from aigreen.part_setup import Setup


class CellMeans:
    """Means over the treated rows of each cohort and period, and what these rows add to influence functions.

    Attributes
    ----------
    count : ndarray, shape (cells,)
        (Weighted) number of rows.
    targets : sparse array, shape (n, cells)
        Weights of the means on all rows.
    """

    def __init__(self, setup: Setup, *, leave_one_out: bool) -> None:
        cells, sample = setup.cells, setup.sample
        self.n_clusters, self.n_cells, self._of = len(sample.clusters), len(cells.cohort), cells.cell
        w = np.ones(len(cells.rows)) if setup.weights is None else setup.weights[cells.rows]
        self.count = np.bincount(cells.cell, w, self.n_cells)
        self._share = w / self.count[cells.cell]
        self._at = sample.cluster_codes[cells.rows].astype(np.intp) * self.n_cells + cells.cell
        self.targets = sparse.coo_array((self._share, (cells.rows, cells.cell)), shape=(sample.n_rows, self.n_cells))
        self._weight = self._by_cluster(np.ones(len(w)))
        self._leave_one_out = leave_one_out
        alone = np.count_nonzero(self._weight, axis=0) == 1
        check_lone_cells(alone, cells, sample.cluster_codes[cells.rows], leave_one_out=leave_one_out)

    def mean(self, values: np.ndarray) -> np.ndarray:
        """Mean of values of treated rows in each cell."""
        return np.bincount(self._of, self._share * values, self.n_cells)

    def own(self, values: np.ndarray) -> np.ndarray:
        """Centred sums of values of treated rows, shape (clusters, cells)."""
        return centred(self._by_cluster(values), self._weight, leave_one_out=self._leave_one_out)

    def of_channels(self, setup: Setup) -> np.ndarray:
        """Mean deviation of each channel, shape (K, cells)."""
        deviations = setup.fit.channels[setup.cells.rows]
        return np.array([self.mean(column) for column in deviations.T]).reshape(-1, self.n_cells)

    def channel_influence(self, setup: Setup, j: int) -> np.ndarray:
        """Influence functions of the mean deviations of channel j, shape (clusters, cells)."""
        fit = setup.fit
        psi = self.own(fit.channels[setup.cells.rows, j])
        psi += fit.channel_influence(j, self.targets, setup.sample.cluster_codes[fit.effects.rows], self.n_clusters)
        return psi

    def _by_cluster(self, values: np.ndarray) -> np.ndarray:
        size = self.n_clusters * self.n_cells
        return np.bincount(self._at, self._share * values, size).reshape(self.n_clusters, self.n_cells)
