"""The generated panel of all measurements: firms in 300 cities over 15 years, six cohorts and never treated."""

from __future__ import annotations

import numpy as np
import pandas as pd

PERIODS = 15
FIRST_YEAR = 2005
CITIES = 300
COHORTS = (2009, 2010, 2011, 2012, 2014, 2016)
NEVER_SHARE = 0.4


def make(rows: int, seed: int = 20240229) -> pd.DataFrame:
    """Return a balanced panel of about `rows` rows, as a user would hold it (sorted by firm and year).

    Cohorts are given to cities, so that treatment is constant in them. `size` and `leverage` vary over time,
    `size_start` and `leverage_start` are their values in the first year, `dose` is the same in all years. Effects on
    `y` differ by cohort and grow with time; `placebo` has none, and the counts of treated cities nearby (`ring_near`,
    `ring_far`) do nothing. Trends depend on the starting value of `size`.
    """
    rng = np.random.default_rng(seed)
    firms = max(rows // PERIODS, 2 * CITIES)
    city_cohort = rng.permutation(np.resize(np.repeat([0, *COHORTS], _shares()), CITIES))
    city = rng.permutation(np.resize(np.arange(CITIES), firms))
    start = rng.standard_normal((2, firms))
    near, far = _rings(city_cohort)
    level = rng.standard_normal(firms) + 0.3 * rng.standard_normal(CITIES)[city]

    firm = np.repeat(np.arange(firms), PERIODS)
    year = np.tile(np.arange(FIRST_YEAR, FIRST_YEAR + PERIODS), firms)
    first = city_cohort[city][firm]
    treated = (first > 0) & (year >= first)
    since = np.where(treated, year - first, 0)
    trend = (year - FIRST_YEAR) / PERIODS
    n = firm.size
    size, leverage = start[:, firm] + 0.3 * rng.standard_normal((2, n)) * (year > FIRST_YEAR)
    effect = treated * (0.3 + 0.05 * since + 0.02 * (first - 2012))
    shock = 0.3 * rng.standard_normal((CITIES, PERIODS))[city].ravel()
    channel_1 = 0.3 * effect + 0.2 * start[0][firm] * trend + rng.standard_normal(n)
    channel_2 = 0.2 * effect + rng.standard_normal(n)
    index = level[firm] + 0.5 * trend + 0.3 * size - 0.2 * leverage + 0.4 * start[0][firm] * trend
    noise = shock + rng.standard_normal(n)
    count = rng.poisson(np.exp(np.clip(0.5 * index + 0.5 * effect + 0.3 * shock, None, 6)))
    return pd.DataFrame(
        {
            "firm": firm,
            "year": year,
            "first": first,
            "city": city[firm],
            "treated": treated.astype(np.int64),
            "size": size,
            "leverage": leverage,
            "size_start": start[0][firm],
            "leverage_start": start[1][firm],
            "ring_near": near[city[firm], year - FIRST_YEAR],
            "ring_far": far[city[firm], year - FIRST_YEAR],
            "channel_1": channel_1,
            "channel_2": channel_2,
            "y": index + effect + 0.2 * channel_1 + 0.1 * channel_2 + noise,
            "placebo": index + noise,
            "count": count,
            "dose": np.where(first > 0, 1 + np.random.default_rng([seed, 1]).gamma(2, 1, firms)[firm], 0.0),
        }
    )


def _rings(city_cohort: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Treated cities one step, and two or three steps, away along a circle of cities, by city and year."""
    years = np.arange(FIRST_YEAR, FIRST_YEAR + PERIODS)
    treated = ((city_cohort > 0)[:, None] & (years >= city_cohort[:, None])).astype(float)
    steps = [np.roll(treated, step, axis=0) + np.roll(treated, -step, axis=0) for step in (1, 2, 3)]
    return steps[0], steps[1] + steps[2]


def _shares() -> list[int]:
    """Cities by cohort, never treated first."""
    never = round(CITIES * NEVER_SHARE)
    return [never] + [(CITIES - never) // len(COHORTS)] * len(COHORTS)
