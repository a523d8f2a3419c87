"""Periods as whole numbers of steps: years, quarters, months, weeks or days, and calendars with gaps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import pandas as pd

from aigreen.errors import DataError, MissingValueError, NonNumericError, OptionError
from aigreen.panel.columns import integer_times

Step = Literal["Y", "Q", "M", "W", "D"]
Freq = Step | Literal["observed"] | int

_STEPS = {"Y": "year", "Q": "quarter", "M": "month", "W": "week", "D": "day"}
_NAMES = {
    "Y": "yearly",
    "Q": "quarterly",
    "M": "monthly",
    "W": "weekly",
    "D": "daily",
    "observed": "steps between observed periods",
}
_CODES = {"Q": ("YYYYQ", 10, 4), "M": ("YYYYMM", 100, 12), "D": ("YYYYMMDD", 10_000, 1231)}  # name, one year, largest
_EPOCH = 1970
_YEARS = (1800, 2200)


@dataclass(frozen=True)
class Calendar:
    """How a column of periods is counted.

    Attributes
    ----------
    freq : str or int, or None
        Step. None: integers as they stand.
    span : (int, int), or None
        First and last observed period in the units of the column; None for dates.
    observed : ndarray or None
        Ascending observed periods, in the units of the column, where these are the steps.
    unit : str
        Of `observed` where the column holds dates: days, or the column's own periods.
    """

    freq: Freq | None
    span: tuple[int, int] | None = None
    observed: np.ndarray | None = None
    unit: str = "D"

    @property
    def name(self) -> str:
        """Step in words; empty for integers as they stand."""
        if self.freq is None:
            return ""
        return f"steps of {self.freq}" if isinstance(self.freq, int) else _NAMES[self.freq]

    def labels(self, times: np.ndarray) -> pd.Index:
        """Periods behind step numbers: a PeriodIndex, or the numbers of the column."""
        if self.observed is not None:
            seen = self.observed[times - 1]
            return pd.PeriodIndex.from_ordinals(seen, freq=self.unit) if self.span is None else pd.Index(seen)
        if isinstance(self.freq, str):
            return pd.PeriodIndex.from_ordinals(times - (_EPOCH if self.freq == "Y" else 0), freq=self.freq)
        return pd.Index(times if self.freq is None else times * self.freq + self._remainder)

    def steps(self, values: np.ndarray, name: str) -> np.ndarray:
        """Step numbers of periods in the units of the column, shape (n,).

        A period between two steps belongs to the next one, the first that sees the treatment.

        Raises
        ------
        NonNumericError
            Numbers beside dates whose steps no number codes.
        """
        if len(values) and self.span is None and self.freq in ("W", "observed"):
            raise NonNumericError(f"column {name!r} holds numbers and the periods are dates: write dates", column=name)
        if self.observed is not None:
            return _position(self.observed, values, 1.0)
        if isinstance(self.freq, str):
            return _decoded(values, self.freq, name) if self.freq in _CODES else values
        return values if self.freq is None else np.ceil((values - self._remainder) / self.freq)

    def date_steps(self, series: pd.Series) -> np.ndarray:
        """Step numbers of a column of dates, missing as nan."""
        if self.observed is not None and self.span is None:
            values = ordinals(series, self.unit)
            known = ~np.isnan(values)
            usual = float(np.median(np.diff(self.observed))) if len(self.observed) > 1 else 1.0
            values[known] = _position(self.observed, values[known], usual)
            return values
        if self.observed is not None or not isinstance(self.freq, str):
            raise NonNumericError(
                f"column {series.name!r} holds dates and the periods are numbers", column=str(series.name)
            )
        return ordinals(series, self.freq)

    @property
    def _remainder(self) -> int:
        """What is left of every period after whole steps of `freq` units."""
        return self.span[0] % self.freq if self.span is not None and isinstance(self.freq, int) else 0


def step_of(freq: Freq | None) -> str:
    """Name what one step of the calendar is, as "quarter"; empty where steps are no dates."""
    return _STEPS.get(freq, "") if isinstance(freq, str) else ""


def read_times(series: pd.Series, freq: Freq | None) -> tuple[np.ndarray, Calendar]:
    """Read a period column as step numbers.

    Raises
    ------
    OptionError, DataError
        A step that does not exist or does not fit; years with their months or quarters that would count as gaps.
    """
    whole = isinstance(freq, int | np.integer) and not isinstance(freq, bool) and freq > 0
    if freq is not None and freq not in (*get_args(Step), "observed") and not whole:
        raise OptionError("freq", freq, [*get_args(Step), "observed", 2, 3])
    name = str(series.name)
    if is_dates(series.dtype):
        return _dates(series, freq, name)
    values = integer_times(series)
    span = int(values.min()), int(values.max())
    if freq is None or freq == "Y":
        code = _looks_coded(values)
        if code:
            kind, _, _ = _CODES[code]
            across = np.unique(values)
            turn = np.argmax(np.diff(across))
            raise DataError(
                f"column {name!r} holds {kind}, so that {across[turn]} to {across[turn + 1]} would count as "
                f"{across[turn + 1] - across[turn]} periods: say the step, Panel(..., freq={code!r}), or "
                "freq='observed' to count the periods that occur",
                column=name,
                count=len(values),
                first=across,
            )
        return values, Calendar("Y" if freq == "Y" else None, span)
    if freq == "observed":
        observed, codes = np.unique(values, return_inverse=True)
        return codes + 1, Calendar(freq, span, observed)
    if isinstance(freq, int | np.integer):
        first = span[0]
        off = np.flatnonzero((values - first) % freq)
        if off.size:
            raise DataError(
                f"column {name!r}: {off.size:,} values are not {freq} periods apart from the first, {first}",
                column=name,
                count=off.size,
                first=np.unique(values[off]),
            )
        return values // freq, Calendar(int(freq), span)
    if freq == "W":
        raise OptionError("freq", freq, ["W only for columns of dates"])
    return _decoded(values.astype(float), freq, name).astype(np.int64), Calendar(freq, span)


def is_dates(dtype: object) -> bool:
    """Tell whether a column holds dates or pandas periods."""
    return pd.api.types.is_datetime64_any_dtype(dtype) or isinstance(dtype, pd.PeriodDtype)


def _dates(series: pd.Series, freq: Freq | None, name: str) -> tuple[np.ndarray, Calendar]:
    missing = np.flatnonzero(series.isna())
    if missing.size:
        first = [f"row {i}" for i in missing[:5]]
        raise MissingValueError(
            f"column {name!r}: {missing.size:,} missing values", column=name, count=missing.size, first=first
        )
    if isinstance(freq, int | np.integer):
        raise OptionError("freq", freq, [f"{', '.join(get_args(Step))} or observed for a column of dates"])
    if freq == "observed":
        unit = _period_code(series.dtype) if isinstance(series.dtype, pd.PeriodDtype) else "D"
        observed, codes = np.unique(ordinals(series, unit).astype(np.int64), return_inverse=True)
        return codes + 1, Calendar("observed", observed=observed, unit=unit)
    step = freq or _inferred(series)
    return ordinals(series, step).astype(np.int64), Calendar(step)


def _position(observed: np.ndarray, values: np.ndarray, step: float) -> np.ndarray:
    """Count observed periods up to the first at or after each value; after the last, a step is that long."""
    beyond = np.maximum(np.round((values - observed[-1]) / step), 1) - 1
    return np.searchsorted(observed, values) + 1.0 + np.where(values > observed[-1], beyond, 0)


def _inferred(series: pd.Series) -> Step:
    """Step of a PeriodDtype, or the longest one at whose starts, or at whose ends, all dates stand."""
    if isinstance(series.dtype, pd.PeriodDtype):
        known: dict[str, Step] = {"Y-DEC": "Y", "Q-DEC": "Q", "M": "M", "W-SUN": "W", "D": "D"}
        code = _period_code(series.dtype)
        if code not in known:
            raise OptionError("freq", code, get_args(Step))
        return known[code]
    dates = pd.DatetimeIndex(series.unique()).tz_localize(None).normalize()
    longest: tuple[Step, ...] = ("Y", "Q", "M")
    for step in longest:
        periods = dates.to_period(step)
        if (dates == periods.start_time).all() or (dates == periods.end_time.normalize()).all():
            return step
    return "W" if len(set(dates.day_of_week)) == 1 else "D"


def _period_code(dtype: pd.PeriodDtype) -> str:
    return str(dtype)[len("period[") : -1]


def ordinals(series: pd.Series, freq: str) -> np.ndarray:
    """Step numbers of dates, shape (n,), missing as nan; years for yearly steps, else counted from 1970."""
    if isinstance(series.dtype, pd.PeriodDtype):
        periods = series.dt.asfreq(freq, how="start")
    else:
        periods = pd.DatetimeIndex(series).tz_localize(None).to_period(freq)
    out = pd.PeriodIndex(periods).asi8.astype(float)
    out[series.isna().to_numpy()] = np.nan
    return out + _EPOCH if freq == "Y" else out


def _looks_coded(values: np.ndarray) -> str | None:
    """Step whose coded dates all the values are, where they leave one year and so have gaps."""
    periods = np.unique(values)
    for freq, (_, year, _) in _CODES.items():
        if len(np.unique(periods // year)) > 1 and not np.isnan(_read_codes(periods.astype(float), freq)).any():
            return freq
    return None


def _read_codes(values: np.ndarray, freq: str) -> np.ndarray:
    """Step numbers of YYYYQ, YYYYMM or YYYYMMDD; nan for what is none."""
    _, in_year, largest = _CODES[freq]
    year, rest = np.divmod(values, in_year)
    good = (year >= _YEARS[0]) & (year < _YEARS[1]) & (rest >= 1) & (rest <= largest) & (values == np.round(values))
    out = np.full(len(values), np.nan)
    if freq == "D":
        text = pd.Series(values[good].astype(np.int64).astype(str), dtype="str")
        days = pd.to_datetime(text, format="%Y%m%d", errors="coerce")
        out[good] = ordinals(days, "D")
    else:
        out[good] = (year[good] - _EPOCH) * largest + rest[good] - 1
    return out


def _decoded(values: np.ndarray, freq: str, name: str) -> np.ndarray:
    out = _read_codes(values, freq)
    bad = np.flatnonzero(np.isnan(out))
    if bad.size:
        raise NonNumericError(
            f"column {name!r}: {bad.size:,} values are no {_CODES[freq][0]}, which freq={freq!r} reads",
            column=name,
            count=bad.size,
            first=[f"{v:g}" if abs(v) < 1e5 else f"{v:.0f}" for v in values[bad[:5]]],
        )
    return out
