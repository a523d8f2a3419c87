"""Exposure columns: by hand, and against sums over all pairs."""

import numpy as np
import pandas as pd
import pytest

from aigreen import errors
from aigreen.data import facts
from aigreen.data.assemble import links


def test_rings_by_hand():
    cohorts = pd.Series({"110000": 2019, "120000": 2020, "320500": 2021})
    cities = ["110000", "110000", "131000", "131000", "320500"]  # Beijing, Langfang, Suzhou
    years = [2019, 2020, 2019, 2020, 2022]
    got = links.ring_counts(cities, years, cohorts)
    distance = facts.distances_km(["131000"], ["110000", "120000"])[0]
    assert distance == pytest.approx([49.0, 62.0], abs=6)
    assert list(got) == [f"ring_{low}_{low + 50}" for low in range(0, 350, 50)]
    beijing_tianjin = facts.distances_km(["110000"], ["120000"])[0, 0]
    ring = f"ring_{int(beijing_tianjin // 50) * 50}_{int(beijing_tianjin // 50) * 50 + 50}"
    assert got[ring].tolist()[:2] == [0, 1]  # Tianjin from 2020 on, never Beijing itself
    assert got.iloc[2:4, :2].sum(axis=1).tolist() == [1, 2]
    assert got.iloc[4].sum() == 0


def test_the_upper_edge_belongs_to_a_ring_and_the_lower_one_to_the_ring_below():
    cohorts, langfang = pd.Series({"110000": 2019}), (["131000"], [2019])
    edge = float(facts.distances_km(["131000"], ["110000"])[0, 0])
    just_below = np.nextafter(edge, 0)
    assert links.ring_counts(*langfang, cohorts, [0, edge, 2 * edge]).iloc[0].tolist() == [1, 0]
    assert links.ring_counts(*langfang, cohorts, [0, just_below, 2 * edge]).iloc[0].tolist() == [0, 1]
    assert links.ring_counts(*langfang, cohorts, [edge, 2 * edge]).iloc[0].tolist() == [0]
    assert links.ring_counts(["131000"], [2018], cohorts, [0, edge]).iloc[0].tolist() == [0]


def test_rings_add_up_to_the_count_within_their_last_edge():
    cities = list(facts.table("divisions")["gb_code"])
    years = [2021] * len(cities)
    got = links.ring_counts(cities, years, facts.pilot_zone_cohorts())
    within = facts.zones_within(cities, years, radius_km=350)
    assert got.sum(axis=1).tolist() == within.tolist()
    first = facts.zones_within(cities, years, radius_km=100)
    assert got[["ring_0_50", "ring_50_100"]].sum(axis=1).tolist() == first.tolist()


@pytest.fixture
def firms():
    rng = np.random.default_rng(5)
    n = 240
    return pd.DataFrame(
        {
            "firm_id": [f"{k:06d}" for k in range(n // 2)] * 2,
            "year": [2019] * (n // 2) + [2020] * (n // 2),
            "industry_code": rng.choice(["C26", "C39", "I65"], n),
            "city_code": rng.choice(["110000", "120000", "130100", "140100"], n),
            "treated": rng.integers(0, 2, n),
        }
    )


def test_peers_against_all_pairs(firms):
    firms.loc[3, "industry_code"] = None
    got = links.peer_share(firms)
    for i, row in firms.iterrows():
        peers = firms[
            (firms["year"] == row["year"])
            & (firms["industry_code"] == row["industry_code"])
            & (firms["city_code"] != row["city_code"])
        ]
        expected = np.nan if row["industry_code"] is None else peers["treated"].mean()
        assert got[i] == pytest.approx(expected, nan_ok=True)


def test_neighbours_against_all_pairs(firms):
    got = links.neighbour_share(firms, radius_km=140)
    codes = sorted(firms["city_code"].unique())
    km = pd.DataFrame(facts.distances_km(codes, codes), codes, codes)
    assert ((km > 0) & (km <= 140)).to_numpy().any() and (km > 140).to_numpy().any()
    for i, row in firms.iterrows():
        near = km.index[(km[row["city_code"]] <= 140) & (km.index != row["city_code"])]
        them = firms[(firms["year"] == row["year"]) & firms["city_code"].isin(near)]
        assert got[i] == pytest.approx(them["treated"].mean() if len(them) else 0.0)


def test_no_peer_is_no_exposure():
    frame = pd.DataFrame({"year": [1, 1], "industry_code": "C26", "city_code": "110000", "treated": 1})
    assert links.peer_share(frame).tolist() == [0.0, 0.0]


def partners(*rows):
    columns = ["firm_id", "year", "direction", "rank", "partner_id", "partner_name", "masked", "share"]
    return pd.DataFrame(rows, columns=columns)


def test_partners_by_hand():
    frame = pd.DataFrame(
        {"firm_id": ["1", "2", "3"] * 2, "year": [2019] * 3 + [2020] * 3, "treated": [0, 0, 1, 0, 1, 1]}
    )
    table = partners(
        ("1", 2018, "customer", 1, "3", "x", False, 0.30),
        ("1", 2019, "customer", 1, "2", "x", False, 0.25),
        ("1", 2019, "customer", 2, None, None, True, 0.20),
        ("1", 2019, "customer", 3, "9", "unlisted", False, 0.05),
        ("1", 2019, "customer", 4, "1", "own subsidiary", False, 0.10),
        ("1", 2019, "customer", 5, "3", "x", False, np.nan),
        ("1", 2019, "supplier", 1, "3", "x", False, 0.40),
    )
    got = links.partner_shares(frame, table, "customer")
    assert got["customer_exposure"].tolist() == pytest.approx([0.30, 0, 0, 0.25, 0, 0])
    assert got["customer_known"].tolist() == pytest.approx([0.30, 0, 0, 0.25, 0, 0])
    assert got["customer_reported"].tolist() == pytest.approx([0.30, 0, 0, 0.60, 0, 0])
    assert links.partner_shares(frame, table, "supplier")["supplier_exposure"].tolist() == [0, 0, 0, 0.4, 0, 0]
    assert links.partner_shares(frame, table, "customer", lag=2)["customer_exposure"][3] == pytest.approx(0.30)
    with pytest.raises(errors.OptionError, match="did you mean 'customer'"):
        links.partner_shares(frame, table, "customers")


def test_partner_names_become_codes():
    table = partners(
        ("1", 2019, "customer", 1, None, "Two Sub", False, 0.1),
        ("1", 2019, "customer", 2, "3", "Two Sub", False, 0.1),
        ("1", 2019, "customer", 3, None, None, True, 0.1),
    )
    names = pd.DataFrame({"name": ["Two Sub"], "firm_id": ["2"], "year": pd.array([None], dtype="Int64")})
    assert links.name_partners(table, names)["partner_id"].fillna("").tolist() == ["2", "3", ""]
    names = pd.DataFrame(
        {"name": ["Two Sub"] * 2, "firm_id": ["2", "4"], "year": pd.array([2018, 2019], dtype="Int64")}
    )
    assert links.name_partners(table, names)["partner_id"].fillna("").tolist() == ["4", "3", ""]


def test_input_output_against_all_pairs(firms):
    coefficients = pd.DataFrame(
        [("C26", "C39", 0.2), ("C26", "I65", 0.1), ("C26", "C26", 0.5), ("C39", "C26", 0.3)],
        columns=["industry_code", "partner_industry", "coefficient"],
    )
    got = links.input_output(firms, coefficients)
    weights = {"C26": {"C39": 2 / 3, "I65": 1 / 3}, "C39": {"C26": 1.0}}
    for i, row in firms.iterrows():
        if row["industry_code"] not in weights:
            assert np.isnan(got[i])
            continue
        others = firms[(firms["year"] == row["year"]) & (firms["city_code"] != row["city_code"])]
        means = others.groupby("industry_code")["treated"].mean()
        expected = sum(w * means[s] for s, w in weights[row["industry_code"]].items())
        assert got[i] == pytest.approx(expected)
    nobody = coefficients.assign(partner_industry=coefficients["partner_industry"].replace("C39", "B06"))
    got = links.input_output(firms.assign(treated=1), nobody)
    assert set(got[firms["industry_code"] == "C26"].round(12)) == {
        round(1 / 3, 12)
    }  # no listed firm carries two thirds
    with pytest.raises(errors.DataError, match="negative"):
        links.input_output(firms, coefficients.assign(coefficient=-1.0))
