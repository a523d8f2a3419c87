"""The assembled city panel from a small table: circles around seats, values at the bounds of the source, logs."""

import numpy as np
import pandas as pd
import pytest

from aigreen.data import facts
from aigreen.data.assemble.cities import CAPPED, CODEBOOK, capped, cities

YEARS = range(2018, 2022)
BEIJING, LANGFANG, LHASA = "110000", "131000", "540100"


@pytest.fixture
def tidy():
    index = pd.MultiIndex.from_product([(BEIJING, LANGFANG, LHASA), YEARS], names=["city_code", "year"])
    table = index.to_frame(index=False)
    n = np.arange(len(table)) + 1.0
    values = {name: n for name in (*CAPPED, "gdp_real", "population_density", "financial_development")}
    return table.assign(
        city="c",
        low_carbon_year=pd.array([2020, None, None] * 4, dtype="Int64"),
        low_carbon_known=[True, False, True] * 4,
        **values,
    )


def test_circles_hold_other_cities_whose_zone_is_in_force(tidy):
    built = cities(tidy)
    assert list(built.frame) == [entry.column for entry in CODEBOOK]
    frame = built.frame.set_index(["city_code", "year"])
    zones = facts.pilot_zone_cohorts()
    for code in (BEIJING, LANGFANG, LHASA):
        away = facts.distances_km([code], list(zones.index))[0]
        for km in (100, 200):
            near = zones[(away <= km) & (zones.index != code)]
            assert frame.loc[code, f"ring_{km}km"].tolist() == [int((near <= year).sum()) for year in YEARS]
    assert frame.loc[LANGFANG, "ring_100km"].tolist()[:2] == [0, 2]  # Beijing and Tianjin of 2019
    assert frame.loc[BEIJING, "treated"].tolist() == [0, 1, 1, 1]
    assert frame.loc[LANGFANG, "treated"].tolist() == [0] * 4
    assert cities(tidy, timing="first_full_year").frame["treated"].tolist()[:4] == [0, 0, 1, 1]


def test_a_value_in_five_rows_at_a_bound_is_a_cut_and_one_in_four_is_not():
    five = pd.Series([1.0] * 5 + [2, 3, 4, 5, 6, 6, 6, 6])
    assert capped(five).tolist() == [True] * 5 + [False] * 8
    assert capped(pd.Series([1.0, 2] + [3] * 6 + [4])).sum() == 0
    assert capped(pd.Series([1.0] * 4 + [9.0] * 5)).tolist() == [False] * 4 + [True] * 5


def test_cut_values_are_missing_and_the_published_logarithm_keeps_them(tidy):
    tidy["carbon_intensity"] = [*[3.0] * 5, *np.arange(4, 11.0)]
    frame = cities(tidy).frame
    assert frame["carbon_intensity"].isna().tolist() == [True] * 5 + [False] * 7
    assert frame["ln_carbon_intensity_published"].to_numpy() == pytest.approx(np.log(tidy["carbon_intensity"]))
    kept = cities(tidy, drop_capped=False).frame
    assert kept["carbon_intensity"].notna().all()
    n = np.arange(12) + 1.0
    assert kept["ln_emissions"].to_numpy() == pytest.approx(np.log(kept["carbon_intensity"] * n))


def test_a_city_without_intensity_is_left_out_and_zero_has_no_logarithm(tidy):
    tidy.loc[tidy["city_code"] == LHASA, "carbon_intensity"] = np.nan
    tidy.loc[0, "gdp_real"] = 0.0
    built = cities(tidy)
    assert set(built.frame["city_code"]) == {BEIJING, LANGFANG}
    assert built.flow["dropped"].tolist() == [0, 0, 4, 0]
    assert built.frame["ln_gdp"].isna().sum() == 1
    assert built.frame.loc[1, "ln_gdp"] == pytest.approx(np.log(2))


def test_the_low_carbon_pilot_is_in_force_from_its_year_on(tidy):
    tidy["low_carbon_year"] = pd.array([2020] * 4 + [None] * 4 + [2017] * 4, dtype="Int64")
    frame = cities(tidy).frame.set_index("city_code")
    assert [frame.loc[code, "low_carbon_pilot"].tolist() for code in (BEIJING, LANGFANG, LHASA)] == [
        [0, 0, 1, 1],
        [0] * 4,
        [1] * 4,
    ]
