from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from aigreen import Panel
from aigreen.inference import honest_did, randomization_inference, rho_sensitivity
from aigreen_study import figures
from aigreen_study.specification.binned import binned_means

from .drawn import BAND, make_effects


@pytest.fixture(scope="session")
def path():
    """Effects by horizon, the reference among them."""
    horizons = pd.Index(range(-4, 4), name="horizon")
    return make_effects([0.01, -0.02, 0.01, 0.0, 0.06, 0.08, 0.12, 0.11], horizons, scale=0.015,
                        post=horizons.to_numpy() >= 0)  # fmt: skip


@pytest.fixture(scope="session")
def comparisons():
    return pd.DataFrame(
        {
            "kind": ["treated_vs_never", "treated_vs_never", "earlier_vs_later", "later_vs_earlier"],
            "treated": [2019.0, 2020.0, 2019.0, 2020.0],
            "control": [np.inf, np.inf, 2020.0, 2019.0],
            "weight": [0.5, 0.3, 0.15, 0.05],
            "estimate": [0.1, 0.22, 0.06, -0.2],
        }
    )


@pytest.fixture(scope="session")
def specifications():
    """Twelve specifications that share their noise, and their choices."""
    rng = np.random.default_rng(3)
    common = rng.standard_normal(60)
    results, choices = {}, {}
    for i in range(12):
        noise = common + 0.5 * rng.standard_normal(60)
        results[f"s{i}"] = make_effects([0.3 + 0.02 * i], pd.Index(["treated"], name="term"), n=60,
                                        psi=(0.1 + 0.02 * i) * noise[:, None] / np.sqrt(60))  # fmt: skip
        choices[f"s{i}"] = {
            "Controls": ["None", "Size"][i % 2],
            "Sample": ["All", "Late", "Early"][i % 3],
            "Unit": "Firm",
        }
    return SimpleNamespace(results=results, choices=pd.DataFrame(choices).T)


@pytest.fixture(scope="session")
def panel():
    rng = np.random.default_rng(5)
    n, periods = 60, 6
    df = pd.DataFrame({"firm": np.repeat(np.arange(n), periods), "year": np.tile(np.arange(2016, 2016 + periods), n)})
    df["first"] = np.resize([0, 2019, 2020], n)[df.firm]
    df["x"] = rng.gamma(2, 2, len(df)) + df.firm % 3
    df["w"] = rng.standard_normal(len(df))
    df["y"] = np.sqrt(df.x) + 0.5 * df.w + (df.firm % 7) / 3 + 0.1 * rng.standard_normal(len(df))
    return Panel(df, unit="firm", time="year", cohort="first")


@pytest.fixture(scope="session")
def rho(panel):
    d, m, y = (panel.treated - panel.treated.mean(), panel.column("x") - panel.column("x").mean(), panel.column("y"))
    return rho_sensitivity(d, m + d, y - y.mean(), clusters=panel.unit_codes)


@pytest.fixture(scope="session")
def draw_all(path, comparisons, specifications, panel, rho):
    """Draw one figure of every kind, afresh at each call."""
    return lambda: _draw(path, comparisons, specifications, panel, rho)


@pytest.fixture(scope="session")
def drawn(draw_all):
    return draw_all()


def _draw(path, comparisons, specifications, panel, rho):
    parts = pd.Index(["Total", "Direct", "Through industry structure", "Spillover"], name="part")
    overall = make_effects([0.12, 0.05, 0.09, -0.02], parts)
    by_horizon = pd.MultiIndex.from_product([parts, range(3)], names=["part", "horizon"])
    study = make_effects([0.1, 0.2, 0.3, 0.1, 0.1, 0.1, 0.05, 0.15, 0.2, -0.05, -0.05, 0.01], by_horizon)
    members = [make_effects([0.1, 0.3], pd.Index(names, name="group"), seed) for seed, names in
               enumerate([["State", "Private"], ["Large firms", "Small firms"]])]  # fmt: skip
    groups = dict(zip(["Ownership", "Size"], members, strict=True))
    wide = make_effects(path.values, path.index, scale=0.015 * np.r_[40, np.ones(7)], post=path.post)
    several = {"Callaway-Sant'Anna": path, "Imputation": path * 0.9, "TWFE": path * 1.2}
    trends = {"outcome": "y", "time": "year", "cohort": "first", "ylabel": "Mean of y"}
    crowded = {"weight": np.full(10, 0.1), "estimate": 0.01 * np.arange(10), "treated": np.arange(2010.0, 2020.0)}
    crowded = pd.DataFrame({"kind": "treated_vs_never", "control": np.inf} | crowded)
    many = panel.frame.assign(first=np.resize([0, *range(2009, 2022)], len(panel.frame)))
    long = "Effects on the log of the mean of green patents that are not artificial intelligence"
    shown = {"simulated": True}
    return {
        "event study": figures.event_study_figure(path, **BAND, **shown),
        "cut": figures.event_study_figure(wide, **BAND, **shown),
        "several": figures.event_study_figure(several, **BAND, **shown),
        "trends": figures.cohort_trends_figure(panel.frame, **trends, **shown),
        "many trends": figures.cohort_trends_figure(many, **trends, **shown),
        "parts": figures.parts_figure(overall, **BAND, **shown),
        "long label": figures.parts_figure(overall, ylabel=long, **BAND, **shown),
        "waterfall": figures.parts_waterfall_figure(overall, **BAND, **shown),
        "horizons": figures.parts_horizon_figure(study, **BAND, **shown),
        "bacon": figures.bacon_figure(comparisons, **shown),
        "crowded bacon": figures.bacon_figure(crowded, **shown),
        "honest": figures.honest_figure(
            honest_did(path, bounds=[0.5, 1]),
            honest_did(path, restriction="smoothness", bounds=[0, 0.01, 0.02]),
            **shown,
        ),
        "rho": figures.rho_figure({"Structure of the industry": rho, "Polluting share": rho, "Skills": rho}, **shown),
        "contour": figures.sensitivity_contour(rho, **shown),
        "curve": figures.specification_curve(
            specifications.results, specifications.choices, preferred="s4", **BAND, **shown
        ),
        "binned": figures.binned_scatter(
            binned_means(panel, "y", "x", covariates=["w"]), xlabel="x", ylabel="y", **shown
        ),
        "coefficients": figures.coefficient_figure(
            groups, whole=make_effects([0.2], pd.Index(["all"], name="group")), **shown
        ),
        "randomisation": figures.randomisation_figure(randomization_inference(panel, "y", n_draws=99), **shown),
    }
