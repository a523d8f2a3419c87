"""Cells of one raw file as text: csv, Excel, Stata, Parquet. Files are opened for reading only."""

from __future__ import annotations

import codecs
import csv
import datetime as dt
import io
import itertools
import re
import statistics
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
import python_calamine as calamine

from aigreen.data.raw import layout
from aigreen.errors import TooLargeError, UnreadableFileError

MOST_BYTES = 8 << 30
MOST_UNZIPPED = 4 << 30
MOST_RATIO = 200  # a workbook of real tables shrinks 5 to 30 times
SMALL = 64 << 20
MOST_COLUMNS = 2_000
MOST_CELLS = 2_000_000_000
MOST_DEPTH = 12  # Parquet counts two or three levels for one list of records
GB2312_SHARE = 0.5
JUDGED = 100_000  # characters beyond ASCII by which an encoding is told
DAMAGED_SHARE = 0.01
NEAR = 50_000  # bytes looked at on either side of a fault
REPLACED = "\N{REPLACEMENT CHARACTER}"
_ASCII = bytes(range(128))
_FORMULA = re.compile(rb'<c r="([A-Z]+\d+)"[^>/]*>((?:(?!</c>).)*?<f.*?)</c>', re.S)
_ERROR_CELL = re.compile(rb'<c r="([A-Z]+\d+)"[^>]* t="e"')
UNICODE_RELEASE = 118  # of the Stata format: text is UTF-8 from Stata 14 on


# What readers of other packages raise over damaged bytes: bad sums, versions not known, text in no encoding.
DAMAGED = (
    zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError, pa.ArrowException,
    calamine.CalamineError, ElementTree.ParseError,
)  # fmt: skip


@contextmanager
def whole(where: str, what: str) -> Iterator[None]:
    """Turn what damaged bytes lead to into an `UnreadableFileError`: ``where: not what (reason)``."""
    try:
        yield
    except IsADirectoryError as reason:
        raise UnreadableFileError(f"{where}: a folder, not {what}") from reason
    except DAMAGED as reason:
        raise UnreadableFileError(f"{where}: not {what} ({reason})") from reason


@dataclass(frozen=True)
class Cells:
    """Text of one file: named columns, label rows by column name, and what was passed over."""

    frame: pd.DataFrame
    labels: list[dict[str, str]]
    notes: list[tuple[str, int]]


def from_csv(path: Path, encoding: str | None = None) -> Cells:
    """Read a delimited file (comma, tab or semicolon)."""
    text = decoded(path.read_bytes(), path.name, encoding)
    data, delimiter = text.encode(), _delimiter(text)
    if not _alternate(data, delimiter):
        _check_quotes(text, delimiter, path.name)
    rows, ends = [], []
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    for row in reader:
        rows.append([_uncovered(cell) for cell in row])
        ends.append(reader.line_num)
        if len(rows) == layout.SAMPLE_ROWS:
            break
    width = max(map(len, rows))
    if width > MOST_COLUMNS:
        raise TooLargeError(f"{path.name}: {width:,} columns, more than {MOST_COLUMNS:,}")
    found = layout.find([row + [""] * (width - len(row)) for row in rows], path.name)
    width = len(rows[found.titles])
    body = _body(text, data, ends[found.start - 1] if found.start else 0, width, delimiter, path.name)
    return tabulated(body, found, path.name)


def from_excel(path: Path, sheet: str | None = None) -> Cells:
    """Read one sheet of a workbook; days become ISO text, vertically merged cells repeat their value."""
    check_unfolds(path)
    with whole(path.name, "a readable workbook"):
        book = calamine.CalamineWorkbook.from_path(path)
        table, hidden = choose_sheet(book, sheet, path.name)
        merged = table.merged_cell_ranges or [] if path.suffix.lower() == ".xlsx" else []
        rows = [[cell_text(cell) for cell in row] for row in table.to_python(skip_empty_area=False)]
        _check_cells(path, table.name)
    found = layout.find(rows[: layout.SAMPLE_ROWS], path.name, merged)
    repeated = 0
    for (top, left), (bottom, right) in merged:
        if top >= found.start:
            if right > left:
                raise UnreadableFileError(f"{path.name}: cells merged across columns in row {top + 1}")
            repeated += bottom - top
            for at in range(top + 1, bottom + 1):
                rows[at][left] = rows[top][left]
    cells = from_rows(rows, found, path.name)
    notes = [("cells filled from merged cells", repeated), ("hidden sheets", hidden)]
    return Cells(cells.frame, cells.labels, [*cells.notes, *notes])


def from_rows(rows: Sequence[Sequence[str]], found: layout.Layout, where: str) -> Cells:
    """Make a table of rows that are all equally long."""
    columns = list(zip(*rows[found.start :], strict=True)) or [[] for _ in found.header]
    body = pa.table([pa.array(column, pa.string()) for column in columns], [str(at) for at in range(len(columns))])
    return tabulated(body, found, where)


def from_stata(path: Path) -> Cells:
    """Read a Stata file, codes with value labels as their labels; text of before version 14 is UTF-8 or GB18030."""
    with path.open("rb") as content:
        head = content.read(67)
    release = re.search(rb"<release>(\d+)", head)
    old = release is None or int(release[1]) < UNICODE_RELEASE
    try:
        frame = pd.read_stata(path, order_categoricals=False)
    except Exception as reason:  # pandas raises whatever the damaged bytes lead to
        raise UnreadableFileError(f"{path.name}: not a readable Stata file ({reason})") from reason
    labelled = list(frame.select_dtypes("category"))
    for name in labelled:
        frame[name] = _labels(frame[name], path.name)
    if old:
        for name in frame.select_dtypes("str"):
            frame[name] = frame[name].map(_recoded, na_action="ignore")
    table = pa.Table.from_pandas(frame, preserve_index=False)
    return Cells(_as_text(table, path.name), [], [("columns filled from value labels", len(labelled))])


def _labels(column: pd.Series, where: str) -> pd.Series:
    """Give the labels of a column; refuse numbers without one beside labels that are numbers, such as stock codes."""
    shown = column.cat.categories
    bare = [value for value in shown if not isinstance(value, str)]
    if bare and any(str(label).strip().isdigit() for label in shown if isinstance(label, str)):
        raise UnreadableFileError(
            f"{where}: column {column.name}: {len(bare)} values have no label, and the others have labels that are "
            f"numbers; first: {bare[0]:g} (decode the column in Stata)"
        )
    words = {value: value if isinstance(value, str) else f"{value:g}" for value in shown}
    return column.astype(object).map(words).astype("str")


def from_parquet(path: Path) -> Cells:
    """Read a flat Parquet file."""
    file = open_parquet(path)
    with whole(path.name, "readable Parquet content"):
        table = file.read()
        table.validate(full=True)
    return Cells(_as_text(table, path.name), [], [])


def open_parquet(path: Path) -> pq.ParquetFile:
    """Open a Parquet file after a look at its footer.

    Raises
    ------
    UnreadableFileError
        Truncated or damaged.
    TooLargeError
        Too many columns, nested too deep, or unfolding to too many values.
    """
    with whole(path.name, "a readable Parquet file"):
        file = pq.ParquetFile(path)
    meta = file.metadata
    depth = max((meta.schema.column(at).path.count(".") for at in range(meta.num_columns)), default=0)
    groups = [meta.row_group(at) for at in range(meta.num_row_groups)]
    values = sum(group.column(at).num_values for group in groups for at in range(group.num_columns))
    size = sum(group.total_byte_size for group in groups)
    for what, found, most in (
        ("columns", meta.num_columns, MOST_COLUMNS),
        ("levels of nesting", depth, MOST_DEPTH),
        ("values", values, MOST_CELLS),
        ("bytes when unfolded", size, MOST_BYTES),
    ):
        if found > most:
            raise TooLargeError(f"{path.name}: {found:,} {what}, more than {most:,}")
    return file


def sniff_encoding(data: bytes, where: str) -> str:
    """Tell UTF-8 (with or without mark), UTF-16 (with mark) and GB18030 apart.

    Bytes of a western code page can often be read as GB18030, but then give rare characters: text is accepted as
    GB18030 only if half of its characters beyond ASCII are in GB 2312. Damaged UTF-8 can often be read so, too: bytes
    that are UTF-8 but for less than one per cent around the first fault are refused.

    Raises
    ------
    UnreadableFileError
        Empty, binary, damaged, or in another encoding.
    """
    return _sniffed(data, where)[0]


def _sniffed(data: bytes, where: str) -> tuple[str, str]:
    """Give the encoding, and the text."""
    if is_blank(data):
        raise UnreadableFileError(f"{where}: the file is empty")
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16", _read_as(data, "utf-16", where)
    if b"\0" in data:
        raise UnreadableFileError(f"{where}: binary content (zero bytes), not a text table")
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError as failure:
            at = failure.start
            if encoding == "utf-8-sig" and _is_nearly_utf8(data[max(0, at - NEAR) : at + NEAR]):
                raise UnreadableFileError(f"{where}: damaged UTF-8 at byte {at:,}") from failure
            continue
        if encoding == "utf-8-sig" or _is_chinese(text):
            return encoding, text
        at = next(place for place, byte in enumerate(data) if byte > 127)
        break
    raise UnreadableFileError(
        f"{where}: the encoding is neither UTF-8 nor GB18030; first doubtful bytes {data[at : at + 4]!r} at {at:,}"
    )


def decoded(data: bytes, where: str, encoding: str | None = None) -> str:
    """Decode text in a given encoding, or in the one that `sniff_encoding` finds.

    Raises
    ------
    UnreadableFileError
        No such encoding, or bytes that are not in it.
    """
    return _read_as(data, encoding, where) if encoding else _sniffed(data, where)[1]


def _read_as(data: bytes, encoding: str, where: str) -> str:
    try:
        return data.decode(encoding)
    except (LookupError, UnicodeError) as reason:
        raise UnreadableFileError(f"{where}: not text in the encoding {encoding} ({reason})") from reason


def is_blank(data: bytes) -> bool:
    """Tell whether there is nothing but a byte-order mark and blanks."""
    return not data.removeprefix(codecs.BOM_UTF8).removeprefix(codecs.BOM_UTF16_LE).strip(b" \t\r\n\0")


def _is_nearly_utf8(data: bytes) -> bool:
    far = data.decode("utf-8", "replace").encode().translate(None, _ASCII).decode()
    return len(far) > 1 and far.count(REPLACED) <= max(1, DAMAGED_SHARE * len(far))


def _is_chinese(text: str) -> bool:
    far = text.encode().translate(None, _ASCII).decode()[:JUDGED]
    return len(far.encode("gb2312", "ignore")) >= 2 * GB2312_SHARE * len(far)  # two bytes a character


def _delimiter(text: str) -> str:
    head = text[:20_000]

    def cells(mark: str) -> float:
        rows = itertools.islice(csv.reader(io.StringIO(head, newline=""), delimiter=mark), 10)
        return statistics.median([len(row) for row in rows if row] or [0])

    return max(",\t;|", key=cells)


def _alternate(data: bytes, delimiter: str) -> bool:
    """Tell whether each quote stands where a cell begins, and the next one where a cell ends."""
    cells = np.frombuffer(b"\n%b\n" % data, np.uint8)
    quotes, edges = np.flatnonzero(cells == ord('"')), np.isin(np.arange(256), [*b"\r\n", ord(delimiter)])
    beside = (cells[quotes[::2] - 1], cells[quotes[1::2] + 1])
    return len(quotes) % 2 == 0 and all(edges[marks].all() for marks in beside)


def _check_quotes(text: str, delimiter: str, where: str) -> None:
    """Refuse a quote that opens a cell and ends, lines later, where no cell ends: the lines between would be lost."""
    mark = re.escape(delimiter)
    begins, ends = rf'(?<![^{mark}\r\n])"', rf"(?=[{mark}\r\n]|\Z)"
    inside = re.compile(rf'[^"]++|{begins}[^"\r\n]*+(?:""[^"\r\n]*+)*+"{ends}|(?<=[^{mark}\r\n])"')
    harmless, cell = re.compile(rf"(?:{inside.pattern})*+"), re.compile(rf'"[^"]*+(?:""[^"]*+)*+("{ends})?')
    at = 0
    while (found := harmless.match(text, at)) and found.end() < len(text):
        quoted = cell.match(text, found.end())
        more = len(quoted[0].splitlines()) - 1
        if quoted[1] is None and (more or quoted.end() == len(text)):
            line = text.count("\n", 0, quoted.start()) + 1
            raise UnreadableFileError(
                f"{where}: line {line:,}: a quote that is not closed takes in {more:,} more lines; close it, or write "
                "it twice where it belongs to the text"
            )
        at = quoted.end() + (quoted[1] is None)


def _uncovered(cell: str) -> str:
    cell = cell.strip()
    return cell[2:-1] if cell.startswith('="') and cell.endswith('"') else cell


def _body(text: str, data: bytes, skip: int, width: int, delimiter: str, where: str) -> pa.Table:
    bad: list[pyarrow.csv.InvalidRow] = []

    def note(row: pyarrow.csv.InvalidRow) -> str:
        bad.append(row)
        return "skip"

    options = pyarrow.csv.ReadOptions(
        use_threads=False, skip_rows=skip, column_names=[str(at) for at in range(width)], block_size=64 << 20
    )
    parse = pyarrow.csv.ParseOptions(delimiter=delimiter, newlines_in_values=True, invalid_row_handler=note)
    convert = pyarrow.csv.ConvertOptions(column_types={str(at): pa.string() for at in range(width)})
    try:
        body = pyarrow.csv.read_csv(pa.BufferReader(data), options, parse, convert)
    except pa.ArrowInvalid as reason:
        if "Empty CSV" in str(reason):
            return pa.table([pa.array([], pa.string())] * width, options.column_names)
        raise UnreadableFileError(f"{where}: not a whole delimited table ({reason})") from reason
    if bad:
        first = bad[0]
        end = (
            "; the last line is cut off"
            if not text.endswith("\n") and first.text in text[-len(first.text) - 2 :]
            else ""
        )
        raise UnreadableFileError(
            f"{where}: {len(bad):,} rows do not have {width} cells; first: {first.actual_columns} cells in "
            f"{first.text[:60]!r}{end}"
        )
    _check_swallowed(body, text, delimiter, where)
    return body


def _check_swallowed(body: pa.Table, text: str, delimiter: str, where: str) -> None:
    """Refuse a cell of several lines the last of which completes a row: begun as the first cell, and as many cells."""
    for at, column in enumerate(body.columns):
        several = pc.indices_nonzero(pc.match_substring(column, "\n")).to_numpy()
        if not len(several):
            continue
        last = column.take(several).to_pandas().astype("str").str.rsplit("\n", n=1).str[-1]
        cells = last.str.split(delimiter, regex=False)
        shapes = [
            part.str.replace(r"\d", "0", regex=True) for part in (cells.str[0], body[0].take(several).to_pandas())
        ]
        row = (cells.str.len() == at + 1) & shapes[0].str.contains("0", regex=False) & (shapes[0] == shapes[1])
        if at and row.any():
            first = last[row].iloc[0]
            line = text.count("\n", 0, text.index(f"\n{first}")) + 2
            raise UnreadableFileError(
                f"{where}: {int(row.sum()):,} rows stand inside a quoted cell of the row before; first: line {line:,}, "
                f"{first[:40]!r}"
            )


def tabulated(body: pa.Table, found: layout.Layout, where: str) -> Cells:
    """Strip the cells of a table and take away blank rows, and notes below it and beside it."""
    frame = body.to_pandas()
    for name in frame:
        text = frame[name].astype("str").str.strip()
        covered = text.str.startswith('="').fillna(False).astype(bool)
        if covered.any():
            text = text.where(~covered, text.str[2:-1])
        frame[name] = text.where(text != "")
    blank = frame.isna().all(axis=1)
    frame = frame[~blank]
    tail = 0
    while len(found.header) > 2 and len(frame) > tail and frame.iloc[-1 - tail].notna().sum() == 1:
        tail += 1
    tail = 0 if tail == len(frame) else tail
    frame = frame.iloc[: len(frame) - tail]
    if frame.empty:
        raise UnreadableFileError(f"{where}: a header ({', '.join(filter(None, found.header[:4]))}, ...) but no rows")
    filled = list(frame.notna().any())
    edge = max(at for at, name in enumerate(found.header) if name) + 1
    aside = 0
    if edge < len(filled) and not filled[edge]:  # an empty column parts the table from notes beside it
        aside = int(frame.iloc[:, edge:].notna().sum().sum())
        filled = filled[:edge]
    named = layout.names(found.header, filled, where)
    frame = frame.iloc[:, list(named)].set_axis(list(named.values()), axis=1).reset_index(drop=True)
    labels = [{name: row[at] for at, name in named.items() if at < len(row)} for row in found.labels]
    notes = [("title rows", found.titles), ("label rows", len(labels)), ("blank rows", int(blank.sum()))]
    return Cells(frame, labels, [*notes, ("notes below the table", tail), ("cells beside the table", aside)])


def choose_sheet(book: calamine.CalamineWorkbook, sheet: str | None, where: str) -> tuple[calamine.CalamineSheet, int]:
    """Give the sheet named, or the only visible one with content (with the number of hidden ones passed over)."""
    if sheet is not None:
        if sheet not in book.sheet_names:
            raise UnreadableFileError(f"{where}: no sheet {sheet!r}; it has {', '.join(book.sheet_names)}")
        return book.get_sheet_by_name(sheet), 0
    full = [table for name in book.sheet_names if (table := book.get_sheet_by_name(name)).height]
    shown = {entry.name for entry in book.sheets_metadata if entry.visible == calamine.SheetVisibleEnum.Visible}
    chosen = [table for table in full if table.name in shown] or full
    if len(chosen) != 1:
        fault = "no cells with content" if not full else f"{len(chosen)} sheets with content; name one of"
        raise UnreadableFileError(f"{where}: {fault} {', '.join(table.name for table in chosen)}".rstrip())
    return chosen[0], len(full) - 1


def cell_text(cell: object) -> str:
    """Write the value of a cell: days as ISO text, whole numbers without a point."""
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
    if isinstance(cell, dt.datetime):
        return cell.date().isoformat() if cell.time() == dt.time() else cell.isoformat(" ")
    return str(cell).strip()


def check_unfolds(path: Path) -> None:
    """Refuse an archive (.xlsx, .zip) that is damaged or unfolds to more than the stated limits."""
    kinds = {".xlsx": "workbook", ".zip": "zip archive"}
    if path.suffix.lower() not in kinds:
        return
    with whole(path.name, f"a whole {kinds[path.suffix.lower()]}"), zipfile.ZipFile(path) as archive:
        size = sum(entry.file_size for entry in archive.infolist())
    ratio = size / max(path.stat().st_size, 1)
    if size > MOST_UNZIPPED or (size > SMALL and ratio > MOST_RATIO):
        raise TooLargeError(f"{path.name}: unfolds to {size:,} bytes, {ratio:,.0f} times its own size")


def _check_cells(path: Path, sheet: str) -> None:
    """Refuse what the workbook shows but does not store: formulas without a value, and error values."""
    if path.suffix.lower() != ".xlsx":
        return
    with zipfile.ZipFile(path) as archive:
        xml = archive.read(sheet_file(archive, sheet))
    formulas = _FORMULA.findall(xml) if b"<f" in xml else []
    empty = [name for name, body in formulas if not re.search(rb"<v>[^<]+</v>", body)]
    for cells, fault in (
        (empty, "formula cells hold no stored value (save values, or recalculate)"),
        (_ERROR_CELL.findall(xml), "cells hold an Excel error such as #N/A (give them a value, or empty them)"),
    ):
        if cells:
            first = ", ".join(name.decode() for name in cells[:5])
            raise UnreadableFileError(f"{path.name}: {len(cells)} {fault}; first: {first}")


def sheet_file(archive: zipfile.ZipFile, sheet: str) -> str:
    """Name of a sheet's part: the order of parts in the archive need not be that of the sheets."""
    book = ElementTree.fromstring(archive.read("xl/workbook.xml"))
    links = ElementTree.fromstring(archive.read("xl/_rels/workbook.xml.rels"))
    [key] = [
        value
        for entry in book.iterfind("{*}sheets/{*}sheet")
        if entry.get("name") == sheet
        for name, value in entry.items()
        if name.endswith("}id")
    ]
    [target] = [link.get("Target", "") for link in links if link.get("Id") == key]
    return target.removeprefix("/") if target.startswith("/") else f"xl/{target}"


def _as_text(table: pa.Table, where: str) -> pd.DataFrame:
    if table.num_rows == 0 or table.num_columns == 0:
        raise UnreadableFileError(f"{where}: {table.num_columns} columns and no rows")
    nested = [field.name for field in table.schema if pa.types.is_nested(field.type)]
    if nested:
        raise UnreadableFileError(f"{where}: {len(nested)} nested columns where text or numbers belong: {nested[0]}")
    columns = {}
    for name, column in zip(table.column_names, table.columns, strict=True):
        kind = column.type
        plain = pc.cast(column, kind.value_type) if pa.types.is_dictionary(kind) else column
        wide = pc.cast(plain, pa.float64()) if pa.types.is_floating(plain.type) else plain
        text = pc.cast(wide, pa.string()).to_pandas().astype("str")
        columns[name] = text.str.strip().replace("", pd.NA)
    return pd.DataFrame(columns)


def _recoded(text: str) -> str:
    if text.isascii():
        return text
    data = text.encode("latin-1", "ignore")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("gb18030", "replace")
