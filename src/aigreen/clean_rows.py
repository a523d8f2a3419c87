"""Rows of a panel by their role where treatment reaches others: clean, exposed, treated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aigreen.did.split import Split, split_rows, with_weight
from aigreen.dropped import Dropped, warn
from aigreen.errors import (
    DataError,
    NoControlsError,
    OptionError,
    OverlapWarning,
    UnreachedWarning,
)
from aigreen.exposure import first_period
from aigreen.panel import Panel


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
    """
    acting = {*channels, *exposures}
    if outcome in {*acting, *covariates}:
        raise OptionError("outcome", outcome, ["a column that is no channel, exposure or covariate"])
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
        message = (
            f"{beyond.size:,} treated rows have exposures outside those of untreated rows: the response is extrapolated"
        )
        warn(OverlapWarning(message, count=beyond.size, first=sample.labels(beyond[:5])))
