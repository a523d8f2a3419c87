"""First treated periods of units, read from a column, or an error that says how to write them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from aigreen.errors import (
    AmbiguousCohortError,
    CohortVariesError,
    CohortWarning,
    DataError,
    NonNumericError,
    counted,
    warn,
)
from aigreen.panel.calendar import Calendar, is_dates
from aigreen.panel.columns import numeric

NEVER = np.inf
_DATED = 1970  # any number that is neither 0 nor 1, which are no dates
_HOW = "a cohort is the first treated period, inf or missing for never treated"


def read_cohorts(
    series: pd.Series, calendar: Calendar, times: np.ndarray, unit_codes: np.ndarray, units: pd.Index
) -> np.ndarray:
    """Return the first treated period of each unit, inf for never treated.

    Parameters
    ----------
    series : Series
        In the row order of the codes.
    times : ndarray
        Periods that occur, ascending.
    unit_codes : ndarray of int, shape (n_rows,)

    Raises
    ------
    DataError
        Values that are no periods, or vary within units; zeros where zero is a period; a dummy of treatment.
    """
    name = str(series.name)
    if is_dates(series.dtype):
        values = calendar.date_steps(series)
        values[np.isnan(values)] = NEVER
    else:
        _refuse_words(series)
        values = _read_numbers(series, calendar, unit_codes, units)
    by_unit = np.empty(len(units))
    by_unit[unit_codes] = values
    varies = np.unique(unit_codes[values != by_unit[unit_codes]])
    if varies.size:
        raise CohortVariesError(
            f"column {name!r} varies within {counted(varies.size, 'unit')}",
            column=name,
            count=varies.size,
            first=units[varies],
        )
    _warn_late(by_unit, times, calendar, name, units)
    return by_unit


def _refuse_words(series: pd.Series) -> None:
    """Refuse words among the dates or numbers of a column of text, such as never."""
    if pd.api.types.is_numeric_dtype(series.dtype):
        return
    text = series.dropna().astype(str)
    words = text[~text.str.contains(r"\d")]
    if words.empty or len(words) == len(text):
        return
    distinct = words.unique()
    raise NonNumericError(
        f"column {series.name!r}: {len(words):,} values are words ({', '.join(map(repr, distinct[:3]))}), not periods: "
        "leave the first treated period of units that are never treated empty",
        column=str(series.name),
        count=len(words),
    )


def _read_numbers(series: pd.Series, calendar: Calendar, unit_codes: np.ndarray, units: pd.Index) -> np.ndarray:
    name, values = str(series.name), numeric(series)
    low, high = calendar.span or (_DATED, _DATED)
    _refuse_dummy(values, low, high, name, unit_codes, units)
    zero, never = values == 0, np.isnan(values) | np.isposinf(values)
    if low <= 0 <= high and zero.any() and not never.any():
        first = np.unique(unit_codes[zero])
        raise AmbiguousCohortError(
            f"column {name!r} is 0 for {counted(first.size, 'unit')}, and 0 is a period ({low} to {high}), so that it "
            "may mean treated then or never: write never treated as inf or missing (0 is then the period), or count "
            "periods from 1",
            column=name,
            count=first.size,
            first=units[first],
        )
    if not low <= 0 <= high:
        never |= zero
    negative = np.isneginf(values) if low < 0 else values < 0
    odd = np.flatnonzero(~never & ((values != np.round(values)) | negative))
    if odd.size:
        raise DataError(
            f"column {name!r}: {counted(odd.size, 'value is not a period', 'values are not periods')} (integer, or 0, "
            "inf or missing for never)",
            column=name,
            count=odd.size,
            first=values[odd],
        )
    out = np.full(len(values), NEVER)
    out[~never] = calendar.steps(values[~never], name)
    return out


def _refuse_dummy(values: np.ndarray, low: int, high: int, name: str, unit_codes: np.ndarray, units: pd.Index) -> None:
    """Refuse zeros and ones that cannot be first treated periods, and warn where they leave no period before."""
    ones = values == 1
    if not ones.any() or not (ones | (values == 0) | np.isnan(values)).all():
        return
    both = np.unique(unit_codes[~ones])[np.isin(np.unique(unit_codes[~ones]), unit_codes[ones])]
    first = both if both.size else np.unique(unit_codes[ones])
    if both.size or not low <= 1 <= high:
        raise CohortVariesError(
            f"column {name!r} holds 0 and 1, a dummy of treatment: {_HOW}",
            column=name,
            count=first.size,
            first=units[first],
        )
    if low == 1:
        message = (
            f"column {name!r} holds 0 and 1, so that {counted(first.size, 'unit is', 'units are')} treated from the "
            f"first period on: {_HOW}"
        )
        warn(CohortWarning(message, count=first.size, first=units[first]))


def _warn_late(by_unit: np.ndarray, times: np.ndarray, calendar: Calendar, name: str, units: pd.Index) -> None:
    """Warn of first treated periods so long after the last period that they look like a code."""
    length = times[-1] - times[0] + 1
    late = np.flatnonzero(np.isfinite(by_unit) & (by_unit > times[-1] + length))
    if late.size:
        message = (
            f"column {name!r}: {counted(late.size, 'unit is', 'units are')} first treated more than {length} periods, "
            f"the panel's length, after the last one, {calendar.labels(times[-1:])[0]}: counted as treated later; "
            "write never treated as inf or missing"
        )
        warn(CohortWarning(message, count=late.size, first=units[late]))
