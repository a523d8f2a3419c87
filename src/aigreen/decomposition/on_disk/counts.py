r"""The decomposition of counts of a panel on disk; the counterpart of `counts` and `count_parts`.

Three fits on clean rows stand beside each other in every pass: the linear one of the channels, and the least squares of
:math:`(y - \mu)/\mu` with weights :math:`w\mu` at the solutions without and with channels.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass, replace
from typing import cast

import numpy as np

from aigreen.counterfactual.centring import at_common_ratio
from aigreen.counterfactual.leave_out import without_each_of_products
from aigreen.counterfactual.log_response import LogResponse, solve_log_response
from aigreen.counterfactual.on_disk.clean_rows import CleanRows
from aigreen.counterfactual.on_disk.counts import (
    CountMeans,
    EscapeError,
    check_finite,
    check_outcome,
    fit_without_escaping,
    independent,
    maximise_counts,
    require_independent,
    without_zero_groups,
)
from aigreen.counterfactual.on_disk.design import Design, Rows
from aigreen.counterfactual.on_disk.sums import Sums, lost_rows
from aigreen.counterfactual.rows import ALL_ZERO
from aigreen.decomposition.count_parts import Spilled, lay_out_counts
from aigreen.decomposition.counts import count_loadings, determined_channels
from aigreen.decomposition.estimates import ResponseFit
from aigreen.decomposition.on_disk.cells import CellSums
from aigreen.decomposition.on_disk.found import Found, warn_of
from aigreen.decomposition.options import PartOptions
from aigreen.effects.aggregation import LogMeanMass
from aigreen.errors import CollinearError, NoControlsError, SeparationWarning
from aigreen.exposure.basis import Basis
from aigreen.linalg.arrays import sum_by
from aigreen.linalg.eliminated import Units
from aigreen.panel.dropped import Dropped


def fit_counts(options: PartOptions, linear: CleanRows, dropped: Dropped) -> Found:
    """Estimate the parts of counts.

    Parameters
    ----------
    linear : CleanRows
        Of outcome and channels.

    Raises
    ------
    DataError, NoControlsError, CollinearError, ConvergenceError, EstimationError
    """
    models = Models.fit(options, linear, dropped)
    if linear.basis is None and linear.design.exposures:
        linear.choose_basis((rows.linear, rows.reached) for rows in models.passed("exposures"))
    short = models.short
    short.basis = None
    linear.start_targets()
    short.start_targets()
    for rows in models.passed("reach"):
        linear.target(rows.linear, rows.linear_units, rows.reached)
        short.target(rows.short, rows.short_units, rows.reached)
    sums, counted = linear.start_sums(), short.start_sums()
    for rows in models.passed("sums"):
        linear.add(sums, rows.linear, rows.linear_units, rows.reached)
        short.add(counted, rows.short, rows.short_units, rows.reached)
        short.add_mass(counted, rows.short, short.reached(rows.short, rows.short_units))
    linear.add_slopes(sums)
    short.add_slopes(counted)
    zero = sums.lost["zero"]
    lost_rows(sums, dropped, others=zero.count)
    if not sums.counts.any():
        raise NoControlsError(f"no positive counterfactual of treated rows: {ALL_ZERO}", count=zero.count)
    reason = "without a positive counterfactual in their cohort and period (separated)"
    dropped.add(SeparationWarning, "treated rows", reason, zero.count, zero.first)
    outside = warn_of(linear, sums, dropped)
    cells = CellSums(options, linear, sums)
    with_channels = _WithChannels(options, models, cells)
    loadings = with_channels.loadings
    spilled = None
    if options.exposures:
        spilled = Spilled(
            with_channels.response(), cells.dose.sum(axis=1), cells.of, with_channels.through_weights_of_doses
        )
    parts = lay_out_counts(
        options.layout,
        loadings,
        cells.moved[1:].sum(axis=1),
        lambda i: cells.channel_influence(i) + with_channels.through_weights(1 + i, cells.moved[1 + i].sum(axis=0)),
        spilled,
        _mass(options, counted, cells.found),
        counted.plain[cells.found],
    )
    return Found(
        linear, sums, cells, parts, loadings, outside, counted.mass, counted.exposed_weight, models.n_zero
    )  # fmt: skip


def _mass(options: PartOptions, counted: Sums, found: np.ndarray) -> LogMeanMass:
    """Put together the sums of outcomes and of counterfactuals, with influence functions, as masses of all parts."""
    weight = counted.weight[:, found]
    check_finite(weight)
    outcome = counted.moved[0][:, found] + weight
    return LogMeanMass(
        np.where(counted.outcome[found] > 0, outcome.sum(axis=0), 0.0),
        weight.sum(axis=0),
        np.tile(np.arange(len(found)), len(options.layout.labels)),
        at_common_ratio(outcome, weight.copy(), leave_one_out=options.leave_one_out),
        counted.error[0][:, found],
    )


@dataclass(eq=False)
class _Passed:
    """Rows of a block in the linear fit and in those of counts, and which all of them reach."""

    linear: Rows
    linear_units: Units
    short: Rows
    short_units: Units
    long: Rows
    reached: np.ndarray


@dataclass(eq=False)
class Models:
    """Fits on clean rows.

    Attributes
    ----------
    linear, short : CleanRows
        Of channels, and of counts without channels.
    longs : list of CleanRows
        Of counts with channels: with all, or with more and more of them; `short` without channels.
    mid : ndarray, shape (K,)
        Middle of the range of the channels on clean rows.
    highest : ndarray, shape (cells,)
        Log of the largest prediction at channels of `mid` for treated rows; None where they count by their weights.
    n_zero : int
        Rows whose counterfactual is zero.
    """

    linear: CleanRows
    short: CleanRows
    longs: list[CleanRows]
    mid: np.ndarray
    highest: np.ndarray | None = None
    n_zero: int = 0

    @classmethod
    def fit(cls, options: PartOptions, linear: CleanRows, dropped: Dropped) -> Models:
        """Fit the means of counts, and see how high they are.

        Raises
        ------
        DataError, NoControlsError, CollinearError, ConvergenceError, EstimationError
        """
        design, channels = linear.design, list(options.channels)
        V, K, moments = 1 + len(channels), len(channels), linear.moments
        check_outcome(design)
        kept = [design.covariates[j - V] for j in linear.kept]
        reach, by_channel = linear.equations.reach[linear.kept], linear.equations.reach[1:V]
        bare = replace(design, outcomes=design.outcomes[:1], covariates=kept)
        begin = without_zero_groups(bare, linear.equations, dropped)
        _require_independent(options, _with(bare, begin, channels), kept)
        short = fit_without_escaping(bare, begin, reach, dropped)
        longs: list[Design] = []
        for j in range(1 if options.ordered else K, K + 1) if K else ():
            before = longs[-1] if longs else short
            more = channels[len(before.covariates) - len(kept) : j]
            wide = _with(before, _means(before), more)
            try:
                longs.append(maximise_counts(wide, _means(wide), np.append(reach, by_channel[:j])))
            except EscapeError:  # without the rows that channels separate, these are determined
                raise determined_channels(channels[:j]) from None
        fitted = _fitted(short)
        found = cls(
            linear,
            fitted,
            [_fitted(one) for one in longs] or [copy(fitted)],
            (moments.high[1:V] + moments.low[1:V]) / 2,
        )
        found._look(options)
        return found

    @property
    def long(self) -> CleanRows:
        """That of counts with all channels."""
        return self.longs[-1]

    @property
    def slopes(self) -> np.ndarray:
        """Of the channels, shape (K,)."""
        beta = _means(self.long.design).beta
        return beta[len(beta) - len(self.mid) :]

    def passed(self, what: str) -> Iterator[_Passed]:
        """Pass through the rows; those of the linear fit count by what is predicted for them at channels of `mid`."""
        for block in self.linear.design.sample.blocks(what):
            linear, short = self.linear.rows(block), self.short.rows(block)
            units = self.linear.units(linear), self.short.units(short)
            reached = self.linear.reached(linear, units[0]) & self.short.reached(short, units[1])
            long = self.long.rows(block)
            linear = replace(linear, zero=short.zero)
            if self.highest is not None:
                level, hit = self._level(long), linear.treated & reached
                target = linear.target.copy()
                target[hit, 0] *= np.exp(level[hit] - self.highest[linear.cell[hit]])
                linear = replace(linear, target=target)
            yield _Passed(linear, units[0], short, units[1], long, reached)

    def channels(self, rows: Rows) -> np.ndarray:
        """Channels of rows of `long`, about `mid`, shape (n, K)."""
        return rows.values[:, rows.values.shape[1] - len(self.mid) :] - self.mid

    def _level(self, rows: Rows) -> np.ndarray:
        """Log of what is predicted for rows of `long` at channels of `mid`; -inf for means of zero."""
        with np.errstate(divide="ignore"):
            return np.log(rows.w / rows.block.w) - self.channels(rows) @ self.slopes

    def _look(self, options: PartOptions) -> None:
        highest = np.full(self.linear.design.n_cells, -np.inf)
        for rows in self.passed("levels"):
            long = rows.long
            self.n_zero += int(rows.short.zero.sum())
            known = rows.reached & ~rows.short.zero
            check_finite(rows.short.w[known])
            check_finite(long.w[known])
            hit = rows.linear.treated & rows.reached
            np.maximum.at(highest, rows.linear.cell[hit], self._level(long)[hit])
        if options.movement == "counterfactual":
            self.highest = np.where(np.isfinite(highest), highest, 0.0)


def _means(design: Design) -> CountMeans:
    return cast("CountMeans", design.means)


def _fitted(design: Design) -> CleanRows:
    """Build the least squares at given means.

    Raises
    ------
    CollinearError
    """
    found = CleanRows(design, None, reach=False)
    if len(found.kept) < len(design.covariates):
        raise CollinearError("the covariates are collinear on the untreated rows")
    return found


def _with(design: Design, means: CountMeans, channels: list[str]) -> Design:
    """Add channels, of slope zero."""
    beta = np.append(means.beta, np.zeros(len(channels)))
    return replace(design, covariates=[*design.covariates, *channels], means=replace(means, beta=beta))


def _require_independent(options: PartOptions, design: Design, covariates: list[str]) -> None:
    """Refuse covariates and channels that are determined on clean rows of units with a positive count.

    Raises
    ------
    CollinearError
    """
    if not design.covariates:
        return
    keep = independent(design)
    require_independent(covariates, keep[: len(covariates)])
    channels = keep[len(covariates) :]
    if not channels.all():
        raise determined_channels(options.channels[: int(np.argmin(channels)) + 1 if options.ordered else None])


class _WithChannels:
    """What the fit of counts with channels gives: loadings, the response to exposure, the influence of weights."""

    def __init__(self, options: PartOptions, models: Models, cells: CellSums) -> None:
        self._options, self._models, self._cells = options, models, cells
        self._K = len(options.channels)
        clean = models.linear
        self._q = 0 if clean.basis is None else len(clean.basis.of)
        self._m = 1 if models.highest is None else 1 + self._K + self._q
        self._theta = np.zeros(self._q)
        if clean.basis is not None:
            self._theta[cells.shown] = self._solve(clean.basis)
        long, k, n_clusters = models.long, clean.design.n_cells, len(clean.design.sample.clusters)
        n_targets = self._m * k + self._q
        clean.design.sample.panel.check_room(
            f"influence functions of {self._m} sums by {n_clusters:,} clusters and {k:,} cohort-periods",
            "take fewer channels or bins, or name cluster= with fewer clusters",
            3 * (n_clusters + long.equations.n_levels) * n_targets,
            n_clusters * len(long.kept) ** 2,
        )
        long.basis = clean.basis
        for one in models.longs:
            one.start_targets(self._m if one is long else 1)
        for rows in models.passed("counts, reach"):
            own, units, _ = self._rows(rows)
            long.target(own, units, rows.reached)
        all_sums = [one.start_sums(slopes=options.leave_one_out) for one in models.longs]
        self._sums = all_sums[-1]
        raw = np.zeros((self._K, n_targets))
        for rows in models.passed("counts, sums"):
            own, units, hit = self._rows(rows)
            long.add(self._sums, own, units, rows.reached)
            centred = models.channels(own)[hit]
            for j in range(self._m):
                raw[:, j * k : (j + 1) * k] += sum_by(own.cell[hit], centred * own.target[hit, j, None], k).T
            for one, sums in zip(models.longs[:-1], all_sums[:-1], strict=True):
                others = one.rows(own.block)
                one.add(sums, others, one.units(others), np.zeros(len(own.block), dtype=bool))
        influences = [self._slopes_influence(one, sums) for one, sums in zip(models.longs, all_sums, strict=True)]
        betas = [_means(one.design).beta for one in models.longs]
        self.loadings = count_loadings(betas, influences, self._K, ordered=options.ordered)
        through = self._sums.through.copy()
        through[len(through) - self._K :] -= raw
        self._level = self._sums.error[0] + influences[-1] @ through

    def response(self) -> ResponseFit:
        """Response of the log of counts to exposure."""
        cells, sums, long = self._cells, self._sums, self._models.long
        exposed = sums.error[0][:, -self._q :]
        if len(long.kept):
            exposed = exposed + sums.scores[0] @ long.bread @ sums.through[:, -self._q :]
        theta, psi = cells.on_exposure(sums.crosses[:, :, 0], -exposed @ sums.turn, sums)
        return ResponseFit(theta + self._theta[cells.shown], psi, *cells.response_of_channels())

    def through_weights(self, j: int, mean: np.ndarray) -> np.ndarray | float:
        """Influence of the estimated weights on the mean of channel j - 1, or of function of exposure j - 1 - K."""
        if self._models.highest is None:
            return 0.0
        at, k = self._cells.found, self._models.linear.design.n_cells
        return (self._level[:, j * k + at] - mean * self._level[:, at]) / self._cells.count

    def through_weights_of_doses(self, coefficients: np.ndarray) -> np.ndarray | float:
        """Do the same for the sum of functions of exposure with these coefficients, shape (q,)."""
        total: np.ndarray | float = 0.0
        positions = 1 + self._K + np.flatnonzero(self._cells.shown)
        for j, c, mean in zip(positions.tolist(), coefficients, self._cells.dose.sum(axis=1), strict=True):
            if c:
                total = total + c * self.through_weights(j, mean)
        return total

    def _slopes_influence(self, clean: CleanRows, sums: Sums) -> np.ndarray:
        """Influence functions of covariates and channels; without the own cluster where that is left out."""
        scores = sums.scores[0]
        if not len(clean.kept):
            return scores
        if sums.grams_of_slopes is None:
            return scores @ clean.bread
        turn = clean.turn_of_slopes
        return without_each_of_products(sums.grams_of_slopes, scores @ turn, turn)[0]

    def _solve(self, basis: Basis) -> np.ndarray:
        models, clean, shown = self._models, self._models.linear, self._cells.shown
        scale = np.sqrt(np.diag(clean.support.gram)[shown])

        def at(beta: np.ndarray, step: np.ndarray) -> LogResponse:
            found = LogResponse.nothing(beta, step)
            for rows in models.passed("counts, response"):
                exposed = np.flatnonzero(rows.linear.exposed & rows.reached)
                long = rows.long
                x, w = basis(long.exposure[exposed])[:, shown] / scale, long.block.w[exposed]
                found.add(x, w, long.outcome[exposed], long.w[exposed] / w)
            return found

        return solve_log_response(at, len(scale)) / scale if len(scale) else scale

    def _rows(self, rows: _Passed) -> tuple[Rows, Units, np.ndarray]:
        """Rows of the fit with channels, as targets, and positions of treated ones that are reached."""
        models, clean = self._models, self._models.linear
        own, n = rows.long, len(rows.linear.block)
        hit = np.flatnonzero(rows.linear.treated & rows.reached)
        target = np.zeros((n, self._m))
        target[hit, 0] = rows.linear.target[hit, 0]
        B = np.zeros((n, 0)) if clean.basis is None else clean.basis(own.exposure)
        if self._m > 1:
            deviations = clean.deviations(rows.linear, rows.linear_units)[1][hit, 1:]
            target[hit, 1:] = np.hstack([deviations, B[hit]]) * target[hit, :1]
        exposed = np.flatnonzero(own.exposed & rows.reached)
        values = own.values.copy()
        if exposed.size:
            factor = np.exp(B[exposed] @ self._theta)
            target[exposed, 0] = own.w[exposed] * factor
            values[exposed, 0] = (values[exposed, 0] + 1) / factor - 1
        return replace(own, target=target, values=values), models.long.units(own), hit
