"""Shares and shocks behind an exposure."""

import numpy as np
import pandas as pd
import pytest

from aigreen_study.tables.shift_share import shares_and_shocks


def test_shares_behind_an_exposure():
    share = {"a": 1.0, "b": 3.0, "c": 2.0, "d": 0.5}
    sector = {"a": "cars", "b": "cars", "c": "toys", "d": "toys"}
    growth = {("cars", 1): 2.0, ("cars", 2): 5.0, ("toys", 1): 1.0, ("toys", 2): 4.0}
    rows = [(f, t, sector[f], share[f] * growth[sector[f], t]) for f in share for t in (1, 2) if (f, t) != ("b", 1)]
    frame = pd.DataFrame(rows, columns=["firm", "year", "sector", "robots"])
    found, shocks = shares_and_shocks(frame, unit="firm", time="year", sector="sector", exposure="robots")
    assert found.loc["b", "cars"] / found.loc["a", "cars"] == pytest.approx(3.0)
    assert found.loc["c", "toys"] / found.loc["d", "toys"] == pytest.approx(4.0)
    assert found.loc[["a", "b"], "toys"].eq(0).all()
    again = [found.loc[f, s] * shocks.loc[s, t] for f, t, s, _ in rows]
    np.testing.assert_allclose(again, frame["robots"])
