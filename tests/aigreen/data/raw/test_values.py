"""Days and codes written in many ways."""

import pandas as pd
import pytest

from aigreen.data.raw import values


@pytest.mark.parametrize(
    ("cell", "day"),
    [("2019-12-31", "2019-12-31"), ("2019/1/5", "2019-01-05"), ("2019.01.05", "2019-01-05"), ("20190105", "2019-01-05"),
     ("2019年1月5日", "2019-01-05"), ("2019-01-05 00:00:00", "2019-01-05"),
     ("43470", "2019-01-05"), ("43470.0", "2019-01-05")],
)  # fmt: skip
def test_days(cell, day):
    assert values.dates(pd.Series([cell, None, "--"], dtype="str"), "f").tolist()[0] == pd.Timestamp(day)


def test_city_codes():
    raw = pd.Series(["1101", "110100", "5002", "4403", "440300.0", None], dtype="str")
    assert values.city_codes(raw, "f").tolist()[:5] == ["110000", "110000", "500000", "440300", "440300"]


def test_b_shares_are_told_from_beijing_shares():
    codes = pd.Series(["000001", "002594", "200012", "300750", "600000", "688981", "830799", "900901", "920002"])
    assert codes[values.is_b_share(codes)].tolist() == ["200012", "900901"]


def test_zero_is_no_day_only_where_the_source_says_so():
    days = values.dates(pd.Series(["0", "20190105"], dtype="str"), "f", zero_is_none=True)
    assert days.isna().tolist() == [True, False]
    with pytest.raises(values.SourceError, match="1 cells are not days"):
        values.dates(pd.Series(["0"], dtype="str"), "f")


def test_municipalities_in_all_their_codes():
    raw = [f"{head}{tail}" for head in ("11", "12", "31", "50") for tail in ("01", "0100", "0000")]
    codes = values.city_codes(pd.Series([*raw, "500200"], dtype="str"), "f")
    assert codes.tolist() == [f"{head}0000" for head in ("11", "12", "31", "50") for _ in range(3)] + ["500000"]
