"""Rows of a spillover analysis by their role, their counterfactuals and the response to exposure."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from aigreen.clean import Average, ExposureResponse, Imputed
from aigreen.clean_rows import RowRoles, assign_roles, exposure_onset, reached_exposed_rows, warn_extrapolated
from aigreen.did.sample import check_counts
from aigreen.did.split import Cells, reached_rows
from aigreen.dropped import Dropped
from aigreen.errors import AigreenWarning
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
    panel : Panel
        As it was given, with the rows that are not complete.
    roles : RowRoles
    """

    options: Spillover
    panel: Panel
    roles: RowRoles
    outcome: str
    covariates: list[str]
    dropped: Dropped

    @property
    def sample(self) -> Panel:
        """Rows without missing values."""
        return self.roles.sample

    @cached_property
    def imputed(self) -> Imputed:
        """Counterfactuals from clean rows."""
        return self._impute(self.roles.clean, self.dropped)

    @cached_property
    def naive(self) -> Imputed:
        """Counterfactuals from all untreated rows; what is left out is counted in the clean fit only."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", AigreenWarning)
            return self._impute(self.roles.split.fitted, Dropped())

    def _impute(self, fitted: np.ndarray, dropped: Dropped) -> Imputed:
        return Imputed.fit(
            self.sample,
            self.sample.column(self.outcome),
            self.sample.matrix(self.covariates),
            self.covariates,
            self.roles.split.codes,
            fitted,
            dropped,
            poisson=self.options.family == "poisson",
            percent=self.options.scale == "percent",
            leave_one_out=self.options.variance == "leave_one_out",
        )

    @cached_property
    def treated(self) -> Cells:
        """Treated rows that clean rows reach, by cohort and period."""
        rows = reached_rows(self.sample, self.roles.split.treated, self.imputed.reached, self.dropped)
        cells = self.imputed.cells(self.sample.unit_cohort, rows, "treated rows", self.dropped)
        self.imputed.check_alone(cells, "treated rows")
        return cells

    @cached_property
    def exposed(self) -> np.ndarray:
        """Positions of the exposed untreated rows that clean rows reach."""
        return reached_exposed_rows(self.sample, self.roles.exposed, self.imputed.reached, self.dropped)

    def column_onset(self, j: int) -> np.ndarray:
        """First period with exposure in column j, for each unit; inf for never."""
        return exposure_onset(self.panel, self.sample, [self.options.columns[j]])

    def leads(self) -> dict[str, tuple[Cells, Average]]:
        """Coefficients of the periods before treatment, and before exposure where it comes first."""
        cohort = self.sample.unit_cohort
        onsets = {"treated": cohort, "exposed": np.where(self.roles.onset < cohort, self.roles.onset, NEVER)}
        return leads(self.imputed, onsets, self.options.leads, self.options.anticipation, self.dropped)

    def exposed_cells(self, rows: np.ndarray, onset: np.ndarray, what: str) -> Cells:
        """Cells of exposed untreated rows by onset and period."""
        return self.imputed.cells(onset, rows, what, self.dropped)

    @cached_property
    def response(self) -> ExposureResponse:
        """Response of exposed untreated rows."""
        options, exposed = self.options, self.exposed
        basis = Basis.choose(options.columns, options.response, options.bins, self.roles.exposure[exposed])
        response = self.imputed.respond(basis, self.roles.exposure, exposed, self.treated.rows, self.dropped)
        if exposed.size:
            warn_extrapolated(self.sample, self.roles.exposure, exposed, self.treated.rows)
        return response


def prepare(options: Spillover, panel: Panel, outcome: str, covariates: Sequence[str] | None) -> Stage:
    """Split the rows, code the onsets of exposure."""
    names, columns, dropped = list(covariates or []), options.columns, Dropped()
    roles = assign_roles(
        panel,
        outcome,
        columns,
        covariates=names,
        fixed_effects=options.fixed_effects,
        anticipation=options.anticipation,
        dropped=dropped,
    )
    if options.family == "poisson":
        check_counts(roles.sample.column(outcome), outcome, roles.sample)
    return Stage(options, panel, roles, outcome, names, dropped)
