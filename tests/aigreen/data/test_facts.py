import numpy as np
import pandas as pd
import pytest

from aigreen.data import facts
from aigreen.errors import DataError, OptionError, WrongTypeError

COHORTS = {
    2019: ["Beijing", "Shanghai", "Tianjin", "Guangdong", "Zhejiang", "Anhui"],
    2020: ["Chongqing", "Sichuan", "Shaanxi", "Shandong", "Hubei"],
    2021: ["Jiangsu", "Hunan", "Henan", "Liaoning", "Heilongjiang"],
}


def province_names(codes):
    divisions = facts.table("divisions").drop_duplicates("province_code").set_index("province_code")["province_en"]
    return list(divisions[list(codes)])


def test_codes_are_text_and_empty_cells_are_empty_strings():
    divisions = facts.table("divisions")
    assert len(divisions) == 337
    assert divisions["gb_code"].str.fullmatch(r"\d{6}").all()
    assert facts.table("divisions_other")["gb_code"].iloc[0] == "000000"
    assert (divisions["note"] == "").any()
    assert not any(facts.table(name).isna().any(axis=None) for name in facts.names())


def test_sixteen_provinces_in_three_cohorts():
    zones = facts.pilot_zone_cohorts("province")
    assert len(zones) == 16
    for year, names in COHORTS.items():
        assert sorted(province_names(zones[zones == year].index)) == sorted(names)


def test_eighteen_prefectures_with_deqing_in_huzhou():
    zones = facts.pilot_zone_cohorts("prefecture")
    assert len(zones) == 18
    assert zones.value_counts().to_dict() == {2019: 7, 2020: 6, 2021: 5}
    assert zones["330500"] == 2019
    assert "330521" not in zones.index
    assert set(zones.index) <= set(facts.table("divisions")["gb_code"])


def test_pioneer_zones_of_the_other_programme_are_not_counted():
    assert not {"370200", "320100"} & set(facts.pilot_zone_cohorts("prefecture").index)  # Qingdao, Nanjing


def test_first_full_year_is_the_year_after():
    pd.testing.assert_series_equal(
        facts.pilot_zone_cohorts("prefecture", "first_full_year"), facts.pilot_zone_cohorts("prefecture") + 1
    )


def test_other_policies_by_province_and_by_prefecture():
    hubs = facts.policy_cohorts("east_data_west_computing_hub", "province")
    assert len(hubs) == 14 and set(hubs) == {2022} and hubs.index.str.endswith("0000").all()
    municipalities = facts.policy_cohorts("east_data_west_computing_hub")
    assert list(municipalities.index) == ["110000", "120000", "310000", "500000"]
    clusters = facts.policy_cohorts("east_data_west_computing_cluster")
    assert len(clusters) == 14 and {"320500", "330400"} <= set(clusters.index)  # counties count for their prefecture
    pilots = facts.policy_cohorts("green_finance_pilot")
    assert (pilots["440100"], pilots["620100"], pilots["500000"]) == (2017, 2020, 2023)
    with pytest.raises(OptionError, match="did you mean 'green_finance_pilot'"):
        facts.policy_cohorts("green_finance_pilots")


def test_tables_are_copies():
    mine = facts.table("divisions")
    mine["gb_code"] = "x"
    assert facts.table("divisions")["gb_code"].iloc[0] == "110000"


def test_unknown_names_offer_the_nearest():
    with pytest.raises(OptionError, match="did you mean 'divisions'"):
        facts.table("division")
    with pytest.raises(OptionError, match="level='city'"):
        facts.pilot_zone_cohorts("city")
    with pytest.raises(OptionError, match="did you mean 'batch_year'"):
        facts.pilot_zone_cohorts("province", "batch_years")


def test_distances_between_cities():
    # Beijing-Shanghai is about 1,068 km and Shanghai-Suzhou about 85 km by air.
    distance = facts.distances_km(["110000", "310000"], ["310000", "320500"])
    assert distance[0, 0] == pytest.approx(1068, abs=12)
    assert distance[1, 0] == 0
    assert distance[1, 1] == pytest.approx(85, abs=6)
    with pytest.raises(DataError, match="1 codes are not prefecture-level units; first: 999999"):
        facts.distances_km(["999999"], ["110000"])


def test_zones_within_counts_others_from_their_year_on():
    # Jiaxing 330400: Hangzhou, Huzhou and Shanghai from 2019, Suzhou from 2021. Suzhou's own zone is not its neighbour.
    years = [2018, 2019, 2020, 2021, 2022]
    counts = facts.zones_within(["330400"] * 5, years, radius_km=100)
    np.testing.assert_array_equal(counts, [0, 3, 3, 4, 4])
    suzhou = facts.zones_within(["320500"] * 5, years, radius_km=100)
    np.testing.assert_array_equal(suzhou, [0, 2, 2, 2, 2])  # Shanghai, Huzhou
    assert facts.zones_within(["650100"], [2023], radius_km=100).tolist() == [0]  # Urumqi


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: facts.table(5), "name=5: text is expected, got an int"),
        (lambda: facts.policy_cohorts(["a"]), "policy="),
        (lambda: facts.zones_within(["131000"], [2021], radius_km="250"), "radius_km='250': a number is expected"),
        (lambda: facts.distances_km(131000, ["110000"]), "codes=131000: a sequence of text"),
    ],
)
def test_arguments_of_another_kind_are_named(call, told):
    with pytest.raises(WrongTypeError, match=f"^{told}"):
        call()


def test_a_zone_at_the_radius_counts_and_one_beyond_does_not():
    zones = ["110000", "120000"]  # the nearest of Langfang
    near, far = sorted(facts.distances_km(["131000"], zones)[0])
    counts = [
        facts.zones_within(["131000"], [2021], radius_km=radius)[0]
        for radius in (np.nextafter(near, 0), near, np.nextafter(far, 0), far)
    ]
    assert counts == [0, 1, 1, 2]


def test_zones_within_equals_the_plain_count():
    codes = facts.table("divisions")["gb_code"]
    zones = facts.pilot_zone_cohorts("prefecture", "first_full_year")
    near = facts.distances_km(list(codes), list(zones.index)) <= 250
    plain = [
        sum(n and own != other and zones[other] <= 2021 for n, other in zip(row, zones.index, strict=True))
        for own, row in zip(codes, near, strict=True)
    ]
    fast = facts.zones_within(codes, np.full(len(codes), 2021), radius_km=250, timing="first_full_year")
    assert fast.tolist() == plain
