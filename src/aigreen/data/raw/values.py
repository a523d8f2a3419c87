"""Cells of raw tables, all text, turned into typed columns; whatever cannot be turned is an error with its count."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from functools import cache

import numpy as np
import pandas as pd

from aigreen.data.facts import table as fact_table
from aigreen.errors import SourceError

BLANKS = ("", "-", "--", "—", "－", ".", "NULL", "null", "N/A", "NA", "nan", "NaN", "None")
FIRST_DAY, LAST_DAY = pd.Timestamp("1900-01-01"), pd.Timestamp("2100-12-31")
EXCEL_ORIGIN = pd.Timestamp("1899-12-30")  # day 0 of Excel's calendar, which holds a 29 February 1900
THOUSANDS = r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d+)?"
_MARKET = r"^(?:SZ|SH|BJ)\.?|\.(?:SZ|SH|BJ|SS|XSHE|XSHG|0+)$"
_CODE = r"[1-9]\d{0,5}|0\d{5}"  # a spreadsheet takes all leading zeros, or none: 00700 is a code of another market
_PEOPLES = ("朝鲜族", "土家族", "苗族", "藏族", "羌族", "彝族", "布依族", "侗族", "哈尼族", "壮族", "傣族", "白族",
            "景颇族", "傈僳族", "回族", "蒙古族", "蒙古", "柯尔克孜", "哈萨克")  # fmt: skip
_AUTONOMOUS = rf"(?:{'|'.join(_PEOPLES)})+自治州$"
_UNIT = r"(?:市|地区|盟)$"
_EAST = r"\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"  # kana, Chinese characters, Hangul
_OUTSIDE = r"(?![^(（]*[)）])"
_PARTED = (
    r"\s*(?:[;；|｜\r\n\t]+|/{2,}|[#＃]{2,})\s*"
    rf"|(?:(?<=[{_EAST}])|(?<=[{_EAST}][)）]))\s*[,，、]\s*{_OUTSIDE}|[,，、]\s*(?=[{_EAST}（]){_OUTSIDE}"
)
_WRITTEN_LIST = r"""^\[\s*['"].*['"]\s*\]$"""


def fold(name: str) -> str:
    """Give a column name without differences of width, case, blanks and underscores."""
    return "".join(unicodedata.normalize("NFKC", name).casefold().replace("_", " ").split())


def clean(cells: pd.Series) -> pd.Series:
    """Strip cells and turn blank markers (`BLANKS`) into missing values; dtype ``str``."""
    text = cells.astype("str").str.strip()
    return text.where(~text.isin(BLANKS))


def each_once(cells: pd.Series, function: Callable[[pd.Series], pd.Series]) -> pd.Series:
    """Apply a function of text to each distinct cell once; cells without text stay missing."""
    places, words = pd.factorize(cells.astype("str"))
    done = function(pd.Series(words, dtype="str"))
    return pd.Series(done.array.take(places, allow_fill=True), cells.index)


def unformatted(cells: pd.Series) -> pd.Series:
    """Strip cells, drop thousands separators, and turn blank markers into missing values."""
    text = clean(cells)
    grouped = text.str.fullmatch(THOUSANDS).fillna(False).astype(bool)
    return text.where(~grouped, text.str.replace(",", "", regex=False)) if grouped.any() else text


def parted(cells: pd.Series) -> pd.Series:
    """Split lists of names; a list of text a cell, missing where the cell is blank.

    Parted by ``;``, ``|``, ``//``, ``##``, tabs, line ends, and the quoted commas of ``['A', 'B']``; by ``,`` and
    ``、`` outside brackets where a Chinese, Japanese or Korean name ends or begins: ``Foo Co., Ltd.`` stays one name.
    """
    text = clean(cells)
    written = text.str.contains(_WRITTEN_LIST).fillna(False).astype(bool)
    if written.any():
        inner = text[written].str.slice(1, -1).str.strip().str.slice(1, -1)
        text = text.mask(written, inner.str.replace(r"""['"]\s*,\s*['"]""", ";", regex=True))
    return text.str.split(_PARTED, regex=True)


def stock_codes(cells: pd.Series, where: str) -> tuple[pd.Series, pd.Series]:
    """Give six-digit security codes, with zeros that a spreadsheet lost put back.

    Fewer than six digits with a zero in front have lost none: ``00700`` is a code of Hong Kong and not ``000700``.

    Parameters
    ----------
    cells : Series
        Text such as ``000001``, ``1``, ``1.0``, ``000001.SZ`` or ``SZ000001``.
    where : str
        File, for the error message.

    Returns
    -------
    codes : Series of str
        Missing where the cell is blank.
    padded : Series of bool
        The cell had lost leading zeros.

    Raises
    ------
    SourceError
        Cells that are no code.
    """
    text = _bare_code(cells)
    bad = text.notna() & ~_is_code(text)
    _refuse(bad, cells, where, "are not security codes of six digits (or fewer, without a zero in front)")
    return text.str.zfill(6), (text.str.len() < 6).fillna(False).astype(bool)


def is_stock_code(cells: pd.Series) -> pd.Series:
    """Tell cells that `stock_codes` reads as codes of Shenzhen, Shanghai or Beijing."""
    return _is_code(_bare_code(cells))


def _is_code(text: pd.Series) -> pd.Series:
    return text.str.fullmatch(_CODE).fillna(False).astype(bool)


def _bare_code(cells: pd.Series) -> pd.Series:
    return each_once(cells, lambda words: clean(words).str.upper().str.replace(_MARKET, "", regex=True))


def is_b_share(codes: pd.Series) -> pd.Series:
    """Tell codes of B shares: 2* (Shenzhen) and 9* (Shanghai), except 92*, which the Beijing exchange uses."""
    return (codes.str.startswith("2") | (codes.str.startswith("9") & ~codes.str.startswith("92"))).astype(bool)


def dates(cells: pd.Series, where: str, *, zero_is_none: bool = False) -> pd.Series:
    """Read days.

    Understood: ``2010-12-31``, ``2010/12/31``, ``2010.12.31``, ``20101231``, ``2010年12月31日``, each with or without a
    time, and an Excel serial number of five digits.

    Raises
    ------
    SourceError
        Cells that are none of these, or outside 1900 to 2100.
    """
    text = clean(cells)
    if zero_is_none:
        text = text.where(text != "0")
    read = each_once(text, _days)
    bad = text.notna() & ~read.between(FIRST_DAY, LAST_DAY)
    _refuse(bad, cells, where, "are not days from 1900 to 2100")
    return read.astype("datetime64[us]")


def _days(words: pd.Series) -> pd.Series:
    plain = words.str.replace(r"[ T]\d{1,2}:\d{2}.*$|\.0+$", "", regex=True)
    plain = plain.str.replace(r"[年月/.]", "-", regex=True).str.removesuffix("日")
    parts = plain.str.extract(r"^(\d{4})-(\d{1,2})-(\d{1,2})$")
    compact = plain.str.extract(r"^(\d{4})(\d{2})(\d{2})$")
    parts = parts.where(parts[0].notna(), compact)
    iso = parts[0] + "-" + parts[1].str.zfill(2) + "-" + parts[2].str.zfill(2)
    days = pd.to_datetime(iso, format="%Y-%m-%d", errors="coerce").astype("datetime64[us]")
    serial = plain.str.fullmatch(r"\d{5}").fillna(False).astype(bool)
    if serial.any():
        since = pd.to_timedelta(plain[serial].astype("int64"), unit="D")
        days[serial] = (EXCEL_ORIGIN + since).astype("datetime64[us]")
    return days


def city_codes(cells: pd.Series, where: str) -> pd.Series:
    """Give six-digit codes of prefecture-level units.

    Four digits get ``00`` appended, trailing ``.0`` is dropped, and aliases are resolved by the division tables
    (``110100`` to ``110000``; codes of before a prefecture became a city: ``522200`` to ``520600``). Codes that the
    division tables do not know stay as they are.
    """
    text = clean(cells).str.replace(r"\.0+$", "", regex=True)
    bad = text.notna() & ~text.str.fullmatch(r"\d{4}|\d{6}").fillna(False).astype(bool)
    _refuse(bad, cells, where, "are not division codes of four or six digits")
    full = text.where(text.str.len() != 4, text + "00")
    return full.replace(_aliases())


def prefectures_of(codes: pd.Series) -> pd.Series:
    """Put districts (``440305``) to the prefecture around them, and merged prefectures to the one now there.

    The first four digits of a code of GB/T 2260 are those of the prefecture. Counties that a province administers
    itself, and former prefectures that were split, stay as they are.

    Parameters
    ----------
    codes : Series of str
        From `city_codes`.
    """
    other = fact_table("divisions_other").query("unit_type == 'abolished_prefecture' and maps_to != ''")
    merged = dict(zip(other["gb_code"], other["maps_to"], strict=True))
    above = (codes.str[:4] + "00").replace(_aliases() | merged)
    return codes.where(codes.isin(_prefectures()) | ~above.isin(_prefectures()), above)


def codes_by_place(names: pd.Series) -> pd.Series:
    """Give the codes of prefectures by name: in full, without 市 or 自治州, short (延边州), or former (襄樊市).

    Parameters
    ----------
    names : Series of str
        Missing stays missing, and what is no name of a prefecture becomes missing.
    """
    return clean(names).map(_place_names()).astype("str")


@cache
def _place_names() -> dict[str, str]:
    now, former = fact_table("divisions"), fact_table("former_divisions")
    provinces = set(fact_table("divisions_other").query("unit_type == 'province'")["name_zh"].str.removesuffix("省"))
    units = pd.concat([now[["name_zh", "gb_code"]], former[["name_zh", "gb_code"]]], ignore_index=True)
    autonomous = units["name_zh"].str.contains("自治州")
    short = units["name_zh"].str.replace(_AUTONOMOUS, "", regex=True).str.replace(_UNIT, "", regex=True)
    forms = [units["name_zh"], short[~(autonomous & short.isin(provinces))], short[autonomous] + "州"]
    found: dict[str, str] = {}
    for form in forms:
        for name, code in zip(form, units.loc[form.index, "gb_code"], strict=True):
            found.setdefault(name, code)
    return found


@cache
def _prefectures() -> frozenset[str]:
    return frozenset(fact_table("divisions")["gb_code"])


def codes_by_name() -> pd.Series:
    """Give the code of every prefecture-level unit by its Chinese name (unique)."""
    divisions = fact_table("divisions")
    return pd.Series(divisions["gb_code"].to_numpy(), index=divisions["name_zh"])


def _aliases() -> dict[str, str]:
    other = fact_table("divisions_other").query("unit_type == 'alias'")
    return dict(zip(other["gb_code"], other["maps_to"], strict=True))


def _refuse(bad: pd.Series, cells: pd.Series, where: str, fault: str) -> None:
    if bad.any():
        row = int(np.argmax(bad.to_numpy()))
        raise SourceError(
            f"{where}: column {cells.name}: {int(bad.sum())} cells {fault}; "
            f"first: {cells.iloc[row]!r} in data row {row + 1}"
        )
