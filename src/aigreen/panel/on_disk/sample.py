"""The complete rows of a scanned panel, counted by group of units and period before anything is estimated."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from aigreen.errors import EmptyDataError, MissingRowsWarning
from aigreen.linalg.arrays import distinct
from aigreen.panel.calendar import step_of
from aigreen.panel.columns import require_counts
from aigreen.panel.dropped import Dropped
from aigreen.panel.facts import ROUNDING
from aigreen.panel.on_disk.blocks import SHOWN, Block, Counted
from aigreen.panel.on_disk.scanned import ScannedPanel


@dataclass(frozen=True, eq=False)
class ScannedSample:
    """Rows without missing values, in blocks; a group holds the units of one cohort and one cluster.

    Attributes
    ----------
    panel : ScannedPanel
    columns, effects : sequence of str
        Numeric columns and fixed effects that blocks carry.
    positive : bool
        Whether rows of weight zero are left out.
    times : ndarray of int
        Periods that occur.
    rows : ndarray of int, shape (groups, periods)
    mass : ndarray, shape (groups, periods)
        Sums of weights; `rows` without weights.
    units : ndarray of int, shape (groups,)
        Number of units.
    mean_weight, first_weight : ndarray, shape (groups,)
        Sums over units of their mean weight and of that of their first row.
    keep : function of a block to ndarray of bool, optional
        Further choice of rows; their periods are those of the panel.
    derived : function of a block to dict of str to ndarray, optional
        Further columns, from all rows of the units, complete or not.
    """

    panel: ScannedPanel
    columns: Sequence[str]
    effects: Sequence[str]
    positive: bool
    times: np.ndarray
    rows: np.ndarray
    mass: np.ndarray
    units: np.ndarray
    mean_weight: np.ndarray
    first_weight: np.ndarray
    keep: Callable[[Block], np.ndarray] | None = None
    derived: Callable[[Block], dict[str, np.ndarray]] | None = None

    @classmethod
    def complete(
        cls,
        panel: ScannedPanel,
        columns: Sequence[str],
        dropped: Dropped,
        *,
        effects: Sequence[str] = (),
        positive: bool = False,
        counts: str | None = None,
    ) -> ScannedSample:
        """Count the rows without missing values in `columns`, with `positive` those of positive weight.

        Parameters
        ----------
        counts : str, optional
            Outcome of a count model, among the columns.

        Raises
        ------
        EmptyDataError, DataError
        """
        for name in columns:
            panel.check_number(name)
        for name in effects:
            panel.levels(name)
        panel.check_room(
            "counts by cohort, cluster and period",
            "name cluster= with fewer clusters",
            2 * len(panel.group_cohort) * len(panel.times),
        )
        culprits: list[str] = []
        absent, weightless = Counted(), Counted()
        found, check = _Counts.nothing(panel), None if counts is None else CountCheck(counts)
        for block in panel.blocks(columns, what="count"):
            missing = np.zeros(len(block), dtype=bool)
            for name in columns:
                here = np.isnan(block.columns[name])
                if here.any():
                    missing |= here
                    culprits += [] if name in culprits else [name]
            if missing.any():
                absent.add(block, np.flatnonzero(missing), panel.periods)
                block = block.take(~missing)
            if check is not None:
                check.add(block, panel.periods)
            if positive and block.weights is not None and (zero := block.weights == 0).any():
                weightless.add(block, np.flatnonzero(zero), panel.periods)
                block = block.take(~zero)
            found.add(block)
        culprits.sort(key=list(columns).index)
        if absent.count == panel.n_rows:
            raise EmptyDataError(f"every row has a missing value in {', '.join(culprits)}", count=panel.n_rows)
        dropped.add(MissingRowsWarning, "rows", f"missing {', '.join(culprits)}", absent.count, absent.first)
        if check is not None:
            check.refuse()
        dropped.add(MissingRowsWarning, "rows", "weight zero", weightless.count, weightless.first)
        return found.sample(panel, columns, effects, positive=positive)

    def restricted(self, keep: Callable[[Block], np.ndarray]) -> ScannedSample:
        """Return the sample of the rows that a function of a block marks, counted anew."""
        before = self.keep

        def both(block: Block) -> np.ndarray:
            if before is None:
                return keep(block)
            marked = before(block)
            marked[marked] = keep(block.take(marked)) if marked.any() else False
            return marked

        narrow, counts = replace(self, keep=both), _Counts.nothing(self.panel)
        for block in narrow.blocks(what="count"):
            counts.add(replace(block, time=np.searchsorted(self.panel.times, self.times)[block.time]))
        found = counts.sample(self.panel, self.columns, self.effects, positive=self.positive)
        return replace(found, keep=both)

    def without(self, group: np.ndarray, time: np.ndarray) -> ScannedSample:
        """Leave out the rows of pairs of a group and a period."""
        gone = self._mask(group, time)
        return self.restricted(lambda block: ~gone[block.group[block.unit], block.time])

    def count_rows(self, group: np.ndarray, time: np.ndarray) -> tuple[int, list[str]]:
        """Count the rows of pairs of a group and a period, and name the first."""
        count, first = int(self.rows[group, time].sum()), list[str]()
        if count:
            mask, position = self._mask(group, time), np.searchsorted(self.panel.times, self.times)
            for block in self.blocks("names"):
                at = np.flatnonzero(mask[block.group[block.unit], position[block.time]])
                first += block.rows(at[: SHOWN - len(first)], self.periods)
                if len(first) == min(count, SHOWN):
                    break
        return count, first

    def _mask(self, group: np.ndarray, time: np.ndarray) -> np.ndarray:
        """Mark pairs of a group and a period, of those of the panel."""
        mask = np.zeros((len(self.rows), len(self.panel.times)), dtype=bool)
        mask[group, np.searchsorted(self.panel.times, self.times)[time]] = True
        return mask

    def blocks(self, what: str = "rows") -> Iterator[Block]:
        """Yield blocks of the rows; their periods are positions in `times`, their groups stay those of the panel."""
        position = np.searchsorted(self.times, self.panel.times)
        for block in self.panel.blocks(self.columns, self.effects, what):
            if self.derived is not None:
                block = replace(block, columns=block.columns | self.derived(block))
            keep = np.ones(len(block), dtype=bool)
            for name in self.columns:
                keep &= ~np.isnan(block.columns[name])
            if self.positive and block.weights is not None:
                keep &= block.weights > 0
            if not keep.any():
                continue
            block = block.take(keep)
            if self.keep is not None:
                marked = self.keep(block)
                if not marked.any():
                    continue
                block = block.take(marked)
            yield replace(block, time=position[block.time])

    # -- what estimators ask of a panel --------------------------------------------------------------------------

    def effect_names(self, fixed_effects: Sequence[str] | None) -> list[str]:
        """Names of the fixed effects, those of unit and time by default."""
        return self.panel.effect_names(fixed_effects)

    @property
    def names(self) -> dict[str, str]:
        """Columns by role."""
        return self.panel.names

    @property
    def clusters(self) -> pd.Index:
        """Labels of the clusters of the panel."""
        return self.panel.clusters

    @property
    def weights(self) -> np.ndarray | None:
        """Sums of weights by group and period, None without weights."""
        return self.mass if "weights" in self.panel.names else None

    @property
    def periods(self) -> pd.Index:
        """Labels of `times`."""
        return self.panel.calendar.labels(self.times)

    @property
    def n_periods(self) -> int:
        """Number of periods."""
        return len(self.times)

    @property
    def unit_cohort(self) -> np.ndarray:
        """First treated period of the units of each group, nan for groups without a row."""
        return np.where(self.units > 0, self.panel.group_cohort, np.nan)

    @property
    def unit_cluster(self) -> np.ndarray:
        """Cluster of each group."""
        return self.panel.group_cluster

    @property
    def n_clusters(self) -> int:
        """Number of clusters with a row."""
        return self.count_clusters(self.units > 0)

    def count_clusters(self, groups: np.ndarray) -> int:
        """Count the clusters of the groups marked."""
        return self.count_units(groups) if self.panel.by_cohort else distinct(self.unit_cluster[groups])

    @property
    def treated(self) -> np.ndarray:
        """Whether a group has treated rows in a period, shape (groups, periods)."""
        return (self.rows > 0) & (self.times >= self.panel.group_cohort[:, None])

    def unit_weights(self, which: str) -> np.ndarray:
        """Weights of the units of each group, added up."""
        return self.first_weight if which == "first" else self.mean_weight

    def count_units(self, groups: np.ndarray) -> int:
        """Count the units of the groups marked."""
        return int(self.units[groups].sum())

    def first_units(self, groups: np.ndarray) -> list[Any]:
        """First units of the groups marked."""
        found: list[Any] = []
        if self.units[groups].any():
            for block in self.blocks("names"):
                found += block.labels[groups[block.group]][: SHOWN - len(found)].tolist()
                if len(found) == SHOWN:
                    break
        return found

    def cells(self) -> tuple[np.ndarray, np.ndarray]:
        """Return groups and periods that have rows, one entry a pair."""
        group, time = np.nonzero(self.rows)
        return group, time

    def facts(
        self,
        outcome: str,
        dropped: Dropped,
        *,
        largest: float,
        n_rows: int | None = None,
        n_units: int | None = None,
        n_clusters: int | None = None,
        t_intervals: bool = False,
    ) -> dict[str, Any]:
        """Clusters, sizes, outcome and left-out rows, as `Effects` takes them; see `result_facts`.

        Parameters
        ----------
        largest : float
            Of the outcome, in absolute value.
        n_rows, n_units, n_clusters : int, optional
            By default those of the sample.
        """
        n_clusters = self.n_clusters if n_clusters is None else n_clusters
        return {
            "clusters": self.clusters,
            "n_rows": int(self.rows.sum()) if n_rows is None else n_rows,
            "n_units": int(self.units.sum()) if n_units is None else n_units,
            "n_clusters": n_clusters,
            "df": n_clusters - 1 if t_intervals else None,
            "step": step_of(self.panel.calendar.freq),
            "outcome": outcome,
            "dropped": dropped.to_frame(),
            "resolution": ROUNDING * largest,
        }


@dataclass(eq=False)
class CountCheck:
    """Whether a column can be the outcome of a count model."""

    name: str
    n: int = 0
    positive: bool = False
    negative: Counted = field(default_factory=Counted)

    def add(self, block: Block, periods: pd.Index) -> None:
        """Look at the rows of a block."""
        values = block.columns[self.name]
        self.n += len(values)
        self.positive |= bool(values.any())
        self.negative.add(block, np.flatnonzero(values < 0), periods)

    def refuse(self) -> None:
        """Raise a `DataError` where there are negative values, or only zeros."""
        require_counts(self.name, self.n, self.negative.count, self.negative.first, positive=self.positive)


@dataclass(eq=False)
class _Counts:
    """Sums by group and period of the panel."""

    rows: np.ndarray
    mass: np.ndarray
    units: np.ndarray
    mean_weight: np.ndarray
    first_weight: np.ndarray

    @classmethod
    def nothing(cls, panel: ScannedPanel) -> _Counts:
        shape = len(panel.group_cohort), len(panel.times)
        rows = np.zeros(shape, dtype=np.int64)
        mass = np.zeros(shape) if "weights" in panel.names else rows
        return cls(rows, mass, *(np.zeros(shape[0]) for _ in range(3)))

    def add(self, block: Block) -> None:
        """Count the rows of a block whose periods are those of the panel."""
        if not len(block):
            return
        groups, of = np.unique(block.group, return_inverse=True)
        m, n = len(groups), self.rows.shape[1]
        cell = of[block.unit] * n + block.time
        self.rows[groups] += np.bincount(cell, minlength=m * n).reshape(m, n)
        self.units[groups] += np.bincount(of, minlength=m)
        if block.weights is None:
            self.mean_weight[groups] = self.first_weight[groups] = self.units[groups]
            return
        self.mass[groups] += np.bincount(cell, block.weights, m * n).reshape(m, n)
        self.mean_weight[groups] += np.bincount(of, block.unit_weights("mean"), m)
        self.first_weight[groups] += np.bincount(of, block.unit_weights("first"), m)

    def sample(
        self, panel: ScannedPanel, columns: Sequence[str], effects: Sequence[str], *, positive: bool
    ) -> ScannedSample:
        """Return the sample that was counted, without periods that have no row.

        Raises
        ------
        EmptyDataError
        """
        seen = self.rows.any(axis=0)
        if not seen.any():
            raise EmptyDataError("no rows are left", count=0)
        rows = self.rows[:, seen]
        mass = rows if self.mass is self.rows else self.mass[:, seen]
        return ScannedSample(
            panel,
            columns,
            effects,
            positive,
            panel.times[seen],
            rows,
            mass,
            self.units.astype(np.int64),
            self.mean_weight,
            self.first_weight,
        )
