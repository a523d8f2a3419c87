"""Cells of raw tables, all text, turned into typed columns; whatever cannot be turned is an error with its count."""

from __future__ import annotations

import unicodedata

import numpy as np
import pandas as pd

from aigreen.data.facts import table as fact_table
from aigreen.errors import SourceError

BLANKS = ("", "-", "--", "—", "－", ".", "NULL", "null", "N/A", "NA", "nan", "NaN", "None")
FIRST_DAY, LAST_DAY = pd.Timestamp("1900-01-01"), pd.Timestamp("2100-12-31")
EXCEL_ORIGIN = pd.Timestamp("1899-12-30")  # day 0 of Excel's calendar, which holds a 29 February 1900
THOUSANDS = r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d+)?"


def fold(name: str) -> str:
    """Give a column name without differences of width, case, blanks and underscores."""
    return "".join(unicodedata.normalize("NFKC", name).casefold().replace("_", " ").split())


def clean(cells: pd.Series) -> pd.Series:
    """Strip cells and turn blank markers (`BLANKS`) into missing values; dtype ``str``."""
    text = cells.astype("str").str.strip()
    return text.where(~text.isin(BLANKS))


def unformatted(cells: pd.Series) -> pd.Series:
    """Strip cells, drop thousands separators, and turn blank markers into missing values."""
    text = clean(cells)
    grouped = text.str.fullmatch(THOUSANDS).fillna(False).astype(bool)
    return text.where(~grouped, text.str.replace(",", "", regex=False))


def stock_codes(cells: pd.Series, where: str) -> tuple[pd.Series, pd.Series]:
    """Give six-digit security codes, with zeros that a spreadsheet lost put back.

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
    text = clean(cells).str.upper().str.replace(r"^(?:SZ|SH|BJ)\.?|\.(?:SZ|SH|BJ|SS|XSHE|XSHG|0+)$", "", regex=True)
    bad = cells.notna() & text.notna() & ~text.str.fullmatch(r"\d{1,6}").fillna(False).astype(bool)
    _refuse(bad, cells, where, "are not security codes of up to six digits")
    return text.str.zfill(6), (text.str.len() < 6).fillna(False).astype(bool)


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
    codes, words = pd.factorize(text)
    days = _days(pd.Series(words, dtype="str"))
    read = pd.Series(np.append(days.to_numpy(), np.datetime64("NaT"))[codes], index=cells.index)  # code -1: missing
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
    (``110100`` to ``110000``, ``500200`` to ``500000``). Codes that the division tables do not know stay as they are.
    """
    text = clean(cells).str.replace(r"\.0+$", "", regex=True)
    bad = text.notna() & ~text.str.fullmatch(r"\d{4}|\d{6}").fillna(False).astype(bool)
    _refuse(bad, cells, where, "are not division codes of four or six digits")
    full = text.where(text.str.len() != 4, text + "00")
    return full.replace(_aliases())


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
