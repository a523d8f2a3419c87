"""Linear imputation of a panel on disk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from aigreen.counterfactual.centring import at_common_ratio, centred, check_lone_cells
from aigreen.counterfactual.on_disk.clean_rows import CleanRows
from aigreen.counterfactual.on_disk.counts import check_finite, fit_counts
from aigreen.counterfactual.on_disk.design import Design
from aigreen.counterfactual.on_disk.sums import lost_rows
from aigreen.counterfactual.rows import Cells
from aigreen.errors import NoPrePeriodError, SeparationWarning
from aigreen.panel.dropped import Dropped


@dataclass(frozen=True, eq=False)
class Counted:
    """What there is to say of counts.

    Attributes
    ----------
    mass_influence : ndarray, shape (clusters, k)
        Of the counterfactual sums.
    n_zero : int
        Treated rows whose counterfactual is zero.
    level : float
        Mean count of the rows used.
    none : ndarray of bool, shape (k,)
        Cells whose treated counts are all zero.
    row_masses : ndarray, shape (groups, periods)
        Weights times counterfactual means.
    """

    mass_influence: np.ndarray
    n_zero: int
    level: float
    none: np.ndarray
    row_masses: np.ndarray


@dataclass(frozen=True, eq=False)
class Imputations:
    """Mean effects by cohort and period, and coefficients of leads.

    Attributes
    ----------
    cohort, time : ndarray of int, shape (k,)
    values, mass : ndarray, shape (k,)
    psi : ndarray, shape (clusters, k)
    post : ndarray of bool, shape (k,)
        Not leads.
    sizes : dict
        Rows, units and clusters used, and the largest outcome.
    """

    cohort: np.ndarray
    time: np.ndarray
    values: np.ndarray
    mass: np.ndarray
    psi: np.ndarray
    post: np.ndarray
    sizes: dict[str, Any]
    counts: Counted | None = None


def impute(design: Design, variance: str, n_leads: int, dropped: Dropped) -> Imputations:
    """Fit untreated rows, impute treated ones and average by cohort and period; then leads.

    Parameters
    ----------
    variance : {"conservative", "conservative_rows", "leave_one_out"}

    Raises
    ------
    NoControlsError, NoPrePeriodError
    """
    design = design.with_leads(n_leads) if n_leads else design
    clean = CleanRows(design, dropped)
    clean.reach()
    sums = clean.sums()
    lost_rows(sums, dropped)
    cells, found = cells_found(design, sums.counts)
    effect, weight, error = sums.moved[0][:, found], sums.weight[:, found], sums.error[0][:, found]
    alone, leave_one_out = np.count_nonzero(weight, axis=0) == 1, variance == "leave_one_out"
    check_lone_cells(alone, cells, np.flatnonzero(sums.with_treated), leave_one_out=leave_one_out)
    mass = weight.sum(axis=0)
    values = effect.sum(axis=0) / mass
    if variance == "conservative_rows":
        own = effect - weight * (sums.square_effects[found] / sums.squares[found])
    else:
        own = centred(effect, weight, leave_one_out=leave_one_out)
    psi, cohort, time = (own - error) / mass, cells.cohort, cells.time
    post = np.ones(len(values), dtype=bool)
    if n_leads:
        before = _leads(design, clean, sums.leads, n_leads, dropped)
        cohort, time, values, mass = (
            np.append(first, second) for first, second in zip((cohort, time, values, mass), before, strict=False)
        )
        psi, post = np.hstack([psi, before[-1]]), np.append(post, np.zeros(len(before[0]), dtype=bool))
        order = np.lexsort((time, cohort))
        cohort, time, values, mass, post = (one[order] for one in (cohort, time, values, mass, post))
        psi = psi[:, order]
    return Imputations(cohort.astype(np.int64), time, values, mass, psi, post, sums.sizes)


def impute_counts(design: Design, *, percent: bool, leave_one_out: bool, drop: bool, dropped: Dropped) -> Imputations:
    """Impute counts; in percent the masses are the counterfactual sums, with influence functions.

    Raises
    ------
    NoControlsError, CollinearError, ConvergenceError, DataError, EstimationError
    """
    clean = CleanRows(fit_counts(design, dropped), None)
    clean.reach()
    sums = clean.sums(drop=drop)
    reason = "treated rows without a positive counterfactual (separated)"
    dropped.add(SeparationWarning, "rows", reason, sums.lost["zero"].count, sums.lost["zero"].first)
    lost_rows(sums, dropped)
    cells, found = cells_found(design, sums.counts)
    gap, weight, error = sums.moved[0][:, found], sums.weight[:, found], sums.error[0][:, found]
    check_finite(weight)
    alone = np.count_nonzero(weight, axis=0) == 1
    check_lone_cells(alone, cells, np.flatnonzero(sums.with_treated), leave_one_out=leave_one_out)
    own = at_common_ratio(gap + weight, weight.copy(), leave_one_out=leave_one_out)
    total = gap.sum(axis=0)
    if percent:
        mass = weight.sum(axis=0)
        values = total / mass
        psi = (own - error - values * error) / mass
    else:
        mass = sums.plain[found]
        values, psi = total / mass, (own - error) / mass
    return Imputations(
        cells.cohort,
        cells.time,
        values,
        mass,
        psi,
        np.ones(len(values), dtype=bool),
        sums.sizes,
        counts=Counted(error, sums.n_zero, sums.level / sums.sizes["n_rows"], sums.outcome[found] == 0, sums.mass),
    )


def cells_found(design: Design, counts: np.ndarray) -> tuple[Cells, np.ndarray]:
    """Cohorts and periods with treated rows, and their positions among all."""
    found = np.flatnonzero(counts)
    cohort = design.cohorts[found // design.sample.n_periods].astype(np.int64)
    none = np.zeros(0, dtype=np.intp)
    return Cells(cohort, design.sample.times[found % design.sample.n_periods], none, none), found


def _leads(
    design: Design, clean: CleanRows, scores: np.ndarray, n_leads: int, dropped: Dropped
) -> tuple[np.ndarray, ...]:
    """Cohort, period, coefficient, mass and influence of each lead of each cohort."""
    if not design.leads:
        raise NoPrePeriodError(f"no row of the fit is within {n_leads} periods before treatment", count=0)
    kept, beta, bread = clean.leads()
    names = [f"lead {-h - design.anticipation}" for h in design.leads]
    dropped.collinear(names, np.isin(np.arange(len(names)), kept), "leads", "fixed effects and other leads")
    p = len(clean.kept)
    beta, psi = (beta + bread @ scores.sum(axis=0))[p:], (scores @ bread)[:, p:]
    horizons = [design.leads[j] for j in kept]
    cohort, time, lead, mass = design.lead_rows(horizons)
    of = np.array([horizons.index(h) for h in lead], dtype=np.intp)
    return cohort, time, beta[of], mass, psi[:, of]
