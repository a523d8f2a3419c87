"""Continuous treatment: effects and causal responses by dose."""

from __future__ import annotations

import numpy as np
import pandas as pd

from jobs.job import COHORT, TIME, UNIT, Call, Job, Numbers, static

DOSES = np.linspace(1.5, 5.0, 10)
ERRORS = ("level_se", "acr_se", "overall_se", "overall_acr_se")
FIXED = "masses of cohorts and the doses of treated firms taken as fixed; ours have their sampling error", 0.05


def _by_dose(values) -> pd.Series:
    return pd.Series(list(values), index=[f"dose {dose:.3f}" for dose in DOSES], dtype=float)


def _panel(frame: pd.DataFrame):
    from aigreen import Panel

    return Panel(frame, unit=UNIT, time=TIME, cohort=COHORT)


def _aigreen(panel) -> Numbers:
    from aigreen import DoseResponse

    estimator = DoseResponse(control_group="never_treated")
    curves = estimator.group_time(panel, "y", dose="dose", at=DOSES).aggregate("group").overall()
    overall = estimator.group_time(panel, "y", dose="dose").aggregate("group").overall()
    numbers = {}
    for part in ("level", "acr"):
        numbers |= {part: _by_dose(curves[part].values), f"{part}_se": _by_dose(curves[part].std_errors)}
    values, errors = overall.values, overall.std_errors
    names = ("overall", "overall_acr")
    return (
        numbers
        | {name: static(v) for name, v in zip(names, values, strict=True)}
        | {f"{name}_se": static(v) for name, v in zip(names, errors, strict=True)}
    )


def _diff_diff(frame: pd.DataFrame) -> Numbers:
    from diff_diff import ContinuousDiD

    arguments = {"outcome": "y", "unit": UNIT, "time": TIME, "first_treat": COHORT, "dose": "dose"}
    fit = ContinuousDiD(dvals=DOSES, control_group="never_treated").fit(frame, **arguments)
    level, response = fit.dose_response_att, fit.dose_response_acrt
    return {
        "level": _by_dose(level.effects),
        "level_se": _by_dose(level.se),
        "acr": _by_dose(response.effects),
        "acr_se": _by_dose(response.se),
        "overall": static(fit.overall_att),
        "overall_se": static(fit.overall_att_se),
        "overall_acr": static(fit.overall_acrt),
        "overall_acr_se": static(fit.overall_acrt_se),
    }


def _moderndid(frame: pd.DataFrame) -> Numbers:
    import moderndid

    before = frame[TIME].min() - 1  # it finds no cells unless periods are numbered from 1
    frame = frame[[UNIT, TIME, COHORT, "dose", "y"]].assign(
        **{TIME: frame[TIME] - before, COHORT: np.where(frame[COHORT] > 0, frame[COHORT] - before, 0)}
    )
    options = {"dvals": DOSES, "control_group": "nevertreated"}
    fit = moderndid.cont_did(frame, "y", TIME, UNIT, COHORT, "dose", **options)
    return {
        "level": _by_dose(fit.att_d),
        "level_se": _by_dose(fit.att_d_se),
        "acr": _by_dose(fit.acrt_d),
        "acr_se": _by_dose(fit.acrt_d_se),
        "overall": static(fit.overall_att),
        "overall_se": static(fit.overall_att_se),
        "overall_acr": static(fit.overall_acrt),
        "overall_acr_se": static(fit.overall_acrt_se),
    }


DOSE_RESPONSE = Job(
    "dose response, cubic splines, level and causal response at ten doses and overall",
    None,
    (
        Call("aigreen", _aigreen, _panel),
        Call("diff-diff", _diff_diff, differs=dict.fromkeys(ERRORS, FIXED)),
        Call("moderndid", _moderndid),
    ),
    (UNIT, TIME, COHORT, "dose", "y"),
    {**dict.fromkeys(("level", "acr", "overall", "overall_acr"), 1e-8), **dict.fromkeys(ERRORS, 1e-4)},
    largest=75_000,
    note="cohorts weighed by their size, as the others do; `fit` weighs them by dose and takes a fraction of the time",
)
