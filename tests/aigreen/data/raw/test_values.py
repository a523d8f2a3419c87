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
