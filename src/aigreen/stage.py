"""Rows of a spillover analysis by their role, their counterfactuals and the response to exposure."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from aigreen.clean import Average, ExposureResponse, Imputed
from aigreen.did.sample import check_counts
from aigreen.did.split import Cells, Split, reached_rows, split_rows
from aigreen.dropped import Dropped
from aigreen.errors import (
    AigreenWarning,
    DataError,
    MissingRowsWarning,
    NoControlsError,
    OptionError,
    OverlapWarning,
    UnreachedWarning,
)
from aigreen.exposure import first_period
from aigreen.leads import leads
from aigreen.panel import NEVER, Panel
from aigreen.response import Basis

if TYPE_CHECKING:
    from aigreen.spillover import Spillover


@dataclass(frozen=True, eq=False)
class Stage:
    """One fit: rows by their role, counterfactuals, and the response to exposure.

    Attributes
    ----------
    clean, is_exposed : ndarray of bool, shape (n,)
    onset, column_onset : ndarray of float, shape (n_units,), and one for each column
        First period of exposure; inf for never.
    """

    options: Spillover
    sample: Panel
    outcome: str
    covariates: list[str]
    S: np.ndarray
    split: Split
    clean: np.ndarray
    is_exposed: np.ndarray
    onset: np.ndarray
    column_onset: list[np.ndarray]
    dropped: Dropped

    @cached_property
    def imputed(self) -> Imputed:
        """Counterfactuals from clean rows."""
        return self._impute(self.clean, self.dropped)

    @cached_property
    def naive(self) -> Imputed:
        """Counterfactuals from all untreated rows; what is left out is counted in the clean fit only."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", AigreenWarning)
            return self._impute(self.split.fitted, Dropped())

    def _impute(self, fitted: np.ndarray, dropped: Dropped) -> Imputed:
        return Imputed.fit(
            self.sample,
            self.sample.column(self.outcome),
            self.sample.matrix(self.covariates),
            self.covariates,
            self.split.codes,
            fitted,
            dropped,
            poisson=self.options.family == "poisson",
            percent=self.options.scale == "percent",
            leave_one_out=self.options.variance == "leave_one_out",
        )

    @cached_property
    def treated(self) -> Cells:
        """Treated rows that clean rows reach, by cohort and period."""
        rows = reached_rows(self.sample, self.split.treated, self.imputed.reached, self.dropped)
        cells = self.imputed.cells(self.sample.unit_cohort, rows, "treated rows", self.dropped)
        self.imputed.check_alone(cells, "treated rows")
        return cells

    @cached_property
    def exposed(self) -> np.ndarray:
        """Positions of the exposed untreated rows that clean rows reach."""
        exposed = self.split.fitted & self.is_exposed
        lost = np.flatnonzero(exposed & ~self.imputed.reached)
        reason = "exposed untreated rows whose fixed effects no clean row reaches"
        self.dropped.add(UnreachedWarning, "rows", reason, lost.size, self.sample.labels(lost[:5]), stacklevel=5)
        return np.flatnonzero(exposed & self.imputed.reached)

    def leads(self) -> dict[str, tuple[Cells, Average]]:
        """Coefficients of the periods before treatment, and before exposure where it comes first."""
        cohort = self.sample.unit_cohort
        onsets = {"treated": cohort, "exposed": np.where(self.onset < cohort, self.onset, NEVER)}
        return leads(self.imputed, onsets, self.options.leads, self.options.anticipation, self.dropped)

    def exposed_cells(self, rows: np.ndarray, onset: np.ndarray, what: str) -> Cells:
        """Cells of exposed untreated rows by onset and period."""
        return self.imputed.cells(onset, rows, what, self.dropped)

    @cached_property
    def response(self) -> ExposureResponse:
        """Response of exposed untreated rows."""
        options, exposed = self.options, self.exposed
        basis = Basis.choose(options.columns, options.response, options.bins, self.S[exposed])
        response = self.imputed.respond(basis, self.S, exposed, self.treated.rows, self.dropped)
        if exposed.size:
            self._check_overlap()
        return response

    def _check_overlap(self) -> None:
        """Warn where the response is carried to exposures that no untreated row has."""
        seen, rows = self.S[self.exposed], self.treated.rows
        low = np.where(seen > 0, seen, np.inf).min(axis=0)
        met = self.S[rows]
        beyond = rows[((met > seen.max(axis=0)) | ((met > 0) & (met < low))).any(axis=1)]
        if beyond.size:
            message = f"{beyond.size:,} treated rows have exposures outside those of untreated rows: extrapolated"
            first = self.sample.labels(beyond[:5])
            warnings.warn(OverlapWarning(message, count=beyond.size, first=first), stacklevel=5)


def prepare(options: Spillover, panel: Panel, outcome: str, covariates: Sequence[str] | None) -> Stage:
    """Split the rows, code the onsets of exposure."""
    names, columns, dropped = list(covariates or []), options.columns, Dropped()
    if outcome in {*columns, *names}:
        raise OptionError("outcome", outcome, ["a column that is no exposure and no covariate"])
    if set(columns) & set(names):
        raise OptionError("covariates", names, ["columns that are no exposure"])
    positive = np.nan_to_num(panel.matrix(columns)) > 0
    onsets = [first_period(panel, positive.any(axis=1)), *(first_period(panel, column) for column in positive.T)]
    sample = panel.complete(list(dict.fromkeys([outcome, *names, *columns])), dropped)
    if sample.weights is not None and not sample.weights.all():
        zero = np.flatnonzero(sample.weights == 0)
        dropped.add(MissingRowsWarning, "rows", "weight zero", zero.size, sample.labels(zero[:5]), stacklevel=4)
        sample = sample._view(sample.weights > 0)
    onset, *column_onset = (first[panel.units.get_indexer(sample.units)] for first in onsets)
    S = sample.matrix(columns)
    _check_exposure(S, columns, sample)
    if options.family == "poisson":
        check_counts(sample.column(outcome), outcome, sample)
    split = split_rows(sample, options.fixed_effects, options.anticipation, dropped)
    exposed = (S > 0).any(axis=1)
    wait = onset[sample.unit_codes] - sample.time
    clean = split.fitted & ~exposed & ~((wait > 0) & (wait <= options.anticipation))
    if not clean.any():
        raise NoControlsError("no row is both untreated and unexposed", column=columns[0], count=0)
    return Stage(options, sample, outcome, names, S, split, clean, exposed, onset, column_onset, dropped)


def _check_exposure(S: np.ndarray, columns: Sequence[str], sample: Panel) -> None:
    for name, values in zip(columns, S.T, strict=True):
        rows = np.flatnonzero(values < 0)
        if rows.size:
            raise DataError(
                f"column {name!r}: {rows.size:,} negative exposures; zero is unexposed",
                column=name,
                count=rows.size,
                first=sample.labels(rows[:5]),
            )
