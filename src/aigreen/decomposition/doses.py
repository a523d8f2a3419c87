r"""Parts by a dose: averages over the treated rows of a bin of it, and slopes of the parts in it.

The linear decomposition splits every treated row, :math:`\dot Y_{it} = \sum_p \dot Y^p_{it}`, so that any weights
:math:`v_{it}` on treated rows give parts :math:`\sum v \dot Y^p` that add up. For counts the cells are cut by bins, and
each is split on the log of its mean.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy import sparse

from aigreen.counterfactual.leave_out import without_each
from aigreen.counterfactual.rows import Cells
from aigreen.decomposition.count_parts import compute_count_parts, treated_count_slopes
from aigreen.decomposition.estimates import CellMeans, compute_parts, treated_slopes
from aigreen.decomposition.options import PartOptions
from aigreen.decomposition.parts import Parts
from aigreen.decomposition.results import decomposition_facts, exposed_rows, fit_parts, lay_out, shares_of_parts
from aigreen.decomposition.sample import Setup, prepare
from aigreen.effects.cluster_shares import ClusterShares
from aigreen.errors import AigreenWarning, CollinearError, EstimationError, MissingRowsWarning, OptionError
from aigreen.linalg.arrays import sum_by
from aigreen.panel.dropped import Dropped
from aigreen.panel.panel import Panel

Bins = int | Sequence[float]


def fit_with_rows(options: PartOptions, panel: Panel, outcome: str, covariates: str | Sequence[str] | None) -> Parts:
    """Estimate the parts by cohort and time, to be taken by dose as well; see `aigreen.Decomposition.fit`."""
    parts = fit_parts(options, panel, outcome, covariates)
    return replace(parts, rows=Rows(replace(options, leads=0), panel, outcome, covariates, parts.values))


@dataclass(frozen=True, eq=False)
class Rows:
    """What parts were estimated from, and their values."""

    options: PartOptions
    panel: Panel
    outcome: str
    covariates: str | Sequence[str] | None
    values: np.ndarray

    def by(self, column: str, bins: Bins) -> Parts:
        """Average the parts over the treated rows of each bin; see `Parts.by`."""
        check_bins(bins)
        options, dropped = self.options, Dropped()
        setup, dose = self._prepare(column, dropped)
        gap = (treated_count_slopes if options.counts else treated_slopes)(options, setup)
        edges = _edges(dose, bins)
        bin_of, labels = np.searchsorted(edges, dose, side="right"), []
        w = setup.weights_of(setup.cells.rows)
        for b in range(len(edges) + 1):
            mine = bin_of == b
            if not w[mine].any():
                raise EstimationError(f"bins={bins}: no treated row has {column} in bin {b + 1} of {len(edges) + 1}")
            labels.append(float(np.average(dose[mine], weights=w[mine])))
        cells, of_bin = _cut(setup.cells, bin_of)
        cut = replace(setup, cells=cells)
        computed = (compute_count_parts if options.counts else compute_parts)(options, cut, gap)
        parts = lay_out(options, cut, self.outcome, dropped, computed)
        index = parts.index.to_frame(index=False)
        index.insert(1, "dose", np.tile(np.array(labels)[of_bin], len(options.layout.labels)))
        shares = shares_of_parts(options, self._group_shares(cut), exposed_rows(options, cut))
        return replace(parts, index=pd.MultiIndex.from_frame(index), cluster_shares=shares)

    def slope(self, column: str) -> Parts:
        """Regress the parts of treated rows on the dose; see `Parts.slope`."""
        options, dropped = self.options, Dropped()
        if options.counts:
            raise OptionError("family", options.family, ["gaussian (counts are split by cells: take by())"])
        setup, dose = self._prepare(column, dropped)
        means = RowSlope(setup, dose, leave_one_out=options.leave_one_out)
        computed = compute_parts(options, setup, treated_slopes(options, setup), means)
        clusters = setup.sample.cluster_codes[setup.cells.rows]
        weight = sum_by(clusters, np.abs(means.weights)[:, None], setup.n_clusters)
        of = np.zeros(1, dtype=np.intp)
        control = self._group_shares(setup).control
        treated = ClusterShares.weighted(weight, np.full_like(weight, np.nan), of, control)
        treated = replace(treated, own_left_out=np.array([options.leave_one_out]))
        spread = float(np.sqrt(np.cov(dose, aweights=setup.weights_of(setup.cells.rows), ddof=0)))
        facts = decomposition_facts(options, setup, self.outcome, dropped, spread=spread)
        return Parts(
            values=computed.values[:, 0],
            index=pd.Index(options.layout.labels, name="part"),
            psi=computed.psi[..., 0],
            method=f"Decomposition (slope in {column})",
            cluster_shares=shares_of_parts(options, treated, exposed_rows(options, setup)),
            **facts,
        )

    def _prepare(self, column: str, dropped: Dropped) -> tuple[Setup, np.ndarray]:
        """Fit the clean rows again, without the warnings of the first time; treated rows without a dose are counted."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", AigreenWarning)
            setup = prepare(self.options, self.panel, self.outcome, self.covariates, dropped)
        dose, cells = setup.sample.column(column)[setup.cells.rows], setup.cells
        known = np.isfinite(dose)
        if not known.any():
            raise EstimationError(f"every treated row has a missing value in {column}")
        lost = cells.rows[~known]
        dropped.add(MissingRowsWarning, "treated rows", f"missing {column}", lost.size, setup.sample.labels(lost[:5]))
        if lost.size:
            left, cell = np.unique(cells.cell[known], return_inverse=True)
            cells = Cells(cells.cohort[left], cells.time[left], cells.rows[known], cell)
            setup = replace(setup, cells=cells, dose=setup.dose[known])
        return setup, dose[known]

    def _group_shares(self, setup: Setup) -> ClusterShares:
        """Shares of clusters in the treated rows of each cell, and in those of units never treated."""
        sample, cells = setup.sample, setup.cells
        never = np.flatnonzero(np.isinf(sample.cohort))
        rows = np.concatenate([cells.rows, never])
        weights = setup.weights if setup.counts is None else setup.counts.short.row_masses
        k = len(cells.cohort)
        return ClusterShares.count(
            sample.cluster_codes[rows],
            np.concatenate([cells.cell, np.full(len(never), -1)]),
            np.eye(k),
            n_clusters=setup.n_clusters,
            labels=cells.cohort,
            weights=None if weights is None else weights[rows],
            by_group=True,
            own_left_out=self.options.leave_one_out,
        )


class RowSlope(CellMeans):
    r"""The slope in a dose as one weighted sum over all treated rows.

    Attributes
    ----------
    weights : ndarray, shape (n_treated,)
        :math:`v = w(d - \bar d) / \sum w(d - \bar d)^2`.
    """

    def __init__(self, setup: Setup, dose: np.ndarray, *, leave_one_out: bool) -> None:
        rows = setup.cells.rows
        self.n_clusters, self.n_cells = setup.n_clusters, 1
        self._w, self._clusters = setup.weights_of(rows), setup.sample.cluster_codes[rows]
        centred = dose - np.average(dose, weights=self._w)
        size = self._w @ centred**2
        if not size > 1e-24 * max(1.0, float(np.abs(dose).max())) ** 2 * self._w.sum():
            raise CollinearError(f"every treated row has the same dose, {dose[0]:g}: no slope is identified")
        self.weights = self._w * centred / size
        self.count = np.array([self._w.sum()])
        at = rows, np.zeros(len(rows), dtype=np.intp)
        self.targets = sparse.coo_array((self.weights, at), shape=(setup.sample.n_rows, 1))
        self._design = np.column_stack([np.ones(len(rows)), centred / np.sqrt(size)])
        self._scale = np.sqrt(size)
        self._leave_one_out = leave_one_out

    def mean(self, values: np.ndarray) -> np.ndarray:
        """Weighted sum of values of treated rows, shape (1,)."""
        return np.array([self.weights @ values])

    def own(self, values: np.ndarray) -> np.ndarray:
        """Sum v times the residuals of values of treated rows on the dose, shape (clusters, 1).

        Leaving the own cluster out: the slope less that without the cluster.
        """
        X, w = self._design, self._w
        gram = (w[:, None] * X).T @ X
        residual = values - X @ np.linalg.solve(gram, X.T @ (w * values))
        scores = sum_by(self._clusters, X * (w * residual)[:, None], self.n_clusters)
        if self._leave_one_out:
            moved, alone = without_each(X, w, scores, self._clusters)
            if alone.any():
                raise EstimationError(
                    "variance='leave_one_out': without one of the clusters all treated rows have the same dose; take "
                    "variance='conservative', whose errors are then too small"
                )
        else:
            moved = np.linalg.solve(gram, scores.T).T
        return moved[:, [1]] / self._scale


def check_bins(bins: Bins) -> None:
    """Refuse what is neither a number of bins nor ascending edges.

    Raises
    ------
    OptionError
    """
    allowed = ["2, 3, ...", "ascending edges between bins"]
    if isinstance(bins, int | np.integer) and not isinstance(bins, bool):
        if bins < 2:
            raise OptionError("bins", bins, allowed)
        return
    edges = np.asarray(bins, dtype=float)
    if edges.ndim != 1 or not edges.size or not np.isfinite(edges).all() or (np.diff(edges) <= 0).any():
        raise OptionError("bins", bins, allowed)


def _edges(dose: np.ndarray, bins: Bins) -> np.ndarray:
    """Lower edges of all bins but the first, at quantiles of the doses of treated rows if their number is given."""
    if not isinstance(bins, int | np.integer):
        return np.asarray(bins, dtype=float)
    edges = np.zeros(0)
    if bins <= len(dose):
        edges = np.unique(np.quantile(dose, np.arange(1, bins) / bins, method="higher"))
        edges = edges[edges > dose.min()]
    if len(edges) < bins - 1:
        raise CollinearError(
            f"bins={bins}: at quantiles of the doses only {len(edges)} edges differ ({len(np.unique(dose)):,} distinct "
            "doses of treated rows); take fewer bins, or write the edges"
        )
    return edges


def _cut(cells: Cells, bin_of: np.ndarray) -> tuple[Cells, np.ndarray]:
    """Cut cells by the bin of their rows; also return the bin of each. Bins come first."""
    k = len(cells.cohort)
    present, cell = np.unique(bin_of * k + cells.cell, return_inverse=True)
    old = present % k
    return Cells(cells.cohort[old], cells.time[old], cells.rows, cell), present // k
