"""All two-period comparisons of a group-time design, and their influence functions by cluster."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from aigreen.did.group_time.layout import Long, Wide
from aigreen.did.group_time.plan import Cells
from aigreen.did.group_time.two_periods import Method, NotIdentifiedError, cross_section_att, panel_att
from aigreen.effects.root import Root
from aigreen.options import check_memory

NO_CONTROLS = "no unit is still untreated to compare with"
NO_TREATED = "no unit of the cohort is seen in both periods"


@dataclass(eq=False)
class Computed:
    """Cells as they are computed; reference cells stay zero.

    Attributes
    ----------
    values : ndarray, shape (k,)
    psi : ndarray, shape (k, clusters)
        One contiguous row a cell.
    smallest : ndarray of int, shape (k,)
        Number of treated or of comparison units, whichever is smaller.
    reasons : dict of int to str
        Cells that cannot be computed, and why.
    root : Root, optional
        Of cells and then of the shares of cohorts, in place of `psi`, which has then no clusters.
    """

    values: np.ndarray
    psi: np.ndarray
    smallest: np.ndarray
    reasons: dict[int, str]
    root: Root | None = None

    @classmethod
    def nothing(cls, k: int, n_clusters: int) -> Computed:
        """Start with no cell computed."""
        check_memory(
            "influence functions, group-time effects x clusters", "take fewer clusters or periods", k, n_clusters
        )
        return cls(np.zeros(k), np.zeros((k, n_clusters)), np.zeros(k, dtype=int), {})

    @property
    def failed(self) -> np.ndarray:
        """Mask of the cells that cannot be computed, shape (k,)."""
        mask = np.zeros(len(self.values), dtype=bool)
        mask[list(self.reasons)] = True
        return mask

    def add_influence(self, batch: np.ndarray, clusters: np.ndarray, psi: np.ndarray, *, distinct: bool) -> None:
        """Add influence functions of units, shape (cells of the batch, n), to those of their clusters."""
        for cell, row in zip(batch, psi, strict=True):
            if distinct:
                self.psi[cell][clusters] = row
            else:
                self.psi[cell] += np.bincount(clusters, row, self.psi.shape[1])


class Compared(NamedTuple):
    """Cells with the same units on both sides, and with the same covariates: several outcomes of one comparison.

    Attributes
    ----------
    cells : ndarray of int, shape (m,)
        Their positions.
    treated, controls : ndarray of int, shapes (n1,), (n0,)
        Positions of the units seen in both periods.
    """

    cells: np.ndarray
    treated: np.ndarray
    controls: np.ndarray


def compared(cells: Cells, cohort: np.ndarray, wide: Wide, *, alone: bool = False) -> Iterator[Compared]:
    """Yield the cells that are computed together, each alone if asked for; reference cells are in none.

    Parameters
    ----------
    cohort : shape (N,)
        Of each unit; inf for never treated, nan for left out.
    """
    if wide.seen is None and wide.now is None and not alone:
        known = np.unique(cohort[np.isfinite(cohort)])
        passed = np.searchsorted(known, cells.latest, side="right") - (cells.latest >= cells.cohort)
        keys = np.column_stack([cells.cohort, np.zeros(len(cells)) if wide.fixed else cells.earlier, passed])
    else:
        keys = np.arange(len(cells))[:, None]
    for batch in cells.batches(keys):
        one = batch[0]
        sides = cohort == cells.cohort[one], cells.controls(one, cohort)
        if wide.seen is not None:
            seen = wide.seen[cells.time[one]] & wide.seen[cells.base[one]]
            sides = sides[0] & seen, sides[1] & seen
        yield Compared(batch, *(np.flatnonzero(side) for side in sides))


def compare_units(method: Method, cells: Cells, cohort: np.ndarray, wide: Wide, n_clusters: int) -> Computed:
    """Compare differences of the units seen in both periods.

    In a balanced panel, cells with the same cohort, covariates and comparison units share regression design and
    propensity score: they are several outcomes of one fit.

    Parameters
    ----------
    cohort : shape (N,)
        Of each unit; inf for never treated, nan for left out.
    """
    result = Computed.nothing(len(cells), n_clusters)
    distinct = len(np.unique(wide.clusters)) == len(wide.clusters)
    starts: dict[float, np.ndarray | None] = {}
    for batch, treated, controls in compared(cells, cohort, wide):
        g = cells.cohort[batch[0]]
        result.smallest[batch] = min(treated.size, controls.size)
        try:
            if not (treated.size and controls.size):
                raise NotIdentifiedError(NO_CONTROLS if treated.size else NO_TREATED)
            (first, z1), (second, z0) = (differences(wide, cells, batch, side) for side in (treated, controls))
            propensity = None if z1 is None or z0 is None else (z1, z0)
            values, psi1, psi0, starts[g] = panel_att(method, first, second, starts.get(g), propensity)
        except NotIdentifiedError as reason:
            result.reasons.update(dict.fromkeys(batch.tolist(), str(reason)))
            continue
        result.values[batch] = values
        result.add_influence(batch, wide.clusters[treated], psi1, distinct=distinct)
        result.add_influence(batch, wide.clusters[controls], psi0, distinct=distinct)
    return result


def compare_rows(method: Method, cells: Cells, cohort: np.ndarray, long: Long, n_clusters: int) -> Computed:
    """Compare cross-sections; `cohort` is that of each unit, shape (N,)."""
    result = Computed.nothing(len(cells), n_clusters)
    by_row = np.where(long.w > 0, cohort[long.units], np.nan)
    for cell in np.flatnonzero(~cells.reference).tolist():
        t, base = cells.time[cell], cells.base[cell]
        rows = np.concatenate([np.arange(long.starts[s], long.starts[s + 1]) for s in (base, t)])
        later = np.arange(len(rows)) >= long.starts[base + 1] - long.starts[base]
        d = by_row[rows] == cells.cohort[cell]
        compared = d | cells.controls(cell, by_row[rows])
        rows, d, later = rows[compared], d[compared], later[compared]
        n_treated, n_controls = (min((side & later).sum(), (side & ~later).sum()) for side in (d, ~d))
        result.smallest[cell] = min(n_treated, n_controls)
        try:
            if not (n_treated and n_controls):
                raise NotIdentifiedError(NO_CONTROLS if n_treated else NO_TREATED)
            x, z = (None if design is None else design[:, rows] for design in (long.x, long.z))
            result.values[cell], psi = cross_section_att(method, long.y[rows], x, long.w[rows], d, later, z)
        except NotIdentifiedError as reason:
            result.reasons[cell] = str(reason)
            continue
        result.psi[cell] = np.bincount(long.clusters[rows], psi, n_clusters)
    return result


def differences(
    wide: Wide, cells: Cells, batch: np.ndarray, units: np.ndarray
) -> tuple[tuple[np.ndarray, np.ndarray | None, np.ndarray], np.ndarray | None]:
    """(Differences, covariates, weights) and covariates of the propensity score of these units in cells of one batch.

    Returns
    -------
    differences : shape (m, n);  covariates : shape (p, n) or None;  weights : shape (n,)
    propensity : shape (q, n) or None
    """
    t, base, earlier = cells.time[batch], cells.base[batch], cells.earlier[batch[0]]
    y = wide.y[t].take(units, axis=1)
    y -= wide.y[base[:1] if (base == base[0]).all() else base].take(units, axis=1)
    x, z = (
        None if design is None else design[earlier if len(design) > 1 else 0].take(units, axis=1)
        for design in (wide.x, wide.z)
    )
    if wide.now is not None:
        now = wide.now[max(t[0], base[0])].take(units, axis=1)
        x = np.vstack([np.ones((1, len(units))) if x is None else x, now])
        z = None if z is None else np.vstack([z, now])
    return (y, x, wide.w[earlier if len(wide.w) > 1 else 0].take(units)), z
