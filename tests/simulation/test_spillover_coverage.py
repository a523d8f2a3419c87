"""Bias and coverage of spillover-robust effects over 1,000 samples of 100 cities; figures are printed with -s."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from aigreen import Imputation, Panel, Spillover
from aigreen.exposure import exposures, rings

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::aigreen.errors.AigreenWarning")]

N_REPLICATIONS = 1_000
N_CITIES, N_TREATED, N_FIRMS, N_PERIODS = 100, 36, 3, 8
CITY = np.repeat(np.arange(N_CITIES), N_FIRMS * N_PERIODS)
FIRM = np.repeat(np.arange(N_CITIES * N_FIRMS), N_PERIODS)
YEAR = np.tile(np.arange(1, N_PERIODS + 1), N_CITIES * N_FIRMS)
KEYS = {"unit": "firm", "time": "year", "cohort": "first", "cluster": "city"}
NEAR, FAR = "ring_0_75", "ring_75_150"
SPILLOVER = {NEAR: 0.4, FAR: 0.2}


def persistent(rng: np.random.Generator, n: int, rho: float = 0.5) -> np.ndarray:
    """AR(1) errors inside rows of an array (n, periods), of unit variance."""
    shocks = rng.standard_normal((n, N_PERIODS))
    out = shocks.copy()
    for t in range(1, N_PERIODS):
        out[:, t] = rho * out[:, t - 1] + np.sqrt(1 - rho**2) * shocks[:, t]
    return out


def sample(rng: np.random.Generator, *, family: str = "gaussian") -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Cities on a map, some treated in periods 4 and 6; also own effects and spillovers of all rows.

    Errors are correlated inside cities and over time; a sixth of the rows is missing, more often where x is large.
    """
    points = pd.DataFrame({"lat": rng.uniform(25, 37, N_CITIES), "lon": rng.uniform(105, 119, N_CITIES)})
    first = np.zeros(N_CITIES, dtype=int)
    chosen = rng.choice(N_CITIES, N_TREATED, replace=False)
    first[chosen] = np.resize([4, 6], N_TREATED)
    df = pd.DataFrame({"firm": FIRM, "city": CITY, "year": YEAR, "first": first[CITY]})
    place = pd.Series(np.repeat(np.arange(N_CITIES), N_FIRMS))
    maps = {name: ring.at_places(place) for name, ring in rings(points, [0, 75, 150]).items()}
    df = df.join(exposures(Panel(df, **KEYS), maps, how="any"))
    treated = (df["first"] > 0) & (df["first"] <= YEAR)
    own = np.where(treated, 0.5 + 0.1 * (YEAR - df["first"]), 0.0)
    spill = df[list(SPILLOVER)].to_numpy() @ np.array(list(SPILLOVER.values()))
    level = rng.standard_normal(N_CITIES * N_FIRMS)[FIRM] + 0.1 * df["first"].to_numpy()
    df["x"] = rng.standard_normal(len(df)) + 0.3 * level
    noise = 0.5 * persistent(rng, N_CITIES)[CITY, YEAR - 1] + persistent(rng, N_CITIES * N_FIRMS).ravel()
    if family == "gaussian":
        df["y"] = level + 0.2 * YEAR + 0.5 * df["x"] + own + spill + noise
    else:
        own, spill = 0.6 * own, 0.6 * spill
        mean = np.exp(1 + 0.4 * level + 0.05 * YEAR + 0.1 * df["x"])
        df["y"] = rng.poisson(mean * np.exp(own + spill) * rng.gamma(8, 1 / 8, len(df))).astype(float)
        own, spill = mean * np.exp(spill) * np.expm1(own), mean * np.expm1(spill)
        df["mean"] = mean
    keep = rng.random(len(df)) < 0.85 - 0.1 * (df["x"].to_numpy() > 0)
    return df[keep].reset_index(drop=True), own[keep], spill[keep]


def report(name: str, gaps: list[dict], errors: list[dict]) -> pd.DataFrame:
    """Bias in Monte Carlo errors, standard deviation over mean error, and coverage, by part."""
    gap, error = pd.DataFrame(gaps), pd.DataFrame(errors)
    noise = gap.std() / np.sqrt(len(gap))
    table = pd.DataFrame(
        {
            "bias": gap.mean(),
            "bias/noise": gap.mean() / noise,
            "sd": gap.std(),
            "se": error.mean(),
            "coverage": (gap.abs() <= 1.959964 * error).mean(),
        }
    )
    print(f"\n{name}\n{table.round(4)}")
    return table


def truth(df: pd.DataFrame, own: np.ndarray, spill: np.ndarray) -> dict[str, float]:
    """Means of the effects on the rows of the sample."""
    treated = ((df["first"] > 0) & (df["year"] >= df["first"])).to_numpy()
    exposed = ~treated & (spill > 0)
    return {
        "treated": (own + spill)[treated].mean(),
        "net": own[treated].mean(),
        "spillover": spill[treated].mean(),
        "exposed": spill[exposed].mean(),
    }


@pytest.mark.parametrize("variance", ["conservative", "leave_one_out"])
def test_linear_coverage(variance: str) -> None:
    rng = np.random.default_rng(20240701)
    estimator = Spillover(exposure=[NEAR, FAR], variance=variance)
    gaps, errors, naive = [], [], []
    for _ in range(N_REPLICATIONS):
        df, own, spill = sample(rng)
        panel = Panel(df, **KEYS)
        overall = estimator.fit(panel, "y", covariates=["x"]).overall()
        target = truth(df, own, spill) | SPILLOVER
        gaps.append({part: overall.estimates[part] - value for part, value in target.items()})
        errors.append(overall.std_errors[list(target)].to_dict())
        naive.append(Imputation().fit(panel, "y", covariates=["x"]).overall().values[0] - target["treated"])
    table = report(variance, gaps, errors)
    print(
        "naive imputation: bias",
        np.mean(naive),
        "Monte Carlo errors",
        np.mean(naive) / np.std(naive) * len(naive) ** 0.5,
    )
    assert (table["bias/noise"].abs() < 3).all()
    # With 18 treated clusters in a cohort, centring by cohort and period takes away some percent of the errors.
    assert table["coverage"].between(0.93 if variance == "leave_one_out" else 0.92, 0.97).all()
    assert table.loc[[NEAR, FAR], "coverage"].between(0.93, 0.97).all()
    assert np.mean(naive) < -3 * np.std(naive) / np.sqrt(N_REPLICATIONS)


def test_poisson_coverage() -> None:
    rng = np.random.default_rng(20240702)
    estimator = Spillover(exposure=[NEAR, FAR], family="poisson", scale="percent", variance="leave_one_out")
    gaps, errors = [], []
    for _ in range(N_REPLICATIONS):
        df, own, spill = sample(rng, family="poisson")
        overall = estimator.fit(Panel(df, **KEYS), "y", covariates=["x"]).overall()
        treated = ((df["first"] > 0) & (df["year"] >= df["first"])).to_numpy()
        mean = df["mean"].to_numpy()[treated].sum()
        target = {name: np.expm1(0.6 * value) for name, value in SPILLOVER.items()}
        target |= {"net": own[treated].sum() / mean, "spillover": spill[treated].sum() / mean}
        target["treated"] = target["net"] + target["spillover"]
        gaps.append({part: overall.estimates[part] - value for part, value in target.items()})
        errors.append(overall.std_errors[list(target)].to_dict())
    table = report("poisson, percent, leave one out", gaps, errors)
    # Ratios of means have a bias of the order of their variance, 1 / clusters.
    assert (table["bias"].abs() < 0.02).all()
    assert table["coverage"].between(0.93, 0.97).all()
