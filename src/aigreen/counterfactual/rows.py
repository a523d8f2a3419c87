"""Rows to fit on and rows to impute, and what is left out between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aigreen.errors import (
    AlwaysTreatedWarning,
    DataError,
    EstimationError,
    NoControlsError,
    NoPrePeriodError,
    OptionError,
    OverlapWarning,
    SeparatedError,
    SeparationWarning,
    TooFewClustersError,
    UnreachedWarning,
    counted,
    warn,
)
from aigreen.exposure.exposure import first_period
from aigreen.linalg.arrays import distinct, take_rows
from aigreen.linalg.collinearity import column_scale
from aigreen.panel.dropped import Dropped
from aigreen.panel.panel import Panel, require_panel, with_weight
from aigreen.panel.untreated import no_treated
from aigreen.regression.separation import separated_rows

ALL_ZERO = "the outcome of their units or periods is zero in all rows that it is fitted to (separation)"
SEPARATED = "zero outcomes that covariates or fixed effects separate"


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


def split_rows(sample: Panel, fixed_effects: Sequence[str] | None, anticipation: int, dropped: Dropped) -> Split:
    """Split the rows; leave out units without an untreated row where unit effects are used."""
    names = sample.effect_names(fixed_effects)
    treated = sample.treated
    fitted = ~treated if not anticipation else sample.time < sample.cohort - anticipation
    if not treated.any():
        raise no_treated(sample.names, "no row is treated", dropped)
    if not fitted.any():
        raise NoControlsError(f"no row is untreated{dropped.cause()}", column=sample.names.get("cohort"), count=0)
    if distinct(sample.cluster_codes) < 2:
        raise TooFewClustersError("one cluster only: no variance can be computed", count=1)
    if sample.names["unit"] in names and not sample.repeated:
        with_treated = np.bincount(sample.unit_codes[treated], minlength=sample.n_units) > 0
        always = with_treated & (np.bincount(sample.unit_codes[fitted], minlength=sample.n_units) == 0)
        if always.sum() == with_treated.sum():
            first = sample.units[always][:5]
            message = f"no treated unit is seen untreated{dropped.cause()}"
            raise NoPrePeriodError(message, count=int(always.sum()), first=first)
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


def without_separated(
    codes: list[np.ndarray],
    fitted: np.ndarray,
    y: np.ndarray,
    X: np.ndarray,
    sample: Panel,
    dropped: Dropped,
    failure: EstimationError,
) -> np.ndarray:
    """Return `fitted` without the zero outcomes that covariates and effects separate, which are counted.

    `failure` of the fit may know them.
    """
    rows = np.flatnonzero(fitted)
    if isinstance(failure, SeparatedError):
        gone = rows[failure.rows]
    else:
        x = take_rows(X, rows)
        gone = rows[separated_rows(y[rows], x / column_scale(x), [code[rows] for code in codes])]
    dropped.add(SeparationWarning, "untreated rows", SEPARATED, gone.size, sample.labels(gone[:5]))
    left = fitted.copy()
    left[gone] = False
    return left


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
    if rows.size and not (treated & ~left & (reached | zero)).any():
        raise NoControlsError(
            "no treated row can be imputed: the outcome of its unit, or of its period, is zero in all untreated rows, "
            "so that this has no finite effect (separation)",
            count=rows.size,
            first=sample.labels(rows[:5]),
        )
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


@dataclass(frozen=True, eq=False)
class RowRoles:
    """Rows without missing values, and what they serve for.

    Attributes
    ----------
    sample : Panel
    split : Split
        Untreated and treated rows.
    exposure : ndarray, shape (n, J)
    clean : ndarray of bool, shape (n,)
        Untreated rows without exposure, now or within the periods of anticipation.
    onset : ndarray of float, shape (n_units,)
        First exposed period among all rows of the panel, complete or not; inf for never.
    """

    sample: Panel
    split: Split
    exposure: np.ndarray
    clean: np.ndarray
    onset: np.ndarray

    @property
    def exposed(self) -> np.ndarray:
        """Mark untreated rows with an exposure."""
        return self.split.fitted & (self.exposure > 0).any(axis=1)


def assign_roles(
    panel: Panel,
    outcome: str,
    exposures: Sequence[str],
    *,
    channels: Sequence[str] = (),
    covariates: Sequence[str] = (),
    fixed_effects: Sequence[str] | None,
    anticipation: int,
    dropped: Dropped,
) -> RowRoles:
    """Take the rows without missing values and of positive weight, and split them.

    Raises
    ------
    OptionError
        A column has two roles.
    DataError
        An exposure is negative.
    NoControlsError
        No untreated row is free of exposure.
    RepeatedCrossSectionsError
    """
    require_panel(panel)
    panel.require_units("Decomposition or Spillover")
    panel.check_roles(outcome, fixed_effects, channels=channels, exposure=exposures, covariates=covariates)
    acting = {*channels, *exposures}
    repeated = sorted(acting & {*covariates})
    if repeated:
        raise OptionError("covariates", repeated[0], ["columns that are no channel and no exposure"])
    sample = panel.complete(list(dict.fromkeys([outcome, *channels, *exposures, *covariates])), dropped)
    sample = with_weight(sample, dropped)
    values = sample.matrix(exposures)
    for name, column in zip(exposures, values.T, strict=True):
        negative = np.flatnonzero(column < 0)
        if negative.size:
            raise DataError(
                f"column {name!r}: {negative.size:,} negative exposures; zero is unexposed",
                column=name,
                count=negative.size,
                first=sample.labels(negative[:5]),
            )
    split = split_rows(sample, fixed_effects, anticipation, dropped)
    onset = exposure_onset(panel, sample, exposures)
    wait = onset[sample.unit_codes] - sample.time
    clean = split.fitted & ~(values > 0).any(axis=1) & ~((wait > 0) & (wait <= anticipation))
    if not clean.any():
        names = ", ".join(exposures)
        raise NoControlsError(f"no row is both untreated and unexposed ({names})", column=exposures[0], count=0)
    return RowRoles(sample, split, values, clean, onset)


def exposure_onset(panel: Panel, sample: Panel, exposures: Sequence[str]) -> np.ndarray:
    """First period in which the unit has any of the exposures, for the units of a view; inf for never."""
    if not len(exposures):
        return np.full(sample.n_units, np.inf)
    exposed = (np.nan_to_num(panel.matrix(exposures)) > 0).any(axis=1)
    return first_period(panel, exposed)[panel.units.get_indexer(sample.units)]


def reached_exposed_rows(sample: Panel, exposed: np.ndarray, reached: np.ndarray, dropped: Dropped) -> np.ndarray:
    """Positions of the exposed untreated rows that clean rows reach."""
    lost = np.flatnonzero(exposed & ~reached)
    reason = "exposed untreated rows whose fixed effects no clean row reaches"
    dropped.add(UnreachedWarning, "rows", reason, lost.size, sample.labels(lost[:5]))
    return np.flatnonzero(exposed & reached)


def warn_extrapolated(sample: Panel, exposure: np.ndarray, exposed: np.ndarray, treated: np.ndarray) -> None:
    """Warn where treated rows have exposures outside those of the exposed untreated rows."""
    seen, met = exposure[exposed], exposure[treated]
    low = np.where(seen > 0, seen, np.inf).min(axis=0)
    beyond = treated[((met > seen.max(axis=0)) | ((met > 0) & (met < low))).any(axis=1)]
    if beyond.size:
        warn(extrapolated_warning(beyond.size, sample.labels(beyond[:5])))


def extrapolated_warning(count: int, first: Sequence[object]) -> OverlapWarning:
    """Say that treated rows have exposures outside those of exposed untreated rows."""
    message = (
        f"{counted(count, 'treated row has', 'treated rows have')} exposures outside those of untreated rows: the "
        "response is extrapolated"
    )
    return OverlapWarning(message, count=count, first=first)
