"""Every part of every cohort-period of a decomposition, with influence functions by cluster."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from aigreen.counterfactual.centring import centred, check_lone_cells
from aigreen.counterfactual.leave_out import check_lone_terms, without_each
from aigreen.decomposition.channel_fit import Loadings, fit_clean
from aigreen.decomposition.options import PartOptions
from aigreen.decomposition.parts import Layout
from aigreen.decomposition.sample import Setup
from aigreen.effects.aggregation import LogMeanMass
from aigreen.errors import CollinearError
from aigreen.linalg.arrays import sum_by
from aigreen.linalg.collinearity import independent_of_effects, symmetric_inverse
from aigreen.linalg.fixed_effects import FixedEffects
from aigreen.options import check_memory

# Slopes of the channels, shape (K,), and their influence functions, shape (clusters, K).
Slopes = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True, eq=False)
class CellParts:
    """All parts of all cells.

    Attributes
    ----------
    values : ndarray, shape (P, cells)
        In the order of ``options.layout``.
    psi : ndarray, shape (clusters, P, cells)
    count : ndarray, shape (cells,)
        (Weighted) number of rows.
    mass : LogMeanMass, or None
        Sums of outcomes and of counterfactuals, for parts on the log scale.
    """

    values: np.ndarray
    psi: np.ndarray
    count: np.ndarray
    mass: LogMeanMass | None = None


@dataclass(frozen=True, eq=False)
class ResponseFit:
    """Response to exposure: coefficients, and their influence functions by cluster.

    Attributes
    ----------
    theta : ndarray, shape (p,);  psi : ndarray, shape (clusters, p)
        Of what no channel carries.
    channels : ndarray, shape (K, p);  channels_psi : ndarray, shape (K, clusters, p)
        Of the channels, where origins are asked for; else K = 0.
    """

    theta: np.ndarray
    psi: np.ndarray
    channels: np.ndarray
    channels_psi: np.ndarray


def compute_factors(options: PartOptions, setup: Setup) -> tuple[np.ndarray, np.ndarray]:
    """Compute the slope of each channel and its mean deviation on treated rows, and their influence.

    Returns
    -------
    values : ndarray, shape (K, 2);  psi : ndarray, shape (clusters, K, 2)
    """
    means = CellMeans(setup, leave_one_out=options.leave_one_out)
    moved = means.of_channels(setup)
    w = means.count / means.count.sum()
    moved_psi = np.stack([means.channel_influence(setup, j) @ w for j in range(len(moved))], axis=1)
    values = np.column_stack([setup.fit.slopes, moved @ w])
    return values, np.stack([setup.slopes_influence, moved_psi], axis=2)


def compute_parts(
    options: PartOptions, setup: Setup, gap: Slopes | None = None, means: CellMeans | None = None
) -> CellParts:
    """Compute all parts of all cells.

    Parameters
    ----------
    gap : Slopes, optional
        Of `treated_slopes`, where channels interact with treatment.
    means : CellMeans, optional
        Other weighted sums over treated rows than the means of cells.
    """
    fit, layout = setup.fit, options.layout
    means = means or CellMeans(setup, leave_one_out=options.leave_one_out)
    size = setup.n_clusters, len(layout.labels), means.n_cells
    check_memory("influence functions, clusters x parts x cohort-periods", "take fewer channels or clusters", *size)
    moved = means.of_channels(setup)
    values = np.zeros((len(layout.labels), means.n_cells))
    psi = np.zeros((setup.n_clusters, *values.shape))
    fill_channels(layout, setup.loadings, moved, lambda i: means.channel_influence(setup, i), gap, values, psi)

    direct, net = layout.direct, fit.rest[setup.cells.rows]
    psi[:, direct] = fit.rest_influence(means.targets, setup.clean_clusters, setup.n_clusters)
    psi[:, direct] -= setup.slopes_influence @ moved
    if options.exposures:
        response = response_to_exposure(options, setup)
        dose = means.of_doses(setup)
        net = net - setup.dose @ response.theta
        fill_spillover(layout, response, dose, setup.of, values, psi)
        fill_others(layout, setup.loadings, response, dose, values, psi)
        psi[:, direct] -= psi[:, layout.spillover]
    values[direct] = means.mean(net)
    psi[:, direct] += means.own(net)
    layout.add_up(values, psi)
    return CellParts(values, psi, means.count)


def fill_channels(
    layout: Layout,
    loadings: Loadings,
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
    channel, crossed = layout.channel, layout.crossed
    values[channel] = loadings.values @ moved
    for k, carried in enumerate(loadings.carried(moved)):
        psi[:, channel[k]] = carried
    for i in range(len(channel)):
        moved_psi = moved_influence(i)
        for k in np.flatnonzero(loadings.values[:, i]):
            psi[:, channel[k]] += loadings.values[k, i] * moved_psi
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


def fill_others(
    layout: Layout, loadings: Loadings, response: ResponseFit, dose: np.ndarray, values: np.ndarray, psi: np.ndarray
) -> None:
    """Fill in what exposure does through each channel: loadings times the channels' response times doses (p, cells)."""
    if not layout.origins:
        return
    through = layout.others[1:]
    moved = response.channels @ dose
    values[through] = loadings.values @ moved
    for k, carried in enumerate(loadings.carried(moved)):
        psi[:, through[k]] = carried
        for i in np.flatnonzero(loadings.values[k]):
            psi[:, through[k]] += loadings.values[k, i] * (response.channels_psi[i] @ dose)


def response_to_exposure(options: PartOptions, setup: Setup) -> ResponseFit:
    r"""Regress what no channel carries on exposed untreated rows: :math:`\hat\theta = (B'WB)^{-1}B'Wr`."""
    rows = setup.exposed
    theta, psi = _on_exposure(options, setup, setup.fit.rest[rows], lambda wB: rest_error(setup, rows, wB))
    return ResponseFit(theta, psi, *response_of_channels(options, setup))


def response_of_channels(options: PartOptions, setup: Setup) -> tuple[np.ndarray, np.ndarray]:
    """Regress each channel's deviations on exposed untreated rows, where origins are asked for; as `ResponseFit`."""
    fit, rows, q = setup.fit, setup.exposed, setup.of.size
    k = len(setup.channel_names) if options.origins else 0
    theta, psi = np.zeros((k, q)), np.zeros((k, setup.n_clusters, q))
    for j in range(k):

        def error(wB: np.ndarray, j: int = j) -> np.ndarray:
            return fit.channel_influence(j, _targets(setup, rows, wB), setup.clean_clusters, setup.n_clusters)

        theta[j], psi[j] = _on_exposure(options, setup, fit.channels[rows, j], error)
    return theta, psi


def _on_exposure(
    options: PartOptions, setup: Setup, r: np.ndarray, error: Callable[[np.ndarray], np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Regress values of the exposed untreated rows, shape (n_exposed,), on the basis of exposure.

    Parameters
    ----------
    error : callable
        Influence of the clean rows on weighted sums of the values, for weights of shape (n_exposed, q).

    Returns
    -------
    theta : ndarray, shape (q,);  psi : ndarray, shape (clusters, q)
    """
    clusters = setup.sample.cluster_codes[setup.exposed]
    B, w = setup.response, setup.weights_of(setup.exposed)
    wB = B * w[:, None]
    if not setup.of.size:
        return np.zeros(0), np.zeros((setup.n_clusters, 0))
    gram = wB.T @ B
    bread = symmetric_inverse(gram)
    theta = bread @ (wB.T @ r)
    scores = sum_by(clusters, wB * (r - B @ theta)[:, None], setup.n_clusters)
    moved, alone = without_each(B, w, scores, clusters)
    check_lone_terms(alone, setup.terms, refused=options.leave_one_out)
    if options.leave_one_out:
        scores = moved @ gram
    return theta, (scores + error(wB)) @ bread


def rest_error(setup: Setup, rows: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Influence of the clean rows on weighted sums of what no channel carries, shape (clusters, q).

    Parameters
    ----------
    weights : ndarray, shape (len(rows), q)
    """
    fit = setup.fit
    error = fit.rest_influence(_targets(setup, rows, weights), setup.clean_clusters, setup.n_clusters)
    return error - setup.slopes_influence @ (weights.T @ fit.channels[rows]).T


def _targets(setup: Setup, rows: np.ndarray, weights: np.ndarray) -> sparse.coo_array:
    """Weights on some rows, shape (len(rows), q), as weights on all rows, shape (n, q)."""
    at = np.nonzero(weights)
    return sparse.coo_array((weights[at], (rows[at[0]], at[1])), shape=(setup.sample.n_rows, weights.shape[1]))


def treated_cells(setup: Setup) -> tuple[np.ndarray, np.ndarray]:
    """Mark the treated rows, and give the cell of each; shape (n,)."""
    treated, cell = np.zeros(setup.sample.n_rows, dtype=bool), np.zeros(setup.sample.n_rows, dtype=np.intp)
    treated[setup.cells.rows], cell[setup.cells.rows] = True, setup.cells.cell
    return treated, cell


def treated_slopes(options: PartOptions, setup: Setup) -> Slopes | None:
    """Slopes of the channels within treated rows less those on clean rows, where they may differ."""
    if not options.interaction:
        return None
    sample, cells = setup.sample, setup.cells
    treated, cell = treated_cells(setup)
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

    Parameters
    ----------
    weights : ndarray, shape (n_treated,), optional
        Those of the panel by default.

    Attributes
    ----------
    count : ndarray, shape (cells,)
        Sum of the weights.
    targets : sparse array, shape (n, cells)
        Weights of the means on all rows.
    """

    def __init__(self, setup: Setup, *, leave_one_out: bool, weights: np.ndarray | None = None) -> None:
        cells, sample = setup.cells, setup.sample
        self.n_clusters, self.n_cells, self._cells = setup.n_clusters, len(cells.cohort), cells
        self._w = w = setup.weights_of(cells.rows) if weights is None else weights
        self.count = np.bincount(cells.cell, w, self.n_cells)
        self._n_rows, self._share = sample.n_rows, w / self.count[cells.cell]
        self._at = sample.cluster_codes[cells.rows].astype(np.intp) * self.n_cells + cells.cell
        self.targets = self._on_all_rows(self._share)
        self._weight = self._sums(w)
        self._leave_one_out = leave_one_out
        alone = np.count_nonzero(self._weight, axis=0) == 1
        check_lone_cells(alone, cells, sample.cluster_codes[cells.rows], leave_one_out=leave_one_out)

    def of_doses(self, setup: Setup) -> np.ndarray:
        """Mean of each basis function of exposure, shape (q, cells)."""
        return np.array([self.mean(column) for column in setup.dose.T]).reshape(-1, self.n_cells)

    def mean(self, values: np.ndarray) -> np.ndarray:
        """Mean of values of treated rows in each cell."""
        return np.bincount(self._cells.cell, self._share * values, self.n_cells)

    def spread_about(self, values: np.ndarray, centre: np.ndarray) -> sparse.coo_array:
        """Weights of the means times values of treated rows less the centre of their cell, shape (n, cells)."""
        return self._on_all_rows(self._share * (values - centre[self._cells.cell]))

    def own(self, values: np.ndarray) -> np.ndarray:
        """Centred sums of values of treated rows, shape (clusters, cells)."""
        sums = self._sums(self._w * values)
        return centred(sums, self._weight, leave_one_out=self._leave_one_out) / self.count

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

    def _on_all_rows(self, values: np.ndarray) -> sparse.coo_array:
        """Values of treated rows on all rows, one column a cell, without zeros."""
        some = values != 0
        at = self._cells.rows[some], self._cells.cell[some]
        return sparse.coo_array((values[some], at), shape=(self._n_rows, self.n_cells))

    def _sums(self, values: np.ndarray) -> np.ndarray:
        """Sum values of treated rows, shape (clusters, cells)."""
        return np.bincount(self._at, values, self.n_clusters * self.n_cells).reshape(self.n_clusters, self.n_cells)
