"""What reads results of statsmodels reads ours."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from statsmodels.iolib.summary2 import summary_col, summary_params

from aigreen import TWFE, GroupTimeATT, Panel
from aigreen.errors import EffectsError


@pytest.fixture(scope="module")
def panel():
    rng = np.random.default_rng(2)
    firm, year = np.repeat(np.arange(30), 5), np.tile(np.arange(2001, 2006), 30)
    first = np.where(firm % 2, 2003, 0)
    x = rng.normal(size=150)
    y = 0.4 * x + 0.5 * ((first > 0) & (year >= first)) + rng.normal(size=150)
    frame = pd.DataFrame({"firm": firm, "year": year, "first": first, "x": x, "y": y})
    return Panel(frame, unit="firm", time="year", cohort="first")


def test_a_pooled_regression_reads_as_statsmodels_gives_it(panel):
    ours = TWFE(fixed_effects=[], vcov="iid").fit(panel, "y", treatment="x")
    theirs = sm.OLS(panel.frame["y"].to_numpy(), sm.add_constant(panel.frame["x"])[["x", "const"]]).fit()
    for name in ("params", "bse", "tvalues", "pvalues"):
        np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), rtol=1e-9)
        assert getattr(ours, name).index.tolist() == ["x", "(Intercept)"]
    np.testing.assert_allclose(ours.cov_params(), theirs.cov_params(), rtol=1e-9, atol=1e-14)
    np.testing.assert_allclose(ours.conf_int(alpha=0.1), theirs.conf_int(0.1), rtol=1e-9)
    assert (ours.nobs, ours.df_resid, ours.use_t) == (theirs.nobs, theirs.df_resid, True)
    np.testing.assert_allclose(summary_params(ours).to_numpy(), summary_params(theirs).to_numpy(), rtol=1e-9)


def test_alpha_is_named_and_a_level_is_a_coverage(panel):
    result = TWFE().fit(panel, "y")
    pd.testing.assert_frame_equal(result.conf_int(alpha=0.05), result.conf_int(0.95), rtol=1e-14)
    assert (result.conf_int(0.9)["high"] < result.conf_int(alpha=0.05)["high"]).all()
    for call in (result.conf_int, result.to_frame, result.summary, result.tidy, lambda x: result.conf_int(level=x)):
        with pytest.raises(
            EffectsError, match=r"^level=0.05: a coverage of 0.5 or more and below 1 is needed, as 0.95$"
        ):
            call(0.05)
    with pytest.raises(EffectsError, match="level=-1"):
        result.conf_int(alpha=2)
    table = summary_params(result, alpha=0.1)  # statsmodels means alpha
    np.testing.assert_allclose(table.to_numpy()[:, -2:], result.conf_int(0.9).to_numpy(), rtol=1e-12)


def test_summary_col_sets_results_side_by_side(panel):
    att = GroupTimeATT().fit(panel, "y")
    pooled = sm.OLS(panel.frame["y"], panel.frame[["x"]]).fit()
    results = [TWFE().fit(panel, "y", covariates=["x"]), att.overall(), att, pooled]
    table = summary_col(results, model_names=["twfe", "att", "cells", "pooled"], stars=False).tables[0]
    beta, error = results[0].estimates["x"], results[0].std_errors["x"]
    row = table.index.get_loc("x")
    assert table.iloc[row : row + 2]["twfe"].tolist() == [f"{beta:.4f}", f"({error:.4f})"]
    assert table.iloc[row]["pooled"] == f"{pooled.params['x']:.4f}"
    assert table.loc["N", ["twfe", "att", "pooled"]].tolist() == ["150", "150", ""]
    assert table.loc["Clusters", "att"] == "30"
    assert "2003, 2004" in table.index


def test_without_variance_there_is_no_test(panel):
    study = TWFE(event_study=True).fit(panel, "y")
    assert np.isnan(study.tvalues[-1])
    assert np.isnan(study.pvalues[-1])
    assert study.df_resid == 29
    assert np.isinf(
        TWFE(family="poisson").fit(Panel(panel.frame.assign(y=panel.frame["y"] ** 2), **panel.names), "y").df_resid
    )
