"""The units that a group-time design compares, and how much each cohort counts."""

from __future__ import annotations

from typing import Literal

import numpy as np

from aigreen.did.group_time.plan import ControlGroup
from aigreen.effects.aggregation import Mass
from aigreen.errors import (
    AlwaysTreatedWarning,
    NoControlsError,
    NoPrePeriodError,
    NoTreatedError,
    TooFewClustersError,
    TooFewPeriodsError,
    UnbalancedWarning,
)
from aigreen.panel.dropped import Dropped
from aigreen.panel.on_disk.sample import ScannedSample
from aigreen.panel.panel import Panel, require_nested
from aigreen.panel.untreated import no_treated

CohortWeights = Literal["mean", "first"]


def check_sample(sample: Panel) -> None:
    """Refuse fewer than two periods or clusters, and clusters that cut through units."""
    if sample.n_periods < 2:
        raise TooFewPeriodsError(f"{sample.n_periods} period is left; two are needed", column=sample.names["time"])
    require_nested(sample, sample.cluster_codes, sample.names.get("cluster"))
    if sample.n_clusters < 2:
        name = sample.names.get("cluster", sample.names["unit"])
        raise TooFewClustersError(f"column {name!r} has one cluster; two are needed", column=name, count=1)


def cohorts_in_reach(
    sample: Panel | ScannedSample,
    dropped: Dropped,
    *,
    anticipation: int = 0,
    balanced: bool = False,
    control_group: ControlGroup = "not_yet_treated",
) -> np.ndarray:
    """Cohort of each unit, shape (N,), or group on disk: inf where never treated in reach, nan where left out."""
    times, cohort = sample.times, sample.unit_cohort.copy()
    cohort[cohort > times[-1] + anticipation] = np.inf
    always = cohort <= times[0] + anticipation
    if not sample.treated.any():
        message = f"no row is treated up to the last period, {sample.periods[-1]}: is the panel's cohort right?"
        raise no_treated(sample.names, message, dropped)
    if always[cohort <= times[-1]].all():
        raise NoPrePeriodError(
            f"all {sample.count_units(always):,} treated units are treated from the start (first period {times[0]}, "
            f"anticipation {anticipation}){dropped.cause()}",
            count=sample.count_units(always),
            first=sample.first_units(always),
        )
    cohort[always] = np.nan
    reason = "treated from the start, so without a period before treatment"
    dropped.add(AlwaysTreatedWarning, "units", reason, sample.count_units(always), sample.first_units(always))
    if balanced and isinstance(sample, Panel):
        rows = np.bincount(sample.unit_codes, minlength=sample.n_units)
        partly = (rows < sample.n_periods) & ~always
        first = sample.units[partly][:5]
        dropped.add(UnbalancedWarning, "units", "not seen in every period", int(partly.sum()), first)
        cohort[partly] = np.nan
        if not (cohort <= times[-1]).any():
            raise NoTreatedError("no treated unit is seen in every period; use sampling='panel'")
    if control_group == "never_treated" and not np.isinf(cohort).any():
        message = "no unit is never treated; control_group='not_yet_treated' compares with later cohorts"
        raise NoControlsError(message + dropped.cause())
    return cohort


def unit_weights(sample: Panel | ScannedSample, which: CohortWeights = "mean") -> np.ndarray:
    """Weight of each unit over its rows, or in the first of them, shape (N,); of a sample from disk by group."""
    if isinstance(sample, ScannedSample):
        return sample.unit_weights(which)
    if sample.weights is None:
        return np.ones(sample.n_units)
    if which == "first":
        return sample.weights[sample.unit_first]
    rows = np.bincount(sample.unit_codes, minlength=sample.n_units)
    return np.bincount(sample.unit_codes, sample.weights, sample.n_units) / rows


def cohort_shares(
    sample: Panel | ScannedSample, cohort: np.ndarray, of_cell: np.ndarray, which: CohortWeights = "mean"
) -> Mass:
    r"""Cohort shares among units, with :math:`\psi_i = w_i (1\{G_i = g\} - p_g) / \sum w`."""
    w = np.where(np.isnan(cohort), 0, unit_weights(sample, which))
    w /= w.sum()
    cohorts, of = np.unique(of_cell, return_inverse=True)
    value, influence = np.empty(len(cohorts)), np.empty((len(cohorts), len(sample.clusters)))
    for j, g in enumerate(cohorts):
        own = cohort == g
        value[j] = w[own].sum()
        if influence.size:
            influence[j] = np.bincount(sample.unit_cluster, w * (own - value[j]), len(sample.clusters))
    return Mass(value, of, influence.T)
