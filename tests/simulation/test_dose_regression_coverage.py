"""Regressions on a dose where few cities have one, with shocks common to a city that last."""

import numpy as np
import pandas as pd
import pytest

from aigreen import TWFE, Panel

SAMPLES, YEARS = 300, 12
KEYS = {"unit": "firm", "time": "year", "cluster": "city"}


def draw(rng, n_dosed, spread, n_cities=30, n_firms=5):
    """Outcomes without an effect; `spread` is the standard deviation of the log dose."""
    city = np.repeat(np.arange(n_cities), n_firms)
    dose = np.where(np.arange(n_cities) < n_dosed, np.exp(rng.normal(0, spread, n_cities)), 0.0)
    shock = rng.normal(0, 1, (n_cities, YEARS))
    for t in range(1, YEARS):
        shock[:, t] = 0.7 * shock[:, t - 1] + 0.7 * shock[:, t]
    y = rng.normal(0, 1, len(city))[:, None] + shock[city] + rng.normal(0, 0.5, (len(city), YEARS))
    firm, year = np.divmod(np.arange(y.size), YEARS)
    dosed = dose[city[firm]] * (year >= YEARS // 2)
    return pd.DataFrame({"firm": firm, "year": year, "city": city[firm], "dose": dosed, "y": y.ravel()})


@pytest.mark.parametrize(("n_dosed", "spread"), [(2, 0.5), (4, 0.5), (8, 1.0)])
def test_intervals_cover(n_dosed, spread):
    """By t with 29 degrees of freedom .64, .81 and .78."""
    rng, covered = np.random.default_rng(0), []
    for _ in range(SAMPLES):
        fit = TWFE().fit(Panel(draw(rng, n_dosed, spread), **KEYS), "y", treatment="dose")
        low, high = fit.conf_int().to_numpy()[0]
        covered.append(np.isnan(low) or low <= 0 <= high)
    assert 0.9 <= np.mean(covered) <= 0.99


@pytest.mark.parametrize("family", ["gaussian", "poisson"])
def test_an_equal_dose_has_the_interval_of_a_dummy(family):
    frame = draw(np.random.default_rng(1), 4, 0.0)
    frame = frame.assign(dummy=(frame["dose"] > 0) * 1.0, twice=2.0 * frame["dose"], y=np.exp(frame["y"]))
    panel = Panel(frame, **KEYS)
    dummy, twice = (TWFE(family=family).fit(panel, "y", treatment=name) for name in ("dummy", "twice"))
    pd.testing.assert_frame_equal(
        dummy.conf_int().set_axis(["x"]), 2 * twice.conf_int().set_axis(["x"]), rtol=1e-8, check_exact=False
    )


def test_a_dose_that_most_cities_have_is_of_no_known_clusters():
    panel = Panel(draw(np.random.default_rng(1), 16, 0.5), **KEYS)
    fit = TWFE().fit(panel, "y", treatment="dose")
    assert fit.effective_clusters()["df"].iloc[0] == 29
