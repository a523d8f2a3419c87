"""Mediation against R's mediation 4.5.1 (../shared/oracles) on jobs and a synthetic panel, and framing by hand.

R's bootstrap runs hold the analytic point estimates; its quasi-Bayesian runs are simulated and compared within their
Monte Carlo error. Cross-sections get a period of their own making: Panel wants two, and the regressions are pooled.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.stats import norm

from aigreen import Mediation, Panel
from aigreen.decomposition.parts import Parts

CONTROLS = ["econ_hard", "sex", "age"]


def cross_section(df: pd.DataFrame, **keys: str) -> Panel:
    df = df.reset_index(drop=True).assign(row=lambda d: np.arange(len(d)), half=lambda d: d["row"] % 2)
    return Panel(df, unit="row", time="half", **keys)


@pytest.fixture(scope="module")
def jobs(shared: Path) -> Panel:
    return cross_section(pd.read_csv(shared / "data/med_mediation_pkg/jobs.csv"))


@pytest.fixture(scope="module")
def oracle(shared: Path) -> dict:
    return json.loads((shared / "oracles/mediation_jobs.json").read_text())["results"]


def pooled(panel: Panel, outcome: str, treatment: str, covariates: list[str], channel: str, **options: object) -> Parts:
    estimator = Mediation(channels=[channel], fixed_effects=[], **options)
    return estimator.fit(panel, outcome, treatment=treatment, covariates=covariates)


def test_jobs_published_numbers(jobs: Panel) -> None:
    """Tingley et al. (2014), Journal of Statistical Software 59(5), and Sobel's error."""
    result = pooled(jobs, "depress2", "treat", CONTROLS, "job_seek", vcov="iid")
    expected = {"total": -0.0560093, "direct": -0.0402647, "job_seek": -0.0157446}
    assert result.estimates.to_dict() == pytest.approx(expected, abs=5e-8)
    assert result.std_errors["job_seek"] == pytest.approx(0.0124892, abs=5e-8)


def test_jobs_coefficients_and_covariances(jobs: Panel, oracle: dict) -> None:
    result = pooled(jobs, "depress2", "treat", CONTROLS, "job_seek", vcov="iid")
    run = oracle["linear_boot"]
    assert result.estimates["job_seek"] == pytest.approx(run["d0"], abs=1e-12)
    assert result.estimates["direct"] == pytest.approx(run["z0"], abs=1e-12)
    assert result.estimates["total"] == pytest.approx(run["tau.coef"], abs=1e-12)
    models = oracle["linear_qb"]
    a, b = models["model_m"]["coef"]["treat"], models["model_y"]["coef"]["job_seek"]
    variance = {m: np.array(models[m]["vcov"]["values"]) for m in ("model_m", "model_y")}
    sobel = np.sqrt(a**2 * variance["model_y"][2, 2] + b**2 * variance["model_m"][1, 1])
    assert result.std_errors["job_seek"] == pytest.approx(sobel, rel=1e-10)
    assert result.std_errors["direct"] == pytest.approx(np.sqrt(variance["model_y"][1, 1]), rel=1e-10)


def test_jobs_quasi_bayesian_intervals(jobs: Panel, oracle: dict) -> None:
    """Their draws are of a and b separately, so their spread is Sobel's plus the product of two variances."""
    classical = pooled(jobs, "depress2", "treat", CONTROLS, "job_seek", vcov="iid")
    low, high = oracle["linear_qb"]["d0.ci"]
    assert high - low == pytest.approx(2 * 1.96 * classical.std_errors["job_seek"], rel=0.05)
    robust = pooled(jobs, "depress2", "treat", CONTROLS, "job_seek")
    low, high = oracle["linear_robust"]["z0.ci"]
    assert high - low == pytest.approx(2 * 1.96 * robust.std_errors["direct"], rel=0.05)


def test_jobs_with_interaction(jobs: Panel, oracle: dict) -> None:
    """Effects through the channel are analytic; R draws the errors of the channel for the direct ones.

    One bootstrap run adds a single draw of 899 errors to the predicted channel: 0.0021 times a standard normal here.
    """
    run, draws = oracle["linear_int_boot"], oracle["linear_int_qb"]
    result = pooled(jobs, "depress2", "treat", CONTROLS, "job_seek", interaction=True).estimates
    assert result["job_seek"] == pytest.approx(run["d0"], abs=1e-12)
    assert result["direct: interaction job_seek"] == pytest.approx(run["d1"] - run["d0"], abs=1e-12)
    assert result["direct"] == pytest.approx(run["z1"], abs=3 * 0.0021)
    assert result["direct"] == pytest.approx(draws["z1"], abs=1.5e-3)
    assert result["direct: at untreated channels"] == pytest.approx(draws["z0"], abs=1.5e-3)
    assert result["total"] == pytest.approx(draws["tau.coef"], abs=1.5e-3)


# R 4.2.2, mediation 4.5.1 on its jobs data: glm of job_dich (probit) and lm of depress2 on treat * job_dich, controls
# econ_hard, sex, age; quasi-Bayesian mediate with 10,000 draws (../shared/oracles/mediation_jobs.json, probit_m_qb).
PROBIT = {"(Intercept)": -0.251467670890673, "treat": 0.203457930572409}
PROBIT |= {"econ_hard": 0.0817164924578807, "sex": 0.0222963444864406, "age": 0.00419133365724027}
OUTCOME = {"treat": -0.00846932542743724, "job_dich": -0.300228967232105, "treat:job_dich": -0.0374266409513419}
DRAWN = {  # mean and spread of the draws
    "job_dich": (-0.0234038241837006, 0.0139908350894279),
    "direct: at untreated channels": (-0.0289824592199474, 0.0446191078153777),
    "direct": (-0.0317192939873368, 0.0448020387392667),
    "total": (-0.0551231181710374, 0.0464683477921308),
}


def test_jobs_with_a_probit_channel(jobs: Panel) -> None:
    """Points from R's coefficients to where its glm stops; its draws within their Monte Carlo error.

    R adds a drawn channel of each person to the draws of coefficients, so its spread is wider by that of 899 coins.
    """
    fit = pooled(jobs, "depress2", "treat", CONTROLS, "job_dich", links={"job_dich": "probit"}, interaction=True)
    index = PROBIT["(Intercept)"] + jobs.matrix(CONTROLS) @ [PROBIT[name] for name in CONTROLS]
    p0, p1 = norm.cdf(index), norm.cdf(index + PROBIT["treat"])
    c, b, h = OUTCOME.values()
    expected = {
        "total": c + h * p1.mean() + b * (p1 - p0).mean(),
        "direct": c + h * p1.mean(),
        "job_dich": b * (p1 - p0).mean(),
        "direct: at untreated channels": c + h * p0.mean(),
        "direct: interaction job_dich": h * (p1 - p0).mean(),
    }
    assert fit.estimates.to_dict() == pytest.approx(expected, abs=5e-8)
    for part, (mean, spread) in DRAWN.items():
        assert fit.estimates[part] == pytest.approx(mean, abs=3 * spread / np.sqrt(10_000)), part
    coins = abs(b) * np.sqrt((p1 * (1 - p1) + p0 * (1 - p0)).sum()) / len(p0)
    assert np.hypot(fit.std_errors["job_dich"], coins) == pytest.approx(DRAWN["job_dich"][1], rel=0.03)
    assert fit.std_errors["direct"] == pytest.approx(DRAWN["direct"][1], rel=0.03)


@pytest.mark.parametrize("weights", [None, "w"])
def test_synthetic_cross_section(shared: Path, weights: str | None) -> None:
    df = (
        pd.read_csv(shared / "oracles/data/synth_balanced.csv").query("t == 12").assign(tr=lambda d: 1.0 * (d["g"] > 0))
    )
    runs = json.loads((shared / "oracles/mediation_synth.json").read_text())["results"]
    result = pooled(cross_section(df, weights=weights), "y", "tr", ["x1", "x2"], "m", vcov="iid")
    if weights is None:
        assert result.estimates["m"] == pytest.approx(runs["linear_boot"]["d0"], abs=1e-12)
        assert result.estimates["direct"] == pytest.approx(runs["linear_boot"]["z0"], abs=1e-12)
    models = runs["weighted_qb" if weights else "linear_qb"]
    m, y = models["model_m"], models["model_y"]
    a, b = m["coef"]["tr"], y["coef"]["m"]
    assert result.estimates["m"] == pytest.approx(a * b, abs=1e-12)
    v = {"a": m["vcov"]["values"][1][1], "b": y["vcov"]["values"][2][2], "direct": y["vcov"]["values"][1][1]}
    assert result.std_errors["m"] == pytest.approx(np.sqrt(a**2 * v["b"] + b**2 * v["a"]), rel=1e-9)
    assert result.std_errors["direct"] == pytest.approx(np.sqrt(v["direct"]), rel=1e-9)


def test_clustered_cross_section(shared: Path) -> None:
    df = (
        pd.read_csv(shared / "oracles/data/synth_balanced.csv").query("t == 12").assign(tr=lambda d: 1.0 * (d["g"] > 0))
    )
    run = json.loads((shared / "oracles/mediation_synth.json").read_text())["results"]["linear_cluster40"]
    result = pooled(cross_section(df, cluster="cluster"), "y", "tr", ["x1", "x2"], "m")
    for part, key in {"m": "d0.ci", "direct": "z0.ci"}.items():
        low, high = run[key]
        assert high - low == pytest.approx(2 * 1.96 * result.std_errors[part], rel=0.06), part


def test_framing_linear_probability(shared: Path) -> None:
    """Brader, Valentino and Suhay (2008): anxiety carries the effect of framing on writing to Congress."""
    df = pd.read_csv(shared / "data/med_mediation_pkg/framing.csv")
    df = df.join(pd.get_dummies(df["educ"], prefix="educ", drop_first=True, dtype=float))
    df["female"] = 1.0 * (df["gender"] == "female")
    covariates = ["age", "female", "income", *(c for c in df.columns if c.startswith("educ_"))]
    panel = cross_section(df)
    result = pooled(panel, "cong_mesg", "treat", covariates, "emo", vcov="iid")
    design = sm.add_constant(df[["treat", *covariates]])
    m = sm.OLS(df["emo"], design).fit()
    y = sm.OLS(df["cong_mesg"], design.join(df["emo"])).fit()
    a, b = m.params["treat"], y.params["emo"]
    assert result.estimates["emo"] == pytest.approx(a * b, abs=1e-12)
    assert result.estimates["direct"] == pytest.approx(y.params["treat"], abs=1e-12)
    sobel = np.sqrt((a * y.bse["emo"]) ** 2 + (b * m.bse["treat"]) ** 2)
    assert result.std_errors["emo"] == pytest.approx(sobel, rel=1e-10)
    assert result.estimates["emo"] > 0 > result.estimates["direct"] - result.estimates["total"]
