"""Checks of what a decomposition rests on: additivity of exposure, choice of the ring, sensitivity of channels."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from aigreen import Decomposition, Mediation, Panel, ring_curve
from aigreen.errors import CollinearWarning, EstimationError, OptionError

pytestmark = pytest.mark.filterwarnings("ignore::aigreen.errors.OverlapWarning")

CITY = {"unit": "firm", "time": "year", "cohort": "first", "cluster": "city"}


def economy(seed: int = 0, *, extra: float = 0.0) -> pd.DataFrame:
    """Cities treated in 4, 6 or never, exposed apart from that; exposure does `extra` more to treated rows."""
    rng = np.random.default_rng(seed)
    n_cities, per_city, periods = 30, 4, 8
    n = n_cities * per_city
    firm, year = np.repeat(np.arange(n), periods), np.tile(np.arange(1, periods + 1), n)
    city = firm // per_city
    first = np.resize([0, 4, 6, 0], n_cities)[city]
    treated = (first > 0) & (year >= first)
    near = rng.permutation(np.resize([5, 99], n_cities))[city]
    ring = 1.0 * (year >= near)
    wide = 1.0 * (year >= np.minimum(near, rng.permutation(np.resize([6, 99, 99], n_cities))[city]))

    def shock() -> np.ndarray:
        return rng.standard_normal(n * periods) + 0.4 * rng.standard_normal((n_cities, periods))[city, year - 1]

    m1 = rng.standard_normal(n)[firm] + 0.8 * treated + shock()
    m2 = rng.standard_normal(n)[firm] + 0.5 * m1 - 0.4 * treated + shock()
    y = 0.2 * year + 0.5 * m1 + 0.3 * m2 + treated + 0.4 * ring + extra * ring * treated + shock()
    df = pd.DataFrame({"firm": firm, "year": year, "first": first, "city": city, "m1": m1, "m2": m2, "y": y})
    df = df.assign(ring=ring, wide=wide, peers=ring * (0.2 + rng.random(n)[firm]), w=rng.uniform(0.5, 1.5, len(df)))
    return df[rng.random(len(df)) >= 0.1].reset_index(drop=True)


@pytest.fixture
def panel() -> Panel:
    return Panel(economy(), **CITY)


# -- additivity of exposure ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("weights", [None, "w"])
def test_additivity_is_the_response_of_treated_less_that_of_untreated_rows(weights: str | None) -> None:
    panel = Panel(economy(), **CITY, weights=weights)
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


def test_additivity_influence_is_the_derivative_by_cluster_weights() -> None:
    """Weights of all rows of a cluster: own rows enter without a centre of their own, so every cluster agrees."""
    df = economy()
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
    tests = [estimator.additivity(Panel(economy(3, extra=e), **CITY), "y") for e in (0.0, 1.5)]
    assert tests[0].test().p_value > 0.1
    assert tests[1].test().p_value < 1e-4
    assert tests[1].test().df == 1
    assert tests[1].values[0] - tests[0].values[0] == pytest.approx(1.5, abs=1e-10)


def test_additivity_needs_exposure_that_differs_between_treated_rows(panel: Panel) -> None:
    df = economy()
    treated = (df["first"] > 0) & (df["year"] >= df["first"])
    alike = Panel(df.assign(all=df["wide"].where(~treated, 1.0)), **CITY)
    with pytest.raises(EstimationError, match="nothing to test"), pytest.warns(CollinearWarning):
        Decomposition(channels=["m1"], exposure="all").additivity(alike, "y")
    with pytest.warns(CollinearWarning, match="1 terms of exposure left out: alike on all treated rows"):
        result = Decomposition(channels=["m1"], exposure=["ring", "all"]).additivity(alike, "y")
    assert result.index.tolist() == ["ring"]
    with pytest.raises(OptionError, match="exposure=None"):
        Decomposition(channels=["m1"]).additivity(panel, "y")


# -- choice of the ring ----------------------------------------------------------------------------------------------


def test_rings_stand_side_by_side_with_the_errors_of_their_differences(panel: Panel) -> None:
    estimator = Decomposition(channels=["m1", "m2"], exposure="ring", leads=2)
    curve = ring_curve(estimator, panel, "y", {"near": "ring", "far": "wide", "both": ["ring", "wide"]})
    assert curve.index.names == ["exposure", "part"]
    apart = {name: Decomposition(channels=["m1", "m2"], exposure=name).fit(panel, "y") for name in ("ring", "wide")}
    near, far = (result.overall() for result in apart.values())
    assert curve["near"].values == pytest.approx(near.values, abs=1e-12)
    gap = curve["far"] - curve["near"]
    assert gap.values == pytest.approx(far.values - near.values, abs=1e-12)
    assert gap.std_errors.to_numpy() == pytest.approx(np.linalg.norm(far.psi - near.psi, axis=0), abs=1e-12)
    assert gap["spillover"].test().df == 1
    assert "spillover: wide" in curve["both"].index
    with pytest.raises(OptionError, match="exposures='ring'"):
        ring_curve(estimator, panel, "y", "ring")


# -- sensitivity of channels -----------------------------------------------------------------------------------------


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
    panel = Panel(economy(), **CITY, weights=weights)
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
