"""Two-period comparisons of a panel on disk: sums of differences by cohort and cluster, which all cells are made of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aigreen.did.group_time.comparisons import NO_CONTROLS, NO_TREATED, Computed
from aigreen.did.group_time.plan import Cells
from aigreen.errors import TooFewClustersError, TooFewPeriodsError
from aigreen.panel.on_disk.blocks import Block
from aigreen.panel.on_disk.sample import ScannedSample


def check_scanned(sample: ScannedSample) -> None:
    """Refuse fewer than two periods or clusters."""
    if sample.n_periods < 2:
        raise TooFewPeriodsError(f"{sample.n_periods} period is left; two are needed", column=sample.names["time"])
    if sample.n_clusters < 2:
        name = sample.names.get("cluster", sample.names["unit"])
        raise TooFewClustersError(f"column {name!r} has one cluster; two are needed", column=name, count=1)


def pairs_of(cells: Cells) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cells to compute, the pairs of periods that they compare, shape (p, 2), and the pair of each."""
    live = np.flatnonzero(~cells.reference)
    pairs, of_cell = np.unique(np.stack([cells.time[live], cells.base[live]], axis=1), axis=0, return_inverse=True)
    return live, pairs, of_cell


def check_sums_fit(cells: Cells, sample: ScannedSample, numbers: int) -> None:
    """Refuse influence functions, and so many numbers behind them, that do not fit into memory."""
    n_clusters = len(sample.clusters)
    sample.panel.check_room(
        f"influence functions of {len(cells):,} effects by {n_clusters:,} clusters and the sums behind them",
        "name cluster= with fewer clusters",
        len(cells) * n_clusters,
        numbers,
    )


def groups_compared(
    cells: Cells, cell: int, cohort: np.ndarray, units: np.ndarray, result: Computed
) -> tuple[np.ndarray, np.ndarray, str]:
    """Return groups of the treated and of the comparison units of a cell, and why these cannot be compared, if so.

    The size of the smaller side, from `units` by group, is noted in the result.
    """
    treated = np.flatnonzero(cohort == cells.cohort[cell])
    controls = np.flatnonzero(cells.controls(cell, cohort))
    n_treated, n_controls = (int(units[side].sum()) for side in (treated, controls))
    result.smallest[cell] = min(n_treated, n_controls)
    return treated, controls, NO_TREATED if not n_treated else NO_CONTROLS if not n_controls else ""


def centred_outcome(block: Block, outcome: str, n_periods: int) -> np.ndarray:
    """Outcomes less the mean of their unit, shape (periods, units), nan where not seen."""
    y = block.columns[outcome]
    size = np.bincount(block.unit, minlength=block.n_units)
    return block.wide(y - (block.by_unit(y) / size)[block.unit], n_periods)


def compare_blocks(cells: Cells, cohort: np.ndarray, sample: ScannedSample, outcome: str) -> tuple[Computed, float]:
    """Compare differences of the units seen in both periods, without covariates.

    Parameters
    ----------
    cohort : shape (groups,)
        Of each group of units; inf for never treated, nan for left out.

    Returns
    -------
    Computed
    largest : float
        Of the outcome of the units compared, in absolute value.
    """
    live, pairs, of_cell = pairs_of(cells)
    m, n_clusters = len(cohort), len(sample.clusters)
    check_sums_fit(cells, sample, (3 if sample.weights is not None else 2) * len(pairs) * m)
    result = Computed.nothing(len(cells), n_clusters)
    sums = _Sums.nothing(pairs, m, weighted=sample.weights is not None)
    for block in sample.blocks("group-time"):
        sums.add(block, outcome, ~np.isnan(cohort)[block.group], sample.n_periods)
    cluster = sample.unit_cluster
    for cell, pair in zip(live.tolist(), of_cell.tolist(), strict=True):
        treated, controls, reason = groups_compared(cells, cell, cohort, sums.units[pair], result)
        if reason:
            result.reasons[cell] = reason
            continue
        for side, sign in ((treated, 1.0), (controls, -1.0)):
            w, change = sums.weight[pair, side], sums.change[pair, side]
            mean = change.sum() / w.sum()
            result.values[cell] += sign * mean
            result.psi[cell] += np.bincount(cluster[side], sign * (change - mean * w) / w.sum(), n_clusters)
    return result, sums.largest


@dataclass(eq=False)
class _Sums:
    """Sums over the units of each group that are seen in both periods of a pair.

    Attributes
    ----------
    pairs : ndarray of int, shape (p, 2)
        Positions of the later or earlier period, and of the one it is compared with.
    units, weight, change : ndarray, shape (p, groups)
        Number of units, weights, and weighted differences of the outcome less those of `level`.
    level : ndarray, shape (periods,)
        Means of the first block, which cancel in every comparison.
    """

    pairs: np.ndarray
    units: np.ndarray
    weight: np.ndarray
    change: np.ndarray
    level: np.ndarray | None = None
    largest: float = 0.0

    @classmethod
    def nothing(cls, pairs: np.ndarray, m: int, *, weighted: bool) -> _Sums:
        units = np.zeros((len(pairs), m))
        return cls(pairs, units, np.zeros_like(units) if weighted else units, np.zeros_like(units))

    def add(self, block: Block, outcome: str, used: np.ndarray, n_periods: int) -> None:
        """Add the units of a block that are marked."""
        if not used.any():
            return
        block = block.take(used[block.unit])
        self.largest = max(self.largest, float(np.abs(block.columns[outcome]).max()))
        y = centred_outcome(block, outcome, n_periods)
        seen = ~np.isnan(y)
        if self.level is None:
            with np.errstate(invalid="ignore"):
                self.level = np.nan_to_num(np.where(seen, y, 0.0).sum(axis=1) / seen.sum(axis=1))
        y -= self.level[:, None]
        w = None if block.weights is None else block.wide(block.weights, n_periods)
        if w is not None:
            seen &= w > 0
        even = seen.all(axis=0)
        if w is not None:
            even &= (w == w[0]).all(axis=0)
        groups, of = np.unique(block.group, return_inverse=True)
        if even.any():
            self._add_even(y[:, even], None if w is None else w[0, even], groups, of[even])
        if not even.all():
            rest = ~even
            self._add_uneven(y[:, rest], None if w is None else w[:, rest], seen[:, rest], groups, of[rest])

    def _add_even(self, y: np.ndarray, w: np.ndarray | None, groups: np.ndarray, of: np.ndarray) -> None:
        """Add units seen in all periods with one weight: differences of sums by period."""
        m = len(groups)
        total = np.array([np.bincount(of, row if w is None else row * w, m) for row in y])
        self.units[:, groups] += np.bincount(of, minlength=m)
        if w is not None:
            self.weight[:, groups] += np.bincount(of, w, m)
        self.change[:, groups] += total[self.pairs[:, 0]] - total[self.pairs[:, 1]]

    def _add_uneven(
        self, y: np.ndarray, w: np.ndarray | None, seen: np.ndarray, groups: np.ndarray, of: np.ndarray
    ) -> None:
        """Add other units, pair by pair."""
        m = len(groups)
        for pair, (t, base) in enumerate(self.pairs.tolist()):
            both = np.flatnonzero(seen[t] & seen[base])
            at, change = of[both], y[t, both] - y[base, both]
            self.units[pair, groups] += np.bincount(at, minlength=m)
            if w is not None:
                size = w[min(t, base), both]
                self.weight[pair, groups] += np.bincount(at, size, m)
                change *= size
            self.change[pair, groups] += np.bincount(at, change, m)
