"""Canonical tables: the one form that adapters write and that the assembly of panels reads.

A table is a strict pandera schema: named and ordered columns, each with a dtype, a description and a unit, and a
unique key (`aigreen.data.schemas`). `check` is the only gate; whatever breaks a schema becomes one `TableError`.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pandera.pandas as pa

from aigreen.data.schemas import COLUMNS, DIRECTIONS, FIRST_YEAR, LAST_YEAR, SEPARATOR
from aigreen.errors import OptionError, TableError

__all__ = [
    "DIRECTIONS",
    "FIRST_YEAR",
    "LAST_YEAR",
    "SEPARATOR",
    "check",
    "completed",
    "describe",
    "key",
    "names",
    "schema",
]


@cache
def schema(name: str) -> pa.DataFrameSchema:
    """Give the pandera schema of a canonical table.

    Raises
    ------
    OptionError
        No such table; the nearest name is offered.
    """
    if name not in COLUMNS:
        raise OptionError("table", name, list(COLUMNS))
    key, columns = COLUMNS[name]
    return pa.DataFrameSchema(columns, unique=list(key), strict=True, ordered=True, name=name)


def names() -> list[str]:
    """List the canonical tables."""
    return list(COLUMNS)


def key(name: str) -> list[str]:
    """List the columns that identify a row."""
    schema(name)
    return list(COLUMNS[name][0])


def describe() -> pd.DataFrame:
    """Tabulate every column of every table: ``table, column, dtype, unit, may_miss, key, description``."""
    rows = [
        (name, column, str(field.dtype), field.metadata["unit"], field.nullable, column in unique, field.description)
        for name, (unique, fields) in COLUMNS.items()
        for column, field in fields.items()
    ]
    return pd.DataFrame(rows, columns=["table", "column", "dtype", "unit", "may_miss", "key", "description"])


def check(name: str, frame: pd.DataFrame, *, partial: bool = False) -> pd.DataFrame:
    """Order the rows by key and the columns by schema, and let the frame through only if it fits.

    Parameters
    ----------
    name : str
        Canonical table.
    frame : DataFrame
        Left as it is.
    partial : bool
        Accept a frame that has the key and some of the other columns (one source of a table of many).

    Returns
    -------
    DataFrame
        Sorted by key, fresh index, columns in the order of the schema.

    Raises
    ------
    TableError
        Missing or unknown columns, wrong dtypes, values out of range, missing values, repeated keys: the first kind
        of fault in this order, with its column, the number of rows and the first of them.
    """
    rule = schema(name)
    known, unique = list(rule.columns), key(name)
    missing = [column for column in (unique if partial else known) if column not in frame]
    unknown = [column for column in frame.columns if column not in known]
    if missing or unknown:
        fault = "lacks columns" if missing else "has unknown columns"
        raise TableError(
            name, fault, column=(missing or unknown)[0], count=len(missing or unknown), first=missing or unknown
        )
    if partial:
        rule = rule.remove_columns([column for column in known if column not in frame])
    tidy = frame[[column for column in known if column in frame]].sort_values(unique, ignore_index=True)
    if not _repeats(tidy[unique]):
        rule = pa.DataFrameSchema(rule.columns, strict=True, ordered=True, name=name)  # which need not look for them
    try:
        return rule.validate(tidy, lazy=True)
    except pa.errors.SchemaErrors as failure:
        raise _table_error(name, tidy, failure.failure_cases) from None


def _repeats(rows: pd.DataFrame) -> bool:
    """Tell whether one of rows that are sorted is the same as the one before."""
    same = [pd.Series(rows[name].array[1:] == rows[name].array[:-1]).fillna(True).astype(bool) for name in rows]
    return bool(np.logical_and.reduce(same).any())


def completed(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Add the columns of a canonical table that a frame lacks, all missing."""
    absent = {column: rule.dtype for column, rule in schema(name).columns.items() if column not in frame}
    return frame.assign(**{column: pd.Series(None, frame.index, str(dtype)) for column, dtype in absent.items()})


_FAULTS = ("dtype", "not_nullable", "multiple_fields_uniqueness")


def _table_error(name: str, frame: pd.DataFrame, cases: pd.DataFrame) -> TableError:
    kind = cases["check"].astype(str)
    order = {fault: place for place, fault in enumerate(_FAULTS)}
    ranks = [order.get(text.split("(")[0], len(order)) for text in kind]
    first = cases.iloc[ranks.index(min(ranks))]
    if str(first["check"]) == "multiple_fields_uniqueness":
        unique = key(name)
        twice = frame[frame.duplicated(unique)]
        offenders = [" ".join(map(str, row)) for row in twice[unique].head(5).itertuples(index=False)]
        return TableError(name, "rows repeat the key", column=", ".join(unique), count=len(twice), first=offenders)
    same = cases[(cases["column"] == first["column"]) & (kind == str(first["check"]))]
    if str(first["check"]).startswith("dtype"):
        fault = f"is {first['failure_case']}, expected {schema(name).columns[first['column']].dtype}"
        return TableError(name, fault, column=first["column"], count=len(frame))
    fault = "is missing" if first["check"] == "not_nullable" else f"fails {first['check']}"
    rows = ", ".join(key(name))
    offenders = [
        f"{' '.join(str(frame[part].iloc[int(at)]) for part in key(name))}: {value!r}"
        for at, value in zip(same["index"].head(5), same["failure_case"].head(5), strict=True)
    ]
    return TableError(name, f"{fault} (rows as {rows})", column=first["column"], count=len(same), first=offenders)
