"""The language of the column `sample`: which rows of the panel a specification uses.

A sample is one or more conditions joined by ``&``:

- ``column op value`` with ``==``, ``!=``, ``<``, ``<=``, ``>``, ``>=``, as ``year <= 2021``;
- ``column in [value, value]`` or ``not in``, as ``region in [East, Central]``;
- ``above_median(column, year)`` and ``below_median(column, year)``: units whose value in that year is above, or at
  most, the median over the units seen in it;
- ``never(column)``: units whose value is never positive, as ``never(zone_year)``;
- ``at(column, year) op value``, as ``at(ownership, 2018) == state``: all rows of the units whose value in that year
  meets the condition.

Functions of a year sort units once, so that treatment cannot move a unit from one group to another; the year must lie
before the first treated period. Rows without the value meet no condition, whatever its operator.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from aigreen.errors import ConfigError, DataError, did_you_mean

_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}
_MEDIANS = ("above_median", "below_median")
_LISTS = ("in", "not in")
_AT, _NEVER = "at", "never"
_UNITS = re.compile(rf"{_NEVER}\s*\(\s*(?P<column>\w+)\s*\)")
_CALL = re.compile(r"(?P<function>\w+)\s*\(\s*(?P<column>\w+)\s*,\s*(?P<year>-?\d+)\s*\)")
_COMPARISON = re.compile(
    r"(?P<left>\w+(?:\s*\([^()]*\))?)\s*(?P<op>==|!=|<=|>=|<|>|\bnot\s+in\b|\bin\b)\s*(?P<right>.+)"
)


@dataclass(frozen=True)
class Condition:
    """One condition of a sample.

    Attributes
    ----------
    column : str
    op : str
        A comparison, "in", "not in", "above_median", "below_median" or "never".
    values : tuple of str
        Right-hand side as written; empty for medians and never.
    year : int, optional
        Units are sorted by their value in this year.
    """

    column: str
    op: str
    values: tuple[str, ...] = ()
    year: int | None = None

    def __str__(self) -> str:
        if self.op in _MEDIANS:
            return f"{self.op}({self.column}, {self.year})"
        if self.op == _NEVER:
            return f"{_NEVER}({self.column})"
        left = self.column if self.year is None else f"{_AT}({self.column}, {self.year})"
        return f"{left} {self.op} {'[' + ', '.join(self.values) + ']' if self.op in _LISTS else self.values[0]}"


def parse(text: str) -> tuple[Condition, ...]:
    """Read a sample expression; an empty one has no conditions.

    Raises
    ------
    ConfigError
        Where a condition cannot be read, or its function is unknown.

    Examples
    --------
    >>> [str(condition) for condition in parse("year <= 2021 & above_median(size, 2018)")]
    ['year <= 2021', 'above_median(size, 2018)']
    """
    return tuple(_condition(part.strip()) for part in text.split("&")) if text.strip() else ()


def sample_mask(text: str, frame: pd.DataFrame, *, unit: str, time: str, first_treated: float = np.inf) -> np.ndarray:
    """Return the rows of a frame that meet all conditions of a sample.

    Parameters
    ----------
    text : str
        See the module.
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


def _condition(part: str) -> Condition:
    units = _UNITS.fullmatch(part)
    if units:
        return Condition(units["column"], _NEVER)
    call = _CALL.fullmatch(part)
    if call:
        function, column, year = call["function"], call["column"], int(call["year"])
        if function not in _MEDIANS:
            raise ConfigError(
                f"sample: {part!r} is no condition{did_you_mean(function, [*_MEDIANS, _NEVER])}; conditions are "
                f"comparisons, {', '.join(f'{name}(column, year)' for name in _MEDIANS)}, {_NEVER}(column)"
            )
        return Condition(column, function, year=year)
    comparison = _COMPARISON.fullmatch(part)
    if not comparison:
        raise ConfigError(f"sample: cannot read {part!r}; write 'column == value', joined by '&'")
    column, year = comparison["left"], None
    if "(" in column:
        inner = _CALL.fullmatch(column)
        if not inner or inner["function"] != _AT:
            raise ConfigError(
                f"sample: cannot read {column!r}; before a comparison write 'column' or 'at(column, 2018)'"
            )
        column, year = inner["column"], int(inner["year"])
    right, op = comparison["right"].strip(), " ".join(comparison["op"].split())
    if op in _LISTS:
        if not (right.startswith("[") and right.endswith("]")) or not right[1:-1].strip():
            raise ConfigError(f"sample: {part!r}: write '{op} [value, value]'")
        return Condition(column, op, tuple(_unquoted(value) for value in right[1:-1].split(",")), year)
    return Condition(column, op, (_unquoted(right),), year)


def _unquoted(text: str) -> str:
    text = text.strip()
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" else text


def _holds(condition: Condition, frame: pd.DataFrame, unit: str, time: str, first_treated: float) -> np.ndarray:
    if condition.column not in frame.columns:
        nearest = did_you_mean(condition.column, [str(name) for name in frame.columns])
        raise ConfigError(f"sample {str(condition)!r}: no column {condition.column!r}{nearest}")
    if condition.op == _NEVER:
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
    if condition.op in _MEDIANS:
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
        if condition.op not in ("==", "!=", *_LISTS):
            raise ConfigError(
                f"sample {str(condition)!r}: column {condition.column!r} holds text, use ==, !=, in or not in"
            )
    if condition.op in _LISTS:
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
