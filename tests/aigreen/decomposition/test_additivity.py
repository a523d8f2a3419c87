"""Additivity of exposure: the response of treated rows less that of untreated ones."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from aigreen import Decomposition, Panel
from aigreen.errors import CollinearWarning, EstimationError, OptionError

from .economy import CITY, crossed


@pytest.fixture
def panel() -> Panel:
    return Panel(crossed(), **CITY)


@pytest.mark.parametrize("weights", [None, "w"])
@pytest.mark.filterwarnings("ignore::aigreen.errors.OverlapWarning")
def test_additivity_is_the_response_of_treated_less_that_of_untreated_rows(weights: str | None) -> None:
    panel = Panel(crossed(), **CITY, weights=weights)
    estimator = Decomposition(channels=["m1", "m2"], exposure="peers", response="linear")
    result = estimator.additivity(panel, "y")
    frame = panel.frame.assign(w=1.0 if weights is None else panel.frame["w"])
    treated, S = (frame["first"] > 0) & (frame["year"] >= frame["first"]), frame["peers"]
    clean = ~treated & (S == 0)
    F = np.hstack([pd.get_dummies(frame[c].astype(str)).to_numpy(float) for c in ("firm", "year")])
    long = np.column_stack([F, frame[["m1", "m2"]]])
    root = np.sqrt(frame["w"].to_numpy())
    beta = np.linalg.lstsq(long[clean] * root[clean, None], (frame["y"] * root)[clean], rcond=None)[0]
    r = (frame["y"] - long @ beta).to_numpy()
    exposed = ~treated & (S > 0)
    theta = np.average(r[exposed] * S[exposed], weights=frame["w"][exposed]) / np.average(
        S[exposed] ** 2, weights=frame["w"][exposed]
    )
    cells = pd.get_dummies((frame["first"] * 100 + frame["year"])[treated].astype(str)).to_numpy(float)
    design = np.column_stack([S[treated], cells]) * root[treated.to_numpy(), None]
    slope = np.linalg.lstsq(design, r[treated] * root[treated.to_numpy()], rcond=None)[0][0]
    assert result.index.tolist() == ["peers"]
    assert result.values[0] == pytest.approx(slope - theta, abs=1e-10)


@pytest.mark.filterwarnings("ignore::aigreen.errors.OverlapWarning")
def test_additivity_influence_is_the_derivative_by_cluster_weights() -> None:
    """Weights of all rows of a cluster: own rows enter without a centre of their own, so every cluster agrees."""
    df = crossed()
    options = {"channels": ["m1", "m2"], "exposure": ["ring", "peers"], "response": "linear", "ordered": True}
    estimator = Decomposition(**options, variance="conservative")
    base = estimator.additivity(Panel(df.assign(w=1.0), **CITY, weights="w"), "y")
    for city in (0, 1, 2, 7, 13):
        up, down = (
            estimator.additivity(
                Panel(df.assign(w=np.where(df["city"] == city, 1 + step, 1.0)), **CITY, weights="w"), "y"
            ).values
            for step in (1e-5, -1e-5)
        )
        assert (up - down) / 2e-5 == pytest.approx(base.influence.loc[city].to_numpy(), abs=2e-8)


def test_additivity_finds_an_interaction_and_is_quiet_without_one() -> None:
    estimator = Decomposition(channels=["m1", "m2"], exposure="ring")
    tests = [estimator.additivity(Panel(crossed(3, extra=e), **CITY), "y") for e in (0.0, 1.5)]
    assert tests[0].test().p_value > 0.1
    assert tests[1].test().p_value < 1e-4
    assert tests[1].test().df == 1
    assert tests[1].values[0] - tests[0].values[0] == pytest.approx(1.5, abs=1e-10)


def test_additivity_needs_exposure_that_differs_between_treated_rows(panel: Panel) -> None:
    df = crossed()
    treated = (df["first"] > 0) & (df["year"] >= df["first"])
    alike = Panel(df.assign(all=df["wide"].where(~treated, 1.0)), **CITY)
    with pytest.raises(EstimationError, match="nothing to test"), pytest.warns(CollinearWarning):
        Decomposition(channels=["m1"], exposure="all").additivity(alike, "y")
    with pytest.warns(CollinearWarning, match="1 term of exposure left out: alike on all treated rows"):
        result = Decomposition(channels=["m1"], exposure=["ring", "all"]).additivity(alike, "y")
    assert result.index.tolist() == ["ring"]
    with pytest.raises(OptionError, match="exposure=None"):
        Decomposition(channels=["m1"]).additivity(panel, "y")
