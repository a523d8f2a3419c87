"""Mediation sensitivity against medsens of mediation 4.5.1; robustness values against Cinelli and Hazlett (2020)."""

import json

import numpy as np
import pandas as pd
import pytest

from aigreen import Mediation, Panel
from aigreen.inference import adjusted_estimate, rho_sensitivity, robustness


def residuals(data, names, covariates):
    X = np.column_stack([np.ones(len(data)), data[covariates]])
    V = data[names].to_numpy(dtype=float)
    return (V - X @ np.linalg.lstsq(X, V, rcond=None)[0]).T


@pytest.fixture(scope="module")
def oracle(shared):
    return json.loads((shared / "oracles/mediation_medsens.json").read_text())["results"]


@pytest.fixture(scope="module")
def jobs(shared):
    data = pd.read_csv(shared / "data/med_mediation_pkg/jobs.csv")
    return residuals(data, ["treat", "job_seek", "depress2"], ["econ_hard", "sex", "age"])


@pytest.fixture(scope="module")
def synthetic(shared):
    data = pd.read_csv(shared / "oracles/data/synth_balanced.csv").query("t == 12").assign(tr=lambda d: d["g"] > 0)
    return residuals(data, ["tr", "m", "y"], ["x1", "x2"])


def cross_section(df):
    """Rows as units of two periods of their own making, for pooled regressions."""
    df = df.reset_index(drop=True).assign(row=lambda d: np.arange(len(d)), half=lambda d: d["row"] % 2)
    return Panel(df, unit="row", time="half")


def column(case, name):
    return np.array(case[name], dtype=float).ravel()


def test_jobs_curve(oracle, jobs):
    case = oracle["jobs_linear_rho.1"]
    ours = rho_sensitivity(*jobs, rho=column(case, "rho"))
    np.testing.assert_allclose(ours.frame["mediated"], column(case, "d0"), atol=1e-5)
    np.testing.assert_allclose(ours.frame.loc[0.0, "mediated"], -0.0157446450288882, rtol=1e-12)
    reference = (column(case, "upper_d0") - column(case, "lower_d0")) / (2 * 1.959964)
    np.testing.assert_allclose(ours.frame["std_error"], reference, rtol=0.03)  # theirs is homoskedastic
    assert ours.rho_at_zero == pytest.approx(-0.27347, abs=1e-5)


def test_jobs_curve_in_small_steps(oracle, jobs):
    """The reference stops its iterations at a change of 1e-3 a step, so small steps lag behind at high correlations."""
    case = oracle["jobs_linear_rho.01"]
    ours = rho_sensitivity(*jobs, rho=column(case, "rho"))
    near = np.abs(column(case, "rho")) < 0.62
    np.testing.assert_allclose(ours.frame["mediated"][near], column(case, "d0")[near], atol=1e-3)
    assert round(ours.rho_at_zero, 2) == case["err_cr_d"][0] == -0.27


def test_the_sensitivity_of_a_mediation_is_that_of_its_regressions(oracle, shared):
    """Jobs: their curve and the correlation at zero. Framing: within a step of theirs, which is of a probit."""
    jobs = cross_section(pd.read_csv(shared / "data/med_mediation_pkg/jobs.csv"))
    estimator, covariates = Mediation(channels=["job_seek"], fixed_effects=[]), ["econ_hard", "sex", "age"]
    case = oracle["jobs_linear_rho.1"]
    ours = estimator.sensitivity(jobs, "depress2", treatment="treat", covariates=covariates, rho=column(case, "rho"))
    np.testing.assert_allclose(ours["mediated"], column(case, "d0"), atol=1e-5)
    assert ours["rho_at_zero"].iloc[0] == pytest.approx(-0.27347, abs=1e-5)
    assert ours["partial_r2"].iloc[0] == pytest.approx(0.27347**2, abs=1e-5)
    df = pd.read_csv(shared / "data/med_mediation_pkg/framing.csv")
    df = df.join(pd.get_dummies(df["educ"], prefix="educ", drop_first=True, dtype=float))
    df["female"] = 1.0 * (df["gender"] == "female")
    covariates = ["age", "female", "income", *(c for c in df.columns if c.startswith("educ_"))]
    estimator = Mediation(channels=["emo"], fixed_effects=[])
    ours = estimator.sensitivity(cross_section(df), "cong_mesg", treatment="treat", covariates=covariates)
    step = oracle["framing_probit_y_rho.1"]["rho_by"]
    assert ours["rho_at_zero"].iloc[0] == pytest.approx(0.353025, abs=1e-6)
    assert abs(ours["rho_at_zero"].iloc[0] - oracle["framing_probit_y_rho.1"]["err_cr_d"][0]) < step


def test_own_panel(oracle, synthetic):
    case = oracle["synth_linear_rho.01"]
    ours = rho_sensitivity(*synthetic, rho=column(case, "rho"))
    np.testing.assert_allclose(ours.frame["mediated"], column(case, "d0"), atol=1e-3, rtol=3e-4)
    assert round(ours.rho_at_zero, 2) == case["err_cr_d"][0] == 0.46


def test_darfur():
    """Exposure to violence in Darfur, their table 1: estimate 0.097, error 0.023, 783 degrees of freedom."""
    estimate, error, df = 0.09731582, 0.02325654, 783
    ours = robustness(estimate / error, df)
    assert ours.value == pytest.approx(0.139, abs=5e-4)
    assert ours.value_significance == pytest.approx(0.076, abs=5e-4)
    assert ours.partial_r2 == pytest.approx(0.022, abs=5e-4)
    once_female = adjusted_estimate(estimate, error, df, r2_treatment=0.009164287, r2_outcome=0.1246409)
    assert once_female.estimate == pytest.approx(0.0752, abs=5e-5)
    assert once_female.statistic == pytest.approx(3.44, abs=5e-3)
