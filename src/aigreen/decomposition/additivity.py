r"""Does exposure do the same to treated rows as to untreated ones? The test of own treatment times exposure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from aigreen.decomposition.count_parts import counted, response_of_counts
from aigreen.decomposition.estimates import response_to_exposure, rest_error
from aigreen.decomposition.options import PartOptions
from aigreen.decomposition.results import decomposition_facts
from aigreen.decomposition.sample import Setup, prepare
from aigreen.effects.effects import Effects
from aigreen.errors import CollinearWarning, EstimationError, OptionError
from aigreen.linalg.arrays import compact, sum_by
from aigreen.linalg.collinearity import independent_columns, symmetric_inverse
from aigreen.panel.dropped import Dropped
from aigreen.panel.panel import Panel


def fit_additivity(options: PartOptions, panel: Panel, outcome: str, covariates: str | Sequence[str] | None) -> Effects:
    r"""Estimate the response of treated rows less that of untreated ones; see `aigreen.Decomposition.additivity`.

    .. math:: \hat\kappa = (\tilde B'W\tilde B)^{-1}\tilde B'W(r - B\hat\theta) = \hat\theta_T - \hat\theta

    with :math:`\tilde B` less its mean in the cohort and period, on treated rows.
    """
    if not options.exposures:
        raise OptionError("exposure", options.exposure, ["a column: without exposure there is nothing to add"])
    dropped = Dropped()
    setup = prepare(options, panel, outcome, covariates, dropped)
    B = _within_cells(setup, setup.dose)
    w = setup.weights_of(setup.cells.rows)
    gram = (B * w[:, None]).T @ B
    size = w @ setup.dose**2
    kept = np.flatnonzero(independent_columns(gram, size))
    gone = [term for j, term in enumerate(setup.terms) if j not in kept]
    reason = "alike on all treated rows of a cohort and period, or determined by others"
    dropped.add(CollinearWarning, "terms of exposure", reason, len(gone), gone)
    if not kept.size:
        raise EstimationError("no exposure differs between treated rows of one cohort and period: nothing to test")
    values, psi = (_gap if setup.counts is None else _gap_of_counts)(options, setup, B[:, kept], kept)
    facts = decomposition_facts(options, setup, outcome, dropped, spread=np.sqrt(np.mean(B[:, kept] ** 2, axis=0)))
    index = pd.Index([setup.terms[j] for j in kept], name="term")
    return Effects(values=values, index=index, psi=psi, method="Decomposition (treatment x exposure)", **facts)


def _gap(options: PartOptions, setup: Setup, B: np.ndarray, kept: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients and influence functions on the terms of exposure `kept`, centred in cells as B."""
    rows = setup.cells.rows
    response = response_to_exposure(options, setup)
    wB = B * setup.weights_of(rows)[:, None]
    bread = symmetric_inverse(wB.T @ B)
    net = _within_cells(setup, (setup.fit.rest[rows] - setup.dose @ response.theta)[:, None])[:, 0]
    kappa = bread @ (wB.T @ net)
    scores = sum_by(setup.sample.cluster_codes[rows], wB * (net - B @ kappa)[:, None], setup.n_clusters)
    scores += rest_error(setup, rows, wB)
    carried = bread @ (wB.T @ setup.dose)
    return kappa, scores @ bread - response.psi @ carried.T


def _gap_of_counts(
    options: PartOptions, setup: Setup, B: np.ndarray, kept: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    r"""As `_gap`, on logs: :math:`\sum wx(Y - \hat\mu e^{x'\beta}) = 0` on treated rows, x the cells and exposure."""
    long, cells = counted(setup).long, setup.cells
    some = long.model.mean[cells.rows] > 0
    some &= (np.bincount(cells.cell, long.y[cells.rows] * some) > 0)[cells.cell]
    rows, (of, k) = cells.rows[some], compact(cells.cell[some])
    dummies = (of[:, None] == np.arange(k)).astype(float)
    beta, beta_psi, _, _ = long.response(np.hstack([dummies, setup.dose[some][:, kept]]), rows)
    response = response_of_counts(options, setup)
    w = setup.weights_of(rows)[:, None]
    carried = symmetric_inverse((B[some] * w).T @ B[some]) @ ((B[some] * w).T @ setup.dose[some])
    return beta[k:] - carried @ response.theta, beta_psi[:, k:] - response.psi @ carried.T


def _within_cells(setup: Setup, values: np.ndarray) -> np.ndarray:
    """Values of treated rows, shape (n_treated, q), less their weighted mean in the cohort and period."""
    cells, k = setup.cells, len(setup.cells.cohort)
    w = setup.weights_of(cells.rows)
    mean = sum_by(cells.cell, values * w[:, None], k) / np.bincount(cells.cell, w, k)[:, None]
    return values - mean[cells.cell]
