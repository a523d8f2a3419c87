"""SunAbraham and StackedDiD against R's fixest (sunab) and against the regressions they stand for."""

import json
import re

import numpy as np
import pandas as pd
import pytest

from aigreen import Panel, StackedDiD, SunAbraham

CASES = {
    # data, unit, time, cohort, never, outcome, covariates, weights, reference
    "base_stagg": ("fixest_base_stagg.csv", "id", "year", "year_treated", 10000, "y", ["x1"], None, -1),
    "synth_bal": ("synth_balanced.csv", "id", "t", "g", 0, "y", [], None, -1),
    "synth_bal_w_x": ("synth_balanced.csv", "id", "t", "g", 0, "y", ["xtv"], "w", -1),
    "synth_unbal": ("synth_unbalanced.csv", "id", "t", "g", 0, "y", [], None, -1),
}


def oracle(shared, case):
    return json.loads((shared / "oracles" / "fixest_sunab.json").read_text())["results"][case]


def fitted(shared, case, cluster=None):
    name, unit, time, cohort, never, outcome, covariates, weights, reference = case
    frame = pd.read_csv(shared / "oracles" / "data" / name)
    frame[cohort] = frame[cohort].replace(never, 0)
    panel = Panel(frame, unit=unit, time=time, cohort=cohort, cluster=cluster, weights=weights)
    return SunAbraham(reference=reference).fit(panel, outcome, covariates=covariates)


def compare(result, expected, label):
    """`label` turns the numbers in fixest's coefficient name into ours."""
    for term, estimate, error in zip(expected["terms"], expected["coef"], expected["se"], strict=True):
        if "::" not in term and term != "ATT":
            continue
        key = label([int(float(x)) for x in re.findall(r"-?\d+(?:\.\d+)?", term)])
        np.testing.assert_allclose(result.estimates[key], estimate, rtol=0, atol=1e-8)
        np.testing.assert_allclose(result.std_errors[key], error, rtol=1e-8)


def check(case, result, variance):
    compare(result.event_study(), case["event_study"][variance], lambda n: n[0])
    compare(result.event_study(), case["agg_period"][variance], lambda n: n[0])
    compare(result.aggregate("group"), case["agg_cohort"][variance], lambda n: n[0])
    compare(result.overall(), case["agg_att"][variance], lambda n: "ATT")
    compare(result, case["noagg"][variance], lambda n: (n[1], n[0] + n[1]))


@pytest.mark.parametrize("name", CASES)
@pytest.mark.filterwarnings("ignore::aigreen.errors.SingletonWarning")
def test_equals_fixest(shared, name):
    case = oracle(shared, name)
    for variance, cluster in {"cl": None, "cl_id": None, "cl_cluster": "cluster"}.items():
        if variance in case["event_study"]:
            result = fitted(shared, CASES[name], cluster)
            assert result.n_rows == case["fit"]["nobs"]
            assert result.df == case["event_study"][variance]["df_t"]
            check(case, result, variance)


def test_equals_fixest_on_mpdta(shared):
    frame = pd.read_csv(next((shared / "data" / "did_mpdta").glob("*.csv")))
    panel = Panel(frame, unit="countyreal", time="year", cohort="first.treat")
    check(oracle(shared, "mpdta"), SunAbraham().fit(panel, "lemp"), "cl")


@pytest.mark.filterwarnings("ignore::aigreen.errors.UnreachedWarning")
def test_another_reference_equals_fixest_except_for_the_cohort_not_seen_then(shared):
    # Cohort 2 has one period before treatment: fixest measures it against that, ours leaves its effects out, counted.
    result = fitted(shared, (*CASES["base_stagg"][:-1], -2))
    expected = oracle(shared, "base_stagg_ref_m2")["noagg"]["cl"]
    kept = [j for j, term in enumerate(expected["terms"]) if "::" in term and not term.endswith("cohort::2")]
    expected = {key: [expected[key][j] for j in kept] for key in ("terms", "coef", "se")}
    assert len(kept) == 72
    compare(result, expected, lambda n: (n[1], n[0] + n[1]))
    assert result.dropped["count"].tolist() == [10]


@pytest.mark.filterwarnings("ignore::aigreen.errors.UnreachedWarning")
def test_last_treated_controls_equal_the_regression(shared):
    frame = pd.read_csv(shared / "oracles" / "data" / "synth_balanced.csv")
    panel = Panel(frame, unit="id", time="t", cohort="g", cluster="cluster")
    result = SunAbraham(control_group="last_treated").fit(panel, "y", covariates=["xtv"])
    used = frame[(frame.g > 0) & (frame.t < 10)]
    recoded = used.assign(g=used.g.replace(10, 0))
    same = SunAbraham().fit(Panel(recoded, unit="id", time="t", cohort="g", cluster="cluster"), "y", covariates=["xtv"])
    np.testing.assert_allclose(result.values, same.values, atol=1e-12)
    np.testing.assert_allclose(result.std_errors, same.std_errors, rtol=1e-10)
    assert result.dropped["count"].sum() == len(frame) - len(used)


def stack(frame, window, never):
    parts = []
    first = frame["g"].replace(0, np.inf)
    for g in sorted(set(frame["g"]) - {0}):
        if g + window[0] < frame["t"].min() or g + window[1] > frame["t"].max():
            continue
        clean = np.isinf(first) if never else first > g + window[1]
        part = frame[((first == g) | clean) & frame["t"].between(g + window[0], g + window[1])]
        parts.append(part.assign(a=g, D=(part["g"] == g) * 1.0, h=part["t"] - g))
    out = pd.concat(parts)
    tags = {"ai": out.a.astype(str) + "_" + out.id.astype(str), "at": out.a.astype(str) + "_" + out.t.astype(str)}
    return out.assign(**tags)


@pytest.mark.parametrize("never", [False, True])
@pytest.mark.parametrize(("data", "covariates"), [("balanced", ["xtv"]), ("unbalanced", [])])
@pytest.mark.filterwarnings("ignore::aigreen.errors.SingletonWarning")
@pytest.mark.filterwarnings("ignore:.*singleton fixed effect:UserWarning")  # of pyfixest
def test_stacked_equals_the_saturated_stacked_regression(shared, data, covariates, never):
    import pyfixest

    frame = pd.read_csv(shared / "oracles" / "data" / f"synth_{data}.csv")
    window = (-3, 2)
    control = "never_treated" if never else "not_yet_treated"
    panel = Panel(frame, unit="id", time="t", cohort="g", cluster="cluster")
    result = StackedDiD(window=window, control_group=control).fit(panel, "y", covariates=covariates)
    rows = stack(frame, window, never)
    names = {}
    for g in rows["a"].unique():
        for h in range(window[0], window[1] + 1):
            if h != -1:
                names[f"d{g}_{h + 10}"] = (g, g + h)
                rows[f"d{g}_{h + 10}"] = ((rows.a == g) & (rows.h == h)) * rows.D
    fit = pyfixest.feols(
        "y ~ " + " + ".join([*names, *covariates]) + " | ai + at",
        rows,
        vcov={"CRV1": "cluster"},
        demeaner=pyfixest.MapDemeaner(fixef_tol=1e-12),
    )
    np.testing.assert_allclose(result.estimates[list(names.values())], fit.coef()[list(names)], rtol=0, atol=1e-9)
    np.testing.assert_allclose(result.std_errors[list(names.values())], fit.se()[list(names)], rtol=1e-9)


@pytest.mark.parametrize("weighting", ["treated", "variance"])
def test_stacked_averages_equal_pooled_regressions(shared, weighting):
    import pyfixest

    frame = pd.read_csv(shared / "oracles" / "data" / "synth_balanced.csv")
    window = (-3, 2)
    panel = Panel(frame, unit="id", time="t", cohort="g")
    result = StackedDiD(window=window, weighting=weighting).fit(panel, "y").event_study()
    rows = stack(frame, window, never=False)
    treated = rows[rows.D == 1].groupby("a")["id"].nunique()
    control = rows[rows.D == 0].groupby("a")["id"].nunique()
    ratio = (treated / treated.sum()) / (control / control.sum())
    rows["q"] = np.where((rows.D == 1) | (weighting == "variance"), 1.0, rows["a"].map(ratio))
    names = {f"p{h + 10}": h for h in range(window[0], window[1] + 1) if h != -1}
    rows = rows.assign(**{name: (rows.h == h) * rows.D for name, h in names.items()})
    fit = pyfixest.feols("y ~ " + " + ".join(names) + " | ai + at", rows, weights="q")
    np.testing.assert_allclose(result.estimates[list(names.values())], fit.coef()[list(names)], rtol=0, atol=1e-6)
