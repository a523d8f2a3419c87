"""Tests by resampling: wild cluster bootstrap and randomisation."""

from __future__ import annotations

import numpy as np
import pandas as pd

from jobs.job import CLUSTER, COHORT, TIME, UNIT, Call, Job, Numbers, ours, static

COVARIATES = ["size", "leverage"]
TERMS = ["treated", *COVARIATES]
OUTCOME = "placebo"
"""Without an effect, so that p-values are away from zero and can be compared."""
KEYS = (UNIT, TIME, COHORT, CLUSTER, "treated", *COVARIATES, OUTCOME)


def _aigreen_wild(panel) -> Numbers:
    from aigreen.inference import wild_cluster_bootstrap

    result = wild_cluster_bootstrap(panel, OUTCOME, covariates=COVARIATES, n_draws=999)
    return {"t": static(result.t), "p_value": static(result.p_value)}


def _demeaned(frame: pd.DataFrame) -> pd.DataFrame:
    """Within transformation of a balanced panel: neither package absorbs fixed effects."""
    columns = frame[[OUTCOME, *TERMS]]
    return (
        columns
        - columns.groupby(frame[UNIT]).transform("mean")
        - columns.groupby(frame[TIME]).transform("mean")
        + columns.mean()
    )


def _wildboottest(frame: pd.DataFrame) -> Numbers:
    import statsmodels.api as sm
    from wildboottest.wildboottest import wildboottest

    within = _demeaned(frame)
    model = sm.OLS(within[OUTCOME], within[TERMS])
    result = wildboottest(model, B=999, cluster=frame[CLUSTER], param="treated", seed=1, show=False)
    return {"t": static(result["statistic"].iloc[0]), "p_value": static(result["p-value"].iloc[0])}


def _diff_diff_wild(frame: pd.DataFrame) -> Numbers:
    from diff_diff import wild_bootstrap_se

    within = _demeaned(frame)
    x, y = within[TERMS].to_numpy(), within[OUTCOME].to_numpy()
    residual = y - x @ np.linalg.lstsq(x, y, rcond=None)[0]
    result = wild_bootstrap_se(x, y, residual, frame[CLUSTER].to_numpy(), 0, n_bootstrap=999, seed=1)
    return {"t": static(result.t_stat_original), "p_value": static(result.p_value)}


WILD = Job(
    "wild cluster bootstrap, 300 clusters, 999 draws",
    10,
    (
        ours(_aigreen_wild),
        Call("wildboottest", _wildboottest, name="wildboottest on demeaned data"),
        Call("diff-diff", _diff_diff_wild, name="diff-diff on demeaned data"),
    ),
    KEYS,
    {"t": 1e-6, "p_value": 0.06},
    note="our time includes the confidence interval by inversion, which the others do not compute",
)


def _aigreen_randomization(panel) -> Numbers:
    from aigreen.inference import randomization_inference

    result = randomization_inference(panel, OUTCOME, covariates=COVARIATES, n_draws=500)
    return {"estimate": static(result.estimate), "p_value": static(result.p_value)}


def _ritest(frame: pd.DataFrame) -> Numbers:
    import pyfixest

    # ritest reads no blanks between fixed effects and no treatment of integers.
    formula = f"{OUTCOME} ~ {' + '.join(TERMS)} | {UNIT}+{TIME}"
    fit = pyfixest.feols(formula, frame.astype({"treated": float}), vcov={"CRV1": CLUSTER})
    test = fit.ritest("treated", reps=500, rng=np.random.default_rng(0))
    return {"estimate": static(fit.coef()["treated"]), "p_value": static(test["Pr(>|t|)"])}


ROWS = "draws rows; with cluster= it draws treatment constant over time, which the firm effects absorb"

RANDOMIZATION = Job(
    "randomisation inference, 500 draws",
    100,
    (ours(_aigreen_randomization), Call("pyfixest", _ritest, name="pyfixest ritest", differs={"p_value": (ROWS, 1.0)})),
    KEYS,
    {"estimate": 1e-6, "p_value": 0.06},
    note="ours reassigns cohorts across the 300 cities",
)
