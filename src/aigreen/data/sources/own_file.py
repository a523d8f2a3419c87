"""A panel in a file of the user's: csv, workbook, Stata or parquet."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from aigreen.data.raw.files import sniff_encoding
from aigreen.errors import DataError, SourceError

HEAD = 1_000_000  # bytes from which encoding and separator are told
ENDINGS = (".csv", ".tsv", ".txt", ".xlsx", ".xls", ".dta", ".parquet")


def read_own(path: str | Path, sheet: str | None = None, *, rows: int | None = None) -> pd.DataFrame:
    """Read the table, with numbers as numbers and text without blanks around it; codes with leading zeros stay text.

    Parameters
    ----------
    path : path
        Its ending says what it is, one of `ENDINGS`.
    sheet : str, optional
        Of a workbook; by default the first.
    rows : int, optional
        Only the first.

    Raises
    ------
    SourceError
        No such file, another ending, or a file that cannot be read as what its ending says.
    DataError
        Columns without a name, or with the same.
    """
    path = Path(path)
    if path.suffix.lower() not in ENDINGS:
        raise SourceError(f"{path}: {path.suffix or 'no ending'} is not read; use {', '.join(ENDINGS)}")
    if not path.is_file():
        raise SourceError(f"{path}: {'a folder, no file' if path.is_dir() else 'no such file'} below {Path.cwd()}")
    try:
        frame = _read(path, sheet, rows)
    except (ValueError, OSError, KeyError, pa.ArrowInvalid, UnicodeError) as error:
        raise SourceError(f"{path}: cannot be read as {path.suffix.lower()}: {' '.join(str(error).split())}") from None
    frame.columns = [str(name).strip() for name in frame.columns]
    _refuse_twice(path, frame.columns.to_frame().T)
    return frame


def own_columns(path: str | Path, sheet: str | None = None) -> list[str]:
    """Names of the columns, from the head of the file."""
    if Path(path).suffix.lower() == ".parquet" and Path(path).is_file():
        try:
            return list(pq.read_schema(path).names)
        except pa.ArrowInvalid as error:
            raise SourceError(f"{path}: cannot be read as .parquet: {error}") from None
    return list(read_own(path, sheet, rows=0).columns)


def own_labels(path: str | Path) -> dict[str, str]:
    """Labels that a Stata file gives its columns, by column; none for other files, and none that repeats the name."""
    if Path(path).suffix.lower() != ".dta":
        return {}
    with pd.read_stata(path, iterator=True) as file:
        found = {name.strip(): " ".join(label.split()) for name, label in file.variable_labels().items()}
    return {name: label for name, label in found.items() if label and label != name}


def _read(path: Path, sheet: str | None, rows: int | None) -> pd.DataFrame:
    kind = path.suffix.lower()
    if kind == ".parquet":
        return _stripped(pd.read_parquet(path))
    if kind == ".dta":
        return _stripped(pd.read_stata(path, convert_categoricals=True) if rows is None else _stata_head(path, rows))
    if kind in (".xlsx", ".xls"):
        options: dict[str, Any] = {"sheet_name": sheet or 0, "engine": "calamine", "dtype": object}
        _refuse_twice(path, pd.read_excel(path, header=None, nrows=1, **options))
        return _kept_codes(pd.read_excel(path, nrows=rows, **options))
    with path.open("rb") as file:
        head = file.read(HEAD)
        head = head if not file.read(1) else head.rpartition(b"\n")[0] or path.read_bytes()
    encoding = sniff_encoding(head, path.name)
    mark = max(",;\t|", key=head.decode(encoding).partition("\n")[0].count)
    options = {"sep": mark, "dtype": str, "encoding": encoding, "skipinitialspace": True}
    _refuse_twice(path, pd.read_csv(path, header=None, nrows=1, **options))
    text = pd.read_csv(path, nrows=rows, **options)
    return _kept_codes(_below_header(text))


def _refuse_twice(path: Path, header: pd.DataFrame) -> None:
    """Refuse a first row in which a name stands twice, of which pandas makes another name."""
    names = [str(name).strip() for name in header.to_numpy().ravel() if not pd.isna(name)]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(f"{path}: {len(twice)} names stand over two columns or more", count=len(twice), first=twice)


def _below_header(text: pd.DataFrame) -> pd.DataFrame:
    """Take off the names of rows that R writes without a header; refuse other fields beyond those of the header."""
    if isinstance(text.index, pd.RangeIndex):
        return text
    if len(text) and (text.index.nlevels > 1 or not text.index.is_unique or text.iloc[:, -1].isna().all()):
        raise ValueError(
            "rows have more fields than the first line, by a separator at their end, or by commas in numbers that are "
            "not in quotes"
        )
    return text.reset_index(drop=True)


def _stripped(frame: pd.DataFrame) -> pd.DataFrame:
    """Take blanks off the ends of text; what is nothing else is missing."""
    for name, kind in frame.dtypes.items():
        if pd.api.types.is_object_dtype(kind) or pd.api.types.is_string_dtype(kind):
            frame[name] = frame[name].map(_bare).astype(kind)
    return frame


def _bare(value: object) -> object:
    return (value.strip() or None) if isinstance(value, str) else value


def _stata_head(path: Path, rows: int) -> pd.DataFrame:
    with pd.read_stata(path, iterator=True) as file:
        return file.read(max(rows, 1)).head(rows)


def _kept_codes(frame: pd.DataFrame) -> pd.DataFrame:
    """Turn text into numbers where every value is one and none has a leading zero."""
    return _stripped(frame).apply(_number) if len(frame.columns) else frame


def _number(column: pd.Series) -> pd.Series:
    filled = column.dropna()
    if filled.map(lambda value: isinstance(value, str) and bool(re.fullmatch(r"0\d+", value))).any():
        return column.astype(str).where(column.notna())
    try:
        return pd.to_numeric(column)
    except (ValueError, TypeError):
        return column.astype(str).where(column.notna())
