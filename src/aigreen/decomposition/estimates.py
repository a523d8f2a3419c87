"""Every part of every cohort-period of a decomposition, with influence functions by cluster."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from aigreen.counterfactual.centring import centred, check_lone_cells
from aigreen.counterfactual.leave_out import check_lone_terms, without_each
from aigreen.decomposition.channel_fit import fit_clean
from aigreen.decomposition.options import PartOptions
from aigreen.decomposition.parts import Layout
from aigreen.decomposition.sample import Setup
from aigreen.errors import CollinearError
from aigreen.linalg.arrays import sum_by
from aigreen.linalg.collinearity import independent_of_effects, symmetric_inverse
from aigreen.linalg.fixed_effects import FixedEffects
from aigreen.options import check_memory

# Slopes of the channels, shape (K,), and their influence functions, shape (clusters, K).
Slopes = tuple[np.ndarray, np.ndarray]


def compute_factors(options: PartOptions, setup: Setup) -> tuple[np.ndarray, np.ndarray]:
    """Compute the slope of each channel and its mean deviation on treated rows, and their influence.

    Returns
    -------
    values : ndarray, shape (K, 2);  psi : ndarray, shape (clusters, K, 2)
    """
    means = CellMeans(setup, leave_one_out=options.variance == "leave_one_out")
    moved = means.of_channels(setup)
    w = means.count / means.count.sum()
    moved_psi = np.stack([means.channel_influence(setup, j) @ w for j in range(len(moved))], axis=1)
    values = np.column_stack([setup.fit.slopes, moved @ w])
    return values, np.stack([setup.slopes_influence, moved_psi], axis=2)


def compute_parts(
    options: PartOptions, setup: Setup, gap: Slopes | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Compute all parts of all cells.

    Parameters
    ----------
    gap : Slopes, optional
        Of `treated_slopes`, where channels interact with treatment.

    Returns
    -------
    values : ndarray, shape (P, cells)
        In the order of ``options.layout``.
    psi : ndarray, shape (clusters, P, cells)
    count : ndarray, shape (cells,)
        (Weighted) number of treated rows.
    """
    fit, layout = setup.fit, options.layout
    means = CellMeans(setup, leave_one_out=options.variance == "leave_one_out")
    size = setup.n_clusters, len(layout.labels), means.n_cells
    check_memory("influence functions, clusters x parts x cohort-periods", "take fewer channels or clusters", *size)
    moved = means.of_channels(setup)
    values = np.zeros((len(layout.labels), means.n_cells))
    psi = np.zeros((setup.n_clusters, *values.shape))
    fill_channels(layout, setup, moved, lambda i: means.channel_influence(setup, i), gap, values, psi)

    direct, net = layout.direct, fit.rest[setup.cells.rows]
    psi[:, direct] = fit.rest_influence(means.targets, setup.clean_clusters, setup.n_clusters)
    psi[:, direct] -= setup.slopes_influence @ moved
    if options.exposures:
        response = response_to_exposure(options, setup)
        dose = np.array([means.mean(column) for column in setup.dose.T]).reshape(-1, means.n_cells)
        net = net - setup.dose @ response.theta
        fill_spillover(layout, response, dose, setup.of, values, psi)
        psi[:, direct] -= psi[:, layout.spillover]
    values[direct] = means.mean(net)
    psi[:, direct] += means.own(net)
    layout.add_up(values, psi)
    return values, psi, means.count


def fill_channels(
    layout: Layout,
    setup: Setup,
    moved: np.ndarray,
    moved_influence: Callable[[int], np.ndarray],
    gap: Slopes | None,
    values: np.ndarray,
    psi: np.ndarray,
) -> None:
    """Fill in the parts of the channels, loadings times movements, and their interactions with treatment.

    Parameters
    ----------
    moved : ndarray, shape (K, cells)
        How far each channel moved.
    moved_influence : callable
        Influence functions of that for one channel, shape (clusters, cells).
    values : ndarray, shape (P, cells);  psi : ndarray, shape (clusters, P, cells)
    """
    loadings, channel, crossed = setup.fit.loadings, layout.channel, layout.crossed
    values[channel] = loadings @ moved
    for k, carried in enumerate(setup.fit.carried_influence(moved, setup.clean_clusters, setup.n_clusters)):
        psi[:, channel[k]] = carried
    for i in range(len(channel)):
        moved_psi = moved_influence(i)
        for k in np.flatnonzero(loadings[:, i]):
            psi[:, channel[k]] += loadings[k, i] * moved_psi
        if gap is not None:
            slopes, slopes_psi = gap
            values[crossed[i]] = slopes[i] * moved[i]
            psi[:, crossed[i]] = slopes_psi[:, [i]] * moved[i] + slopes[i] * moved_psi


def fill_spillover(
    layout: Layout, response: ResponseFit, dose: np.ndarray, of: np.ndarray, values: np.ndarray, psi: np.ndarray
) -> None:
    """Fill in the spillover, coefficients times doses, and its pieces.

    Parameters
    ----------
    dose : ndarray, shape (p, cells)
        What each coefficient is multiplied with.
    of : ndarray of int, shape (p,)
        Exposure of each coefficient.
    """
    values[layout.spillover], psi[:, layout.spillover] = response.theta @ dose, response.psi @ dose
    for i, at in enumerate(layout.by_exposure):
        own = of == i
        values[at], psi[:, at] = response.theta[own] @ dose[own], response.psi[:, own] @ dose[own]


@dataclass(frozen=True, eq=False)
class ResponseFit:
    """Coefficients of the response to exposure, shape (p,), and their influence functions, shape (clusters, p)."""

    theta: np.ndarray
    psi: np.ndarray


def response_to_exposure(options: PartOptions, setup: Setup) -> ResponseFit:
    r"""Regress what no channel carries on exposed untreated rows: :math:`\hat\theta = (B'WB)^{-1}B'Wr`."""
    rows, fit, clusters = setup.exposed, setup.fit, setup.sample.cluster_codes[setup.exposed]
    B, w = setup.response, setup.weights_of(rows)
    wB = B * w[:, None]
    if not setup.of.size:
        return ResponseFit(np.zeros(0), np.zeros((setup.n_clusters, 0)))
    gram, r = wB.T @ B, fit.rest[rows]
    bread = symmetric_inverse(gram)
    theta = bread @ (wB.T @ r)
    scores = sum_by(clusters, wB * (r - B @ theta)[:, None], setup.n_clusters)
    moved, alone = without_each(B, w, scores, clusters)
    leave_one_out = options.variance == "leave_one_out"
    check_lone_terms(alone, setup.terms, refused=leave_one_out)
    if leave_one_out:
        scores = moved @ gram
    return ResponseFit(theta, (scores + rest_error(setup, rows, wB)) @ bread)


def rest_error(setup: Setup, rows: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Influence of the clean rows on weighted sums of what no channel carries, shape (clusters, q).

    Parameters
    ----------
    weights : ndarray, shape (len(rows), q)
    """
    fit, at = setup.fit, np.nonzero(weights)
    targets = sparse.coo_array((weights[at], (rows[at[0]], at[1])), shape=(setup.sample.n_rows, weights.shape[1]))
    error = fit.rest_influence(targets, setup.clean_clusters, setup.n_clusters)
    return error - setup.slopes_influence @ (weights.T @ fit.channels[rows]).T


def treated_slopes(options: PartOptions, setup: Setup) -> Slopes | None:
    """Slopes of the channels within treated rows less those on clean rows, where they may differ."""
    if not options.interaction:
        return None
    sample, cells = setup.sample, setup.cells
    treated = np.zeros(sample.n_rows, dtype=bool)
    treated[cells.rows] = True
    cell = np.zeros(sample.n_rows, dtype=np.intp)
    cell[cells.rows] = cells.cell
    effects = FixedEffects([*setup.fit.effects.codes, cell], fitted=treated, weights=setup.weights)
    keep, _ = independent_of_effects(effects, setup.covariates, setup.weights)
    extra = setup.covariates[:, keep]
    if setup.of.size:
        B = np.zeros((sample.n_rows, setup.dose.shape[1]))
        B[cells.rows] = setup.dose
        extra = np.hstack([extra, B])
        extra = extra[:, independent_of_effects(effects, extra, setup.weights)[0]]
    try:
        fit = fit_clean(*setup.raw(), extra, effects, setup.weights, list(options.channels))
    except CollinearError as error:
        message = str(error).replace("the clean rows (untreated and unexposed)", "treated rows, as interaction needs")
        raise CollinearError(message) from None
    psi = fit.slopes_influence(sample.cluster_codes[effects.rows], setup.n_clusters)
    return fit.slopes - setup.fit.slopes, psi - setup.slopes_influence


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
        self.n_clusters, self.n_cells, self._of = setup.n_clusters, len(cells.cohort), cells.cell
        w = setup.weights_of(cells.rows)
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
        psi += fit.channel_influence(j, self.targets, setup.clean_clusters, self.n_clusters)
        return psi

    def _by_cluster(self, values: np.ndarray) -> np.ndarray:
        size = self.n_clusters * self.n_cells
        return np.bincount(self._at, self._share * values, size).reshape(self.n_clusters, self.n_cells)
