"""Zones: 18 cities, 16 provinces, every timing; other policies as columns."""

import pandas as pd
import pytest

from aigreen import errors
from aigreen.data import facts
from aigreen.data.assemble import zones
from aigreen.data.sources import policies

ZONES = policies.zones().table
POLICIES = policies.policies().table


def test_the_18_zones_and_16_provinces():
    got = zones.cohorts(ZONES)
    assert len(got) == 18
    assert got.groupby(got).size().to_dict() == {2019: 7, 2020: 6, 2021: 5}
    assert got.groupby(got.index.str[:2]).min().size == 16
    pd.testing.assert_series_equal(got, facts.pilot_zone_cohorts().rename_axis("city_code"))
    assert got["330500"] == 2019  # Deqing stands for Huzhou
    assert "330521" not in got.index


def test_timings():
    got = zones.timings(ZONES)
    assert list(got) == ["zone_year", *(f"zone_year_{s}" for s in ("full", "letter", "published", "half"))]
    assert (got["zone_year_full"] == got["zone_year"] + 1).all()
    row = got.loc["110000"]  # letter 20 February 2019
    assert row.tolist() == [2019, 2020, 2019, 2019, 2019]
    assert got.loc["120000", "zone_year_half"] == 2020  # letter 17 October 2019
    assert got.loc["330500", "zone_year_half"] == 2020  # letter 2 November 2019
    assert got.loc["510100", "zone_year_half"] == 2020  # letter 23 January 2020
    assert got.loc["440100"].tolist() == [2020, 2021, 2020, 2020, 2021]  # no letter day, announced 3 September 2020
    assert got.loc["230100", "zone_year_half"] == 2022  # published 7 December 2021
    assert got.loc["320500"].tolist() == [2021, 2022, 2021, 2021, 2021]  # 19 and 24 March 2021


def test_a_letter_of_june_counts_in_its_year_and_one_of_july_in_the_next():
    days = pd.to_datetime(["2019-06-30", "2019-07-01", "2019-01-01", "2019-12-31", None])
    made = pd.DataFrame(
        {
            "program": zones.MOST,
            "city_code": [f"{k}00000" for k in range(1, 6)],
            "letter_date": days,
            "publication_date": pd.to_datetime([None] * 4 + ["2020-07-01"]),
            "batch_year": 2019,
            "first_full_year": 2020,
        }
    )
    assert zones.cohorts(made, timing="half_year").tolist() == [2019, 2020, 2019, 2020, 2021]
    assert zones.cohorts(made, timing="letter_date").tolist() == [2019, 2019, 2019, 2019, 2020]
    assert zones.cohorts(made, timing="first_full_year").tolist() == [2020] * 5


def test_pioneer_zones_are_another_programme():
    got = zones.cohorts(ZONES, program=zones.PIONEER)
    assert len(got) == 12
    assert got["370200"] == 2019  # Qingdao
    assert got["320100"] == 2022  # Nanjing
    assert not {"370200", "320100"} & set(zones.cohorts(ZONES).index)


def test_a_wrong_timing_or_programme_offers_the_nearest():
    with pytest.raises(errors.OptionError, match="did you mean 'half_year'"):
        zones.cohorts(ZONES, timing="halfyear")
    with pytest.raises(errors.OptionError, match="program="):
        zones.cohorts(ZONES, program="MOST")


def test_policies_without_expansion():
    got = zones.policy_columns(POLICIES, range(2008, 2024))
    table = got.table.set_index(["city_code", "year"])
    assert len(table) == 337 * 16
    assert table.index.is_unique
    assert set(table.to_numpy().ravel()) == {0, 1}
    assert table.loc[("440300", 2010), "low_carbon_pilot"] == 1
    assert table.loc[("440300", 2009), "low_carbon_pilot"] == 0
    # Zhuhai is in the province-wide pilot of Guangdong only.
    assert table.loc[("440400", 2015), "low_carbon_pilot"] == 0
    assert "carbon_ets_national" not in table
    reasons = got.unused.groupby("reason").size()
    assert reasons["province or country, not expanded"] == 34
    assert (reasons["part of a city"], reasons["administered by the province, in no prefecture"]) == (39, 4)


def test_policies_expanded_and_in_parts():
    got = zones.policy_columns(POLICIES, [2009, 2015, 2022], expand=True, partial=True)
    table = got.table.set_index(["city_code", "year"])
    assert table.loc[("440400", 2015), "low_carbon_pilot"] == 1
    assert table.loc[("440400", 2009), "low_carbon_pilot"] == 0
    assert table.loc[(slice(None), 2022), "carbon_ets_national"].eq(1).all()
    assert table.loc[("650100", 2022), "green_finance_pilot"] == 0
    assert set(got.unused["reason"]) == {"administered by the province, in no prefecture"}


def test_the_earlier_of_city_and_province_counts():
    rows = pd.DataFrame(
        {
            "policy": "p",
            "gb_code": ["440000", "440100", "440300"],
            "city_code": [None, "440100", "440300"],
            "level": ["province", "prefecture", "prefecture"],
            "batch": "1",
            "partial": False,
            "coded_year": pd.array([2012, 2010, 2015], dtype="Int64"),
        }
    )
    cities = ["440100", "440300", "440400", "110000"]
    got = zones.policy_columns(rows, [2011, 2013], cities=cities, expand=True).table
    assert got["p"].tolist() == [1, 1, 0, 1, 0, 1, 0, 0]


def test_a_firm_that_moves_has_one_cohort():
    cohorts = pd.Series({"Z": 2019, "Y": 2021})
    paths = {
        "stays": (["Z"] * 4, 2019),
        "late": (["Z"] * 4, 2019),
        "comes before": (["A", "Z", "Z", "Z"], 2019),
        "comes after": (["A", "A", "A", "Z"], 2020),
        "leaves before": (["Z", "A", "A", "A"], None),
        "leaves after": (["Z", "Z", "Z", "A"], 2019),
        "not yet": (["Y"] * 4, 2021),
        "never": (["A"] * 4, None),
    }
    rows = [
        (name, year, city)
        for name, (cities, _) in paths.items()
        for year, city in zip(range(2017, 2021) if name != "late" else range(2020, 2024), cities, strict=True)
    ]
    frame = pd.DataFrame(rows, columns=["firm_id", "year", "city_code"]).sample(frac=1, random_state=1)
    got = zones.firm_cohorts(frame, cohorts)
    assert got.index.equals(frame.index)
    by_firm = got.groupby(frame["firm_id"]).agg(["first", "nunique", "size"])
    for name, (_, year) in paths.items():
        assert by_firm.loc[name, "nunique"] == (0 if year is None else 1)
        if year is not None:
            assert by_firm.loc[name, "first"] == year
