"""Sensitivity of channels to what moves both a channel and the outcome."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from aigreen import Decomposition, Mediation, Panel
from aigreen.errors import OptionError

from .economy import CITY, crossed


@pytest.fixture
def panel() -> Panel:
    return Panel(crossed(), **CITY)


def test_at_zero_correlation_sensitivity_is_the_part(panel: Panel) -> None:
    estimator = Decomposition(channels=["m1", "m2"], exposure="ring")
    table, overall = estimator.sensitivity(panel, "y"), estimator.fit(panel, "y").overall()
    assert table.index.names == ["channel", "rho"]
    assert len(table) == 2 * 19
    for name in ("m1", "m2"):
        at_zero = table.loc[(name, 0.0)]
        assert at_zero["mediated"] == pytest.approx(overall.estimates[name], abs=1e-12)
        assert at_zero["std_error"] == pytest.approx(overall.std_errors[name], abs=1e-12)
        assert table.loc[name, "rho_at_zero"].nunique() == 1
    exact = estimator.sensitivity(panel, "y", rho=[table.loc["m1", "rho_at_zero"].iloc[0]])
    assert exact.loc["m1", "mediated"].iloc[0] == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("weights", [None, "w"])
def test_rho_and_robustness_are_partial_correlations_on_clean_rows(weights: str | None) -> None:
    panel = Panel(crossed(), **CITY, weights=weights)
    table = Decomposition(channels=["m1", "m2"], exposure="ring").sensitivity(panel, "y", rho=[0.0])
    frame = panel.frame
    clean = ((frame["first"] == 0) | (frame["year"] < frame["first"])) & (frame["ring"] == 0)
    frame = frame[clean]
    root = np.sqrt(frame["w"].to_numpy() if weights else np.ones(len(frame)))
    F = np.hstack([pd.get_dummies(frame[c].astype(str)).to_numpy(float) for c in ("firm", "year")])
    F = np.column_stack([F, frame["m2"]]) * root[:, None]
    y, m = (frame[c].to_numpy() * root for c in ("y", "m1"))
    y, m = (v - F @ np.linalg.lstsq(F, v, rcond=None)[0] for v in (y, m))
    partial = (y @ m) / np.sqrt((y @ y) * (m @ m))
    row = table.loc[("m1", 0.0)]
    assert row["rho_at_zero"] == pytest.approx(partial, abs=1e-10)
    assert row["partial_r2"] == pytest.approx(partial**2, abs=1e-10)
    f2 = partial**2 / (1 - partial**2)
    assert row["robustness_value"] == pytest.approx((np.sqrt(f2**2 + 4 * f2) - f2) / 2, abs=1e-10)
    assert 0 < row["robustness_value_significance"] < row["robustness_value"]


def test_sensitivity_of_both_designs_of_mediation(panel: Panel) -> None:
    channels = ["m1", "m2"]
    staggered = Mediation(channels=channels, design="staggered").sensitivity(panel, "y")
    pd.testing.assert_frame_equal(staggered, Decomposition(channels=channels).sensitivity(panel, "y"))
    table = Mediation(channels=channels).sensitivity(panel, "y", rho=[0.0])
    result = Mediation(channels=channels).fit(panel, "y")
    for name in channels:
        assert table.loc[(name, 0.0), "mediated"] == pytest.approx(result.estimates[name], abs=1e-12)
        assert table.loc[(name, 0.0), "std_error"] == pytest.approx(result.std_errors[name], abs=1e-12)
    with pytest.raises(OptionError, match="design='doubly_robust'"):
        Mediation(channels=channels, design="doubly_robust").sensitivity(panel, "y")
    with pytest.raises(OptionError, match="ordered=True"):
        Decomposition(channels=channels, ordered=True).sensitivity(panel, "y")
