"""Which rows of a panel on disk are fitted, and which are targets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from aigreen.errors import (
    DataError,
    NoControlsError,
    TooFewClustersError,
)
from aigreen.exposure.basis import Response
from aigreen.linalg.eliminated import Units
from aigreen.panel.cohorts import NEVER
from aigreen.panel.dropped import Dropped
from aigreen.panel.on_disk.blocks import Block, Counted
from aigreen.panel.on_disk.sample import ScannedSample
from aigreen.panel.on_disk.scanned import ScannedPanel
from aigreen.panel.on_disk.sorted_file import quoted
from aigreen.panel.untreated import no_treated

_ONSET = "first exposed period of the unit"  # of a derived column


class Means(Protocol):
    """Means of counts, which make rows those of a weighted least squares."""

    def of(self, rows: Rows) -> Rows:
        """Rows with weights times means, and outcomes relative to means."""


@dataclass(frozen=True, eq=False)
class Design:
    """Which rows and columns are fitted, and which rows are targets.

    Attributes
    ----------
    sample : ScannedSample
        Rows of positive weight without missing values.
    outcomes, covariates, exposures : sequence of str
    effects : sequence of str
        Fixed effects without that of units.
    anticipation : int
    response, cuts
        Shape of the response to exposure, and its bins or knots, as `Basis.choose` takes them.
    leads : tuple of int
        Periods before treatment with a dummy in a second regression.
    means : Means, optional
        Of counts.
    """

    sample: ScannedSample
    outcomes: Sequence[str]
    covariates: Sequence[str]
    effects: Sequence[str]
    anticipation: int
    exposures: Sequence[str] = ()
    response: Response = "bins"
    cuts: int | Sequence[float] | None = None
    leads: tuple[int, ...] = ()
    means: Means | None = None

    @classmethod
    def of(
        cls,
        panel: ScannedPanel,
        outcomes: Sequence[str],
        covariates: Sequence[str],
        effects: Sequence[str],
        anticipation: int,
        dropped: Dropped,
        exposures: Sequence[str] = (),
        **options: Any,
    ) -> Design:
        """Take the rows without missing values and of positive weight, and check that some can be compared.

        Raises
        ------
        DataError, NoTreatedError, NoControlsError, TooFewClustersError, EstimationError
        """
        columns = list(dict.fromkeys([*outcomes, *exposures, *covariates]))
        sample = ScannedSample.complete(panel, columns, dropped, effects=effects, positive=True)
        if exposures and anticipation:
            sample = replace(sample, derived=lambda block: {_ONSET: _onset(block, panel.times, exposures)})
        design = cls(sample, outcomes, covariates, effects, anticipation, exposures, **options)
        _check_exposures(sample, exposures)
        column, untreated = sample.names.get("cohort"), (sample.rows > 0) & (design._before > 0)
        if not sample.treated.any():
            raise no_treated(sample.names, "no row is treated", dropped)
        if not untreated.any():
            raise NoControlsError(f"no row is untreated{dropped.cause()}", column=column, count=0)
        if sample.n_clusters < 2:
            raise TooFewClustersError("one cluster only: no variance can be computed", count=1)
        n_clusters, n_levels, n = len(sample.clusters), sum(map(panel.n_levels, effects)), len(outcomes)
        sums = f"{n_clusters:,} clusters by {design.n_cells:,} cohort-periods"
        panel.check_room(
            f"equations of {n_levels:,} levels, and sums of {sums}",
            "take fewer levels, or name cluster= with fewer clusters",
            4 * n_levels**2,
            3 * n_levels * design.n_cells,
            (2 + 2 * n) * n_clusters * design.n_cells,
        )
        return design

    @property
    def _before(self) -> np.ndarray:
        """Periods until those of anticipation, by group and period."""
        return self.sample.panel.group_cohort[:, None] - self.anticipation - self.sample.times

    @property
    def cohorts(self) -> np.ndarray:
        """Cohorts, of which some may have no row."""
        return self.sample.panel.cohorts

    @property
    def n_cells(self) -> int:
        """Number of cohorts times periods."""
        return len(self.cohorts) * self.sample.n_periods

    def with_leads(self, n: int) -> Design:
        """Return the design with a dummy for each of n periods before treatment in which untreated rows are seen.

        Raises
        ------
        NoPrePeriodError
            There is none.
        """
        seen = np.unique(self._before[(self.sample.rows > 0) & (self._before > 0)])
        return replace(self, leads=tuple(int(h) for h in seen[seen <= n][::-1]))

    def lead_rows(self, leads: Sequence[int]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Cohort, period, lead and mass of the untreated rows of each cohort and lead."""
        sample = self.sample
        group, time = np.nonzero((sample.rows > 0) & np.isin(self._before, leads))
        code = np.searchsorted(self.cohorts, sample.panel.group_cohort[group]) * sample.n_periods + time
        found = np.flatnonzero(np.bincount(code, minlength=self.n_cells))
        mass = np.bincount(code, sample.mass[group, time], self.n_cells)[found]
        cohort = self.cohorts[found // sample.n_periods]
        period = sample.times[found % sample.n_periods]
        return cohort, period, (cohort - self.anticipation - period).astype(int), mass


@dataclass(frozen=True, eq=False)
class Rows:
    r"""What the rows of a block serve for.

    Attributes
    ----------
    untreated, clean, treated, exposed : ndarray of bool, shape (n,)
    cell : ndarray of int, shape (n,)
        Cohort and period.
    levels : list of ndarray of int, shape (n,)
    outcome, w : ndarray, shape (n,)
        The first outcome as it is; weights in the equations.
    zero : ndarray of bool, shape (n,)
        Rows whose counterfactual count is zero, the limit of the fit.
    values : ndarray, shape (n, k)
        Outcomes (of counts :math:`(y - \mu) / \mu`), covariates and dummies of leads.
    exposure : ndarray, shape (n, J)
    target : ndarray, shape (n, m)
        Weights in sums over target rows: m sums by cell of treated rows, and in the first column those of exposed rows.
        The weights in the equations by default.
    """

    block: Block
    untreated: np.ndarray
    clean: np.ndarray
    treated: np.ndarray
    exposed: np.ndarray
    cell: np.ndarray
    levels: list[np.ndarray]
    outcome: np.ndarray
    w: np.ndarray
    zero: np.ndarray
    values: np.ndarray
    exposure: np.ndarray
    target: np.ndarray

    @classmethod
    def of(cls, design: Design, block: Block, offsets: np.ndarray) -> Rows:
        """Split the rows of a block."""
        sample = design.sample
        cohort, time = sample.panel.group_cohort[block.group][block.unit], sample.times[block.time]
        columns = [block.columns[name] for name in [*design.outcomes, *design.covariates]]
        columns += [cohort - design.anticipation - time == h for h in design.leads]
        exposure = np.reshape([block.columns[name] for name in design.exposures], (len(design.exposures), len(block))).T
        untreated, exposed = time < cohort - design.anticipation, (exposure > 0).any(axis=1)
        clean = untreated & ~exposed
        if _ONSET in block.columns:
            wait = block.columns[_ONSET] - time
            clean &= ~((wait > 0) & (wait <= design.anticipation))
        rows = cls(
            block,
            untreated,
            clean,
            time >= cohort,
            untreated & exposed,
            np.searchsorted(design.cohorts, cohort) * sample.n_periods + block.time,
            [block.codes[name] + start for name, start in zip(design.effects, offsets, strict=False)],
            columns[0],
            block.w,
            np.zeros(len(block), dtype=bool),
            np.column_stack(columns).astype(float),
            exposure,
            block.w[:, None],
        )
        return rows if design.means is None else design.means.of(rows)

    def levels_of(self, at: np.ndarray) -> list[np.ndarray]:
        """Levels of some rows."""
        return [level[at] for level in self.levels]

    def units(self, n_levels: int) -> Units:
        """Sum the clean rows of each unit."""
        at = self.clean
        return Units.of(self.block.unit[at], self.block.n_units, self.levels_of(at), self.w[at], n_levels)


def _onset(block: Block, times: np.ndarray, exposures: Sequence[str]) -> np.ndarray:
    """First period of the unit of each row in which it has any of the exposures; inf for never."""
    exposed = np.flatnonzero(np.any([np.nan_to_num(block.columns[name]) > 0 for name in exposures], axis=0))
    first = np.full(block.n_units, NEVER)
    np.minimum.at(first, block.unit[exposed], times[block.time[exposed]].astype(float))
    return first[block.unit]


def _check_exposures(sample: ScannedSample, exposures: Sequence[str]) -> None:
    panel = sample.panel
    if not any(panel.store.number(f"select min({quoted(name)}) < 0 from {{file}}") for name in exposures):
        return
    negative = {name: Counted() for name in exposures}
    for block in sample.blocks("exposures"):
        for name, found in negative.items():
            found.add(block, np.flatnonzero(block.columns[name] < 0), sample.periods)
    for name, found in negative.items():
        if found.count:
            message = f"column {name!r}: {found.count:,} negative exposures; zero is unexposed"
            raise DataError(message, column=name, count=found.count, first=found.first)
