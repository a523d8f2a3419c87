r"""Every part of every cohort-period for counts: on the log of the mean, with influence functions by cluster."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import numpy as np

from aigreen.counterfactual.imputed import Imputed
from aigreen.counterfactual.leave_out import check_lone_terms
from aigreen.decomposition.channel_fit import Loadings
from aigreen.decomposition.counts import CountFit, beta_influence
from aigreen.decomposition.estimates import (
    CellMeans,
    CellParts,
    ResponseFit,
    Slopes,
    fill_channels,
    fill_others,
    fill_spillover,
    response_of_channels,
    treated_cells,
)
from aigreen.decomposition.options import PartOptions
from aigreen.decomposition.parts import Layout
from aigreen.decomposition.sample import Setup
from aigreen.effects.aggregation import LogMeanMass
from aigreen.errors import AigreenWarning, CollinearError
from aigreen.panel.dropped import Dropped


def compute_count_parts(options: PartOptions, setup: Setup, gap: Slopes | None = None) -> CellParts:
    r"""Compute all parts of all cells on the log scale.

    .. math:: \text{total} = \ln\frac{\sum wY}{\sum w\hat\mu^0}, \quad \text{channel } k = b_k\bar M_k, \quad
              \text{spillover} = \overline{B'\hat\theta}, \quad \text{direct} = \text{the rest},

    with means over the treated rows of the cell, weighted by :math:`we^{F'\hat g}`, or by w with ``movement="rows"``.
    """
    cells, means = setup.cells, MovingMeans(options, setup)
    count = np.bincount(cells.cell, setup.weights_of(cells.rows), means.n_cells)
    response = response_of_counts(options, setup) if options.exposures else None

    def through_doses(coefficients: np.ndarray) -> np.ndarray | float:
        return means.through_weights(setup.dose @ coefficients)

    return lay_out_counts(
        options.layout,
        setup.loadings,
        means.of_channels(setup),
        lambda i: means.channel_influence(setup, i),
        None if response is None else Spilled(response, means.of_doses(setup), setup.of, through_doses),
        sums_of_counts(setup, np.tile(np.arange(means.n_cells), len(options.layout.labels))),
        count,
        gap,
    )


@dataclass(frozen=True, eq=False)
class Spilled:
    """What exposure does to treated rows.

    Attributes
    ----------
    response : ResponseFit
    dose : ndarray, shape (q, cells)
        Mean functions of exposure.
    of : ndarray of int, shape (q,)
        Exposure of each.
    through_weights : callable
        Influence of estimated weights on the mean of a sum of them, coefficients of shape (q,); (clusters, cells), or
        zero.
    """

    response: ResponseFit
    dose: np.ndarray
    of: np.ndarray
    through_weights: Callable[[np.ndarray], np.ndarray | float]

    def fill(self, layout: Layout, loadings: Loadings, values: np.ndarray, psi: np.ndarray) -> None:
        """Fill in the spillover, and what others do through channels."""
        response = self.response
        fill_spillover(layout, response, self.dose, self.of, values, psi)
        fill_others(layout, loadings, response, self.dose, values, psi)
        psi[:, layout.spillover] += self.through_weights(response.theta)
        for i, at in enumerate(layout.by_exposure):
            psi[:, at] += self.through_weights(np.where(self.of == i, response.theta, 0.0))
        if layout.origins:
            for at, through in zip(layout.others[1:], loadings.values @ response.channels, strict=True):
                psi[:, at] += self.through_weights(through)


def lay_out_counts(
    layout: Layout,
    loadings: Loadings,
    moved: np.ndarray,
    moved_influence: Callable[[int], np.ndarray],
    spilled: Spilled | None,
    mass: LogMeanMass,
    count: np.ndarray,
    gap: Slopes | None = None,
) -> CellParts:
    """Lay out all parts of all cells: channels, spillover, the total of the sums, and what is left.

    Parameters
    ----------
    moved : ndarray, shape (K, cells);  moved_influence : callable
        As `fill_channels` takes them.
    count : ndarray, shape (cells,)
        (Weighted) number of rows.
    """
    values = np.zeros((len(layout.labels), len(count)))
    psi = np.zeros((len(mass.outcome_influence), *values.shape))
    fill_channels(layout, loadings, moved, moved_influence, gap, values, psi)
    if spilled is not None:
        spilled.fill(layout, loadings, values, psi)
    with np.errstate(divide="ignore"):
        values[layout.total] = np.log(mass.outcome / mass.counterfactual)
    empty = mass.outcome == 0
    per_outcome = np.divide(1.0, mass.outcome, out=np.zeros(len(empty)), where=~empty)
    psi[:, layout.total] = mass.outcome_influence * per_outcome
    psi[:, layout.total] -= mass.counterfactual_influence * (~empty / mass.counterfactual)
    layout.add_up(values, psi, given=layout.total)
    return CellParts(values, psi, count, mass)


def compute_count_factors(options: PartOptions, setup: Setup) -> tuple[np.ndarray, np.ndarray]:
    """Slope of each channel and its mean deviation on treated rows, whose product is the overall part.

    Returns
    -------
    values : ndarray, shape (K, 2);  psi : ndarray, shape (clusters, K, 2)
    """
    means = MovingMeans(options, setup)
    moved, k, n = means.of_channels(setup), len(setup.channel_names), means.n_cells
    moved_psi = np.hstack([means.channel_influence(setup, j) for j in range(k)])
    mass = sums_of_counts(setup, np.tile(np.arange(n), k))
    overall, overall_psi, _ = mass.weighted_mean(moved.ravel(), moved_psi, np.repeat(np.arange(k), n), k)
    values = np.column_stack([setup.loadings.values.sum(axis=0), overall])
    return values, np.stack([setup.slopes_influence, cast("np.ndarray", overall_psi)], axis=2)


def sums_of_counts(setup: Setup, of: np.ndarray) -> LogMeanMass:
    """Add outcomes and counterfactuals of each cell, with influence functions, as masses of effects at `of`."""
    short, cells, w = counted(setup).short, setup.cells, setup.weights_of(setup.cells.rows)
    y, mu, k = short.y[cells.rows], short.model.mean[cells.rows], len(cells.cohort)
    return LogMeanMass(
        np.bincount(cells.cell, w * y, k),
        np.bincount(cells.cell, w * mu, k),
        of,
        short.centred(cells, w * y, w * mu),
        short.influence(cells.rows, cells.cell, w, k),
    )


def on_scale(options: PartOptions, parts: CellParts) -> CellParts:
    """Parts in counts for each (weighted) row, where these are asked for: logs times logarithmic means of the sums."""
    if options.scale != "count" or parts.mass is None:
        return parts
    n_parts, k = parts.values.shape
    values, psi = parts.mass.contributions(parts.values.ravel(), parts.psi.reshape(len(parts.psi), -1))
    per_row = np.tile(parts.count, n_parts)
    psi = cast("np.ndarray", psi) / per_row
    return CellParts((values / per_row).reshape(n_parts, k), psi.reshape(parts.psi.shape), parts.count)


class MovingMeans(CellMeans):
    r"""Means over treated rows weighted by :math:`we^{F'\hat g}`, with the influence of these weights.

    The weights do not depend on the channels' residuals, as those by fitted means would.
    """

    def __init__(self, options: PartOptions, setup: Setup) -> None:
        cells, w = setup.cells, setup.weights_of(setup.cells.rows)
        self._counts = counted(setup) if options.movement == "counterfactual" else None
        if self._counts is not None:
            level = self._counts.log_levels[cells.rows]
            highest = np.full(len(cells.cohort), -np.inf)
            np.maximum.at(highest, cells.cell, level)
            w = w * np.exp(level - highest[cells.cell])
        super().__init__(setup, leave_one_out=options.leave_one_out, weights=w)

    def channel_influence(self, setup: Setup, j: int) -> np.ndarray:
        """Influence functions of the mean deviations of channel j, shape (clusters, cells)."""
        return super().channel_influence(setup, j) + self.through_weights(setup.fit.channels[setup.cells.rows, j])

    def through_weights(self, values: np.ndarray) -> np.ndarray | float:
        """Influence of the estimated weights on the mean of values of treated rows."""
        if self._counts is None:
            return 0.0
        return self._counts.level_influence(self.spread_about(values, self.mean(values)))


def response_of_counts(options: PartOptions, setup: Setup) -> ResponseFit:
    r"""Solve :math:`\sum wB(Y - \hat\mu e^{B'\theta}) = 0` on exposed untreated rows, at their own channels."""
    rows, q = setup.exposed, setup.of.size
    if not q:
        theta, psi = np.zeros(0), np.zeros((setup.n_clusters, 0))
    else:
        theta, psi, _, alone = counted(setup).long.response(setup.response, rows)
        check_lone_terms(alone, setup.terms, refused=options.leave_one_out)
    return ResponseFit(theta, psi, *response_of_channels(options, setup))


def treated_count_slopes(options: PartOptions, setup: Setup) -> Slopes | None:
    """Slopes of the channels in a model of treated counts less those on clean rows, where they may differ."""
    if not options.interaction:
        return None
    counts, k = counted(setup), len(setup.channel_names)
    treated, cell = treated_cells(setup)
    y, M = setup.raw()
    B = np.zeros((setup.sample.n_rows, setup.dose.shape[1]))
    B[setup.cells.rows] = setup.dose
    extra = np.hstack([setup.covariates, B])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AigreenWarning)
        fit = Imputed.fit(
            setup.sample,
            y,
            np.hstack([M, extra]),
            [*setup.channel_names, *map(str, range(extra.shape[1]))],
            [*setup.fit.effects.codes, cell],
            treated,
            Dropped(),
            poisson=True,
            percent=True,
            leave_one_out=options.leave_one_out,
        )
    if not np.array_equal(fit.X[:, :k], M):
        message = "channels are determined by fixed effects or each other on treated rows, which interaction needs"
        raise CollinearError(message)
    psi = beta_influence(fit, fit.model)[:, :k]
    return fit.model.beta[:k] - counts.loadings.values.sum(axis=0), psi - setup.slopes_influence


def lead_coefficients(imputed: Imputed, Z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients, shape (p,), and influence functions of dummies added to a model of counts on its fitted rows."""
    model, p = imputed.with_covariates(Z), Z.shape[1]
    return model.beta[-p:], beta_influence(imputed, model)[:, -p:]


def counted(setup: Setup) -> CountFit:
    """Return the models of counts of a set-up that has them."""
    return cast("CountFit", setup.counts)
