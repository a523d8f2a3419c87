"""The assembled city panel from the real public workbook."""

import math

import pytest

from aigreen.data.assemble.cities import CODEBOOK, cities
from aigreen.data.sources.cities import prefecture_panel


@pytest.fixture(scope="module")
def built(shared):
    return cities(prefecture_panel(shared / "data/cn_prefecture_lowcarbon/panel_2007_2023_full.xlsx").table)


def test_cities_without_carbon_intensity_are_counted(built):
    assert built.flow["dropped"].tolist() == [0, 0, 1164, 0]
    assert built.flow["n_units"].tolist() == [285, 285, 215, 215]


def test_the_frame_is_the_codebook_and_balanced(built):
    assert list(built.frame.columns) == [entry.column for entry in CODEBOOK]
    assert len(built.frame) == 215 * 17
    assert not built.frame.duplicated(["city_code", "year"]).any()


def test_pilot_zones_and_rings_follow_the_fact_table(built):
    first = built.frame.drop_duplicates("city_code").set_index("city_code")["zone_year"]
    assert first.notna().sum() == 15
    assert (first["110000"], first["410100"]) == (2019, 2021)
    exposed = built.frame.loc[built.frame["ring_100km"] > 0].groupby("year").size()
    assert exposed.to_dict() == {2019: 17, 2020: 30, 2021: 36, 2022: 36, 2023: 36}


def test_wider_rings_hold_narrower_ones_and_emissions_are_intensity_times_output(built):
    frame = built.frame
    assert (frame["ring_200km"] >= frame["ring_100km"]).all()
    assert (frame.query("year == 2023")["ring_200km"] > 0).sum() > 36
    beijing = frame.query("city_code == '110000' and year == 2019").iloc[0]
    assert math.exp(beijing["ln_emissions"]) == pytest.approx(78_044_416, rel=1e-6)
    first = frame[frame["low_carbon_pilot"] == 1].groupby("city_code")["year"].min()
    assert (first == frame.drop_duplicates("city_code").set_index("city_code")["low_carbon_year"].dropna()).all()


def test_values_cut_off_by_the_source_are_missing(built, shared):
    frame = built.frame
    assert frame[["carbon_intensity", "industrial_upgrading"]].isna().sum().tolist() == [74, 74]
    gaps = frame[frame["treated"] == 1].set_index("city")[["carbon_intensity", "industrial_upgrading"]].isna()
    assert gaps.groupby("city").sum().loc[["Beijing", "Shanghai", "Shenzhen"]].to_numpy().tolist() == [
        [0, 5],
        [0, 0],
        [5, 0],
    ]
    path = shared / "data/cn_prefecture_lowcarbon/panel_2007_2023_full.xlsx"
    assert frame["ln_carbon_intensity_published"].notna().all()
    whole = cities(prefecture_panel(path).table, drop_capped=False).frame
    assert whole["carbon_intensity"].notna().all()
    assert whole.loc[whole["city"] == "Shenzhen", "carbon_intensity"].value_counts().max() == 16
