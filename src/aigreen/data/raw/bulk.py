"""Delimited files of many rows, put to a table of DuckDB: all cells text, blank ones missing.

A row of another length than the header is an error, since what follows it may be shifted. Bytes that are not UTF-8
are read as Windows-1252, line by line.
"""

from __future__ import annotations

import codecs
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import duckdb
import ibis
import ibis.expr.types as ir
import pandas as pd

from aigreen.data.raw import headers
from aigreen.data.raw.adapter import DEFAULT, Expected, Options, own_names, pick
from aigreen.data.raw.flow import Flow
from aigreen.data.raw.packed import unpacked
from aigreen.data.raw.reading import RawTable, parts
from aigreen.errors import OutsideFolderError, SourceError, UnreadableFileError

BLOCK = 8 << 20
ENDINGS = (".csv", ".tsv", ".txt")
SHOWN = 5
PREFIX = "raw_"
_LONGEST = 64 << 20  # bytes of a line
SINGLE, DOUBLE = "'", '"'


class Loaded(NamedTuple):
    """A raw table in the database, with its begun ledger and its name for messages."""

    table: ir.Table
    flow: Flow
    where: str


def load(
    backend: ibis.BaseBackend,
    path: Path | str,
    expected: Expected,
    *,
    options: Options = DEFAULT,
    several: bool = False,
) -> Loaded:
    """Load the expected columns of a raw table under their expected names.

    Parameters
    ----------
    backend : Backend
        DuckDB (`aigreen.data.patents.count_files.connect`). The table is called ``raw_`` and the expected name.
    path : path
        A file (csv, tsv, txt; also gzipped), or a folder or zip archive that holds it.
    expected : Expected
        Name of the table and of its columns.
    options : Options
        ``root`` and ``mapping`` are used.
    several : bool
        Whether the table comes in parts. Otherwise further files of its name are other versions, and an error.

    Raises
    ------
    SourceError
        No such table, several versions of it, missing columns, no rows, or rows that are longer or shorter than the
        header.
    UnreadableFileError
        Empty or damaged files.
    """
    listed = parts(Path(path), expected.table, root=options.root)
    if len(listed) > 1 and not several:
        names = ", ".join(part.name for part in listed)
        raise SourceError(f"{expected.table}: {len(listed)} files of this table, keep one version: {names}")
    target, flow = f"{PREFIX}{expected.table.lower()}", Flow(expected.table)
    columns = (*expected.required, *expected.optional)
    fields = ", ".join(f"{_quoted(name, DOUBLE)} varchar" for name in columns)
    backend.raw_sql(f"create or replace temp table {target} ({fields})")
    for part in listed:
        if part.suffix not in ENDINGS:
            raise UnreadableFileError(f"{part.name}: unknown kind {part.suffix!r}; use one of {', '.join(ENDINGS)}")
        with unpacked(part) as packed, _as_utf8(packed, part.name) as (plain, repaired):
            if repaired:
                flow.count(f"{part.name}: lines not UTF-8, read as Windows-1252", 0, dropped=repaired)
            delimiter = _delimiter(plain)
            header = headers.columns(plain, delimiter=delimiter)
            names, _ = own_names(options.mapping, expected.table)
            head = RawTable(expected.table, pd.DataFrame([header], columns=header), {}, (part,), ())
            chosen = pick(head, *expected, names=names, where=part.name).iloc[0]
            cells = ", ".join(
                f"nullif(trim({_at(header.index(chosen[name]))}), '')" if name in chosen else "null" for name in columns
            )
            backend.raw_sql("drop table if exists reject_errors; drop table if exists reject_scans")
            try:
                backend.raw_sql(f"insert into {target} select {cells} from {_scan(plain, len(header), delimiter)}")
            except duckdb.Error as reason:
                fault = f"not a readable table; are its line ends mixed? ({str(reason).splitlines()[0]})"
                raise UnreadableFileError(f"{part.name}: {fault}") from reason
            _require_whole_rows(backend, part.name)
    whole, count = backend.table(target), int(backend.table(target).count().execute())
    where = ", ".join(part.name for part in listed[:2]) + (", ..." if len(listed) > 2 else "")
    if not count:
        raise SourceError(f"{where}: no rows below the header")
    flow.count(f"read from {len(listed)} files", count)
    return Loaded(whole, flow, where)


def stands(path: Path | str, expected: Expected, options: Options = DEFAULT) -> bool:
    """Tell whether a table has a file.

    Raises
    ------
    OutsideFolderError, UnreadableFileError
        A file that leads out of the folder; an archive of which it is not known what it holds.
    """
    try:
        return bool(parts(Path(path), expected.table, root=options.root))
    except (OutsideFolderError, UnreadableFileError):
        raise
    except SourceError:
        return False


def forget(backend: ibis.BaseBackend, tables: Iterable[Expected]) -> None:
    """Drop raw tables, which adapters have made others of."""
    for expected in tables:
        backend.raw_sql(f"drop table if exists {PREFIX}{expected.table.lower()}")


def _at(position: int) -> str:
    """Name of a column while a file is read: two of no use may have one name in its header."""
    return f"c{position}"


def _delimiter(path: Path) -> str:
    """Give the delimiter of the header: titles and names in the rows may hold more of another."""
    with path.open(encoding="utf-8-sig") as lines:
        return max("\t,;|", key=lines.readline().count)


def _scan(path: Path, width: int, delimiter: str) -> str:
    columns = ", ".join(f"{_quoted(_at(position))}: 'VARCHAR'" for position in range(width))
    return (
        f"read_csv({_quoted(str(path))}, auto_detect=false, header=true, delim={_quoted(delimiter)}, "
        f"quote={_quoted(DOUBLE)}, escape={_quoted(DOUBLE)}, columns={{{columns}}}, store_rejects=true, "
        f"max_line_size={_LONGEST})"
    )


def _require_whole_rows(backend: ibis.BaseBackend, where: str) -> None:
    count, columns = backend.raw_sql("select count(distinct line), min(error_message) from reject_errors").fetchall()[0]
    if count:
        lines = f"select distinct line, csv_line from reject_errors order by line limit {SHOWN}"
        first = backend.raw_sql(lines).fetchall()
        shown = "; ".join(f"line {line}: {text[:60]!r}" for line, text in first)
        raise SourceError(f"{where}: {count} rows do not fit the header ({columns}); first: {shown}")


def _quoted(text: str, mark: str = SINGLE) -> str:
    return mark + text.replace(mark, mark * 2) + mark


@contextmanager
def _as_utf8(path: Path, name: str) -> Iterator[tuple[Path, int]]:
    """Give a file in UTF-8, and the number of its lines that had to be decoded otherwise."""
    if path.stat().st_size == 0:
        raise UnreadableFileError(f"{name}: the file is empty")
    with path.open("rb") as content:
        if content.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
            raise UnreadableFileError(f"{name}: UTF-16; save it as UTF-8")
    if _is_utf8(path):
        yield path, 0
        return
    with tempfile.TemporaryDirectory() as folder:
        target, repaired = Path(folder) / path.name, 0
        with path.open("rb") as source, target.open("wb") as sink:
            while lines := source.readlines(BLOCK):
                for line in lines:
                    try:
                        line.decode()
                        sink.write(line)
                    except UnicodeDecodeError:
                        repaired += 1
                        sink.write(line.decode("cp1252", "replace").encode())
        yield target, repaired


def _is_utf8(path: Path) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    with path.open("rb") as content:
        try:
            while block := content.read(BLOCK):
                decoder.decode(block)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return True
