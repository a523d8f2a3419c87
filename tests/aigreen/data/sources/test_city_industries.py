"""Counts of AI patents by city and industry: the public file, and defects."""

import pytest

from aigreen.data.sources.city_industries import city_industry_patents
from aigreen.errors import SourceError

HEADER = "city,province,industry,industry_code,year,ai_patents,industrial_ai_patents,source,coverage_note\n"


def test_the_public_file(shared, dropped):
    path = shared / "data/cn_ai_pilot_zones_patents/industrial_ai_patents_city_industry_year.csv"
    read = city_industry_patents(path)
    assert read.flow["n_rows"].iloc[0] == 8_478
    assert dropped(read.flow)["cells under a second code of their industry, added"] == 275
    assert len(read.table) == 8_478 - 256  # of the 275, so many meet a cell of the other code
    assert (read.table["city"].nunique(), read.table["industry_code"].nunique()) == (83, 15)
    assert read.table["ai_patents"].sum() == 2_606_525


def test_a_second_code_is_added(tmp_path):
    path = tmp_path / "city_industry_patents.csv"
    rows = [
        "A,P,electronics,C39,2019,3,3,s,n",
        "A,P,electronics,electronics,2019,2,2,s,n",
        "A,P,textiles,C17,2019,1,1,s,n",
    ]
    path.write_text(HEADER + "\n".join(rows) + "\n", "utf-8")
    table = city_industry_patents(path).table
    assert table[["industry_code", "ai_patents"]].to_numpy().tolist() == [["C17", 1], ["C39", 5]]


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ("A,P,textiles,C17,2019,2,2,s,n", "repeat city and industry_code and year"),
        ("A,P,textiles,C17,2020,1.5,1.5,s,n", "1 cells are not whole numbers"),
        ("A,P,textiles,C17,2020,0,0,s,n", "industrial_ai_patents"),
    ],
)
def test_defects(tmp_path, row, fault):
    path = tmp_path / "city_industry_patents.csv"
    path.write_text(f"{HEADER}A,P,textiles,C17,2019,1,1,s,n\n{row}\n", "utf-8")
    with pytest.raises(SourceError, match=fault):
        city_industry_patents(path)
