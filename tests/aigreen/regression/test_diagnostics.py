import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats

from aigreen import TWFE, Panel
from aigreen.errors import CollinearError, EstimationError, OptionError
from aigreen.regression.diagnostics import iv_diagnostics, panel_ols

KEYS = {"unit": "firm", "time": "year", "cohort": "first", "cluster": "city"}


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(3)
    firm, year = np.repeat(np.arange(50), 6), np.tile(np.arange(2001, 2007), 50)
    keep = rng.random(300) < 0.9
    x, z1, z2, u, e = rng.normal(size=(5, 300))
    d = 0.5 * z1 + 0.3 * z2 + 0.2 * x + u + 0.1 * firm
    y = 0.7 * d + 0.4 * x + 0.6 * u + e + 0.05 * firm + 0.2 * (year - 2000)
    first = np.where(firm % 3 == 0, 2004, 0)
    columns = {
        "firm": firm,
        "year": year,
        "first": first,
        "city": firm % 10,
        "x": x,
        "z1": z1,
        "z2": z2,
        "d": d,
        "y": y,
    }
    return pd.DataFrame(columns | {"d2": 0.4 * z2 - 0.5 * u + rng.normal(size=300)})[keep].reset_index(drop=True)


def dummies(frame):
    firm, year = pd.get_dummies(frame["firm"]).to_numpy(float), pd.get_dummies(frame["year"]).to_numpy(float)[:, 1:]
    return np.column_stack([firm, year])


def test_the_first_stage_is_that_of_a_dummy_regression(frame):
    tests = iv_diagnostics(Panel(frame, **KEYS), "y", "d", ["z1", "z2"], ["x"])
    design = np.column_stack([frame[["z1", "z2", "x"]], dummies(frame)])
    restriction = np.eye(2, design.shape[1])
    plain = sm.OLS(frame["d"], design).fit().f_test(restriction)
    row = tests.loc["first stage", "d"]
    assert row["statistic"] == pytest.approx(float(plain.fvalue), rel=1e-9)
    assert (row["df"], row["df_denominator"]) == (2, plain.df_denom)
    assert row["p_value"] == pytest.approx(float(plain.pvalue), rel=1e-6)

    kwds = {"groups": frame["city"], "use_correction": False}
    wald = (
        sm.OLS(frame["d"], design)
        .fit(cov_type="cluster", cov_kwds=kwds)
        .wald_test(restriction, use_f=False, scalar=True)
    )
    n, k = len(frame), 3 + 6  # firms lie within cities
    row = tests.loc["first stage, clustered", "d"]
    assert row["statistic"] == pytest.approx(wald.statistic / 2 / ((n - 1) / (n - k) * 10 / 9), rel=1e-9)
    own = TWFE().fit(Panel(frame, **KEYS), "d", treatment=["z1", "z2"], covariates=["x"])
    assert row["statistic"] == pytest.approx(own.select(own.index != "x").test().statistic / 2, rel=1e-9)
    assert row["p_value"] == pytest.approx(stats.f.sf(row["statistic"], 2, 9), rel=1e-9)


def test_wu_hausman_is_the_control_function_test(frame):
    tests = iv_diagnostics(Panel(frame, **KEYS), "y", ["d", "d2"], ["z1", "z2"], ["x"])
    fixed = dummies(frame)
    first = np.column_stack([frame[["z1", "z2", "x"]], fixed])
    residuals = np.column_stack([sm.OLS(frame[name], first).fit().resid for name in ("d", "d2")])
    second = sm.OLS(frame["y"], np.column_stack([residuals, frame[["d", "d2", "x"]], fixed])).fit()
    expected = second.f_test(np.eye(2, second.params.size))
    row = tests.loc["Wu-Hausman", ""]
    assert row["statistic"] == pytest.approx(float(expected.fvalue), rel=1e-8)
    assert (row["df"], row["df_denominator"]) == (2, expected.df_denom)
    assert row["p_value"] == pytest.approx(float(expected.pvalue), rel=1e-6)
    assert "Sargan" not in tests.index.get_level_values("test")


def test_sargan_is_n_times_the_fit_of_the_residuals(frame):
    panel = Panel(frame, **KEYS)
    tests = iv_diagnostics(panel, "y", "d", ["z1", "z2"])
    fixed = dummies(frame)
    slope = TWFE().fit(panel, "y", treatment="d", instruments=["z1", "z2"]).values[0]
    residual = sm.OLS(frame["y"] - slope * frame["d"], fixed).fit().resid
    explained = sm.OLS(residual, np.column_stack([frame[["z1", "z2"]], fixed])).fit()
    expected = len(frame) * (1 - explained.ssr / (residual**2).sum())
    row = tests.loc["Sargan", ""]
    assert row["statistic"] == pytest.approx(expected, rel=1e-8)
    assert row["p_value"] == pytest.approx(stats.chi2.sf(expected, 1), rel=1e-8)
    assert np.isnan(row["df_denominator"])


def test_units_do_not_matter(frame):
    one = iv_diagnostics(Panel(frame, **KEYS), "y", "d", ["z1", "z2"], ["x"])
    large = frame.assign(**{name: 1e6 * frame[name] + 1e6 for name in ("y", "d", "z1", "x")})
    np.testing.assert_allclose(iv_diagnostics(Panel(large, **KEYS), "y", "d", ["z1", "z2"], ["x"]), one, rtol=1e-6)


def test_instruments_that_cannot_serve_are_refused(frame):
    panel = Panel(frame.assign(fixed=frame["firm"], w=1.0), **KEYS)
    with pytest.raises(OptionError, match="2 columns or more, one for each treatment"):
        iv_diagnostics(panel, "y", ["d", "d2"], "z1")
    with pytest.raises(CollinearError, match="determine fixed"):
        iv_diagnostics(panel, "y", "d", ["z1", "fixed"])
    with pytest.raises(EstimationError, match="weights are not passed on"):
        iv_diagnostics(Panel(panel.frame, **KEYS, weights="w"), "y", "d", "z1")


@pytest.mark.parametrize("effects", [None, ["firm"], ["city", "year"]])
@pytest.mark.parametrize("treatment", [None, "d"])
def test_panel_ols_is_a_second_opinion_on_twfe(frame, effects, treatment):
    panel = Panel(frame, **KEYS)
    theirs = panel_ols(panel, "y", treatment=treatment, covariates=["x"], fixed_effects=effects)
    ours = TWFE(fixed_effects=effects).fit(panel, "y", treatment=treatment, covariates=["x"])
    np.testing.assert_allclose(theirs.values, ours.values, rtol=1e-9)
    np.testing.assert_allclose(theirs.std_errors, ours.std_errors, rtol=1e-9)
    # theirs are of t with G - 1 degrees of freedom, ours of those that the treated clusters leave
    np.testing.assert_allclose(theirs.pvalues, 2 * stats.t.sf(np.abs(ours.params / ours.bse), ours.df), rtol=1e-7)
    assert theirs.index.tolist() == ours.index.tolist()
    assert (theirs.n_rows, theirs.n_clusters, theirs.df) == (ours.n_rows, ours.n_clusters, ours.df)


def test_panel_ols_refuses_a_third_effect_and_what_effects_determine(frame):
    panel = Panel(frame.assign(size=frame["firm"] * 2.0), **KEYS)
    with pytest.raises(EstimationError, match="two fixed effects, not 3"):
        panel_ols(panel, "y", fixed_effects=["firm", "year", "city"])
    with pytest.raises(CollinearError, match="determine size"):
        panel_ols(panel, "y", covariates=["size"])
