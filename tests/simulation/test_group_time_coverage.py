"""Coverage and bias of GroupTimeATT over repeated samples with known effects."""

import warnings

import numpy as np
import pandas as pd
import pytest

from aigreen import GroupTimeATT, Panel
from aigreen.errors import AigreenWarning

pytestmark = pytest.mark.slow

PERIODS = 6
COHORTS = np.array([0, 3, 5])
REPLICATIONS = 2000


def effect(cohort, time):
    return 0.5 * (time - cohort + 1) * (1 + cohort / 10)


def draw(rng, n, *, cities=None, unit_spread=1.0):
    """Parallel trends given `size` only; cohorts depend on `size`; shocks of a city are persistent."""
    cities = cities or n
    city = np.arange(n) % cities
    size = rng.normal(size=n)
    utility = np.column_stack([np.zeros(n), -0.6 + 0.5 * size, -0.6 - 0.5 * size]) + rng.gumbel(size=(n, 3))
    cohort = COHORTS[utility.argmax(axis=1)]
    time = np.arange(1, PERIODS + 1)
    treated = (cohort[:, None] > 0) & (time >= cohort[:, None])
    shocks = rng.normal(size=(cities, PERIODS)).cumsum(axis=1)[city] * 0.3 if cities < n else 0.0
    y = unit_spread * rng.normal(size=(n, 1)) + time * 0.3 * size[:, None] + shocks + rng.normal(size=(n, PERIODS))
    y += treated * effect(cohort[:, None], time)
    return pd.DataFrame(
        {
            "firm": np.repeat(np.arange(n), PERIODS),
            "city": np.repeat(city, PERIODS),
            "year": np.tile(time, n),
            "first": np.repeat(cohort, PERIODS),
            "size": np.repeat(size, PERIODS),
            "y": y.ravel(),
        }
    )


def truth(index):
    cohort, time = (index.get_level_values(name).to_numpy() for name in ("cohort", "time"))
    return np.where(time >= cohort, effect(cohort, time), 0.0)


def fit(frame, *, cluster=None, **options):
    panel = Panel(frame, unit="firm", time="year", cohort="first", cluster=cluster)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AigreenWarning)
        return GroupTimeATT(**options).fit(panel, "y", covariates=["size"])


def coverage(fits):
    """Share of intervals, and of whole bands, that hold the truth."""
    pointwise, bands = [], []
    for seed, effects in enumerate(fits):
        true = truth(effects.index)
        inside = effects.conf_int()
        pointwise.append((inside["low"] <= true) & (true <= inside["high"]))
        band = effects.conf_int(simultaneous=True, seed=seed)
        bands.append(((band["low"] <= true) & (true <= band["high"])).all())
    return np.mean(pointwise), np.mean(bands)


@pytest.mark.parametrize("method", ["dr", "ipw", "reg"])
def test_coverage_by_unit(method):
    rng = np.random.default_rng(1)
    pointwise, bands = coverage(fit(draw(rng, 500), method=method) for _ in range(REPLICATIONS))
    print(f"{method}: pointwise {pointwise:.4f}, band {bands:.4f}")
    assert 0.93 <= pointwise <= 0.97
    assert 0.92 <= bands <= 0.98


def test_coverage_by_cluster():
    rng = np.random.default_rng(2)
    draws = (draw(rng, 600, cities=100) for _ in range(REPLICATIONS))
    pointwise, bands = coverage(fit(frame, cluster="city") for frame in draws)
    print(f"clusters: pointwise {pointwise:.4f}, band {bands:.4f}")
    assert 0.93 <= pointwise <= 0.97
    assert 0.92 <= bands <= 0.98


def test_rows_missing_at_random_make_no_bias_and_pairs_use_more_than_balance():
    rng = np.random.default_rng(3)
    estimates = {"panel": [], "balanced": [], "repeated_cross_sections": []}
    inside = []
    for _ in range(1000):
        frame = draw(rng, 400, unit_spread=3.0)
        frame = frame[rng.random(len(frame)) > 0.1]
        for sampling, found in estimates.items():
            effects = fit(frame, sampling=sampling)
            found.append(effects.values)
            if sampling == "panel":
                ends = effects.conf_int()
                true = truth(effects.index)
                inside.append((ends["low"] <= true) & (true <= ends["high"]))
    spread = {}
    for sampling, found in estimates.items():
        values = np.array(found)
        error = values.std(axis=0) / np.sqrt(len(values))
        t = (values.mean(axis=0) - true) / error
        print(f"{sampling}: largest |bias| {np.abs(values.mean(axis=0) - true).max():.4f}, t {np.abs(t).max():.2f}")
        assert np.abs(t).max() < 3.5
        spread[sampling] = values.std(axis=0).mean()
    print(f"spread {spread}, coverage {np.mean(inside):.4f}")
    assert spread["panel"] < 0.9 * min(spread["balanced"], spread["repeated_cross_sections"])
    assert 0.93 <= np.mean(inside) <= 0.97
