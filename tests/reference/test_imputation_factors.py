"""Imputation with factors against pyfector 0.2.3 (method "ife", as R fect); its numbers stand in factors.json.

Computed with fixed numbers of factors and tol=1e-14; effects by periods since treatment, 0 to 8.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from aigreen import Imputation, Panel

NUMBERS = json.loads(Path(__file__).with_name("factors.json").read_text("utf-8"))


def design():
    """50 units, 20 periods, cohorts 12 and 15; two factors, loadings larger in treated units."""
    rng, n, periods = np.random.default_rng(0), 50, 20
    common = rng.normal(size=(periods, 2)).cumsum(axis=0) * 0.6
    first = np.select([np.arange(n) < 8, np.arange(n) < 16], [12, 15], 0)
    loadings = rng.normal(size=(n, 2)) + (first > 0)[:, None]
    time = np.arange(1, periods + 1)
    treated, x = (first[:, None] > 0) & (time >= first[:, None]), rng.normal(size=(n, periods))
    y = rng.normal(size=(n, 1)) + rng.normal(size=periods) + loadings @ common.T + 0.5 * x
    y += rng.normal(size=(n, periods)) + treated * (1 + 0.2 * (time - first[:, None]))
    keys = {"unit": np.repeat(np.arange(n), periods), "time": np.tile(time, n), "first": np.repeat(first, periods)}
    return pd.DataFrame(keys | {"x": x.ravel(), "y": y.ravel()})


def thinned(frame):
    """Leave out untreated rows, but none just before treatment, without which the package drops the unit."""
    untreated = (frame["first"] == 0) | (frame["time"] < frame["first"] - 1)
    return frame[~untreated | ((7 * frame["unit"] + 3 * frame["time"]) % 11 > 0)]


@pytest.mark.parametrize("covariates", ["", "x"])
@pytest.mark.parametrize("factors", [0, 1, 2])
@pytest.mark.parametrize("name", ["balanced", "unbalanced"])
def test_equals_pyfector(name, factors, covariates):
    frame = design()
    assert frame["y"].sum() == pytest.approx(NUMBERS["sum_of_y"], abs=1e-9)
    frame = frame if name == "balanced" else thinned(frame)
    panel = Panel(frame, unit="unit", time="time", cohort="first")
    found = Imputation(factors=factors).fit(panel, "y", covariates=covariates or None).event_study()
    expected = NUMBERS[f"{name} {factors} {covariates}".strip()]
    np.testing.assert_allclose(found.values, expected, rtol=0, atol=1e-7)
