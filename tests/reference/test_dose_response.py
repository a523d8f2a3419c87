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

from aigreen import DoseResponse, GroupTimeATT, Panel
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


def test_words_on_ai_and_emissions_of_facilities(shared):
    """Core words in the first annual report that has some as the dose; numbers as quoted in docs/dose.md."""
    folder = shared / "data/us_facilities"
    reports = pd.read_csv(folder / "ai_keywords_10k.csv")
    core = [
        "artificial intelligence",
        "machine learning",
        "deep learning",
        "neural network",
        "computer vision",
        "chatgpt",
    ]
    core += ["natural language processing", "generative ai", "large language model"]
    reports = reports.assign(words=reports[core].sum(axis=1), year=reports["filing_year"] - 1)
    words = reports[reports["year"] < 2024].groupby(["ticker", "year"])["words"].max().unstack()
    none = words[words[2017] == 0]
    long = none.melt(ignore_index=False, var_name="year", value_name="words").query("words > 0")
    adopted = long.sort_values("year").groupby("ticker").first()
    rows = pd.read_csv(folder / "ghgrp_facilities_sp500_all_years.csv").query("total_emissions > 0 and year > 2012")
    rows = rows[rows["ticker"].isin(none.index)].groupby(["facility_id", "ticker", "year"])["total_emissions"].sum()
    frame = rows.reset_index().assign(y=lambda f: np.log(f["total_emissions"]))
    frame = frame.assign(first=frame["ticker"].map(adopted["year"]), words=frame["ticker"].map(adopted["words"]))
    panel = Panel(frame, unit="facility_id", time="year", cohort="first", cluster="ticker")
    response = DoseResponse(degree=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AigreenWarning)
        averages = response.group_time(panel, "y", dose="words").overall()
        binary = GroupTimeATT(method="reg").fit(panel, "y").overall()
        margins = response.margins(panel, "y", dose="words")
    assert panel.n_clusters == 70
    assert averages["level"].values[0] == pytest.approx(binary.values[0], abs=1e-12)
    assert averages["level"].std_errors.iloc[0] == pytest.approx(binary.std_errors.iloc[0], abs=1e-12)
    assert averages.estimates.round(3).tolist() == [0.060, 0.007]
    assert averages.std_errors.round(3).tolist() == [0.045, 0.010]
    lowest = margins["extensive"]
    assert (round(lowest.values[0], 3), round(lowest.std_errors.iloc[0], 3)) == (0.041, 0.044)
