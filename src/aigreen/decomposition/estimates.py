"""Every part of every cohort-period of a decomposition, with influence functions by cluster."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from aigreen.counterfactual.centring import centred, check_lone_cells
from aigreen.counterfactual.leave_out import check_lone_terms, without_each
from aigreen.decomposition.channel_fit import fit_clean
from aigreen.decomposition.options import PartOptions
from aigreen.decomposition.parts import DIRECT, SPILLOVER, TOTAL
from aigreen.decomposition.sample import Setup
from aigreen.errors import CollinearError
from aigreen.linalg.arrays import sum_by
from aigreen.linalg.collinearity import independent, symmetric_inverse
from aigreen.linalg.fixed_effects import FixedEffects


def compute_factors(options: PartOptions, setup: Setup) -> tuple[np.ndarray, np.ndarray]:
    """Compute the slope of each channel and its mean deviation on treated rows, in turn, and their influence.

    Returns
    -------
    values : ndarray, shape (2 K,);  psi : ndarray, shape (clusters, 2 K)
    """
    means = CellMeans(setup, leave_one_out=options.variance == "leave_one_out")
    moved = means.of_channels(setup)
    w = means.count / means.count.sum()
    clusters = setup.sample.cluster_codes[setup.fit.effects.rows]
    slopes_psi = setup.fit.loadings_influence(clusters, means.n_clusters).sum(axis=1)
    values = np.column_stack([setup.fit.slopes, moved @ w]).ravel()
    moved_psi = np.stack([means.channel_influence(setup, j) @ w for j in range(len(moved))], axis=1)
    return values, np.stack([slopes_psi, moved_psi], axis=2).reshape(means.n_clusters, -1)


def compute_parts(options: PartOptions, setup: Setup) -> tuple[list[str], np.ndarray, np.ndarray, np.ndarray]:
    """Compute all parts of all cells.

    Returns
    -------
    labels : list of str, length P
    values : ndarray, shape (P, cells)
    psi : ndarray, shape (clusters, P, cells)
    count : ndarray, shape (cells,)
        (Weighted) number of treated rows.
    """
    fit, cells, sample = setup.fit, setup.cells, setup.sample
    k, n_cells, n_clusters = len(options.channels), len(cells.cohort), len(sample.clusters)
    fitted_clusters = sample.cluster_codes[fit.effects.rows]
    means = CellMeans(setup, leave_one_out=options.variance == "leave_one_out")
    moved = means.of_channels(setup)
    slopes = fit.slopes
    loadings_psi = fit.loadings_influence(fitted_clusters, n_clusters)
    slopes_psi = loadings_psi.sum(axis=1)

    labels = [TOTAL, DIRECT, *options.channels, *([SPILLOVER] if options.exposures else [])]
    n_parts = len(labels)
    if options.interaction:
        labels += [f"{DIRECT}: at untreated channels", *(f"{DIRECT}: interaction {name}" for name in options.channels)]
    if len(options.exposures) > 1:
        labels += [f"{SPILLOVER}: {name}" for name in options.exposures]
    at = {label: j for j, label in enumerate(labels)}
    values = np.zeros((len(labels), n_cells))
    psi = np.zeros((n_clusters, len(labels), n_cells))
    channels = slice(2, 2 + k)
    values[channels] = fit.loadings @ moved
    for j in range(k):
        psi[:, 2 + j] = loadings_psi[:, j] @ moved
    if options.interaction:
        gap, gap_psi = treated_slopes(options, setup, slopes, slopes_psi)
        pieces = at[f"{DIRECT}: at untreated channels"] + 1 + np.arange(k)
        values[pieces] = gap[:, None] * moved
        for i in range(k):
            psi[:, pieces[i]] = gap_psi[:, [i]] * moved[i]
    for i in range(k):
        moved_psi = means.channel_influence(setup, i)
        for j in np.flatnonzero(fit.loadings[:, i]):
            psi[:, 2 + j] += fit.loadings[j, i] * moved_psi
        if options.interaction:
            psi[:, pieces[i]] += gap[i] * moved_psi
        del moved_psi

    net = fit.rest[cells.rows]
    psi[:, 1] = fit.rest_influence(means.targets, fitted_clusters, n_clusters)
    psi[:, 1] -= slopes_psi @ moved
    if options.exposures:
        response = response_to_exposure(options, setup, slopes_psi, fitted_clusters, n_clusters)
        dose = np.array([means.mean(column) for column in setup.dose.T]).reshape(-1, n_cells)
        net = net - setup.dose @ response.theta
        j = at[SPILLOVER]
        values[j], psi[:, j] = response.theta @ dose, response.psi @ dose
        psi[:, 1] -= psi[:, j]
        for i, name in enumerate(options.exposures if len(options.exposures) > 1 else []):
            own, j = setup.of == i, at[f"{SPILLOVER}: {name}"]
            values[j], psi[:, j] = response.theta[own] @ dose[own], response.psi[:, own] @ dose[own]
    values[1] = means.mean(net)
    psi[:, 1] += means.own(net)
    values[0] = values[1:n_parts].sum(axis=0)
    np.sum(psi[:, 1:n_parts], axis=1, out=psi[:, 0])
    if options.interaction:
        rest = at[f"{DIRECT}: at untreated channels"]
        values[rest] = values[1] - values[pieces].sum(axis=0)
        psi[:, rest] = psi[:, 1] - psi[:, pieces].sum(axis=1)
    return labels, values, psi, means.count


@dataclass(frozen=True, eq=False)
class ResponseFit:
    """Coefficients of the response to exposure, shape (p,), and their influence functions, shape (clusters, p)."""

    theta: np.ndarray
    psi: np.ndarray


def response_to_exposure(
    options: PartOptions, setup: Setup, slopes_psi: np.ndarray, fitted_clusters: np.ndarray, n_clusters: int
) -> ResponseFit:
    r"""Regress what no channel carries on exposed untreated rows: :math:`\hat\theta = (B'WB)^{-1}B'Wr`."""
    rows, fit, clusters = setup.exposed, setup.fit, setup.sample.cluster_codes[setup.exposed]
    B, w = setup.response, np.ones(len(rows)) if setup.weights is None else setup.weights[rows]
    wB = B * w[:, None]
    if not setup.of.size:
        return ResponseFit(np.zeros(0), np.zeros((n_clusters, 0)))
    gram, r = wB.T @ B, fit.rest[rows]
    bread = symmetric_inverse(gram)
    theta = bread @ (wB.T @ r)
    at = np.nonzero(wB)
    targets = sparse.coo_array((wB[at], (rows[at[0]], at[1])), shape=(setup.sample.n_rows, B.shape[1]))
    scores = sum_by(clusters, wB * (r - B @ theta)[:, None], n_clusters)
    moved, alone = without_each(B, w, scores, clusters)
    leave_one_out = options.variance == "leave_one_out"
    check_lone_terms(alone, setup.terms, refused=leave_one_out)
    if leave_one_out:
        scores = moved @ gram
    scores += fit.rest_influence(targets, fitted_clusters, n_clusters)
    scores -= slopes_psi @ (wB.T @ fit.channels[rows]).T
    return ResponseFit(theta, scores @ bread)


def treated_slopes(
    options: PartOptions, setup: Setup, slopes: np.ndarray, slopes_psi: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Slopes of the channels within treated rows less those on clean rows, and their influence functions."""
    sample, cells = setup.sample, setup.cells
    treated = np.zeros(sample.n_rows, dtype=bool)
    treated[cells.rows] = True
    cell = np.zeros(sample.n_rows, dtype=np.intp)
    cell[cells.rows] = cells.cell
    effects = FixedEffects([*setup.fit.effects.codes, cell], fitted=treated, weights=setup.weights)
    keep, _ = independent(effects, setup.covariates, setup.weights)
    extra = setup.covariates[:, keep]
    if setup.of.size:
        B = np.zeros((sample.n_rows, setup.dose.shape[1]))
        B[cells.rows] = setup.dose
        extra = np.hstack([extra, B])
        extra = extra[:, independent(effects, extra, setup.weights)[0]]
    try:
        fit = fit_clean(*setup.raw(), extra, effects, setup.weights, list(options.channels))
    except CollinearError as error:
        message = str(error).replace("the clean rows (untreated and unexposed)", "treated rows, as interaction needs")
        raise CollinearError(message) from None
    psi = fit.loadings_influence(sample.cluster_codes[effects.rows], len(sample.clusters)).sum(axis=1)
    return fit.slopes - slopes, psi - slopes_psi


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
