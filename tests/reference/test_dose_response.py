"""DoseResponse against diff-diff's ContinuousDiD on a panel made here.

Named differences: diff-diff averages cells by the size of their cohort, each cohort's periods first, which is
``group_time(at=...).aggregate("group").overall()``. It takes cohort sizes as fixed, and the doses of treated units
in the overall response, where ours have their sampling error.
"""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from diff_diff import ContinuousDiD

from aigreen import DoseResponse, Panel
from aigreen.errors import AigreenWarning

POINT, ERROR, FIXED = 1e-10, 1e-8, 0.1


def firms(cohorts, seed: int = 4, n: int = 600, periods: int = 6) -> pd.DataFrame:
    """`dose` is written on all rows of treated firms."""
    rng = np.random.default_rng(seed)
    first = rng.permutation(np.resize(cohorts, n))
    own = np.where(first > 0, 0.5 + rng.gamma(2, 1, n) + 0.5 * (first == 3), 0.0)
    size, firm, year = rng.normal(size=n), np.repeat(np.arange(n), periods), np.tile(np.arange(1, periods + 1), n)
    on = (first[firm] > 0) & (year >= first[firm])
    effect = on * (0.5 + np.log1p(own[firm]) + 0.1 * (year - first[firm]))
    return pd.DataFrame(
        {
            "firm": firm,
            "year": year,
            "first": first[firm],
            "dose": own[firm],
            "size": size[firm],
            "y": size[firm] * year / 3 + rng.normal(size=n)[firm] + effect + rng.normal(size=len(firm)),
        }
    )


def theirs(frame, at, **options):
    names = {"outcome": "y", "unit": "firm", "time": "year", "first_treat": "first", "dose": "dose"}
    covariates = options.pop("covariates", None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ContinuousDiD(dvals=at, estimation_method="reg", **options).fit(frame, covariates=covariates, **names)


@pytest.mark.parametrize("cohorts", [(0, 3), (0, 3, 5)], ids=["one cohort", "two cohorts"])
@pytest.mark.parametrize(("knots", "covariates"), [(0, None), (2, None), (0, ["size"])])
@pytest.mark.parametrize("control", ["never_treated", "not_yet_treated"])
def test_equals_diff_diff(cohorts, knots, covariates, control):
    frame = firms(cohorts)
    doses = frame[frame["dose"] > 0].drop_duplicates("firm")
    ends = doses.groupby("first")["dose"].agg(["min", "max"])
    at = np.linspace(ends["min"].max() + 0.01, 0.8 * ends["max"].min(), 7)
    other = theirs(frame, at, num_knots=knots, covariates=covariates, control_group=control)
    ours = DoseResponse(knots=knots, control_group=control)
    panel = Panel(frame, unit="firm", time="year", cohort="first")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AigreenWarning)
        curves = ours.group_time(panel, "y", dose="dose", covariates=covariates, at=at).aggregate("group").overall()
        averages = ours.group_time(panel, "y", dose="dose", covariates=covariates).aggregate("group").overall()
        fit = ours.fit(panel, "y", dose="dose", covariates=covariates, at=at)
    lone = len(cohorts) == 2
    for part, curve in (("level", other.dose_response_att), ("acr", other.dose_response_acrt)):
        np.testing.assert_allclose(curves[part].values, curve.effects, rtol=0, atol=POINT)
        np.testing.assert_allclose(curves[part].std_errors, curve.se, rtol=ERROR if lone else FIXED)
        if lone:
            np.testing.assert_allclose(fit[part].values, curve.effects, rtol=0, atol=POINT)
            np.testing.assert_allclose(fit[part].std_errors, curve.se, rtol=ERROR)
    np.testing.assert_allclose(averages.values, [other.overall_att, other.overall_acrt], rtol=0, atol=POINT)
    np.testing.assert_allclose(averages.std_errors.iloc[0], other.overall_att_se, rtol=ERROR if lone else FIXED)
    np.testing.assert_allclose(averages.std_errors.iloc[1], other.overall_acrt_se, rtol=FIXED)
