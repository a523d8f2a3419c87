"""The assembled province panel from a small table: zones in force, at the edge of a circle, filled-in counts."""

import numpy as np
import pandas as pd
import pytest

from aigreen.data import facts
from aigreen.data.assemble import provinces as module
from aigreen.data.assemble.provinces import CODEBOOK, filled, provinces

YEARS = range(2016, 2022)
HEBEI, BEIJING, TIBET = "130000", "110000", "540000"


@pytest.fixture
def tidy():
    index = pd.MultiIndex.from_product([(BEIJING, HEBEI, TIBET), YEARS], names=["province_code", "year"])
    table = index.to_frame(index=False)
    n = np.arange(len(table)) + 1.0
    names = {"110000": "Beijing", "130000": "Hebei", "540000": "Tibet"}
    table["province"] = table["province_code"].map(names)
    shares = ("secondary_share", "coal_share", "green_finance_index", "market_index", "urban_share")
    return table.assign(
        green_invention_patents=n,
        green_utility_patents=10 * n,
        gdp=100 * n,
        population=5 * n,
        co2=2 * n,
        industrial_so2=3 * n,
        industrial_wastewater=4 * n,
        environment_expenditure_share=0.1,
        green_finance_pilot=0,
        **dict.fromkeys(shares, 0.5),
    )


def by_province(frame, column):
    return {code: list(part[column]) for code, part in frame.groupby("province_code")}


def test_zones_count_from_their_year_on_and_never_in_the_own_province(tidy):
    built = provinces(tidy)
    assert list(built.frame) == [entry.column for entry in CODEBOOK]
    assert by_province(built.frame, "treated") == {BEIJING: [0, 0, 0, 1, 1, 1], HEBEI: [0] * 6, TIBET: [0] * 6}
    near, touching = (by_province(built.frame, name) for name in ("near_zones_300km", "neighbour_zones"))
    # Beijing: Tianjin of 2019. Hebei: Beijing and Tianjin, from Shijiazhuang also Jinan of 2020; its neighbours
    # are these, Shandong, Henan and Liaoning.
    assert near == {BEIJING: [0, 0, 0, 1, 1, 1], HEBEI: [0, 0, 0, 2, 3, 3], TIBET: [0] * 6}
    assert touching == {BEIJING: [0, 0, 0, 1, 1, 1], HEBEI: [0, 0, 0, 2, 3, 5], TIBET: [0, 0, 0, 0, 1, 1]}
    later = provinces(tidy, timing="first_full_year").frame
    assert by_province(later, "treated")[BEIJING] == [0, 0, 0, 0, 1, 1]


def test_hubs_of_2022_and_logs_of_emissions(tidy):
    built = provinces(tidy.assign(year=tidy["year"] + 2)).frame
    assert by_province(built, "computing_hub") == {BEIJING: [0] * 4 + [1] * 2, HEBEI: [0] * 4 + [1] * 2, TIBET: [0] * 6}
    assert built["ln_so2"].iloc[1] == pytest.approx(np.log(6)) and built["urban_share"].eq(0.5).all()
    assert built["ln_wastewater"].iloc[0] == pytest.approx(np.log(4))


def test_a_zone_at_the_edge_of_the_circle_counts(tidy, monkeypatch):
    edge = float(facts.distances_km(["110000"], ["120000"])[0, 0])  # Tianjin is the nearest zone of Beijing
    for radius, count in ((edge, 1), (np.nextafter(edge, 0), 0)):
        monkeypatch.setattr(module, "PROVINCE_KM", radius)
        assert by_province(provinces(tidy).frame, "near_zones_300km")[BEIJING][-1] == count


def test_counts_filled_into_three_years_are_left_out_and_those_of_two_years_stay(tidy):
    hebei = tidy["province_code"] == HEBEI
    same = {"green_invention_patents": 440, "green_utility_patents": 509}
    for years, left in (((2016, 2018), 18), ((2016, 2018, 2020), 15)):
        twice = tidy.copy()
        for column, value in same.items():
            twice.loc[hebei & tidy["year"].isin(years), column] = value
        built = provinces(twice)
        assert len(built.frame) == left
        assert built.flow["dropped"].sum() == 18 - left
        assert len(provinces(twice, drop_filled=False).frame) == 18
    # Zeros repeat because there are none, and one count alone may repeat.
    zeros = tidy.assign(green_invention_patents=0.0)
    assert not filled(zeros.assign(green_utility_patents=7.0)).any()
    assert filled(tidy.assign(green_invention_patents=1.0, green_utility_patents=7.0)).all()


def test_logs_are_of_the_published_values(tidy):
    frame = provinces(tidy).frame
    n = np.arange(18) + 1.0
    assert frame["green_invention_patents_log"].to_numpy() == pytest.approx(np.log1p(n))
    assert frame["green_utility_patents_log"].to_numpy() == pytest.approx(np.log1p(10 * n))
    for column, factor in (("ln_gdp", 100), ("ln_population", 5), ("ln_co2", 2)):
        assert frame[column].to_numpy() == pytest.approx(np.log(factor * n))
    assert frame.groupby("province_code")["region"].first().to_dict() == {
        BEIJING: "East",
        HEBEI: "East",
        TIBET: "West",
    }
