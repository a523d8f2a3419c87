"""Coverage where residuals are correlated among units with like shares (Adao, Kolesar and Morales 2019).

Places are clustered by geography, which has nothing to do with shares: errors clustered by place cover too little.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from aigreen import Panel
from aigreen.regression.shift_share import ShiftShare

UNITS, SECTORS, DRAWS, BETA = 240, 60, 250, 1.0


def draw(rng: np.random.Generator, shares: pd.DataFrame) -> tuple[Panel, pd.DataFrame]:
    """Two periods; shocks to sectors move the instrument, and other shocks to the same sectors the residual."""
    shocks = pd.DataFrame(rng.normal(size=(SECTORS, 2)), index=shares.columns, columns=[1, 2])
    S = shares.to_numpy()
    z, u = S @ shocks.to_numpy(), S @ rng.normal(size=(SECTORS, 2))
    own = rng.normal(scale=0.1, size=(UNITS, 2))
    dose = z + 0.5 * u + own
    y = BETA * dose + u + rng.normal(scale=0.1, size=(UNITS, 2))
    unit, time = np.repeat(np.arange(UNITS), 2), np.tile([1, 2], UNITS)
    frame = pd.DataFrame({"unit": unit, "time": time, "dose": dose.ravel(), "y": y.ravel(), "place": unit % 40})
    return Panel(frame, unit="unit", time="time", cluster="place"), shocks


@pytest.fixture(scope="module")
def coverage() -> pd.Series:
    rng = np.random.default_rng(11)
    shares = pd.DataFrame(rng.dirichlet(np.full(SECTORS, 0.15), UNITS))
    rows = []
    for _ in range(DRAWS):
        panel, shocks = draw(rng, shares)
        row = {}
        for errors in ("akm", "bhj", "cluster"):
            iv = ShiftShare(shares=shares, shocks=shocks, errors=errors)
            result = iv.fit(panel, "y", treatment="dose")
            low, high = result.conf_int().iloc[0]
            row |= {errors: low <= BETA <= high, "estimate": result.values[0]}
            if errors == "akm":
                row["akm0"] = BETA in iv.confidence_set(panel, "y", treatment="dose")
        rows.append(row)
    return pd.DataFrame(rows).astype(float).mean()


def test_estimates_centre_on_the_truth(coverage):
    assert coverage["estimate"] == pytest.approx(BETA, abs=0.05)


def test_errors_by_place_cover_too_little(coverage):
    assert coverage["cluster"] < 0.80


@pytest.mark.parametrize("errors", ["akm", "bhj", "akm0"])
def test_exposure_robust_errors_cover(coverage, errors):
    assert 0.90 <= coverage[errors] <= 0.98
