"""Numbers and symbols that patent tables share."""

import pandas as pd
import pytest

from aigreen.data.sources.patent_tables import chinese_numbers
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
