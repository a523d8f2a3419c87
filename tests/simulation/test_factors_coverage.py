"""Trends that are not parallel because of common factors: bias and coverage of Imputation without and with them."""

import numpy as np
import pandas as pd
import pytest

from aigreen import Imputation, Panel

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::aigreen.errors.AigreenWarning")]

SAMPLES, PERIODS = 500, 20


def draw(rng, n, factors, persistence=0.0, cohorts=(13, 16)):
    """Factors with a trend; loadings higher by one in the 30 % of units that are treated, in two cohorts."""
    common = rng.normal(size=(PERIODS, factors))
    error = rng.normal(size=(n, PERIODS))
    for t in range(1, PERIODS):
        common[t] += 0.8 * common[t - 1]
        error[:, t] = persistence * error[:, t - 1] + np.sqrt(1 - persistence**2) * error[:, t]
    common += 1.5 * np.linspace(0, 1, PERIODS)[:, None]
    time, share = np.arange(1, PERIODS + 1), np.arange(n) / n
    first = np.select([share < 0.15, share < 0.3], cohorts, 0)
    loadings = rng.normal(size=(n, factors)) + (first > 0)[:, None]
    treated = (first[:, None] > 0) & (time >= first[:, None])
    effect = 1 + 0.3 * rng.normal(size=(n, 1))
    y = rng.normal(size=(n, 1)) + rng.normal(size=PERIODS) + loadings @ common.T + error + treated * effect
    keys = {"unit": np.repeat(np.arange(n), PERIODS), "time": np.tile(time, n), "first": np.repeat(first, PERIODS)}
    return Panel(pd.DataFrame(keys | {"y": y.ravel()}), unit="unit", time="time", cohort="first")


def measured(samples, n, true, persistence=0.0, cohorts=(13, 16), **options):
    """Bias of the simple average and its Monte Carlo error, its coverage and that of all cells."""
    rng, rows = np.random.default_rng(11), []
    for _ in range(samples):
        effects = Imputation(**options).fit(draw(rng, n, true, persistence, cohorts), "y")
        overall, cells = effects.overall(), effects.conf_int()
        low, high = overall.conf_int().iloc[0]
        rows.append([overall.values[0] - 1, low <= 1 <= high, ((cells["low"] <= 1) & (cells["high"] >= 1)).mean()])
    gap, covered, inside = np.array(rows, dtype=float).T
    print(
        f"{n}, {options}: {gap.mean():.3f} of {gap.std():.3f}, covered {covered.mean():.3f}, cells {inside.mean():.3f}"
    )
    return gap.mean(), gap.std() / np.sqrt(samples), covered.mean(), inside.mean()


@pytest.mark.parametrize("n", [40, 100])
@pytest.mark.parametrize("factors", [1, 2])
def test_bias_and_coverage(n, factors):
    bias, error, covered, inside = measured(SAMPLES, n, factors, factors=factors)
    assert abs(bias) < 3 * error
    assert 0.92 < covered < 0.98
    assert 0.93 < inside < 0.97


def test_parallel_trends_are_not_there():
    bias, error, covered, _ = measured(200, 100, 2)
    assert bias > 3 * error
    assert covered < 0.4


def test_serially_correlated_errors():
    """Correlation 0.5 of errors: a bias of -0.044 on effects of 1."""
    bias, _, covered, _ = measured(SAMPLES, 100, 2, 0.5, factors=2)
    assert abs(bias) < 0.06
    assert 0.91 < covered < 0.97


def test_short_pasts_are_imprecise():
    spread = []
    for first in (5, 8, 13):  # 2, 5 and 10 untreated periods beyond the coefficients of a unit
        _, error, covered, _ = measured(200, 60, 1, cohorts=(first, first), factors=1)
        spread.append(error)
        assert 0.91 < covered < 0.98
    assert spread[0] > 1.5 * spread[1]
    assert spread[0] > 2.5 * spread[2]


def test_leads_have_the_size_of_a_test():
    rng, p = np.random.default_rng(12), []
    for _ in range(SAMPLES):
        study = Imputation(factors=1, leads=3).fit(draw(rng, 100, 1), "y").event_study()
        p.append(study.pretrend_test().p_value)
    print(f"leads reject in {np.mean(np.array(p) < 0.05):.3f}")
    assert 0.02 < np.mean(np.array(p) < 0.05) < 0.08
