"""Channels: each formula by hand."""

import math

import numpy as np
import pandas as pd
import pytest

from aigreen import errors
from aigreen.data.assemble import channel_measures


def test_structure_level():
    assert channel_measures.structure_level([[10, 30, 60], [0, 0, 5]]) == pytest.approx([0.1 + 2 * 0.3 + 3 * 0.6, 3.0])


def test_rationalisation():
    output, labour = [[10, 40, 50], [0, 50, 50], [1, 1, 1]], [[40, 30, 30], [0, 50, 50], [0, 1, 1]]
    got = channel_measures.rationalisation(output, labour)
    by_hand = sum(y * math.log(y / n) for y, n in zip((0.1, 0.4, 0.5), (0.4, 0.3, 0.3), strict=True))
    assert got[0] == pytest.approx(by_hand)
    assert got[1] == 0.0
    assert math.isnan(got[2])  # output without labour
    scaled = channel_measures.rationalisation(np.array(output) * 7, np.array(labour) / 3)
    np.testing.assert_allclose(scaled, got)


@pytest.mark.parametrize("bad", [[[1, -1, 3]], [[0, 0, 0]]])
def test_negative_or_empty_output_is_an_error(bad):
    with pytest.raises(errors.DataError, match="1 rows are negative or all zero"):
        channel_measures.structure_level(bad)


def test_city_structure():
    cities = pd.DataFrame(
        {
            "city_code": ["110000"] * 3,
            "year": [2010, 2011, 2012],
            "tertiary_share": [0.6, 0.9, np.nan],
            "industrial_upgrading": [2.0, 1.0, 1.5],
        }
    )
    got = channel_measures.city_structure(cities)
    assert got["industry_structure"].tolist() == [2.0, 1.0, 1.5]
    assert got["structure_level"][0] == pytest.approx(0.1 + 2 * 0.3 + 3 * 0.6)
    assert got["structure_level"][1:].isna().all()  # 0.9 + 0.9 is more than all; no tertiary share
    assert got["rationalisation"].isna().all()  # no employment


def test_rationalisation_of_cities():
    """Output 0.1, 0.3, 0.6; workers alike in the first row, in other proportions in the second, unknown after that."""
    cities = pd.DataFrame(
        {
            "city_code": ["110000"] * 4,
            "year": range(2010, 2014),
            "tertiary_share": 0.6,
            "industrial_upgrading": 2.0,
            "employment_primary": [1.0, 5.0, np.nan, 0.0],
            "employment_secondary": [3.0, 2.0, 1.0, 1.0],
            "employment_tertiary": [6.0, 3.0, 1.0, 1.0],
        }
    )
    got = channel_measures.city_structure(cities)["rationalisation"]
    assert got[0] == pytest.approx(0, abs=1e-15)
    assert got[1] == pytest.approx(0.1 * np.log(0.1 / 0.5) + 0.3 * np.log(0.3 / 0.2) + 0.6 * np.log(0.6 / 0.3))
    assert got[2:].isna().all()


def staff(*rows):
    frame = pd.DataFrame(rows, columns=["structure", "category", "persons"])
    return frame.assign(firm_id="000001", year=2015, detail=[str(n) for n in range(len(rows))])


@pytest.mark.parametrize(
    ("rows", "employees", "share"),
    [
        ([("education", "postgraduate", 10), ("education", "bachelor", 30), ("education", "college", 60)], 100, 0.4),
        (
            [("education", "bachelor_or_above", 40), ("education", "postgraduate", 10), ("education", "college", 60)],
            100,
            0.4,
        ),
        ([("education", "bachelor", 40), ("education", "below_bachelor", 50), ("education", None, 10)], 100, 0.4),
        ([("education", "bachelor", 40), ("education", "college", 60), ("total", None, 120)], 120, 0.4),
        ([("profession", "production", 70), ("profession", "research", 30)], 100, None),
        ([("education", "college", 60)], None, None),
    ],
)
def test_staff(rows, employees, share):
    got = channel_measures.staff_structure(staff(*rows)).iloc[0]
    assert got["employees"] == employees if employees else math.isnan(got["employees"])
    assert got["human_capital"] == pytest.approx(share) if share else math.isnan(got["human_capital"])
    if rows[0][0] == "profession":
        assert got["production_share"] == pytest.approx(0.7)


def test_below_college_is_beside_college_but_college_and_below_holds_it():
    rows = staff(
        ("education", "bachelor_or_above", 40), ("education", "college", 35), ("education", "below_bachelor", 25)
    )
    below = channel_measures.staff_structure(rows.assign(detail=["本科及以上", "大专", "大专以下"])).iloc[0]
    assert (below["employees"], below["human_capital"]) == (100, 0.4)
    whole = channel_measures.staff_structure(
        rows.assign(detail=["本科及以上", "大专", "大专及以下"], persons=[40, 35, 60])
    ).iloc[0]
    assert (whole["employees"], whole["human_capital"]) == (100, 0.4)


def test_polluting_share():
    rows = [("C26", 60.0), ("I65", 30.0), ("C30", 10.0), ("I64", -5.0)]
    segments = pd.DataFrame(rows, columns=["industry_code", "revenue"]).assign(firm_id="000001", year=2015)
    assert channel_measures.polluting_share(segments)["polluting_share"].tolist() == [pytest.approx(0.7)]


def test_capital_and_labour():
    assets, workers = pd.Series([100.0, 0.0, 5.0]), pd.Series([10.0, 10.0, 0.0])
    got = channel_measures.capital_per_worker(assets, workers)
    assert got[0] == pytest.approx(math.log(10))
    assert got[1:].isna().all()
    shares = channel_measures.labour_share(pd.Series([20.0, 5.0, -1.0]), pd.Series([100.0, 0.0, 100.0]))
    assert shares[0] == 0.2
    assert shares[1:].isna().all()
