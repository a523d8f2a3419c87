"""Numbers and symbols that patent tables share."""

import pandas as pd
import pytest

from aigreen.data.sources.patent_tables import chinese_numbers, in_order
from aigreen.errors import SourceError


def test_chinese_application_numbers():
    raw = pd.Series(
        ["CN201510123456.7", "ZL201510123456.X", "2015101234567", "CN-201510123456-A", "98123456.7", "981234567"],
        name="申请号",
    )
    assert chinese_numbers(raw, "f").tolist() == ["CN201510123456"] * 4 + ["CN98123456"] * 2
    with pytest.raises(SourceError, match="申请号: 1 cells are not Chinese application numbers; first: 'US2015'"):
        chinese_numbers(pd.Series(["US2015"], name="申请号"), "f")


@pytest.mark.parametrize(
    "number", ["CN104123456A", "104123456", "CN201234567U", "CN301234567S", "CN1387751A", "CN200234567"]
)
def test_the_year_of_application_numbers(number):
    with pytest.raises(SourceError, match=f"1 cells are not Chinese application numbers.*'{number}'"):
        chinese_numbers(pd.Series([number], name="申请号"), "f")


def test_publications_of_an_application_are_sorted_by_day_and_those_of_one_day_stay_in_order():
    days = pd.to_datetime(["2020-01-01", None, "2021-01-01", "2020-01-01", "2020-01-01"])
    frame = pd.DataFrame({"patent_id": ["b", "a", "a", "a", "b"], "publication_date": days, "at": range(5)})
    assert in_order(frame)["at"].tolist() == [3, 2, 1, 0, 4]
