"""Rows to fit on and rows to impute, and what is left out between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aigreen.dropped import Dropped
from aigreen.errors import (
    AlwaysTreatedWarning,
    MissingRowsWarning,
    NoControlsError,
    NoPrePeriodError,
    NoTreatedError,
    SeparationWarning,
    TooFewClustersError,
    UnreachedWarning,
)
from aigreen.panel import Panel


@dataclass(frozen=True)
class Split:
    """Rows to fit on, treated rows, and codes of the fixed effects."""

    fitted: np.ndarray
    treated: np.ndarray
    codes: list[np.ndarray]


@dataclass(frozen=True)
class Cells:
    """Cohort-periods (`cohort`, `time`), and the cell (`cell`) of each of their rows (`rows`)."""

    cohort: np.ndarray
    time: np.ndarray
    rows: np.ndarray
    cell: np.ndarray

    @classmethod
    def of(cls, sample: Panel, rows: np.ndarray) -> Cells:
        """Cells of these rows, all of units with a cohort; cohorts ascend, then periods."""
        cohorts, periods = sample.cohorts, sample.n_periods
        of_unit = np.searchsorted(cohorts, sample.unit_cohort)
        code = of_unit[sample.unit_codes[rows]] * periods + sample.time_codes[rows]
        present = np.flatnonzero(np.bincount(code, minlength=len(cohorts) * periods))
        position = np.zeros(len(cohorts) * periods, dtype=np.intp)
        position[present] = np.arange(len(present))
        return cls(cohorts[present // periods].astype(np.int64), sample.times[present % periods], rows, position[code])


def with_weight(sample: Panel, dropped: Dropped) -> Panel:
    """Leave out and count rows of weight zero."""
    if sample.weights is None or sample.weights.all():
        return sample
    zero = np.flatnonzero(sample.weights == 0)
    dropped.add(MissingRowsWarning, "rows", "weight zero", zero.size, sample.labels(zero[:5]))
    return sample._view(sample.weights > 0)


def split_rows(sample: Panel, fixed_effects: Sequence[str] | None, anticipation: int, dropped: Dropped) -> Split:
    """Split the rows; leave out units without an untreated row where unit effects are used."""
    unit, time = sample.names["unit"], sample.names["time"]
    names = list(fixed_effects or (unit, time))
    treated = sample.treated
    fitted = ~treated if not anticipation else sample.time < sample.cohort - anticipation
    if not treated.any():
        raise NoTreatedError("no row is treated", column=sample.names.get("cohort"), count=0)
    if not fitted.any():
        raise NoControlsError("no row is untreated", column=sample.names.get("cohort"), count=0)
    if distinct(sample.cluster_codes) < 2:
        raise TooFewClustersError("one cluster only: no variance can be computed", count=1)
    if unit in names:
        with_treated = np.bincount(sample.unit_codes[treated], minlength=sample.n_units) > 0
        always = with_treated & (np.bincount(sample.unit_codes[fitted], minlength=sample.n_units) == 0)
        if always.sum() == with_treated.sum():
            first = sample.units[always][:5]
            raise NoPrePeriodError("no treated unit is seen untreated", count=int(always.sum()), first=first)
        reason = "treated in all their periods"
        dropped.add(AlwaysTreatedWarning, "units", reason, int(always.sum()), sample.units[always][:5])
        if always.any():
            treated = treated & ~always[sample.unit_codes]
    return Split(fitted, treated, [sample.effect_codes(name) for name in names])


def without_zero_groups(
    codes: list[np.ndarray], fitted: np.ndarray, y: np.ndarray, sample: Panel, dropped: Dropped
) -> tuple[np.ndarray, np.ndarray]:
    """Separate fixed effects whose untreated outcomes are all zero, repeatedly: their estimates are minus infinity.

    Returns
    -------
    fitted : ndarray of bool, shape (n,)
        Untreated rows that are not separated.
    zero : ndarray of bool, shape (n,)
        Other rows whose mean is zero in the limit: a separated effect, and every effect seen untreated.
    """
    keep = fitted.copy()
    while True:
        before = np.count_nonzero(keep)
        for code in codes:
            positive = np.bincount(code, y * keep, int(code.max()) + 1) > 0
            keep &= positive[code]
        if np.count_nonzero(keep) == before:
            break
    if not keep.any():
        raise NoControlsError("every untreated outcome is zero", count=int(fitted.sum()))
    gone = np.flatnonzero(fitted & ~keep)
    reason = "untreated outcome always zero in a fixed effect (separated)"
    dropped.add(SeparationWarning, "untreated rows", reason, gone.size, sample.labels(gone[:5]))
    zero, seen = np.zeros_like(keep), np.ones_like(keep)
    for code in codes:
        size = int(code.max()) + 1
        was, now = np.bincount(code, fitted, size) > 0, np.bincount(code, keep, size) > 0
        seen &= was[code]
        zero |= (was & ~now)[code]
    return keep, zero & seen & ~fitted


def identified_cells(
    sample: Panel, treated: np.ndarray, reached: np.ndarray, zero: np.ndarray, *, drop: bool, dropped: Dropped
) -> Cells:
    """Cells of the treated rows that can be imputed; with `drop` without the rows of mean zero.

    Cells whose counterfactual is zero in every row are always left out: they have no ratio to it.
    """
    left = treated & zero
    if not drop and left.any():
        cells = Cells.of(sample, np.flatnonzero(treated & (reached | zero)))
        positive = np.bincount(cells.cell, ~zero[cells.rows]) > 0
        left = np.zeros_like(left)
        left[cells.rows] = ~positive[cells.cell]
    rows = np.flatnonzero(left)
    reason = "treated rows without a positive counterfactual (separated)"
    dropped.add(SeparationWarning, "rows", reason, rows.size, sample.labels(rows[:5]))
    treated = treated & ~left
    return Cells.of(sample, reached_rows(sample, treated, reached | zero, dropped))


def reached_rows(sample: Panel, treated: np.ndarray, reached: np.ndarray, dropped: Dropped) -> np.ndarray:
    """Positions of the treated rows whose counterfactual is identified."""
    rows = np.flatnonzero(treated & reached)
    lost = np.flatnonzero(treated & ~reached)
    if not rows.size:
        raise NoControlsError(
            "no treated row can be imputed: untreated rows do not reach its fixed effects",
            count=lost.size,
            first=sample.labels(lost[:5]),
        )
    reason = "treated rows whose fixed effects no untreated row reaches"
    dropped.add(UnreachedWarning, "rows", reason, lost.size, sample.labels(lost[:5]))
    return rows


def distinct(codes: np.ndarray) -> int:
    """Count the codes that occur; codes are small integers from zero."""
    return int(np.count_nonzero(np.bincount(codes)))
