"""Columns of dates, quarters and months as the numbers that a study counts by: 2019, 20191, 201903."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from aigreen.errors import DataError
from aigreen.panel.calendar import is_dates, ordinals
from aigreen_study.run.periods import IN_A_YEAR, WORDS, Freq

DATE = r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?(?:[ T]00:00.*)?"
TEXTS = {
    "Q": r"(\d{4})\s*(?:[-:/. ]?[Qq]|年第?)([1-4一二三四])(?:季度?)?",
    "M": r"(\d{4})\s*(?:[-:/. ]?[Mm]|[-/.年])(1[0-2]|0?[1-9])月?",
}
DIGITS = dict(zip("一二三四", "1234", strict=True))
COMPACT = 1000_01_01, 2999_12_31  # dates as numbers, 20201231
YEARS = 1000, 2999
SCALE = {"Q": 10, "M": 100}  # one year in 20191 and 201903
_EPOCH = 1970


def with_periods(frame: pd.DataFrame, roles: Mapping[str, str], freq: Freq = "Y") -> pd.DataFrame:
    """Return the file with years, YYYYQ or YYYYMM in place of dates and texts in `time` and `cohort` of `roles`.

    Raises
    ------
    DataError
        Quarters or months where years are read; several rows of a unit in a period.
    """
    if freq == 1:
        return frame
    unit, time = roles["unit"], roles["time"]
    if freq == "Y" and (found := frequency(frame, roles)) in SCALE:
        raise DataError(
            f"column {time!r} holds {WORDS[found]}s, and years are read: write freq: {found} to panel in the study's "
            "file",
            column=time,
            count=len(frame),
        )
    read = {name: codes for name in (time, roles["cohort"]) if (codes := _codes(frame[name], freq)) is not None}
    if time in read:
        keys = pd.DataFrame({unit: frame[unit], "code": read[time], "value": frame[time]}).drop_duplicates()
        twice = keys.loc[keys.duplicated([unit, "code"], keep=False), "value"]
        if len(twice):
            raise DataError(
                f"column {time!r} has several values a {WORDS[freq]} of a unit: number the periods 1, 2, 3, ... in a "
                "column of the file, and the first treated ones likewise, and write freq: 1 to panel",
                column=time,
                count=len(twice),
                first=[str(value).removesuffix(" 00:00:00") for value in sorted(set(twice))],
            )
    return frame.assign(**read)


def frequency(frame: pd.DataFrame, roles: Mapping[str, str]) -> Freq:
    """Say in what the column `time` of `roles` counts: years, quarters, months, or 1 for other numbers.

    Of dates it is the longest step in which no unit has two of them, or months where there is none.
    """
    column = frame[roles["time"]]
    if (days := _dates(column)) is not None:
        for freq in ("Y", "Q"):
            keys = pd.DataFrame({"unit": frame[roles["unit"]], "at": ordinals(days, freq), "day": days})
            if not keys.drop_duplicates().duplicated(["unit", "at"]).any():
                return freq
        return "M"
    for freq in SCALE:
        if _texts(column, freq) is not None or _coded(column, freq):
            return freq
    return "Y" if pd.to_numeric(column, errors="coerce").between(*YEARS).all() else 1


def dated(frame: pd.DataFrame, roles: Mapping[str, str]) -> list[str]:
    """Columns of dates among `time` and `cohort`."""
    return [roles[role] for role in ("time", "cohort") if _dates(frame[roles[role]]) is not None]


def codes_of(steps: np.ndarray, freq: Freq) -> np.ndarray:
    """Write steps of a `Panel` as YYYYQ or YYYYMM; others stay."""
    if freq not in SCALE:
        return steps
    year, step = np.divmod(steps, IN_A_YEAR[freq])
    return (_EPOCH + year) * SCALE[freq] + step + 1


def _codes(column: pd.Series, freq: Freq) -> pd.Series | None:
    """Read dates and texts as YYYY, YYYYQ or YYYYMM; None for a column of other values."""
    days = _dates(column)
    if days is None:
        return _texts(column, freq) if freq in SCALE else None
    return _whole(pd.Series(codes_of(ordinals(days, freq), freq), index=column.index))


def _texts(column: pd.Series, freq: Freq) -> pd.Series | None:
    filled = _filled(column)
    if filled.empty or pd.api.types.is_numeric_dtype(column) or is_dates(column.dtype):
        return None
    parts = filled.astype(str).str.strip().str.extract(f"^{TEXTS[freq]}$")
    if parts.isna().any(axis=None):
        return None
    codes = parts[0].astype("int64") * SCALE[freq] + parts[1].replace(DIGITS).astype("int64")
    return _whole(codes.reindex(column.index))


def _coded(column: pd.Series, freq: Freq) -> bool:
    """Whether all numbers are YYYYQ, or YYYYMM."""
    if not pd.api.types.is_numeric_dtype(column):
        return False
    year, step = np.divmod(column, SCALE[freq])
    return bool((year.between(*YEARS) & step.between(1, IN_A_YEAR[freq]) & (step % 1 == 0)).all())


def _dates(column: pd.Series) -> pd.Series | None:
    """Read a column all of whose values are days; None for any other."""
    if is_dates(column.dtype):
        return None if column.isna().all() else column
    filled = _filled(column)
    if filled.empty:
        return None
    if pd.api.types.is_numeric_dtype(column):
        text = filled.astype("int64").astype(str) if filled.between(*COMPACT).all() else None
        form = "%Y%m%d"
    else:
        parts = filled.astype(str).str.strip().str.extract(f"^{DATE}$")
        text, form = (parts[0] + "-" + parts[1] + "-" + parts[2] if parts.notna().all(axis=None) else None), "%Y-%m-%d"
    if text is None:
        return None
    read = pd.to_datetime(text, format=form, errors="coerce")
    return read.reindex(column.index) if read.notna().all() else None


def _filled(column: pd.Series) -> pd.Series:
    """Values other than those of units that are never treated."""
    filled = column.dropna()
    return filled[~filled.isin([0, "0", ""])]


def _whole(codes: pd.Series) -> pd.Series:
    return codes if codes.isna().any() else codes.astype("int64")
