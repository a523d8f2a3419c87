"""Checks shared by the adapters: each finds all faults of one kind and says where the first one stands."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from aigreen.errors import SourceError


class Field(NamedTuple):
    """One numeric column of a raw file: its name there, and its name, unit and closed range in the tidy frame."""

    raw: str
    name: str
    unit: str
    low: float
    high: float
    whole: bool = False
    may_miss: bool = False


def require_columns(raw: pd.DataFrame, columns: Sequence[str], where: str) -> None:
    """Raise one `SourceError` that lists every missing column with the nearest present name."""
    missing = [column for column in columns if column not in raw]
    if missing:
        listed = ", ".join(f"{column}{_nearest(column, list(raw.columns))}" for column in missing)
        raise SourceError(f"{where}: {len(missing)} missing columns: {listed}")


def numbers(raw: pd.DataFrame, field: Field, where: str, rows: pd.DataFrame | None = None) -> pd.Series:
    """Column as int64 (``whole``) or float64, or a `SourceError` with the count and the first bad cell.

    ``rows`` are the same rows with their keys, where rows of the file have been left out already.
    """
    cells = raw[field.raw]
    values = _parsed(cells)
    bad = ~values.between(field.low, field.high)
    if field.may_miss:
        bad &= cells.notna()
    if field.whole:
        bad |= values % 1 > 0
    if bad.any():
        kind = "whole numbers" if field.whole else "numbers"
        row = int(np.argmax(bad))
        raise SourceError(
            f"{where}: column {field.raw}: {int(bad.sum())} cells are not {kind} from {field.low:g} to "
            f"{field.high:g}; first: {cells.iloc[row]!r} {place(raw if rows is None else rows, row)}"
        )
    return values.astype("int64") if field.whole else values


def _parsed(cells: pd.Series) -> pd.Series:
    """Give cells as float64, missing where there is no number."""
    if isinstance(cells.dtype, pd.StringDtype):
        with suppress(pa.ArrowInvalid):  # of one cell without a number; Arrow takes a tenth of the time
            return pa.array(cells).cast(pa.float64()).to_pandas().set_axis(cells.index)
    return pd.to_numeric(cells, errors="coerce").astype(float)


def place(frame: pd.DataFrame, row: int) -> str:
    """Say where a row stands: by its firm and year if it has them, else by its number."""
    if "firm_id" not in frame:
        return f"in data row {row + 1}"
    return f"of {' '.join(str(frame[key].iloc[row]) for key in ('firm_id', 'year') if key in frame)}"


def require_unique(frame: pd.DataFrame, keys: Sequence[str], where: str) -> None:
    """Raise a `SourceError` when rows repeat a key."""
    twice = frame[frame.duplicated(list(keys))]
    if not twice.empty:
        first = ", ".join(" ".join(map(str, key)) for key in twice[list(keys)].head(5).itertuples(index=False))
        raise SourceError(f"{where}: {len(twice)} rows repeat {' and '.join(keys)}; first: {first}")


def _nearest(column: str, present: list[str]) -> str:
    found = difflib.get_close_matches(column, present, n=1)
    return f" (nearest: {found[0]})" if found else ""
