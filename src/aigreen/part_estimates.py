"""From a panel to the parts of an effect: the rows, the fit on clean ones, and every part of every cohort-period."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from aigreen.absorb import FixedEffects
from aigreen.cell_means import CellMeans
from aigreen.channels import CleanFit, fit_clean, symmetric_inverse
from aigreen.did.sandwich import independent_columns, sum_by
from aigreen.did.split import Cells, reached_rows, split_rows
from aigreen.did.untreated import independent
from aigreen.dropped import Dropped
from aigreen.errors import (
    CollinearError,
    CollinearWarning,
    DataError,
    MissingRowsWarning,
    NoControlsError,
    OptionError,
    OverlapWarning,
    UnreachedWarning,
)
from aigreen.exposure import first_period
from aigreen.leave_out import check_lone_terms, without_each
from aigreen.panel import Panel
from aigreen.parts import DIRECT, SPILLOVER, TOTAL
from aigreen.response import Basis

if TYPE_CHECKING:
    from aigreen.decomposition import Decomposition


@dataclass(frozen=True, eq=False)
class Setup:
    """What a decomposition is computed from.

    Attributes
    ----------
    sample : Panel
        Rows without missing values.
    fit : CleanFit
    cells : Cells
        Treated rows by cohort and period.
    exposed : ndarray of int
        Untreated but exposed rows that the clean rows reach.
    basis : Basis, or None
        Functions of exposure.
    response, dose : ndarray, shape (n_exposed, q), (n_treated, q)
        Those of them that some exposed row has, on the exposed and on the treated rows.
    of : ndarray of int, shape (q,);  terms : list of str, length q
        Exposure and name of each.
    outcome : str
    covariates : ndarray, shape (n, p)
        Those that enter the fit.
    """

    sample: Panel
    fit: CleanFit
    cells: Cells
    exposed: np.ndarray
    basis: Basis | None
    response: np.ndarray
    dose: np.ndarray
    of: np.ndarray
    terms: list[str]
    outcome: str
    channel_names: list[str]
    covariates: np.ndarray

    @property
    def weights(self) -> np.ndarray | None:
        """Weights of the rows, shape (n,)."""
        return self.sample.weights

    def raw(self) -> tuple[np.ndarray, np.ndarray]:
        """Read outcome, shape (n,), and channels, shape (n, K), from the panel again: they are not kept."""
        return self.sample.column(self.outcome), self.sample.matrix(self.channel_names)


def prepare(
    options: Decomposition,
    panel: Panel,
    outcome: str,
    covariates: Sequence[str] | None,
    dropped: Dropped,
    basis: Basis | None = None,
) -> Setup:
    """Read the columns, split the rows and fit the clean ones; bins and knots are chosen unless a basis is given."""
    names, exposures, channels = list(covariates or []), options.exposures, list(options.channels)
    if outcome in {*channels, *exposures, *names}:
        raise OptionError("outcome", outcome, ["a column that is no channel, exposure or covariate"])
    repeated = sorted({*names} & {*channels, *exposures})
    if repeated:
        raise OptionError("covariates", repeated[0], ["columns that are no channel and no exposure"])
    sample = panel.complete([outcome, *channels, *exposures, *names], dropped)
    if sample.weights is not None and not sample.weights.all():
        zero = np.flatnonzero(sample.weights == 0)
        dropped.add(MissingRowsWarning, "rows", "weight zero", zero.size, sample.labels(zero[:5]), stacklevel=4)
        sample = sample._view(sample.weights > 0)
    split = split_rows(sample, options.fixed_effects, options.anticipation, dropped)
    clean, exposure = _clean_rows(panel, sample, split.fitted, exposures, options.anticipation)
    y, M, X = sample.column(outcome), sample.matrix(channels), sample.matrix(names)
    effects = FixedEffects(split.codes, fitted=clean, weights=sample.weights)
    keep, reached = independent(effects, X, sample.weights)
    gone = [name for name, kept in zip(names, keep, strict=True) if not kept]
    reason = "determined by fixed effects and others"
    dropped.add(CollinearWarning, "covariates", reason, len(gone), gone, stacklevel=4)
    X = X[:, keep]
    fit = fit_clean(y, M, X, effects, sample.weights, channels, ordered=options.ordered)
    cells = Cells.of(sample, reached_rows(sample, split.treated, reached, dropped))
    exposed = np.zeros(0, dtype=np.intp)
    response, dose, of = np.zeros((0, 0)), np.zeros((len(cells.rows), 0)), np.zeros(0, dtype=np.intp)
    terms: list[str] = []
    if exposures:
        exposed = _exposed_rows(sample, split.fitted & (exposure > 0).any(axis=1), reached, dropped)
        basis = basis or Basis.choose(exposures, options.response, options.bins, exposure[exposed])
        response, dose = basis(exposure[exposed]), basis(exposure[cells.rows])
        _require_support(sample, exposed, cells.rows, exposure, basis, response, dose)
        shown = (response != 0).any(axis=0)
        response, dose, of = response[:, shown], dose[:, shown], basis.of[shown]
        terms = list(np.array(basis.terms, dtype=object)[shown])
    return Setup(sample, fit, cells, exposed, basis, response, dose, of, terms, outcome, channels, X)


def _clean_rows(
    panel: Panel, sample: Panel, untreated: np.ndarray, exposures: list[str], anticipation: int
) -> tuple[np.ndarray, np.ndarray]:
    """Mark untreated rows without exposure, now or within `anticipation` periods; also return exposures, (n, J)."""
    values = sample.matrix(exposures)
    for name, column in zip(exposures, values.T, strict=True):
        negative = np.flatnonzero(column < 0)
        if negative.size:
            raise DataError(
                f"exposure {name!r}: {negative.size:,} negative values; zero stands for no exposure",
                column=name,
                count=negative.size,
                first=sample.labels(negative[:5]),
            )
    clean = untreated & ~(values > 0).any(axis=1)
    if anticipation and exposures:
        onset = first_period(panel, (np.nan_to_num(panel.matrix(exposures)) > 0).any(axis=1))
        wait = onset[panel.units.get_indexer(sample.units)][sample.unit_codes] - sample.time
        clean &= ~((wait > 0) & (wait <= anticipation))
    if not clean.any():
        raise NoControlsError(f"no untreated row is free of exposure ({', '.join(exposures)})", count=0)
    return clean, values


def _exposed_rows(sample: Panel, exposed: np.ndarray, reached: np.ndarray, dropped: Dropped) -> np.ndarray:
    """Positions of the untreated rows that show the response to exposure."""
    lost = np.flatnonzero(exposed & ~reached)
    reason = "exposed untreated rows whose fixed effects no clean row reaches"
    dropped.add(UnreachedWarning, "rows", reason, lost.size, sample.labels(lost[:5]), stacklevel=5)
    return np.flatnonzero(exposed & reached)


def _require_support(
    sample: Panel,
    rows: np.ndarray,
    treated: np.ndarray,
    exposure: np.ndarray,
    basis: Basis,
    response: np.ndarray,
    dose: np.ndarray,
) -> None:
    """Refuse responses that exposed untreated rows do not identify; warn where they are carried beyond these rows."""
    hidden = (response == 0).all(axis=0)
    wanted = np.flatnonzero(hidden & (dose != 0).any(axis=0))
    if wanted.size:
        lost = treated[dose[:, wanted[0]] != 0]
        raise NoControlsError(
            f"{lost.size:,} treated rows have exposure {basis.terms[wanted[0]]!r} and no untreated row has it",
            column=basis.columns[basis.of[wanted[0]]],
            count=lost.size,
            first=sample.labels(lost[:5]),
        )
    if hidden.all():
        return
    weighted = response if sample.weights is None else response * sample.weights[rows, None]
    gram = weighted.T @ response
    bad = np.flatnonzero(~independent_columns(gram, np.diag(gram)) & ~hidden)
    if bad.size:
        name = basis.terms[bad[0]]
        raise CollinearError(f"exposure {name!r} is determined by the other exposures on the exposed untreated rows")
    seen, met = exposure[rows], exposure[treated]
    low = np.where(seen > 0, seen, np.inf).min(axis=0)
    beyond = treated[((met > seen.max(axis=0)) | ((met > 0) & (met < low))).any(axis=1)]
    if beyond.size:
        message = f"{beyond.size:,} treated rows have exposures that no untreated row has: the response is extrapolated"
        warnings.warn(OverlapWarning(message, count=beyond.size, first=sample.labels(beyond[:5])), stacklevel=5)


def compute_factors(options: Decomposition, setup: Setup) -> tuple[np.ndarray, np.ndarray]:
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


def compute_parts(options: Decomposition, setup: Setup) -> tuple[list[str], np.ndarray, np.ndarray, np.ndarray]:
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
        gap, gap_psi = _treated_slopes(options, setup, slopes, slopes_psi)
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
        response = _response(options, setup, slopes_psi, fitted_clusters, n_clusters)
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


def _response(
    options: Decomposition, setup: Setup, slopes_psi: np.ndarray, fitted_clusters: np.ndarray, n_clusters: int
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


def _treated_slopes(
    options: Decomposition, setup: Setup, slopes: np.ndarray, slopes_psi: np.ndarray
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
