"""Linear imputation of a panel on disk: two passes through blocks of whole units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aigreen.counterfactual.centring import centred, check_lone_cells
from aigreen.counterfactual.rows import Cells
from aigreen.errors import (
    AlwaysTreatedWarning,
    NoControlsError,
    NoPrePeriodError,
    NoTreatedError,
    TooFewClustersError,
    UnreachedWarning,
)
from aigreen.linalg.eliminated import Eliminated, Units
from aigreen.panel.dropped import Dropped
from aigreen.panel.on_disk.blocks import Block
from aigreen.panel.on_disk.sample import SHOWN, ScannedSample


@dataclass(frozen=True, eq=False)
class Imputations:
    """Mean effects by cohort and period.

    Attributes
    ----------
    cohort, time : ndarray of int, shape (k,)
    values, mass : ndarray, shape (k,)
    psi : ndarray, shape (clusters, k)
    n_rows, n_units, n_clusters : int
        Of fitted and treated rows.
    largest : float
        Of the outcome in these rows, in absolute value.
    """

    cohort: np.ndarray
    time: np.ndarray
    values: np.ndarray
    mass: np.ndarray
    psi: np.ndarray
    n_rows: int
    n_units: int
    n_clusters: int
    largest: float


@dataclass(frozen=True, eq=False)
class _Rows:
    """Roles of the rows of a block, and the levels of all rows."""

    block: Block
    y: np.ndarray
    w: np.ndarray
    fitted: np.ndarray
    treated: np.ndarray
    cell: np.ndarray
    levels: list[np.ndarray]

    def units(self, n_levels: int) -> Units:
        """Sum the fitted rows of each unit."""
        at = self.fitted
        return Units.of(self.block.unit[at], self.block.n_units, self.of(at), self.w[at], n_levels)

    def of(self, at: np.ndarray) -> list[np.ndarray]:
        """Levels of some rows."""
        return [level[at] for level in self.levels]


@dataclass(frozen=True, eq=False)
class Blocks:
    """Imputation of one outcome from untreated rows, by effects of units and of few levels.

    Attributes
    ----------
    sample : ScannedSample
        Of positive weight.
    outcome : str
    effects : sequence of str
        Fixed effects without that of units.
    anticipation : int
    variance : {"conservative", "conservative_rows", "leave_one_out"}
    """

    sample: ScannedSample
    outcome: str
    effects: Sequence[str]
    anticipation: int
    variance: str

    def impute(self, dropped: Dropped) -> Imputations:
        """Fit untreated rows, impute treated ones and average by cohort and period.

        Raises
        ------
        NoTreatedError, NoControlsError, NoPrePeriodError, TooFewClustersError
        """
        sample = self.sample
        self._check(dropped)
        equations, targets = self._fit(dropped)
        if not equations.whole:
            targets = self._targets(equations)
        gamma = equations.solve(equations.right)[:, 0]
        return self._average(equations, gamma, equations.solve(targets), dropped, len(sample.clusters))

    @property
    def _cohorts(self) -> np.ndarray:
        return self.sample.panel.cohorts

    def _rows(self, block: Block, offsets: np.ndarray) -> _Rows:
        sample = self.sample
        cohort = sample.panel.group_cohort[block.group][block.unit]
        time = sample.times[block.time]
        levels = [block.codes[name] + start for name, start in zip(self.effects, offsets, strict=False)]
        treated = time >= cohort
        fitted = time < cohort - self.anticipation
        cell = np.searchsorted(self._cohorts, cohort) * sample.n_periods + block.time
        return _Rows(block, block.columns[self.outcome], block.w, fitted, treated, cell, levels)

    def _check(self, dropped: Dropped) -> None:
        sample, column = self.sample, self.sample.names.get("cohort")
        seen = sample.rows > 0
        untreated = seen & (sample.times < sample.panel.group_cohort[:, None] - self.anticipation)
        if not sample.treated.any():
            raise NoTreatedError(f"no row is treated{dropped.cause()}", column=column, count=0)
        if not untreated.any():
            raise NoControlsError(f"no row is untreated{dropped.cause()}", column=column, count=0)
        if sample.n_clusters < 2:
            raise TooFewClustersError("one cluster only: no variance can be computed", count=1)
        n_cells, n_clusters = len(self._cohorts) * sample.n_periods, len(sample.clusters)
        n_levels = sum(sample.panel.n_levels(name) for name in self.effects)
        sample.panel.check_room(
            f"equations of {n_levels:,} levels, and sums of {n_clusters:,} clusters by {n_cells:,} cohort-periods",
            "take fewer levels, or name cluster= with fewer clusters",
            4 * n_levels**2,
            3 * n_levels * n_cells,
            4 * n_clusters * n_cells,
        )

    def _fit(self, dropped: Dropped) -> tuple[Eliminated, np.ndarray]:
        """Build normal equations of the untreated rows, and sums of all treated rows that have an untreated past."""
        sample = self.sample
        equations = Eliminated([sample.panel.n_levels(name) for name in self.effects], 1)
        n_cells = len(self._cohorts) * sample.n_periods
        targets = np.zeros((equations.n_levels, n_cells))
        n_treated = n_always = 0
        first: list[object] = []
        for block in sample.blocks("imputation, fit"):
            rows = self._rows(block, equations.offsets)
            at = rows.fitted
            units = equations.add(block.unit[at], block.n_units, rows.of(at), rows.w[at], rows.y[at, None])
            with_treated = np.bincount(block.unit, rows.treated, block.n_units) > 0
            always = with_treated & (units.inverse == 0)
            n_treated += int(with_treated.sum())
            n_always += int(always.sum())
            first += block.labels[always][: SHOWN - len(first)].tolist()
            hit = rows.treated & ~always[block.unit]
            targets += equations.target_sums(
                units, block.unit[hit], rows.of(hit), rows.w[hit], rows.cell[hit], n_cells
            )  # fmt: skip
        if n_always == n_treated:
            raise NoPrePeriodError(
                f"no treated unit is seen untreated{dropped.cause()}", count=n_always, first=first
            )  # fmt: skip
        dropped.add(AlwaysTreatedWarning, "units", "treated in all their periods", n_always, first)
        return equations, targets

    def _targets(self, equations: Eliminated) -> np.ndarray:
        """Sum the treated rows that untreated ones reach."""
        n_cells = len(self._cohorts) * self.sample.n_periods
        targets = np.zeros((equations.n_levels, n_cells))
        for block in self.sample.blocks("imputation, reach"):
            rows = self._rows(block, equations.offsets)
            units = rows.units(equations.n_levels)
            hit = rows.treated & equations.reaches(units, block.unit, rows.levels)
            targets += equations.target_sums(
                units, block.unit[hit], rows.of(hit), rows.w[hit], rows.cell[hit], n_cells
            )  # fmt: skip
        return targets

    def _average(
        self, equations: Eliminated, gamma: np.ndarray, adjoint: np.ndarray, dropped: Dropped, n_clusters: int
    ) -> Imputations:
        """Mean effects and their influence functions, from residuals of untreated rows and effects of treated ones."""
        sample = self.sample
        n_cells = len(self._cohorts) * sample.n_periods
        effect, weight, error = (np.zeros((n_clusters, n_cells)) for _ in range(3))
        squares, square_effects, counts = np.zeros(n_cells), np.zeros(n_cells), np.zeros(n_cells, dtype=np.int64)
        n_rows = n_units = n_lost = 0
        present = np.zeros(n_clusters, dtype=bool)
        largest, first = 0.0, list[str]()
        for block in sample.blocks("imputation, effects"):
            rows = self._rows(block, equations.offsets)
            fitted, unit = rows.fitted, block.unit
            units = rows.units(equations.n_levels)
            left = rows.y.copy()
            for level in rows.levels:
                left -= gamma[level]
            left -= units.mean(unit[fitted], rows.w[fitted], left[fitted, None])[unit, 0]
            left *= rows.w
            clusters, of = np.unique(sample.unit_cluster[block.group], return_inverse=True)
            cluster, m = of[unit], len(clusters)
            hit = rows.treated & (units.inverse[unit] > 0)
            if not equations.whole:
                reached = equations.reaches(units, unit, rows.levels)
                lost = np.flatnonzero(hit & ~reached)
                n_lost += lost.size
                first += block.rows(lost[: SHOWN - len(first)], sample.periods)
                hit &= reached
            at = cluster[hit] * n_cells + rows.cell[hit]
            shape = m, n_cells
            effect[clusters] += np.bincount(at, left[hit], m * n_cells).reshape(shape)
            weight[clusters] += np.bincount(at, rows.w[hit], m * n_cells).reshape(shape)
            squares += np.bincount(rows.cell[hit], rows.w[hit] ** 2, n_cells)
            square_effects += np.bincount(rows.cell[hit], rows.w[hit] * left[hit], n_cells)
            counts += np.bincount(rows.cell[hit], minlength=n_cells)
            scores = np.zeros((m, equations.n_levels))
            for level in rows.of(fitted):
                at = cluster[fitted] * equations.n_levels + level
                scores += np.bincount(at, left[fitted], scores.size).reshape(scores.shape)
            error[clusters] += scores @ adjoint
            used = fitted | hit
            n_rows += int(used.sum())
            with_row = np.bincount(unit, used, block.n_units) > 0
            n_units += int(with_row.sum())
            present[clusters[of[with_row]]] = True
            largest = max(largest, float(np.abs(rows.y[used]).max(initial=0.0)))
        found = np.flatnonzero(counts)
        if not found.size:
            raise NoControlsError(
                "no treated row can be imputed: untreated rows do not reach its fixed effects",
                count=n_lost,
                first=first,
            )
        reason = "treated rows whose fixed effects no untreated row reaches"
        dropped.add(UnreachedWarning, "rows", reason, n_lost, first)
        effect, weight, error = (values[:, found] for values in (effect, weight, error))
        cells = Cells(
            self._cohorts[found // sample.n_periods].astype(np.int64),
            sample.times[found % sample.n_periods],
            np.zeros(0, dtype=np.intp),
            np.zeros(0, dtype=np.intp),
        )
        leave_one_out = self.variance == "leave_one_out"
        alone = np.count_nonzero(weight, axis=0) == 1
        check_lone_cells(alone, cells, np.flatnonzero(weight.any(axis=1)), leave_one_out=leave_one_out)
        mass = weight.sum(axis=0)
        values = effect.sum(axis=0) / mass
        if self.variance == "conservative_rows":
            own = effect - weight * (square_effects[found] / squares[found])
        else:
            own = centred(effect, weight, leave_one_out=leave_one_out)
        psi = (own - error) / mass
        sizes = n_rows, n_units, int(present.sum())
        return Imputations(cells.cohort, cells.time, values, mass, psi, *sizes, largest)
