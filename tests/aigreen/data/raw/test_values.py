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


def test_a_short_code_with_a_zero_in_front_has_lost_none():
    codes, padded = values.stock_codes(pd.Series(["700", "000700", "1.0", "700.SZ", None], dtype="str"), "f")
    assert codes.tolist()[:4] == ["000700", "000700", "000001", "000700"]
    assert padded.tolist() == [True, False, True, True, False]
    for cell in ("00700", "01", "0", "0700.HK", "AAPL", "1234567"):
        with pytest.raises(values.SourceError, match="1 cells are not security codes of six digits"):
            values.stock_codes(pd.Series(["1", cell], dtype="str"), "f")
    told = values.is_stock_code(pd.Series(["00700", "700", "00700.HK", "7203.T", "SH600000", "sz000001", None, "-"]))
    assert told.tolist() == [False, True, False, False, True, True, False, False]


OLD = {"522200": "520600", "522400": "520500", "632100": "630200", "542100": "540300", "542200": "540500",
       "542300": "540200", "542400": "540600", "542600": "540400", "652100": "650400", "652200": "650500",
       "142300": "141100", "622600": "621200", "110200": "110000"}  # fmt: skip


def test_codes_of_before_a_prefecture_became_a_city():
    codes = values.city_codes(pd.Series([*OLD, "5421", "5426", "5425"], dtype="str"), "f")
    assert codes.tolist() == [*OLD.values(), "540300", "540400", "542500"]


def test_districts_go_to_the_prefecture_around_them():
    raw = {"440305": "440300", "110105": "110000", "500110": "500000", "522201": "520600", "632121": "630200",
           "371202": "370100", "371200": "370100", "341402": "340100", "341424": "340500", "441900": "441900",
           "429004": "429004", "659001": "659001", "341400": "341400", "999999": "999999"}  # fmt: skip
    codes = values.city_codes(pd.Series([*raw, None], dtype="str"), "f")
    assert values.prefectures_of(codes).tolist()[:-1] == list(raw.values())


def test_codes_by_place():
    raw = {"苏州市": "320500", "苏州": "320500", "延边州": "222400", "延边朝鲜族自治州": "222400", "黔东南州": "522600",
           "襄樊市": "420600", "襄樊": "420600", "铜仁地区": "520600", "思茅": "530800", "吉林": "220200",
           "海南州": "632500",
           "兴安盟": "152200", "上海": "310000", "海南": None, "仙桃市": None, "火星": None}  # fmt: skip
    found = values.codes_by_place(pd.Series([*raw, None], dtype="str"))
    assert [code if isinstance(code, str) else None for code in found] == [*raw.values(), None]


@pytest.mark.parametrize(
    "cell",
    ["甲公司;乙大学", "甲公司；乙大学;", "甲公司 | 乙大学", "甲公司｜乙大学", "甲公司、乙大学", "甲公司,乙大学",
     "甲公司 ，乙大学", "甲公司//乙大学", "甲公司##乙大学", "甲公司\n乙大学",
     "['甲公司', '乙大学']", '["甲公司","乙大学"]'],
)  # fmt: skip
def test_lists_of_names(cell):
    names = values.parted(pd.Series([cell, None, "--"], dtype="str"))
    assert [name for name in names[0] if name] == ["甲公司", "乙大学"]
    assert names[1:].isna().all()


@pytest.mark.parametrize(
    ("cell", "names"),
    [
        ("Foo Co., Ltd.", ["Foo Co., Ltd."]),
        ("Foo Co., Ltd.,甲公司", ["Foo Co., Ltd.", "甲公司"]),
        ("甲公司（中国）, Foo Co., Ltd.", ["甲公司（中国）", "Foo Co., Ltd."]),
        ("甲公司(北京、上海)、ソニー株式会社", ["甲公司(北京、上海)", "ソニー株式会社"]),
        ("AT&T Corp.; Toys # 1, Inc. | A/S Foo", ["AT&T Corp.", "Toys # 1, Inc.", "A/S Foo"]),
        ("[甲公司]", ["[甲公司]"]),
        ("[\"L'Oréal, S.A.\", 'Foo, Inc.']", ["L'Oréal, S.A.", "Foo, Inc."]),
    ],
)
def test_commas_and_marks_inside_names_stay(cell, names):
    assert values.parted(pd.Series([cell], dtype="str"))[0] == names
