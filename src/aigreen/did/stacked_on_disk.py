"""The stack of sub-experiments of a panel on disk, made block by block."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from aigreen.did.saturated_on_disk import GroupRows
from aigreen.linalg.arrays import compact, distinct
from aigreen.panel.on_disk.blocks import Block, Counted
from aigreen.panel.on_disk.sample import ScannedSample


def members(
    cohort: np.ndarray, time: np.ndarray, g: float, window: tuple[int, int], control_group: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mark rows of the treated of a sub-experiment, of its clean controls, and of its window."""
    low, high = window
    clean = ~np.isfinite(cohort) if control_group == "never_treated" else cohort > g + high
    return cohort == g, clean, (time >= g + low) & (time <= g + high)


class StackedBlocks:
    """Rows repeated for each sub-experiment, without a unit's only row in a window; what they count.

    Attributes
    ----------
    treated : ndarray, shape (clusters, cohorts, horizons)
        Sums of weights of treated rows.
    control : ndarray, shape (clusters,)
        Those of controls.
    seen : ndarray of bool, shape (clusters,)
    levels : ndarray of bool, shape (cohorts, horizons)
        Those with a row.
    n_rows, n_distinct, n_units : int
        Rows of the stack, of the panel, and units.
    alone : list of Counted
        Rows that are left out, by cohort.
    """

    def __init__(
        self,
        sample: ScannedSample,
        columns: Sequence[str],
        cohorts: np.ndarray,
        window: tuple[int, int],
        control_group: str,
    ) -> None:
        self._sample, self._columns, self._cohorts = sample, columns, cohorts
        self._window, self._control_group = window, control_group
        n, shape = len(sample.clusters), (len(cohorts), window[1] - window[0] + 1)
        self.treated, self.control = np.zeros((n, *shape)), np.zeros(n)
        self.seen = np.zeros(n, dtype=bool)
        self._low, self._high = np.full(shape, n), np.full(shape, -1)
        self.n_rows = self.n_distinct = self.n_units = 0
        self.alone = [Counted() for _ in cohorts]

    @property
    def levels(self) -> np.ndarray:
        """Cohorts and horizons with a row."""
        return self._high >= 0

    @property
    def levels_within_clusters(self) -> bool:
        """Whether the rows of each cohort and horizon are in one cluster."""
        return bool((self._low >= self._high).all())

    def __call__(self) -> Iterator[GroupRows]:
        """Yield the stack."""
        for block in self._sample.blocks("stack"):
            rows = self._rows(block)[0]
            if len(rows.unit):
                yield rows

    def counted(self) -> Iterator[GroupRows]:
        """Yield the stack and count its rows."""
        for block in self._sample.blocks("stack"):
            rows, of, alone, of_alone = self._rows(block)
            for a, found in enumerate(self.alone):
                found.add(block, alone[of_alone == a], self._sample.periods)
            if not len(of):
                continue
            self.n_rows += len(of)
            self.n_distinct += distinct(of)
            self.n_units += distinct(block.unit[of])
            treated, stack = rows.group % 2 == 1, rows.group // 2
            np.add.at(
                self.treated, (rows.cluster[treated], stack[treated], rows.time[treated]), rows.w[treated]
            )  # fmt: skip
            np.add.at(self.control, rows.cluster[~treated], rows.w[~treated])
            self.seen[rows.cluster] = True
            np.minimum.at(self._low, (stack, rows.time), rows.cluster)
            np.maximum.at(self._high, (stack, rows.time), rows.cluster)
            yield rows

    def _rows(self, block: Block) -> tuple[GroupRows, np.ndarray, np.ndarray, np.ndarray]:
        """Rows of the stack, their positions in the block; positions and sub-experiment of those that are alone."""
        sample = self._sample
        cohort, time = sample.panel.group_cohort[block.group][block.unit], sample.times[block.time]
        positions, stacks, groups = [], [], []
        for a, g in enumerate(self._cohorts):
            treated, clean, inside = members(cohort, time, g, self._window, self._control_group)
            at = np.flatnonzero((treated | clean) & inside)
            positions.append(at)
            stacks.append(np.full(len(at), a))
            groups.append(2 * a + treated[at])
        of, stack, group = (np.concatenate(parts) for parts in (positions, stacks, groups))
        unit = stack * block.n_units + block.unit[of]
        alone = np.bincount(unit)[unit] == 1 if len(unit) else np.zeros(0, dtype=bool)
        lone, lone_stack = of[alone], stack[alone]
        of, stack, group, unit = (values[~alone] for values in (of, stack, group, unit))
        rows = GroupRows(
            compact(unit)[0] if len(unit) else unit,
            group,
            (time[of] - self._cohorts[stack]).astype(np.intp) - self._window[0],
            sample.unit_cluster[block.group][block.unit[of]],
            block.w[of],
            np.column_stack([block.columns[name][of] for name in self._columns]),
        )
        return rows, of, lone, lone_stack
