"""Bias and coverage of the imputation estimators over 1,000 samples; figures are printed with -s."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from aigreen import Imputation, Panel

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::aigreen.errors.AigreenWarning"),
]

N_REPLICATIONS = 1_000
N_UNITS, N_PERIODS = 240, 8
UNIT, TIME = np.repeat(np.arange(N_UNITS), N_PERIODS), np.tile(np.arange(1, N_PERIODS + 1), N_UNITS)
FIRST = np.resize([0, 4, 6], N_UNITS)[UNIT]
TREATED = (FIRST > 0) & (TIME >= FIRST)
KEYS = {"unit": "unit", "time": "time", "cohort": "first"}


def effect() -> np.ndarray:
    return np.where(TREATED, 0.2 + 0.1 * (TIME - FIRST) + 0.05 * (FIRST == 4), 0.0)


def persistent(rng: np.random.Generator, rho: float = 0.5) -> np.ndarray:
    """AR(1) errors inside units."""
    shocks = rng.standard_normal((N_UNITS, N_PERIODS))
    out = shocks.copy()
    for t in range(1, N_PERIODS):
        out[:, t] = rho * out[:, t - 1] + np.sqrt(1 - rho**2) * shocks[:, t]
    return out.ravel()


def linear_sample(rng: np.random.Generator) -> pd.DataFrame:
    """Unit effects related to cohorts, a covariate, and a fifth of the rows missing at random given it."""
    level = rng.standard_normal(N_UNITS)[UNIT] + 0.1 * FIRST
    x = rng.standard_normal(len(UNIT)) + 0.3 * level
    y = level + 0.2 * TIME + 0.5 * x + effect() + persistent(rng)
    gone = rng.random(len(UNIT)) < 0.1 + 0.2 * (x > 0)
    return pd.DataFrame({"unit": UNIT, "time": TIME, "first": FIRST, "x": x, "y": y})[~gone]


def count_sample(rng: np.random.Generator) -> tuple[pd.DataFrame, dict[str, float]]:
    """Overdispersed counts with parallel growth; also the effects on the treated rows of the sample."""
    level = 0.4 * rng.standard_normal(N_UNITS)[UNIT] + 0.05 * FIRST
    mean = np.exp(0.5 + level + 0.05 * TIME)
    shock = rng.gamma(4, 0.25, len(UNIT))
    y = rng.poisson(mean * np.exp(effect()) * shock).astype(float)
    keep = rng.random(len(UNIT)) >= 0.15
    rows = TREATED & keep
    gain = (mean * np.expm1(effect()))[rows]
    df = pd.DataFrame({"unit": UNIT, "time": TIME, "first": FIRST, "y": y})[keep]
    return df, {"level": gain.mean(), "percent": gain.sum() / mean[rows].sum()}


def inside(low: np.ndarray, high: np.ndarray, truth: np.ndarray) -> np.ndarray:
    return (low <= truth) & (truth <= high)


@pytest.mark.parametrize("variance", ["conservative", "leave_one_out"])
def test_linear_coverage_on_unbalanced_panels(variance: str) -> None:
    rng = np.random.default_rng(20240611)
    truth_of = pd.Series(effect(), index=pd.MultiIndex.from_arrays([FIRST, TIME], names=["cohort", "time"]))
    truth_of = truth_of[~truth_of.index.duplicated()]
    estimator = Imputation(variance=variance, leads=2)
    gaps, covered, joint = [], [], []
    for replication in range(N_REPLICATIONS):
        result = estimator.fit(Panel(linear_sample(rng), **KEYS), "y", covariates=["x"])
        study, overall = result.event_study(), result.overall()
        cells = truth_of.reindex(result.index).to_numpy()
        truth = np.append(study.weights.to_numpy().T @ cells, overall.weights.to_numpy()[:, 0] @ cells[result.post])
        values = np.append(study.values, overall.values)
        pointwise = pd.concat([study.conf_int(), overall.conf_int()])
        gaps.append(values - truth)
        covered.append(inside(pointwise["low"].to_numpy(), pointwise["high"].to_numpy(), truth))
        band = study.conf_int(simultaneous=True, n_draws=499, seed=replication)
        joint.append(inside(band["low"].to_numpy(), band["high"].to_numpy(), truth[:-1]).all())
    bias, noise = np.mean(gaps, axis=0), np.std(gaps, axis=0) / np.sqrt(N_REPLICATIONS)
    coverage = np.mean(covered, axis=0)
    print(variance, "bias/noise", (bias / noise).round(2), "coverage", coverage.round(3), "joint", np.mean(joint))
    assert (np.abs(bias) < 3.5 * noise).all()
    assert 0.93 <= coverage[-1] <= 0.97
    assert ((coverage >= 0.92) & (coverage <= 0.975)).all()
    assert 0.93 <= coverage.mean() <= 0.97
    assert 0.92 <= np.mean(joint) <= 0.98


@pytest.mark.parametrize("scale", ["level", "percent"])
def test_poisson_coverage(scale: str) -> None:
    rng = np.random.default_rng(20240612)
    estimator = Imputation(family="poisson", scale=scale)
    gaps, covered = [], []
    for _ in range(N_REPLICATIONS):
        df, truth = count_sample(rng)
        effects = estimator.fit(Panel(df, **KEYS), "y").overall()
        interval = effects.conf_int()
        gaps.append(effects.values[0] - truth[scale])
        covered.append(interval["low"].iloc[0] <= truth[scale] <= interval["high"].iloc[0])
    noise = np.std(gaps) / np.sqrt(N_REPLICATIONS)
    print(scale, "bias", np.mean(gaps), "noise", noise, "coverage", np.mean(covered))
    # A ratio of means has a bias of the order of its variance, 1 / clusters.
    assert abs(np.mean(gaps)) < (3.5 * noise if scale == "level" else 0.02)
    assert 0.93 <= np.mean(covered) <= (0.985 if scale == "level" else 0.97)
