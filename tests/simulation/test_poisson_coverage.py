"""Poisson regressions where cities differ in size, their shocks are common to a city and few cities are treated."""

import numpy as np
import pandas as pd
import pytest

from aigreen import TWFE, Panel

pytestmark = pytest.mark.filterwarnings("ignore::aigreen.errors.SeparationWarning")  # small firms without a patent

SAMPLES = 300


def draw(rng, n_cities, n_treated, spread, n_firms=3, n_years=8):
    """Counts of firms without an effect; `spread` is the standard deviation of the log size of cities."""
    city = np.repeat(np.arange(n_cities), n_firms)
    size = 1.5 + rng.normal(0, spread, n_cities)[city] + rng.normal(0, 0.3, len(city))
    shock = rng.normal(0, 0.3, (n_cities, n_years)).cumsum(axis=1)
    counts = rng.poisson(np.exp(size[:, None] + shock[city]))
    firm, year = np.divmod(np.arange(counts.size), n_years)
    first = np.where(city < n_treated, 5, 0)[firm]
    return pd.DataFrame({"firm": firm, "year": 1 + year, "city": city[firm], "first": first, "count": counts.ravel()})


@pytest.mark.parametrize(("n_cities", "n_treated", "spread"), [(40, 8, 1.2), (24, 4, 1.2), (60, 12, 1.6)])
def test_intervals_cover(n_cities, n_treated, spread):
    """Where each treated row counted as one, .84, .81 and .77."""
    rng, covered, rejected = np.random.default_rng(0), [], []
    for _ in range(SAMPLES):
        panel = Panel(draw(rng, n_cities, n_treated, spread), unit="firm", time="year", cohort="first", cluster="city")
        fit = TWFE(family="poisson").fit(panel, "count")
        low, high = fit.conf_int().to_numpy()[0]
        covered.append(np.isnan(low) or low <= 0 <= high)
        rejected.append(fit.test("treated").p_value < 0.05 if not np.isnan(low) else False)
    assert 0.92 <= np.mean(covered) <= 0.99
    assert sum(rejected) == SAMPLES - sum(covered)
