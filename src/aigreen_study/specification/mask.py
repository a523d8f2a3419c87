"""The rows of a frame that a sample expression chooses."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from aigreen.errors import ConfigError, DataError, did_you_mean
from aigreen_study.specification.sample import LISTS, MEDIANS, NEVER, Condition, parse

_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}


def sample_mask(text: str, frame: pd.DataFrame, *, unit: str, time: str, first_treated: float = np.inf) -> np.ndarray:
    """Return the rows of a frame that meet all conditions of a sample.

    Parameters
    ----------
    text : str
        See `aigreen_study.specification.sample`.
    frame : DataFrame
        One row a unit and period.
    unit, time : str
        Its key columns.
    first_treated : float
        First treated period of any unit; years of functions must lie before it.

    Returns
    -------
    ndarray of bool, shape (rows,)

    Raises
    ------
    ConfigError
        For an unknown column, a value of the wrong type, a year that is not in the panel or not before treatment, or a
        sample without rows.
    DataError
        For a value that its column never takes.
    """
    mask = np.ones(len(frame), dtype=bool)
    for condition in parse(text):
        mask &= _holds(condition, frame, unit, time, first_treated)
        if not mask.any():
            raise ConfigError(f"sample {text!r}: no row is left after {str(condition)!r}")
    return mask


def seen_throughout(
    frame: pd.DataFrame, rows: np.ndarray, columns: Sequence[str], *, unit: str, time: str
) -> np.ndarray:
    """Mark all rows of the units that have these columns in every period of the rows chosen, shape (rows of frame,)."""
    complete = frame.loc[rows & frame[list(columns)].notna().all(axis=1).to_numpy(), [unit, time]]
    counts = complete.groupby(unit)[time].size()
    return frame[unit].isin(counts.index[counts == frame.loc[rows, time].nunique()]).to_numpy()


def _holds(condition: Condition, frame: pd.DataFrame, unit: str, time: str, first_treated: float) -> np.ndarray:
    if condition.column not in frame.columns:
        nearest = did_you_mean(condition.column, [str(name) for name in frame.columns])
        raise ConfigError(f"sample {str(condition)!r}: no column {condition.column!r}{nearest}")
    if condition.op == NEVER:
        ever = frame.loc[_numbers(condition, frame[condition.column]) > 0, unit]
        return ~frame[unit].isin(ever.unique()).to_numpy()
    if condition.year is None:
        return _compare(condition, frame[condition.column])
    if condition.year >= first_treated:
        raise ConfigError(
            f"sample {str(condition)!r}: the year must lie before the first treated period, {first_treated:g}"
        )
    base = frame.loc[frame[time] == condition.year].set_index(unit)[condition.column]
    if base.empty:
        raise ConfigError(f"sample {str(condition)!r}: the panel has no row in {condition.year}")
    if condition.op in MEDIANS:
        numbers = _numbers(condition, base)
        median = np.nanmedian(numbers)
        chosen = numbers > median if condition.op == "above_median" else numbers <= median
    else:
        chosen = _compare(condition, base)
    return frame[unit].isin(base.index[chosen]).to_numpy()


def _compare(condition: Condition, series: pd.Series) -> np.ndarray:
    seen = series.notna().to_numpy()
    if pd.api.types.is_numeric_dtype(series.dtype):
        left = _numbers(condition, series)
        right: list[Any] = [_number(condition, value) for value in condition.values]
    else:
        left, right = series.astype(object).to_numpy(), [_level(condition, value, series) for value in condition.values]
        if condition.op not in ("==", "!=", *LISTS):
            raise ConfigError(
                f"sample {str(condition)!r}: column {condition.column!r} holds text, use ==, !=, in or not in"
            )
    if condition.op in LISTS:
        found = np.logical_or.reduce([left == value for value in right])
        return seen & (found if condition.op == "in" else ~found)
    return seen & np.asarray(_OPERATORS[condition.op](left, right[0]), dtype=bool)


def _numbers(condition: Condition, series: pd.Series) -> np.ndarray:
    if not pd.api.types.is_numeric_dtype(series.dtype):
        raise ConfigError(f"sample {str(condition)!r}: column {condition.column!r} holds text, a number is needed")
    numbers = series.to_numpy(dtype=float, na_value=np.nan)
    if np.isnan(numbers).all():
        raise ConfigError(f"sample {str(condition)!r}: column {condition.column!r} has no value there")
    return numbers


def _number(condition: Condition, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ConfigError(
            f"sample {str(condition)!r}: column {condition.column!r} holds numbers, {text!r} is none"
        ) from None


def _level(condition: Condition, text: str, series: pd.Series) -> str:
    levels = sorted({str(value) for value in series.dropna().unique()})
    if text not in levels:
        nearest = did_you_mean(text, levels)
        raise DataError(
            f"sample {str(condition)!r}: column {condition.column!r} has no value {text!r}{nearest}; "
            f"it has {', '.join(levels[:8])}{', ...' if len(levels) > 8 else ''}"
        )
    return text
