"""Columns of any data frame as keys or numbers, or an error that names the column and the first offenders."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd

from aigreen.errors import DataError, InfiniteValueError, MissingValueError, MixedTypeError, NonNumericError

LATEST = 10**12  # of periods, in their units
LARGEST = 1e75  # of numbers: squares of ratios of two such columns can still be computed
_NUMBERS = {"boolean", "decimal", "floating", "integer", "mixed-integer-float"}


def to_pandas(df: Any) -> pd.DataFrame:
    """Return a pandas frame of its own of any eager frame that narwhals reads, or of a relation of DuckDB."""
    if isinstance(df, str | Path):
        raise DataError(f"{str(df)!r} is a path: read the file first, Panel(pandas.read_csv(path), unit=..., time=...)")
    if isinstance(df, pd.DataFrame):
        df = df.copy()
    else:
        try:
            read = nw.from_native(df)
        except TypeError as error:
            raise DataError(f"cannot read a {type(df).__name__} as a data frame") from error
        if isinstance(read, nw.LazyFrame):
            if not read.implementation.is_duckdb():
                raise DataError(f"a {type(df).__name__} is no table yet: collect lazy frames first")
            read = read.collect()
        df = read.to_pandas()
    repeated = df.columns[df.columns.duplicated()]
    if len(repeated):
        name = str(repeated[0])
        raise DataError(f"{len(repeated)} column names occur twice", column=name, count=len(repeated), first=repeated)
    return df


def factorize(series: pd.Series) -> tuple[np.ndarray, pd.Index]:
    """Code a key column without missing values; labels ascend."""
    if isinstance(series.dtype, np.dtype) and series.dtype.kind == "i" and len(series):
        codes, labels = code_integers(series.to_numpy(dtype=np.int64))
        return codes, pd.Index(labels, dtype=series.dtype, name=series.name)
    missing = series.isna().to_numpy()
    if missing.any():
        count = int(missing.sum())
        first = [f"row {i}" for i in np.flatnonzero(missing)[:5]]
        raise MissingValueError(
            f"column {series.name!r}: {count:,} missing values", column=str(series.name), count=count, first=first
        )
    if series.dtype == object:
        kinds = series.map(type)
        if kinds.nunique() > 1:
            rare = kinds.value_counts().index[-1]
            odd = series[kinds == rare]
            names = ", ".join(sorted(k.__name__ for k in kinds.unique()))
            raise MixedTypeError(
                f"column {series.name!r} mixes types ({names}); {len(odd):,} are {rare.__name__}",
                column=str(series.name),
                count=len(odd),
                first=[repr(v) for v in odd.iloc[:5]],
            )
    if isinstance(series.dtype, pd.CategoricalDtype):
        series = series.astype(series.cat.categories.dtype)
    if isinstance(series.dtype, np.dtype) and series.dtype.kind == "f":  # other widths than 32 and 64 bits too
        series = series.astype("float64")
    try:
        codes, labels = pd.factorize(series, sort=True)
    except TypeError as error:
        kind = type(series.iloc[0]).__name__
        raise MixedTypeError(
            f"column {series.name!r} holds values of type {kind}, which are no labels: text, numbers or dates are",
            column=str(series.name),
            count=len(series),
            first=[repr(value) for value in series.iloc[:5]],
        ) from error
    return codes, pd.Index(labels, name=series.name)


def numeric(series: pd.Series) -> np.ndarray:
    """Read a numeric column as float64, missing as nan; an object column counts if all its values are numbers."""
    if series.dtype == object and pd.api.types.infer_dtype(series, skipna=True) in _NUMBERS:
        series = series.astype("float64")
    if pd.api.types.is_complex_dtype(series.dtype) or not pd.api.types.is_numeric_dtype(series.dtype):
        if series.isna().all():
            return np.full(len(series), np.nan)
        bad = series[pd.to_numeric(series, errors="coerce").isna() & series.notna()] if _is_text(series) else series
        bad = bad if len(bad) else series
        text = str(bad.iloc[0])
        how = ""
        if re.match(r"\d{4}[-/]\d\d?[-/]\d", text):
            how = " (dates in text: read the column by pandas.to_datetime)"
        elif re.match(r"\d{4}\s?[-:]?[Qq][1-4]$", text):
            how = " (quarters in text: read the column by pandas.PeriodIndex(..., freq='Q'))"
        raise NonNumericError(
            f"column {series.name!r} has type {series.dtype}, a number is needed; {len(bad):,} values cannot be used"
            + how,
            column=str(series.name),
            count=len(bad),
            first=[repr(v) for v in bad.iloc[:5]],
        )
    return series.to_numpy(dtype=np.float64, na_value=np.nan)


def require_counts(name: str, n: int, n_negative: int, first: Iterable[object], *, positive: bool) -> None:
    """Refuse a count outcome with negative values, of which `first` names some rows, or without a positive one.

    Raises
    ------
    DataError
    """
    if n_negative:
        raise DataError(
            f"column {name!r}: {n_negative:,} negative values; a count model needs values of zero or more",
            column=name,
            count=n_negative,
            first=first,
        )
    if not positive:
        raise DataError(f"column {name!r} is zero in every row", column=name, count=n)


def check_size(values: np.ndarray, name: str) -> np.ndarray:
    """Refuse numbers so large or so small that their squares leave the range of floating point.

    Returns
    -------
    ndarray of int
        Rows of infinite values, which are for the caller to name.

    Raises
    ------
    DataError
    """
    size = np.abs(values)
    largest = float(np.fmax.reduce(size, initial=0.0))
    if largest == np.inf:
        return np.flatnonzero(np.isinf(values))
    if largest > LARGEST:
        far = np.flatnonzero(size > LARGEST)
        raise DataError(
            f"column {name!r}: {far.size:,} values are beyond {LARGEST:.0e}: give it in another unit",
            column=name,
            count=far.size,
            first=values[far],
        )
    if 0 < largest < 1 / LARGEST:
        raise DataError(
            f"column {name!r}: no value is as large as {1 / LARGEST:.0e} (the largest is {largest:.3g}): give it in "
            "another unit",
            column=name,
            count=len(values),
        )
    return np.zeros(0, dtype=np.intp)


def _is_text(series: pd.Series) -> bool:
    return series.dtype == object or pd.api.types.is_string_dtype(series.dtype)


def integer_times(series: pd.Series) -> np.ndarray:
    """Read a period column without dates as int64."""
    whole = isinstance(series.dtype, np.dtype) and series.dtype.kind == "i"
    values = series.to_numpy(dtype=np.int64) if whole else numeric(series)
    name = str(series.name)
    for bad, error, what in (
        (np.isnan(values), MissingValueError, "missing values"),
        (np.isinf(values), InfiniteValueError, "infinite values"),
        (values != np.round(values), DataError, "values are not integers"),
        (np.abs(values) > LATEST, DataError, f"values are beyond {LATEST:,}, which no period is"),
    ):
        rows = np.flatnonzero(bad)
        if rows.size:
            raise error(
                f"column {name!r}: {rows.size:,} {what}",
                column=name,
                count=rows.size,
                first=[f"row {i}" for i in rows[:5]],
            )
    return values.astype(np.int64)


def code_integers(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return codes and ascending labels of an integer array; without sorting where the range is short."""
    low, high = int(values.min()), int(values.max())
    if high - low > len(values):
        return pd.factorize(values, sort=True)
    offset = values - low
    seen = np.zeros(high - low + 1, dtype=bool)
    seen[offset] = True
    return (np.cumsum(seen) - 1)[offset], np.flatnonzero(seen) + low
