"""Size, power and coverage with few treated clusters: the table of docs/conventions.md.

``python3 run.py test -m slow -n 0 -s tests/simulation/test_few_treated.py`` prints it; SAMPLES=1000 in the environment
makes it that of the documentation (default: 200 samples a design, with tolerances for that).
"""

from __future__ import annotations

import os
import warnings
from collections import defaultdict

import numpy as np
import pandas as pd
import pytest

from aigreen import (
    TWFE,
    Decomposition,
    DoseResponse,
    Efficient,
    GroupTimeATT,
    Imputation,
    LocalProjections,
    Mediation,
    Panel,
    Spillover,
    StackedDiD,
    SunAbraham,
    Switchers,
    TripleDifference,
)
from aigreen.errors import AigreenWarning, FewClustersError

SAMPLES = int(os.environ.get("SAMPLES", "200"))
YEARS = np.arange(2007, 2024)
DESIGNS = {(215, 15): 1, (31, 16): 2, (332, 18): 3, (80, 40): 4, (400, 200): 5, (30, 10): 6}
SLOPE = {(215, 15): 0.067, (31, 16): 0.1, (332, 18): 0.06, (80, 40): 0.05, (400, 200): 0.022, (30, 10): 0.095}


def draw(rng: np.random.Generator, design: tuple[int, int], errors: str, slope: float = 0.0) -> pd.DataFrame:
    """Two firms a city with city shocks, or AR(1) shocks and 1 to 20 firms a city; cohorts 2019 to 2021, no effect.

    Every other firm is eligible, doses are 1 to 5 by city, patents are counts with trends parallel in growth.
    """
    n, treated = design
    size = np.full(n, 2) if errors == "iid" else rng.integers(1, 21, n)
    cohort = np.zeros(n, dtype=int)
    cohort[rng.permutation(n)[:treated]] = 2019 + np.arange(treated) % 3
    shock = rng.standard_normal((n, len(YEARS)))
    if errors == "ar1":
        for t in range(1, len(YEARS)):
            shock[:, t] = 0.7 * shock[:, t - 1] + np.sqrt(1 - 0.49) * shock[:, t]
    city = np.repeat(np.arange(n), size)
    firms = len(city)
    y = shock[city] + rng.standard_normal((firms, 1)) + 0.5 * rng.standard_normal((firms, len(YEARS)))
    y += slope * np.where(cohort[city] > 0, 1, 0)[:, None] * (YEARS - 2018)
    m = shock[rng.permutation(n)][city] + rng.standard_normal((firms, len(YEARS)))
    near = (np.arange(n) % 2 == 0)[city][:, None] & (YEARS >= 2019)
    dose = np.repeat(np.where(cohort[city] > 0, 1 + city % 5, 0), len(YEARS))
    year = np.tile(YEARS, firms)
    return pd.DataFrame(
        {
            "firm": np.repeat(np.arange(firms), len(YEARS)),
            "year": year,
            "city": np.repeat(city, len(YEARS)),
            "cohort": np.repeat(cohort[city], len(YEARS)),
            "y": y.ravel(),
            "m": m.ravel(),
            "near": near.ravel().astype(float),
            "eligible": np.repeat(np.arange(firms) % 2, len(YEARS)),
            "dose": dose,
            "on": dose * (year >= np.repeat(cohort[city], len(YEARS))),
            "patents": np.floor(np.exp(1 + y.ravel() / 2)),
        }
    )


def estimates(panel: Panel) -> dict[str, object]:
    """Overall effect of each estimator, or effects at one dose or horizon."""
    curves = DoseResponse(degree=1).fit(panel, "y", dose="dose", at=[3])
    normalized = Switchers(estimand="normalized").fit(panel, "y", treatment="on")
    projected = LocalProjections(window=(-2, 1)).fit(panel, "y")
    counted = Decomposition(channels=["m"], exposure="near", family="poisson").fit(panel, "patents")
    return {
        "group-time": GroupTimeATT().fit(panel, "y").overall(),
        "imputation": Imputation().fit(panel, "y").overall(),
        "imputation, leave one out": Imputation(variance="leave_one_out").fit(panel, "y").overall(),
        "Sun-Abraham": SunAbraham().fit(panel, "y").overall(),
        "stacked": StackedDiD(window=(-3, 2)).fit(panel, "y").overall(),
        "two-way": TWFE().fit(panel, "y"),
        "spillover: treated": Spillover(exposure="near").fit(panel, "y")["treated"].overall(),
        "spillover: exposed": Spillover(exposure="near").fit(panel, "y")["exposed"].overall(),
        "decomposition: total": Decomposition(channels=["m"], exposure="near").fit(panel, "y")["total"].overall(),
        "decomposition: direct": Decomposition(channels=["m"], exposure="near").fit(panel, "y")["direct"].overall(),
        "mediation: direct": Mediation(channels=["m"]).fit(panel, "y")["direct"],
        "group-time, covariates": GroupTimeATT().fit(panel, "y", covariates=["m"]).overall(),
        "efficient, roth_santanna": Efficient(kind="roth_santanna", estimand="simple").fit(panel, "y"),
        "efficient, chen_santanna_xie": Efficient(kind="chen_santanna_xie").fit(panel, "y").overall(),
        "triple difference": TripleDifference(third="eligible").fit(panel, "y").overall(),
        "switchers": Switchers(estimand="total").fit(panel, "y", treatment="on"),
        "switchers, normalized": normalized.select(normalized.index == 1),
        "dose: level": curves["level"],
        "dose: acr": curves["acr"],
        "local projections": projected.select(projected.index == 1),
        "imputation, counts": Imputation(family="poisson").fit(panel, "patents").overall(),
        "imputation, counts in percent": Imputation(family="poisson", scale="percent").fit(panel, "patents").overall(),
        "two-way, counts": TWFE(family="poisson").fit(panel, "patents"),
        "spillover, counts: treated": Spillover(exposure="near", family="poisson")
        .fit(panel, "patents")["treated"]
        .overall(),
        "decomposition, counts: total": counted["total"].overall(),
        "decomposition, counts: direct": counted["direct"].overall(),
        "decomposition, counts: spillover": counted["spillover"].overall(),
    }


def one(panel: Panel) -> dict[tuple[str, str], float]:
    """Rejections of true nulls and misses of bands in one sample."""
    found: dict[tuple[str, str], float] = {}
    short = GroupTimeATT().fit(panel, "y").event_study(window=(-6, 4))
    long = GroupTimeATT(base_period="universal").fit(panel, "y").event_study(window=(-11, 4))
    leads = Imputation(leads=5).fit(panel, "y").event_study()
    for name, study in (("group-time, 5 leads", short), ("group-time, 10 leads", long), ("imputation, 5 leads", leads)):
        for method in ("chi2", "auto", "max_t"):
            try:
                test = study.pretrend_test(method=method, n_draws=199)
            except FewClustersError:
                found[name, method], found[name, "refused"] = np.nan, 1.0
                continue
            found.setdefault((name, "refused"), 0.0)
            found[name, method] = test.p_value <= 0.05
            found[name, "slope"] = test.trend_p_value <= 0.05
        for method, column in (("asymptotic", "band before"), ("auto", "band")):
            band = study.conf_int(simultaneous=True, method=method)
            found[name, column] = bool(((band["low"] > 0) | (band["high"] < 0)).any())
    after = leads.select((leads.index >= 0) & (leads.index <= 2))
    found["imputation, after", "chi2"] = after.test(method="chi2").p_value <= 0.05
    try:
        found["imputation, after", "auto"] = after.test().p_value <= 0.05
    except FewClustersError:
        found["imputation, after", "auto"] = np.nan
    return found


def coverage(panel: Panel) -> dict[tuple[str, str], float]:
    found = {}
    for name, effect in estimates(panel).items():
        for method in ("asymptotic", "auto"):
            low, high = effect.conf_int(method=method).iloc[0]
            found[name, method] = low <= 0 <= high
    return found


def repeat(what, design, errors: str, samples: int, slope: float = 0.0) -> pd.Series:
    rng = np.random.default_rng([DESIGNS[design], errors == "ar1", slope > 0])
    seen = defaultdict(list)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AigreenWarning)
        for _ in range(samples):
            panel = Panel(draw(rng, design, errors, slope), unit="firm", time="year", cohort="cohort", cluster="city")
            for key, value in what(panel).items():
                seen[key].append(value)
    return pd.Series({key: pd.Series(values, dtype=float).mean() for key, values in seen.items()})


def near(target: tuple[float, float], samples: int) -> tuple[float, float]:
    """The target, wider by what chance does in this many samples."""
    slack = 2.6 * np.sqrt(0.05 * 0.95 / samples)
    return target[0] - slack, target[1] + slack


@pytest.mark.slow
@pytest.mark.parametrize("errors", ["iid", "ar1"])
@pytest.mark.parametrize("design", DESIGNS, ids=lambda design: f"{design[0]}-{design[1]}")
def test_joint_tests_and_bands_have_their_size(design, errors):
    rate = repeat(one, design, errors, SAMPLES)
    print(f"\n{design[0]}/{design[1]} {errors}, {SAMPLES} samples\n{rate.unstack().round(3).to_string()}")
    low, high = near((0.03, 0.07), SAMPLES)
    rare = {name for name, what in rate.index if what == "refused" and rate[name, what] > 0.5}
    judged = ("auto", "max_t", "slope", "band")
    ours = rate[[key for key in rate.index if key[1] in judged and key[0] not in rare]].dropna()
    assert ours.between(low, high).all(), ours[~ours.between(low, high)]
    if design[1] < 40:
        assert rate["group-time, 10 leads", "chi2"] > 0.3
    power = repeat(one, design, errors, SAMPLES, SLOPE[design])
    print(f"power against a slope of {SLOPE[design]}\n{power.unstack().round(3).to_string()}")


@pytest.mark.slow
@pytest.mark.parametrize("errors", ["iid", "ar1"])
@pytest.mark.parametrize("design", DESIGNS, ids=lambda design: f"{design[0]}-{design[1]}")
def test_intervals_cover(design, errors):
    rate = repeat(coverage, design, errors, SAMPLES)
    print(f"\n{design[0]}/{design[1]} {errors}, {SAMPLES} samples\n{rate.unstack().round(3).to_string()}")
    low, high = near((0.93, 0.97), SAMPLES)
    ours = rate[[key for key in rate.index if key[1] == "auto"]]
    assert ours.between(low, high).all(), ours[~ours.between(low, high)]
