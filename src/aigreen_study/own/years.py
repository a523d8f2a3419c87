"""Columns of dates where a study counts years."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from aigreen.errors import DataError
from aigreen.panel.calendar import is_dates

DATE = r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?(?:[ T]00:00.*)?"
COMPACT = 1000_01_01, 2999_12_31  # dates as numbers, 20201231


def with_years(frame: pd.DataFrame, roles: Mapping[str, str]) -> pd.DataFrame:
    """Return the file with years in place of dates in the columns `time` and `cohort` of `roles`.

    Raises
    ------
    DataError
        Dates of periods shorter than a year.
    """
    found = {name: dates for name in (roles["time"], roles["cohort"]) if (dates := _dates(frame.get(name))) is not None}
    years = frame.assign(**{name: dates.dt.year for name, dates in found.items()})
    unit, time = roles["unit"], roles["time"]
    if time in found and unit in frame:
        keys = years[[unit, time]].assign(date=found[time]).drop_duplicates()
        twice = keys.loc[keys.duplicated([unit, time], keep=False), "date"]
        if len(twice):
            raise DataError(
                f"column {time!r} has several dates a year of a unit, and a study reads dates as years: number the "
                "periods 1, 2, 3, ... in a column of the file, and the first treated ones likewise",
                column=time,
                count=len(twice),
                first=[f"{date:%Y-%m-%d}" for date in sorted(set(twice))],
            )
    return years


def dated(frame: pd.DataFrame, roles: Mapping[str, str]) -> list[str]:
    """Columns of dates among `time` and `cohort`."""
    return [roles[role] for role in ("time", "cohort") if _dates(frame.get(roles[role])) is not None]


def _dates(column: pd.Series | None) -> pd.Series | None:
    """Read a column all of whose values are days; None for any other."""
    if column is None or column.isna().all():
        return None
    if is_dates(column.dtype):
        return column
    filled = column.dropna()
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
