"""Column names of a raw file, from its head alone where the format allows it."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import json
from itertools import islice
from pathlib import Path

import pandas as pd
import python_calamine as calamine

from aigreen.data.raw import files, layout, marked_up, wide
from aigreen.errors import UnreadableFileError

HEAD_BYTES = 1 << 18
RECORD_BYTES = 4 << 20  # in which the first record of an array ends
DELIMITED = (".csv", ".tsv", ".txt")
FIRST = 20_000  # characters that tell the delimiter
UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def columns(
    path: Path, *, sheet: str | None = None, encoding: str | None = None, delimiter: str | None = None
) -> list[str]:
    """Give the column names of a raw file; rows are not checked.

    Of delimited files, Parquet, Stata and JSON lines only the head is read; a workbook is one packed file and is read
    whole.

    Parameters
    ----------
    path : Path
        File.
    sheet, encoding : str, optional
        See `aigreen.data.raw.reading.read`.
    delimiter : str, optional
        Of a delimited file; by default the most frequent of its beginning.

    Raises
    ------
    UnreadableFileError
        Empty, damaged, or without a header row.
    """
    if path.stat().st_size == 0:
        raise UnreadableFileError(f"{path.name}: the file is empty")
    match path.suffix.lower():
        case ".xlsx" | ".xls":
            if marked_up.is_marked_up(path):
                return _named(marked_up.rows(path, sheet, encoding)[: layout.SAMPLE_ROWS], path.name)
            if path.suffix.lower() == ".xlsx" and wide.is_large(path):
                return _named(wide.head(path, sheet), path.name)
            return _workbook(path, sheet)
        case ".dta":
            return _stata(path)
        case ".parquet":
            return files.open_parquet(path).schema_arrow.names
        case ".json" | ".jsonl" | ".gz":
            return _record(path)
    return _delimited(path, encoding, delimiter)


def _delimited(path: Path, encoding: str | None, delimiter: str | None) -> list[str]:
    with path.open("rb") as content:
        head = content.read(HEAD_BYTES)
    whole = head[: head.rfind(b"\n") + 1] or head  # a character may be cut in two at the end
    if encoding is None and head[:2] in UTF16:
        text = head.decode("utf-16", "ignore")
    else:
        text = files.decoded(whole, path.name, encoding)
    delimiter = delimiter or max(",\t;|", key=text[:FIRST].count)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    return _named([[cell.strip() for cell in row] for row in islice(lines, layout.SAMPLE_ROWS)], path.name)


def _workbook(path: Path, sheet: str | None) -> list[str]:
    with files.whole(path.name, "a readable workbook"):
        book = calamine.CalamineWorkbook.from_path(path)
        table, _ = files.choose_sheet(book, sheet, path.name)
        rows = table.to_python(skip_empty_area=False, nrows=layout.SAMPLE_ROWS)
    return _named([[str(cell).strip() for cell in row] for row in rows], path.name)


def _stata(path: Path) -> list[str]:
    try:
        with pd.read_stata(path, iterator=True) as reader:
            return list(reader.variable_labels())
    except Exception as reason:  # pandas raises whatever the damaged bytes lead to
        raise UnreadableFileError(f"{path.name}: not a readable Stata file ({reason})") from reason


def _record(path: Path) -> list[str]:
    try:
        with (
            files.whole(path.name, "readable JSON"),
            gzip.open(path) if path.suffix == ".gz" else path.open("rb") as lines,
        ):
            head = lines.readline()
            if head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] != b"[":
                return list(json.loads(head))
            text = (head + lines.read(RECORD_BYTES)).decode(errors="ignore")
            return list(json.JSONDecoder().raw_decode(text, text.index("{"))[0])
    except TypeError as reason:  # JSON that is no record
        raise UnreadableFileError(f"{path.name}: not readable JSON ({reason})") from reason


def _named(rows: list[list[str]], where: str) -> list[str]:
    width = max(map(len, rows), default=0)
    found = layout.find([row + [""] * (width - len(row)) for row in rows], where)
    return [name for name in found.header if name]
