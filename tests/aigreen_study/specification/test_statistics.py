"""What is computed for exhibits of a study: descriptions, comparisons, places, circles, shift-shares."""

import numpy as np
import pandas as pd
import pytest

from aigreen import TWFE, Panel
from aigreen.data.assemble.rings import EDGES_KM, NEAR_KM, circle_column, ring_columns
from aigreen.errors import DataError, OptionError, ReportError, UnknownColumnError
from aigreen_study.specification.bacon import balanced_weights, by_kind, weighted_sum
from aigreen_study.specification.decomposed import circles, study_decomposition
from aigreen_study.specification.describe import describe
from aigreen_study.specification.links import link_checks
from aigreen_study.specification.places import clusterings, home_of, seats, stayed, varies_within
from aigreen_study.specification.shift_share import instrumented, shares_and_shocks
from aigreen_study.specification.split import exposures

OPTIONS = {
    "channels": ["m"],
    "exposure": "near",
    "alternatives": ["far"],
    "response": "bins",
    "variance": "conservative",
}


def test_a_column_is_described_by_its_finite_values():
    frame = pd.DataFrame({"x": [1.0, 2.0, 3.0, np.nan, np.inf, 6.0], "y": [0.5] * 6, "z": np.nan})
    found = describe(frame, "x")
    assert (found.n, found.mean, found.low, found.median, found.high) == (4, 3.0, 1.0, 2.5, 6.0)
    assert found.std_dev == pytest.approx(np.std([1, 2, 3, 6], ddof=1))
    assert not found.whole  # the median is 2.5
    assert describe(frame.iloc[:3], "x").whole
    assert describe(frame.iloc[:1], "y").std_dev == 0
    with pytest.raises(ReportError, match="column 'z' has no values"):
        describe(frame, "z")
    with pytest.raises(UnknownColumnError):
        describe(frame, "w")


def test_comparisons_of_the_units_seen_throughout_make_up_the_two_way_estimate():
    rng = np.random.default_rng(1)
    frame = pd.DataFrame([(i, t) for i in range(12) for t in range(6)], columns=["unit", "year"])
    frame["first"] = frame["unit"].map({0: 2, 1: 2, 2: 4, 3: 4}).fillna(np.inf)
    frame["y"] = rng.normal(size=len(frame))
    frame.loc[5, "y"] = np.nan  # unit 0 in the last year
    roles = {"unit": "unit", "time": "year", "cohort": "first", "cluster": "unit"}
    comparisons, panel = balanced_weights(frame, "y", roles)
    assert (panel.n_units, panel.n_rows) == (11, 66)
    twfe = TWFE().fit(Panel(frame[frame["unit"] > 0], **roles), "y")
    assert weighted_sum(comparisons) == pytest.approx(twfe.values[0])
    means = by_kind(comparisons)
    assert means["weight"].sum() == pytest.approx(1)
    assert means["weight"] @ means["mean"] == pytest.approx(weighted_sum(comparisons))


def test_places_are_cities_or_provinces():
    assert seats("prefecture").loc["110000"].tolist() == pytest.approx([39.9, 116.4], abs=0.2)
    assert len(seats("province")) == 31
    frame = pd.DataFrame({"firm": [1, 1, 2], "city": ["330500", "110000", "330100"], "moved": [1, 1, 0]})
    assert home_of(frame, "firm", "city").to_dict() == {1: "110000", 2: "330100"}
    assert home_of(frame, "city", "city")["330500"] == "330500"
    assert stayed(frame)["firm"].tolist() == [2]
    assert len(stayed(frame.drop(columns="moved"))) == 3
    labels = {"city": "City", "firm": "Firm"}
    roles = {"unit": "firm", "cluster": "city"}
    wider, clusters = clusterings(frame, roles, labels, "prefecture")
    assert clusters == {"city": "City", "firm": "Firm", "home_province": "Province"}
    assert wider["home_province"].tolist() == ["330000", "110000", "330000"]
    assert list(clusterings(frame, roles, labels, "province")[1]) == ["city", "firm"]


def test_circles_sum_the_rings_inside_them():
    assert (NEAR_KM in EDGES_KM, circle_column(NEAR_KM)) == (True, "ring_100km")
    assert ring_columns(150) == ["ring_0_50", "ring_50_100", "ring_100_150"]
    with pytest.raises(OptionError):
        ring_columns(120)
    frame = pd.DataFrame({name: [1, k] for k, name in enumerate(ring_columns(350))})
    wide = circles(frame.assign(near=0, far=0), OPTIONS, {"near": "Near", "far": "Far"}, [100, 350])
    assert wide.frame[["within_100", "within_350"]].to_numpy().tolist() == [[2, 7], [1, 21]]
    assert list(wide.definitions.values()) == ["near", "far", "within_100", "within_350"]
    assert list(wide.definitions)[-1] == "Other zone cities within 350 km"


def test_the_estimator_is_the_one_that_the_configuration_says():
    assert exposures(OPTIONS) == ["near", "far"]
    model = study_decomposition(OPTIONS, exposure="far")
    assert (model.channels, model.exposure, model.variance) == (["m"], "far", "conservative")


def test_links_need_no_industry():
    codes = ["110000", "120000", "130100", "130600", "310000", "320500", "330100", "440100"]
    frame = pd.DataFrame([(c, t) for c in codes for t in range(4)], columns=["city", "year"])
    frame["first"] = frame["city"].map({"110000": 2, "310000": 1}).fillna(np.inf)
    frame["y"] = np.random.default_rng(0).normal(size=len(frame))
    frame["trade"] = frame["city"].str[:1]
    panel = Panel(frame, unit="city", time="year", cohort="first", cluster="city")
    found = link_checks(panel, "y", radius_km=200, n_draws=3, seed=1)
    assert list(found) == ["ring_200km"]
    both = link_checks(panel, "y", radius_km=200, industry="trade", n_draws=3, seed=1)
    assert list(both) == ["ring_200km", "industry_peers"]
    assert both["ring_200km"].plain.values == pytest.approx(found["ring_200km"].plain.values)


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
    with pytest.raises(DataError, match="no positive value"):
        shares_and_shocks(frame.assign(robots=0), unit="firm", time="year", sector="sector", exposure="robots")


def test_an_instrumented_dose_is_reduced_form_over_first_stage():
    rng = np.random.default_rng(4)
    frame = pd.DataFrame([(i, t) for i in range(60) for t in range(5)], columns=["firm", "year"])
    frame["first"], frame["sector"] = np.inf, frame["firm"] % 12
    growth = np.exp(rng.normal(size=(12, 5)))
    frame["robots"] = (1 + frame["firm"] / 60) * growth[frame["sector"], frame["year"]]
    frame["dose"] = frame["robots"] + rng.normal(size=len(frame))
    frame["y"] = 0.5 * frame["dose"] + rng.normal(size=len(frame))
    roles = {"unit": "firm", "time": "year", "cohort": "first", "cluster": "firm"}
    found = instrumented(frame, "y", roles, exposure="robots", dose="dose", sector="sector", level=0.95)
    at = {step: effect.values[0] for step, effect in found.by_shock.items()}
    assert at["second"] == pytest.approx(at["reduced"] / at["first"])
    assert (found.n_sectors, at["second"] in found.weak) == (12, True)
    assert found.by_cluster["second"].values == pytest.approx(found.by_shock["second"].values)
    assert found.by_cluster["second"].std_errors.iloc[0] != found.by_shock["second"].std_errors.iloc[0]


def test_what_varies_within_clusters():
    frame = pd.DataFrame({"city": [1, 1, 2, 2], "first": [2004.0, 2004.0, np.nan, np.nan]})
    assert not varies_within(frame, "city", "first")
    assert varies_within(frame.assign(first=[2004.0, np.nan, np.nan, np.nan]), "city", "first")
