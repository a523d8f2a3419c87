"""TWFE against R's fixest, linearmodels and published coefficients."""

import json
import re
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from aigreen import TWFE, Panel

PUBLISHED = json.loads((Path(__file__).parent / "published_regressions.json").read_text())
VARIANCES = {
    "iid": ("iid", None),
    "hetero": ("hetero", None),
    "HC2": ("HC2", None),
    "HC3": ("HC3", None),
    "DK_lag2": (("driscoll_kraay", 2), None),
    "DK_default": ("driscoll_kraay", None),
    "cl": ("cluster", None),
    "cl_id": ("cluster", None),
    "cl_cluster": ("cluster", "cluster"),
    "twoway": (("cluster", "t"), None),
    "twoway_id_t": (("id", "t"), None),
    "twoway_cluster_t": (("cluster", "t"), None),
}
# fixest 0.14 stops Poisson at a relative change of deviance of 1e-8 and takes the bread of the step before: its errors
# are good to 1e-5 where its coefficients are to 1e-11. Ours stop at 1e-10.
POISSON_ERRORS = 2e-5


def oracle(shared, name, case):
    return json.loads((shared / "oracles" / f"{name}.json").read_text())["results"][case]


def synth(shared, name):
    frame = pd.read_csv(shared / "oracles" / "data" / f"synth_{name}.csv")
    return frame.assign(log_expo=np.log(frame["expo"]))


def check(result, expected, *, errors, renamed=None):
    terms = [(renamed or {}).get(term, term) for term in expected["terms"]]
    np.testing.assert_allclose(result.estimates[terms], expected["coef"], rtol=0, atol=1e-8)
    np.testing.assert_allclose(result.std_errors[terms], expected["se"], rtol=errors)


def check_all(case, frame, model, *, weights=None, errors=1e-8, renamed=None, **fit):
    found = 0
    for name, expected in case["vcov"].items():
        if name not in VARIANCES:
            continue
        vcov, cluster = VARIANCES[name]
        panel = Panel(frame, unit="id", time="t", cohort="g", cluster=cluster, weights=weights)
        result = TWFE(vcov=vcov, **model).fit(panel, **fit)
        assert result.n_rows == case["fit"]["nobs"]
        if model.get("family") != "poisson":
            assert result.df == expected["df_t"]
        check(result, expected, errors=errors, renamed=renamed)
        found += 1
    assert found >= 2


LINEAR = {
    "twfe_balanced": ("balanced", None, None, ["xtv"]),
    "twfe_unbalanced_default": ("unbalanced", None, None, ["xtv"]),
    "twfe_weights": ("balanced", "w", None, ["xtv"]),
    "twfe_weights_unbal": ("unbalanced", "wtv", None, ["xtv"]),
    "threeway_cluster_time": ("balanced", None, ["id", "cluster^t"], ["xtv"]),
    "ols_nofe": ("balanced", None, [], ["xtv", "x1", "x2"]),
    "collinear": ("balanced", None, None, ["xtv", "x1"]),
}


@pytest.mark.parametrize("case", LINEAR)
@pytest.mark.filterwarnings("ignore::aigreen.errors.CollinearWarning")
@pytest.mark.filterwarnings("ignore::aigreen.errors.SingletonWarning")
def test_least_squares_equals_fixest(shared, case):
    data, weights, effects, covariates = LINEAR[case]
    check_all(
        oracle(shared, "fixest_feols", case),
        synth(shared, data),
        {"fixed_effects": effects},
        weights=weights,
        outcome="y",
        treatment="treat",
        covariates=covariates,
    )


SLOPES = {"varying_slopes": ["id[t]", "t"], "varying_slopes_x": ["id", "t", "cluster[[xtv]]"]}


@pytest.mark.parametrize("case", SLOPES)
def test_varying_slopes_equal_fixest(shared, case):
    expected = oracle(shared, "fixest_feols", case)
    if case == "varying_slopes_x":  # fixest counts the units here (K = 452, not 53), though they are nested in clusters
        odd = expected["vcov"]["cl_cluster"]
        assert odd["df_K"] == 452
        odd["se"] = (np.array(odd["se"]) * np.sqrt((4800 - 452) / (4800 - 53))).tolist()
    covariates = ["xtv"] if case == "varying_slopes" else []
    fit = {"outcome": "y", "treatment": "treat", "covariates": covariates}
    # fixest iterates to 1e-6 where three effects are crossed; ours equal dense dummies to 1e-12
    errors = 2e-8 if case == "varying_slopes_x" else 1e-8
    check_all(expected, synth(shared, "balanced"), {"fixed_effects": SLOPES[case]}, errors=errors, **fit)


INSTRUMENTED = {
    "iv_2fe_overid": ("balanced", None, None, ["xtv"], ["z1", "z2"]),
    "iv_2fe_just": ("balanced", None, None, ["xtv"], ["z1"]),
    "iv_2fe_overid_unbal_w": ("unbalanced", "w", None, ["xtv"], ["z1", "z2"]),
    "iv_nofe": ("balanced", None, [], ["xtv", "x1"], ["z1", "z2"]),
}


@pytest.mark.parametrize("case", INSTRUMENTED)
@pytest.mark.filterwarnings("ignore::aigreen.errors.SingletonWarning")
def test_instruments_equal_fixest(shared, case):
    data, weights, effects, covariates, instruments = INSTRUMENTED[case]
    check_all(
        oracle(shared, "fixest_iv", case),
        synth(shared, data),
        {"fixed_effects": effects},
        weights=weights,
        renamed={"fit_endo": "endo"},
        outcome="yiv",
        treatment="endo",
        covariates=covariates,
        instruments=instruments,
    )


COUNTS = {
    "fepois_2fe": ("balanced", None, None, "count", ["xtv"], None),
    "fepois_2fe_unbal": ("unbalanced", None, None, "count", ["xtv"], None),
    "fepois_w": ("balanced", "w", None, "count", ["xtv"], None),
    "fepois_offset": ("balanced", None, None, "rate_count", ["xtv"], "log_expo"),
    "fepois_nofe": ("balanced", None, [], "count", ["xtv", "x1"], None),
}


@pytest.mark.parametrize("case", COUNTS)
@pytest.mark.filterwarnings("ignore::aigreen.errors.SingletonWarning")
def test_poisson_equals_fixest(shared, case):
    data, weights, effects, outcome, covariates, offset = COUNTS[case]
    check_all(
        oracle(shared, "fixest_fepois", case),
        synth(shared, data),
        {"fixed_effects": effects, "family": "poisson"},
        weights=weights,
        errors=POISSON_ERRORS,
        outcome=outcome,
        treatment="treat",
        covariates=covariates,
        offset=offset,
    )


def test_poisson_errors_are_those_at_the_converged_means(shared):
    frame = synth(shared, "balanced")
    panel = Panel(frame, unit="id", time="t", cohort="g")
    result = TWFE(family="poisson").fit(panel, "count", treatment="treat", covariates=["xtv"])
    frame = frame[frame.groupby("id")["count"].transform("sum") > 0]
    y, unit = frame["count"].to_numpy(), frame["id"].to_numpy()
    units, periods = pd.get_dummies(frame["id"]), pd.get_dummies(frame["t"]).iloc[:, 1:]
    D = np.hstack([units, periods, frame[["treat", "xtv"]]]).astype(float)
    gamma = np.zeros(D.shape[1])
    gamma[: units.shape[1]] = np.log(y.mean())
    for _ in range(30):
        mu = np.exp(D @ gamma)
        gamma = gamma + np.linalg.solve((D * mu[:, None]).T @ D, D.T @ (y - mu))
    mu = np.exp(D @ gamma)
    bread = np.linalg.inv((D * mu[:, None]).T @ D)
    scores = pd.DataFrame(D * (y - mu)[:, None]).groupby(unit).sum().to_numpy()
    meat = bread @ scores.T @ scores @ bread
    n, k, groups = len(y), 2 + 12, len(np.unique(unit))
    factor = (n - 1) / (n - k) * groups / (groups - 1)
    np.testing.assert_allclose(result.values, gamma[-2:], rtol=0, atol=1e-10)
    np.testing.assert_allclose(result.std_errors, np.sqrt(factor * np.diag(meat))[-2:], rtol=1e-8)


def test_event_study_equals_fixest(shared):
    case = oracle(shared, "fixest_misc", "i_did")
    frame = pd.read_csv(shared / "oracles" / "data" / "fixest_base_did.csv")
    panel = Panel(frame.assign(g=6 * frame["treat"]), unit="id", time="period", cohort="g")
    for name, expected in case["vcov"].items():
        result = TWFE(event_study=True, vcov=VARIANCES[name][0]).fit(panel, "y", covariates=["x1"])
        horizons = [int(term.split("::")[1].split(":")[0]) - 6 for term in expected["terms"][1:]]
        np.testing.assert_allclose(result.estimates[horizons], expected["coef"][1:], rtol=0, atol=1e-8)
        np.testing.assert_allclose(result.std_errors[horizons], expected["se"][1:], rtol=1e-8)
        assert result.estimates[-1] == 0 == result.std_errors[-1]


@pytest.mark.filterwarnings("ignore::aigreen.errors.SingletonWarning")
def test_singletons_of_two_crossed_effects_are_those_of_fixest(shared):
    # Its coefficients are no reference: age and the years determine each other within authors.
    fit = oracle(shared, "fixest_misc", "pub")["fit"]
    frame = pd.read_csv(shared / "oracles" / "data" / "fixest_base_pub.csv")
    frame = frame.assign(row=np.arange(len(frame)), two=np.arange(len(frame)) % 2)
    panel = Panel(frame, unit="row", time="two", cluster="author_id")
    result = TWFE(fixed_effects=["author_id", "affil_id"]).fit(panel, "nb_pub", treatment="age")
    assert result.n_rows == fit["nobs"] == 3991
    assert result.dropped["count"].tolist() == [fit["obs_removed"]] == [33]


def panel_ols(frame, unit, time, outcome, columns):
    from linearmodels.panel import PanelOLS

    data = frame.set_index([unit, time])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = PanelOLS(data[outcome], data[columns], entity_effects=True, time_effects=True)
        return model.fit(
            cov_type="clustered",
            cluster_entity=True,
            debiased=True,
            group_debias=True,
            auto_df=False,
            count_effects=False,
        )


def check_against_linearmodels(frame, unit, time, outcome, columns):
    ours = TWFE().fit(Panel(frame, unit=unit, time=time), outcome, treatment=columns)
    theirs = panel_ols(frame, unit, time, outcome, columns)
    np.testing.assert_allclose(ours.values, theirs.params[columns], rtol=1e-8, atol=1e-10)
    n, k, periods = ours.n_rows, len(columns), frame[time].nunique()
    factor = np.sqrt((n - k) / (n - k - periods))
    np.testing.assert_allclose(ours.std_errors, theirs.std_errors[columns] * factor, rtol=1e-8)


@pytest.mark.parametrize("share_missing", [0.0, 0.2])
def test_generated_panel_equals_linearmodels(share_missing):
    rng = np.random.default_rng(4)
    unit, time = np.repeat(np.arange(60), 8), np.tile(np.arange(2001, 2009), 60)
    x = rng.normal(size=(480, 2)) + 0.1 * time[:, None] - 200
    y = x @ [1.0, -0.5] + rng.normal(size=60)[unit] + 0.3 * time + rng.normal(size=480)
    frame = pd.DataFrame({"unit": unit, "time": time, "x1": x[:, 0], "x2": x[:, 1], "y": y})
    frame = frame[rng.random(480) >= share_missing]
    check_against_linearmodels(frame, "unit", "time", "y", ["x1", "x2"])


def test_provinces_equal_linearmodels(shared):
    folder = shared / "data" / "cn_province_greenpatent_greenfinance"
    frame = pd.read_csv(next(folder.glob("*.csv")))
    columns = ["gf_index", "sec_pctg", "ln_gdp"]
    used = frame[["province", "year", "ln_co2", *columns]].dropna()
    check_against_linearmodels(used, "province", "year", "ln_co2", columns)


@pytest.mark.filterwarnings("ignore::aigreen.errors.MissingRowsWarning")
@pytest.mark.filterwarnings("ignore::aigreen.errors.SeparationWarning")
def test_patents_and_research_lags(shared):
    frame = pd.read_csv(shared / "data" / "patents_hgh_rd" / "PatentsRDUS.csv")
    frame["log_rd"] = np.log(frame["rd"])
    lags = {f"lag{j}": frame.groupby("cusip")["log_rd"].shift(j) for j in range(1, 6)}
    panel = Panel(frame.assign(**lags), unit="cusip", time="year")
    result = TWFE(family="poisson").fit(panel, "patents", treatment=["log_rd", *lags])
    np.testing.assert_allclose(result.values, PUBLISHED["hgh_poisson"]["coefficients"], atol=5e-4)
    assert result.n_rows == 1620
    assert result.dropped["count"].tolist() == [1730, 110]


def test_castle(shared):
    frame = pd.read_csv(shared / "oracles" / "data" / "castle_bacon.csv")[["state", "year", "l_homicide", "post"]]
    result = TWFE().fit(Panel(frame, unit="state", time="year"), "l_homicide", treatment="post")
    assert round(result.values[0], 4) == PUBLISHED["castle"]["twfe"]
    expected = oracle(shared, "bacondecomp", "castle")["twfe_coef"]
    np.testing.assert_allclose(result.values[0], expected, rtol=0, atol=1e-10)


@pytest.mark.filterwarnings("ignore::aigreen.errors.MissingRowsWarning")
@pytest.mark.filterwarnings("ignore::aigreen.errors.SingletonWarning")
def test_emission_trading_and_low_carbon_patents(shared):
    frame = pd.read_stata(shared / "data" / "cui2018_ets_firm_patents" / "AEA_P&P_table.dta")
    frame = frame.dropna(subset=["id", "year", "t_Assets", "t_ROA"])
    frame = frame[frame["Nindnme"] != ""]
    frame = frame.assign(ind_post=frame.Ind * frame.post, ets_post=frame.region * frame.post)
    frame["triple"] = frame.Ind * frame.ets_post
    covariates = ["ind_post", "ets_post", "t_Revenue", "t_CurrentLiability", "t_EBIT"]
    published = PUBLISHED["cui"]
    result = TWFE().fit(Panel(frame, unit="id", time="year"), "logenvrAEW", treatment="triple", covariates=covariates)
    assert round(result.values[0], 3) == published["estimate"]
    assert round(result.std_errors["triple"], 3) == published["std_error"]
    assert result.n_rows == published["n"]
    singletons = result.dropped.query("reason == 'alone in a fixed effect'")["count"].sum()
    assert result.n_rows + singletons == published["n_with_singletons"]


def test_cohort_dummies_in_a_poisson_regression_equal_fixest(shared):
    case = json.loads((shared / "oracles" / "fixest_sunab.json").read_text())["results"]["synth_pois"]
    frame = synth(shared, "balanced")
    cells = [(g, h) for g in (4, 6, 8, 10) for h in range(1 - g, 13 - g) if h != -1]
    dummies = {f"{g} {h}": ((frame["g"] == g) & (frame["t"] - g == h)).astype(float) for g, h in cells}
    panel = Panel(frame.assign(**dummies), unit="id", time="t")
    result = TWFE(family="poisson").fit(panel, "count", treatment=list(dummies))
    expected = case["noagg"]["cl_id"]
    names = [" ".join(reversed(re.findall(r"-?\d+", term))) for term in expected["terms"]]
    np.testing.assert_allclose(result.estimates[names], expected["coef"], rtol=0, atol=1e-8)
    np.testing.assert_allclose(result.std_errors[names], expected["se"], rtol=POISSON_ERRORS)
    size = frame.groupby("g")["id"].nunique()
    weights = pd.Series({f"{g} {h}": float(size[g]) * (h >= 0) for g, h in cells})
    average = result.combine(weights / weights.sum())
    assert average.values[0] == pytest.approx(case["agg_att"]["cl_id"]["coef"][0], abs=1e-8)
    assert average.std_errors.iloc[0] == pytest.approx(case["agg_att"]["cl_id"]["se"][0], rel=POISSON_ERRORS)


def test_interacted_period_dummies_equal_fixest(shared):
    case = oracle(shared, "fixest_feols", "multi_event_dummies")
    frame = synth(shared, "balanced")
    names = {f"t::{t}:I(g == 6)": ((frame["t"] == t) & (frame["g"] == 6)).astype(float) for t in range(1, 13) if t != 5}
    check_all(case, frame.assign(**names), {}, outcome="y", treatment=list(names))


def test_four_effects_in_a_poisson_regression_equal_fixest(shared):
    case = oracle(shared, "fixest_fepois", "trade")
    frame = pd.read_csv(shared / "oracles" / "data" / "fixest_trade.csv.gz")
    rows = np.arange(len(frame))
    frame = frame.assign(log_distance=np.log(frame["dist_km"]), row=rows, two=rows % 2)
    effects = ["Origin", "Destination", "Product", "Year"]
    panel = Panel(frame, unit="row", time="two", cluster="Origin")
    variances = {"iid": "iid", "hetero": "hetero", "cl_o": "cluster", "tw": ("Origin", "Destination")}
    for name, expected in case["vcov"].items():
        model = TWFE(family="poisson", fixed_effects=effects, vcov=variances[name])
        result = model.fit(panel, "Euros", treatment="log_distance")
        assert result.n_rows == case["fit"]["nobs"]
        check(result, expected, errors=POISSON_ERRORS, renamed={"log(dist_km)": "log_distance"})
