"""Staggered adoption: group-time effects, interaction-weighted event study, imputation."""

from __future__ import annotations

import numpy as np
import pandas as pd

from jobs.job import CLUSTER, COHORT, TIME, UNIT, Call, Job, Numbers, by_horizon, ours, static

VARYING = ["size", "leverage"]
FIXED = ["size_start", "leverage_start"]
KEYS = (UNIT, TIME, COHORT, CLUSTER)
DRAWS = 999
ERRORS = ("cells_se", "event_study_se", "overall_se")
BOOTSTRAP = "bootstrap errors; ours are analytic, with bootstrapped critical values", 0.2
ARGUMENTS = {"outcome": "y", "unit": UNIT, "time": TIME, "first_treat": COHORT}


def _effects(cells, event_study, overall) -> Numbers:
    """Numbers of our results."""
    out = {"overall": overall.values, "overall_se": overall.std_errors.to_numpy()}
    out = {kind: static(value[0]) for kind, value in out.items()}
    horizons = event_study.index
    out["event_study"] = by_horizon(horizons, event_study.values)
    out["event_study_se"] = by_horizon(horizons, event_study.std_errors)
    if cells is not None:
        labels = _cells(*zip(*cells.index, strict=True))
        out["cells"] = pd.Series(cells.values, index=labels)
        out["cells_se"] = pd.Series(cells.std_errors.to_numpy(), index=labels)
    return out


def _cells(cohorts, times) -> list[str]:
    return [f"({int(g)}, {int(t)})" for g, t in zip(cohorts, times, strict=True)]


# -- group-time effects ----------------------------------------------------------------------------------------------


def _aigreen_group_time(covariates: list[str], draws: int) -> Call:
    def run(panel) -> Numbers:
        from aigreen import GroupTimeATT

        cells = GroupTimeATT(control_group="not_yet_treated", method="dr").fit(panel, "y", covariates=covariates)
        study = cells.event_study()
        numbers = _effects(cells, study, cells.overall())
        if draws:
            cells.conf_int(simultaneous=True, n_draws=draws)
            band = study.conf_int(simultaneous=True, n_draws=draws)
            numbers["critical"] = static(_critical(band["high"] - study.values, study.std_errors))
        return numbers

    return ours(run)


def _critical(half_width, errors) -> float:
    half_width, errors = np.asarray(half_width, dtype=float), np.asarray(errors, dtype=float)
    return float(np.nanmedian(half_width[errors > 0] / errors[errors > 0]))


def _diff_diff_group_time(covariates: list[str], draws: int) -> Call:
    def run(frame: pd.DataFrame) -> Numbers:
        from diff_diff import CallawaySantAnna

        options = {"n_bootstrap": draws, "cband": True, "seed": 0} if draws else {}
        model = CallawaySantAnna(control_group="not_yet_treated", estimation_method="dr", cluster=CLUSTER, **options)
        # A bootstrapped result can only be aggregated during the fit.
        fit = model.fit(frame, covariates=covariates, **ARGUMENTS, **({"aggregate": "all"} if draws else {}))
        cells = fit.group_time_effects
        labels = _cells(*zip(*cells, strict=True))
        numbers = {
            "overall": static(fit.overall_att),
            "overall_se": static(fit.overall_se),
            "cells": pd.Series([c["effect"] for c in cells.values()], index=labels, dtype=float),
            "cells_se": pd.Series([c["se"] for c in cells.values()], index=labels, dtype=float),
        }
        if draws:
            study = pd.DataFrame(fit.event_study_effects).T
            numbers["event_study"] = by_horizon(study.index, study["effect"])
            numbers["event_study_se"] = by_horizon(study.index, study["se"])
            numbers["critical"] = static(fit.cband_crit_value)
        else:
            study = fit.aggregate("event_study").to_dataframe()
            numbers["event_study"] = by_horizon(study["event_time"], study["att"])
            numbers["event_study_se"] = by_horizon(study["event_time"], study["se"])
        return numbers

    factor = "clustered errors carry the factor sqrt(G/(G-1)); ours none, as R did", 0.002
    return Call("diff-diff", run, differs=dict.fromkeys(ERRORS, BOOTSTRAP if draws else factor))


def _csdid(covariates: list[str], draws: int) -> Call:
    def run(frame: pd.DataFrame) -> Numbers:
        from csdid.att_gt import ATTgt

        model = ATTgt(
            yname="y",
            tname=TIME,
            idname=UNIT,
            gname=COHORT,
            data=frame,
            control_group="notyettreated",
            xformla=f"~ {' + '.join(covariates)}",
            clustervar=CLUSTER,
            biters=draws or 1000,
            cband=bool(draws),
        ).fit(est_method="dr", bstrap=bool(draws))
        table = model.results
        labels = _cells(table["group"], table["year"])
        numbers = {
            "cells": pd.Series(np.asarray(table["att"], dtype=float), index=labels),
            "cells_se": pd.Series(np.asarray(table["se"], dtype=float), index=labels),
        }
        options = {"bstrap": bool(draws), "cband": bool(draws)}
        model.aggte("simple", **options)
        numbers["overall"] = static(model.atte["overall_att"])
        numbers["overall_se"] = static(np.ravel(model.atte["overall_se"])[0])
        model.aggte("dynamic", **options)
        numbers["event_study"] = by_horizon(model.atte["egt"], np.ravel(model.atte["att_egt"]))
        numbers["event_study_se"] = by_horizon(model.atte["egt"], np.ravel(model.atte["se_egt"]))
        if draws:
            numbers["critical"] = static(np.ravel(model.atte["crit_val_egt"])[0])
        return numbers

    return Call("csdid", run, differs=dict.fromkeys(ERRORS, BOOTSTRAP) if draws else {})


def _moderndid(covariates: list[str], draws: int) -> Call:
    def run(frame: pd.DataFrame) -> Numbers:
        import moderndid

        options = {"boot": bool(draws), "cband": bool(draws), "random_state": 0, "biters": draws or 1000}
        fit = moderndid.att_gt(
            frame,
            yname="y",
            tname=TIME,
            idname=UNIT,
            gname=COHORT,
            xformla=f"~ {' + '.join(covariates)}",
            control_group="notyettreated",
            clustervars=[CLUSTER],
            est_method="dr",
            **options,
        )
        labels = _cells(fit.groups, fit.times)
        overall = moderndid.aggte(fit, type="simple")
        study = moderndid.aggte(fit, type="dynamic")
        numbers = {
            "cells": pd.Series(np.asarray(fit.att_gt, dtype=float), index=labels),
            "cells_se": pd.Series(np.asarray(fit.se_gt, dtype=float), index=labels),
            "overall": static(overall.overall_att),
            "overall_se": static(overall.overall_se),
            "event_study": by_horizon(study.event_times, study.att_by_event),
            "event_study_se": by_horizon(study.event_times, study.se_by_event),
        }
        if draws:
            numbers["critical"] = static(np.ravel(study.critical_values)[0])
        return numbers

    by_firm = "analytic errors ignore clustervars: they are by firm", 1.0
    return Call("moderndid", run, differs=dict.fromkeys(ERRORS, BOOTSTRAP if draws else by_firm))


def _differences(covariates: list[str]) -> Call:
    def run(frame: pd.DataFrame) -> Numbers:
        from differences import ATTgt

        indexed = frame.set_index([UNIT, TIME])
        indexed[COHORT] = indexed[COHORT].where(indexed[COHORT] > 0)
        model = ATTgt(indexed, cohort_column=COHORT)
        fit = model.fit(
            f"y ~ {' + '.join(covariates)}", est_method="dr", control_group="not_yet_treated", progress_bar=False
        )
        table = fit.results() if hasattr(fit, "results") else model.results()
        cohorts, times = table.index.get_level_values("cohort"), table.index.get_level_values("time")
        labels = _cells(cohorts, times)
        study = model.aggregate("event")
        overall = model.aggregate("simple")
        return {
            "cells": pd.Series(_inner(table, "ATT"), index=labels),
            "cells_se": pd.Series(_inner(table, "std_error"), index=labels),
            "overall": static(_inner(overall, "ATT")[0]),
            "overall_se": static(_inner(overall, "std_error")[0]),
            "event_study": by_horizon(study.index, _inner(study, "ATT")),
            "event_study_se": by_horizon(study.index, _inner(study, "std_error")),
        }

    reason = "errors are by firm: asking for clusters raises an exception with pandas 3", 1.0
    return Call("differences", run, differs=dict.fromkeys(ERRORS, reason))


def _inner(table: pd.DataFrame, name: str) -> np.ndarray:
    column = next(c for c in table.columns if (c[-1] if isinstance(c, tuple) else c) == name)
    return table[column].to_numpy(dtype=float)


# Propensity scores of the other packages are fitted to about six digits.
CELLS = {**dict.fromkeys(("cells", "event_study", "overall"), 1e-5), **dict.fromkeys(ERRORS, 1e-4)}

GROUP_TIME = Job(
    "group-time ATT, dr, covariates, analytic",
    8,
    (
        _aigreen_group_time(FIXED, 0),
        _diff_diff_group_time(FIXED, 0),
        _csdid(FIXED, 0),
        _moderndid(FIXED, 0),
        _differences(FIXED),
    ),
    (*KEYS, *FIXED, "y"),
    CELLS,
    largest=7_500_000,
    note="covariates of the first year",
)

GROUP_TIME_VARYING = Job(
    "the same, covariates that vary over time",
    8,
    (_aigreen_group_time(VARYING, 0), _diff_diff_group_time(VARYING, 0), _csdid(VARYING, 0), _moderndid(VARYING, 0)),
    (*KEYS, *VARYING, "y"),
    CELLS,
    note="each comparison takes the covariates of its earlier period, so that no two share a fit",
)

GROUP_TIME_BANDS = Job(
    "the same (first year's covariates), 999 draws and simultaneous bands",
    4,
    (
        _aigreen_group_time(FIXED, DRAWS),
        _diff_diff_group_time(FIXED, DRAWS),
        _csdid(FIXED, DRAWS),
        _moderndid(FIXED, DRAWS),
    ),
    (*KEYS, *FIXED, "y"),
    {**CELLS, "critical": 0.25},
)


# -- interaction-weighted event study --------------------------------------------------------------------------------


def _aigreen_sun_abraham(panel) -> Numbers:
    from aigreen import SunAbraham

    cells = SunAbraham().fit(panel, "y", covariates=VARYING)
    return _effects(cells, cells.event_study(), cells.overall())


def _diff_diff_sun_abraham(frame: pd.DataFrame) -> Numbers:
    from diff_diff import SunAbraham

    fit = SunAbraham(cluster=CLUSTER).fit(frame, covariates=VARYING, **ARGUMENTS)
    study = pd.DataFrame(fit.event_study_effects).T
    return {
        "overall": static(fit.overall_att),
        "overall_se": static(fit.overall_se),
        "event_study": by_horizon(study.index, study["effect"]),
        "event_study_se": by_horizon(study.index, study["se"]),
    }


def _pyfixest_sun_abraham(frame: pd.DataFrame) -> Numbers:
    """Saturated regression and weights by hand: pyfixest.event_study(estimator="saturated") ignores covariates."""
    import pyfixest

    frame = frame.copy()
    treated = frame[COHORT] > 0
    frame["horizon"] = np.where(treated, frame[TIME] - frame[COHORT], -1)
    formula = f"y ~ i(horizon, {COHORT}, ref=-1, ref2=0) + {' + '.join(VARYING)} | {UNIT} + {TIME}"
    fit = pyfixest.feols(formula, frame, vcov={"CRV1": CLUSTER})
    names = pd.Series(fit._coefnames).str.extract(r"::(-?[\d.]+):.*::(\d+)$").astype(float)
    rows = frame[treated].groupby(["horizon", COHORT]).size()
    horizons = np.unique(names[0].dropna())
    weights = np.zeros((len(names), len(horizons)))
    for j, (horizon, cohort) in enumerate(names.itertuples(index=False)):
        if np.isfinite(horizon):
            weights[j, np.searchsorted(horizons, horizon)] = rows[int(horizon), int(cohort)]
    overall = weights[:, horizons >= 0].sum(axis=1)
    weights, overall = weights / weights.sum(axis=0), overall / overall.sum()
    return {
        "overall": static(overall @ fit._beta_hat),
        "overall_se": static(np.sqrt(overall @ fit._vcov @ overall)),
        "event_study": by_horizon(horizons, weights.T @ fit._beta_hat),
        "event_study_se": by_horizon(horizons, np.sqrt(np.einsum("ij,ik,kj->j", weights, fit._vcov, weights))),
    }


STUDY = {"event_study": 1e-6, "overall": 1e-6, "event_study_se": 1e-5, "overall_se": 1e-5}

SUN_ABRAHAM = Job(
    "Sun-Abraham, covariates",
    20,
    (
        ours(_aigreen_sun_abraham),
        Call("diff-diff", _diff_diff_sun_abraham),
        Call("pyfixest", _pyfixest_sun_abraham, name="pyfixest (saturated feols)"),
    ),
    (*KEYS, *VARYING, "y"),
    STUDY,
)


# -- imputation ------------------------------------------------------------------------------------------------------


def _aigreen_imputation(panel) -> Numbers:
    from aigreen import Imputation

    cells = Imputation().fit(panel, "y", covariates=VARYING)
    return _effects(None, cells.event_study(), cells.aggregate("simple"))


def _diff_diff_imputation(estimator: str):
    def run(frame: pd.DataFrame) -> Numbers:
        import diff_diff

        fit = getattr(diff_diff, estimator)(cluster=CLUSTER).fit(frame, covariates=VARYING, **ARGUMENTS)
        study = fit.aggregate("event_study").to_dataframe()
        study = study[~study["is_reference"]] if "is_reference" in study else study
        return {
            "overall": static(fit.overall_att),
            "overall_se": static(fit.overall_se),
            "event_study": by_horizon(study["event_time"], study["att"]),
            "event_study_se": by_horizon(study["event_time"], study["se"]),
        }

    return run


def _did2s(frame: pd.DataFrame) -> Numbers:
    import pyfixest

    frame = frame.assign(on=frame["treated"].astype(bool))
    fit = pyfixest.did2s(
        frame,
        yname="y",
        first_stage=f"~ {' + '.join(VARYING)} | {UNIT} + {TIME}",
        second_stage="~ i(on, ref=False)",
        treatment="on",
        cluster=CLUSTER,
    )
    return {"overall": static(fit.coef().iloc[0]), "overall_se": static(fit.se().iloc[0])}


CENTRING = "centring with weights of rows; equal to 1e-12 to ours with variance='conservative_rows'", 0.05
TWO_STAGE_ERRORS = (
    "two-stage (GMM) errors count heterogeneity of effects as noise, imputation centres it away",
    0.1,
)
SE = ("event_study_se", "overall_se")

IMPUTATION = Job(
    "imputation, static and event study, analytic errors",
    20,
    (
        ours(_aigreen_imputation),
        Call("diff-diff", _diff_diff_imputation("ImputationDiD"), differs=dict.fromkeys(SE, CENTRING)),
    ),
    (*KEYS, *VARYING, "y"),
    STUDY,
    largest=7_500_000,
)

TWO_STAGE = Job(
    "two-stage (same estimate as imputation)",
    100,
    (
        ours(_aigreen_imputation),
        Call("diff-diff", _diff_diff_imputation("TwoStageDiD"), differs=dict.fromkeys(SE, TWO_STAGE_ERRORS)),
        Call("pyfixest", _did2s, name="pyfixest did2s (static)", differs=dict.fromkeys(SE, TWO_STAGE_ERRORS)),
    ),
    (*KEYS, "treated", *VARYING, "y"),
    {**STUDY, "overall": 1e-5, "event_study": 1e-5},
)


def _aigreen_poisson(panel) -> Numbers:
    from aigreen import Imputation

    overall = Imputation(family="poisson").fit(panel, "count", covariates=VARYING).aggregate("simple")
    return {"overall": static(overall.values[0]), "overall_se": static(overall.std_errors.iloc[0])}


def _fepois_step(frame: pd.DataFrame) -> Numbers:
    import pyfixest

    treated = frame[frame["treated"] == 1]
    formula = f"count ~ {' + '.join(VARYING)} | {UNIT} + {TIME}"
    fit = pyfixest.fepois(formula, frame[frame["treated"] == 0])
    # Missing for firms whose untreated counts are all zero: their mean is zero in the limit.
    counterfactual = np.nan_to_num(fit.predict(newdata=treated, type="response"))
    return {"overall": static(np.mean(treated["count"] - counterfactual))}


POISSON_IMPUTATION = Job(
    "Poisson imputation (peer: the point estimate only)",
    3,
    (ours(_aigreen_poisson), Call("pyfixest", _fepois_step, name="pyfixest fepois on untreated rows, predict")),
    (*KEYS, "treated", *VARYING, "count"),
    {"overall": 1e-4, "overall_se": 1e-4},  # pyfixest recovers fixed effects for predict() to about five digits
)
