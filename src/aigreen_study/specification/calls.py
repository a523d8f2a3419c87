"""How each of the estimators that a specification can name is fitted to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from aigreen.decomposition.decomposition import Decomposition
from aigreen.did.diff_diff import ChaisemartinDHaultfoeuille, LocalProjections, SyntheticDiD
from aigreen.did.group_time.group_time import GroupTimeATT
from aigreen.did.imputation import Imputation
from aigreen.did.stacked import StackedDiD
from aigreen.did.sun_abraham import SunAbraham
from aigreen.effects.effects import Effects
from aigreen.errors import ConfigError, EstimationError
from aigreen.mediation.mediation import Mediation
from aigreen.panel.panel import Panel
from aigreen.regression.counts import NegativeBinomial
from aigreen.regression.diagnostics import panel_ols
from aigreen.regression.twfe import TWFE
from aigreen.spillover.spillover import Spillover
from aigreen_study.specification.menu import FIXED_EFFECTS
from aigreen_study.specification.specification import Specification

Fit = Callable[[Specification, Panel], Effects]


def _effects_of(specification: Specification) -> list[str] | None:
    return list(specification.fixed_effects) or None


def _regression(family: str) -> Fit:
    def fit(specification: Specification, panel: Panel) -> Effects:
        settings = specification.settings("instruments")
        vcov = specification.cluster if len(specification.cluster) == 2 else "cluster"
        model = TWFE(family=family, fixed_effects=_effects_of(specification), vcov=vcov)
        treatment = specification.dose_column or None
        return model.fit(
            panel, specification.outcome, treatment=treatment, covariates=specification.covariates, **settings
        )

    return fit


def _negative_binomial(specification: Specification, panel: Panel) -> Effects:
    model = NegativeBinomial(fixed_effects=_effects_of(specification))
    treatment = specification.dose_column or None
    return model.fit(panel, specification.outcome, treatment=treatment, covariates=specification.covariates)


def _panel_ols(specification: Specification, panel: Panel) -> Effects:
    treatment, effects = specification.dose_column or None, _effects_of(specification)
    covariates = specification.covariates
    return panel_ols(panel, specification.outcome, treatment=treatment, covariates=covariates, fixed_effects=effects)


def _cohort_time(model: type, *wanted: str, **fixed: Any) -> Fit:
    """Fit an estimator of effects by cohort and time, with covariates and, where it has them, fixed effects."""

    def fit(specification: Specification, panel: Panel) -> Effects:
        reads = specification.method.reads
        settings = fixed | specification.settings(*wanted)
        if FIXED_EFFECTS in reads:
            settings[FIXED_EFFECTS] = _effects_of(specification)
        for role in ("exposure", "channels"):
            if role in reads:
                settings[role] = list(getattr(specification, role))
        covariates = {"covariates": list(specification.covariates)} if "covariates" in reads else {}
        return model(**settings).fit(panel, specification.outcome, **covariates)

    return fit


def imputation(specification: Specification, panel: Panel, **fixed: Any) -> Effects:
    """Fit by imputation; treated rows that are all in one cluster are centred with it, whatever is asked for.

    Errors without the own cluster need another one. Conservative ones are then too small, and intervals are refused.
    """
    fit = _cohort_time(Imputation, "variance", "anticipation", "leads", "factors", "separated", **fixed)
    options = specification.options
    try:
        return fit(specification, panel)
    except EstimationError:
        if options.get("variance") != "leave_one_out":
            raise
        return fit(replace(specification, options={**options, "variance": "conservative"}), panel)


def common_window(panel: Panel, window: tuple[int, int]) -> tuple[int, int]:
    """Horizons of a window that every cohort of the panel has, so that a stacked event study leaves none out.

    Cohorts treated in the first period, or after the last one, do not count.
    """
    first, last = panel.times[0], panel.times[-1]
    used = panel.cohorts[(panel.cohorts > first) & (panel.cohorts <= last)]
    if not used.size:
        return window
    return max(window[0], int(first - used.min())), min(window[1], int(last - used.max()))


def _stacked(specification: Specification, panel: Panel) -> Effects:
    settings = specification.settings("window", "control_group", "weighting")
    if specification.options.get("cohorts") == "all":
        settings["window"] = common_window(panel, settings["window"])
    covariates = list(specification.covariates)
    return StackedDiD(**settings).fit(panel, specification.outcome, covariates=covariates)


def _mediation(specification: Specification, panel: Panel) -> Effects:
    wanted = ("design", "ordered", "interaction", "anticipation", "control_group")
    settings = specification.settings(*wanted)
    model = Mediation(channels=list(specification.channels), fixed_effects=_effects_of(specification), **settings)
    treatment = specification.dose_column or None
    return model.fit(panel, specification.outcome, treatment=treatment, covariates=list(specification.covariates))


def _synthetic(specification: Specification, panel: Panel) -> Effects:
    settings = specification.settings("variance", "n_draws", "seed")
    if "cohort" not in specification.options:
        raise ConfigError(f"specification {specification.name}: synthetic_did needs the option cohort=YEAR")
    return SyntheticDiD(**settings).fit(panel, specification.outcome, covariates=list(specification.covariates))


# By the names of `ESTIMATORS`; the panel is the view of the sample.
FITS: dict[str, Fit] = {
    "ols": _regression("gaussian"),
    "poisson": _regression("poisson"),
    "negative_binomial": _negative_binomial,
    "panel_ols": _panel_ols,
    "iv": _regression("gaussian"),
    "group_time": _cohort_time(GroupTimeATT, "control_group", "method", "base_period", "anticipation", "sampling"),
    "imputation": imputation,
    "poisson_imputation": partial(imputation, family="poisson", scale="percent"),
    "sun_abraham": _cohort_time(SunAbraham, "control_group", "reference"),
    "stacked": _stacked,
    "de_chaisemartin": _cohort_time(ChaisemartinDHaultfoeuille, "horizons"),
    "local_projection": _cohort_time(LocalProjections, "window", "control_group", "reweight"),
    "synthetic_did": _synthetic,
    "decomposition": _cohort_time(
        Decomposition, "response", "bins", "anticipation", "ordered", "interaction", "variance", "family"
    ),
    "spillover": _cohort_time(Spillover, "response", "bins", "anticipation", "leads", "variance", "family"),
    "mediation": _mediation,
}
