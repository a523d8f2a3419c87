"""The prefecture panel and coordinates of cities: the numbers their notes promise, and defects."""

import pytest

from aigreen.data import facts
from aigreen.data.sources import cities
from aigreen.errors import SourceError

COHORTS = {2010: 42, 2013: 23, 2017: 27}


@pytest.fixture(scope="module")
def panel(shared):
    return cities.prefecture_panel(shared / "data/cn_prefecture_lowcarbon/panel_2007_2023_full.xlsx")


def test_285_prefectures_and_their_pilot_cohorts(panel, dropped):
    table = panel.table
    assert (table["city_code"].nunique(), table["year"].min(), table["year"].max()) == (285, 2007, 2023)
    assert len(table) == 4819
    city = table.drop_duplicates("city_code").set_index("city_code")["low_carbon_year"]
    assert city.value_counts().to_dict() == COHORTS
    assert city.isna().sum() == 193
    assert dropped(panel.flow)["city-years absent from a full panel"] == 285 * 17 - 4819
    assert panel.flow["n_units"].tolist() == [285] * len(panel.flow)


def test_codes_as_floats_and_missing_codes(panel, dropped):
    assert panel.table["city_code"].isin(facts.table("divisions")["gb_code"]).all()
    assert dropped(panel.flow)["codes missing, found by name"] == 1164
    assert panel.table.loc[panel.table["city"] == "三亚市", "city_code"].unique().tolist() == ["460200"]


def test_pilot_status_is_not_stated_for_70_of_the_193(panel):
    city = panel.table.drop_duplicates("city_code")
    assert (~city["low_carbon_known"]).sum() == 70
    assert city.loc[city["low_carbon_known"], "low_carbon_year"].isna().sum() == 123
    known = panel.table.groupby("city_code")["carbon_intensity"].count().gt(0)
    assert known.sum() == 215


def test_city_coordinates(shared, dropped):
    read = cities.coordinates(shared / "data/cn_city_geo/Chinese_City_Coordinate.dta")
    assert len(read.table) == 287
    place = read.table.set_index("city_code").loc["110000"]
    assert (place["longitude"], place["latitude"]) == (116.46, 39.92)
    assert {"310000", "120000", "500000"} <= set(read.table["city_code"])
    assert not read.table["city_code"].str.match("1101|1201|3101|5001").any()
    assert dropped(read.flow)["units that no longer exist"] == 2


HEAD = ["city_name", "year", "city_code", *(f.raw for f in (*cities.PANEL_FIELDS, *cities.PILOT_FIELDS))]


def city_book(folder, *rows):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for row in (HEAD, *rows):
        book.active.append(row)
    book.save(path := folder / "panel.xlsx")
    return path


def city_row(name, year, code, pilot, treat):
    return [name, year, code, *[0.5] * len(cities.PANEL_FIELDS), pilot, treat]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([city_row("深圳", 2010, None, None, 0)], "1 city names in no division table; first: 深圳"),
        ([city_row("深圳市", 2010, 440100.0, None, 0)], "1 codes are not of the city named; first: 440100"),
        ([city_row("深圳市", 2010, None, 2010, 0)], "1 rows have treat against pilot_year; first: 深圳市"),
        (
            [city_row("深圳市", y, None, p, 1) for y, p in ((2010, 2010), (2011, 2013))],
            "two pilot years; first: 深圳市",
        ),
        (
            [city_row("深圳市", 2010, None, None, 0), city_row("深圳市", 2010, None, None, None)],
            "repeat city_code and year",
        ),
        ([city_row("深圳市", 20225, None, None, 0)], "column year: 1 cells are not whole numbers from 1985 to 2100"),
    ],
)
def test_defects_of_the_city_panel(tmp_path, rows, words):
    with pytest.raises(SourceError, match=words):
        cities.prefecture_panel(city_book(tmp_path, *rows))
