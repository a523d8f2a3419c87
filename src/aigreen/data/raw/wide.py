"""Sheets of a workbook that are too large to be held as objects: read in pieces, the wanted columns alone.

The same text comes out as from `aigreen.data.raw.files.from_excel`: days as ISO text, whole numbers without a point.
"""

from __future__ import annotations

import datetime as dt
import re
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree
from xml.parsers import expat

import pyarrow as pa

from aigreen.data.raw import files, layout
from aigreen.data.raw.values import EXCEL_ORIGIN
from aigreen.errors import UnreadableFileError

LARGE = 128 << 20  # bytes of a sheet's XML
ROWS, BLOCK, HEAD = 20_000, 4 << 20, 1 << 16
_SHEETS = "xl/worksheets/"
_BUILT_IN_DAYS = {*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)}
_QUOTED = re.compile(r'"[^"]*"|\\.|_.|\*.|\[[^\]]*\]')
_DAY = re.compile(r"[ymdhs]", re.IGNORECASE)
_1904 = dt.timedelta(days=1462)
Keep = Callable[[Sequence[str]], Sequence[str]]


class _Book(NamedTuple):
    """What the cells of a sheet refer to."""

    strings: list[str]
    days: list[bool]  # by style
    origin: dt.datetime


def is_large(path: Path) -> bool:
    """Tell whether a sheet of a workbook (.xlsx) is larger than `LARGE`."""
    try:
        with zipfile.ZipFile(path) as archive:
            return any(i.file_size > LARGE for i in archive.infolist() if i.filename.startswith(_SHEETS))
    except files.DAMAGED:
        return False  # what is wrong is found where it is read


def head(path: Path, sheet: str | None = None) -> list[list[str]]:
    """Read the first `layout.SAMPLE_ROWS` rows of a sheet."""
    return _read(path, sheet, lambda archive, part, book: _head(archive, part, book, path.name))


def cells(path: Path, sheet: str | None = None, keep: Keep | None = None) -> files.Cells:
    """Read one sheet.

    Parameters
    ----------
    path : Path
        Workbook (.xlsx).
    sheet : str, optional
        Sheet, where several have content.
    keep : callable, optional
        Of the column names, gives those to read.

    Raises
    ------
    UnreadableFileError
        Damaged; no sheet chosen; formulas without a value, error values, or merged cells.
    """
    return _read(path, sheet, lambda archive, part, book: _cells(archive, part, book, keep, path.name))


def _read(path: Path, sheet: str | None, reader: Callable):
    try:
        with files.whole(path.name, "a readable workbook"), zipfile.ZipFile(path) as archive:
            return reader(archive, _part(archive, sheet, path.name), _book(archive))
    except (expat.ExpatError, KeyError, IndexError) as reason:
        raise UnreadableFileError(f"{path.name}: not a readable workbook ({reason})") from reason


def _head(archive: zipfile.ZipFile, part: str, book: _Book, where: str) -> list[list[str]]:
    rows: list[dict[int, str]] = []
    _parse(archive, part, book, where, None, rows.append, most=layout.SAMPLE_ROWS)
    width = 1 + max((max(row, default=0) for row in rows), default=0)
    return [[row.get(at, "") for at in range(width)] for row in rows]


def _cells(archive: zipfile.ZipFile, part: str, book: _Book, keep: Keep | None, where: str) -> files.Cells:
    rows = _head(archive, part, book, where)
    found = layout.find(rows, where)
    filled = [any(row[at] for row in rows[found.start :]) for at in range(len(rows[0]))]
    named = layout.names(found.header, filled, where)
    names = list(named.values())
    wanted = names if keep is None else [name for name in names if name in set(keep(names))]
    at = [place for place, name in named.items() if name in wanted]
    pieces: dict[int, list[pa.Array]] = {place: [] for place in at}
    batch: dict[int, list[str | None]] = {place: [] for place in at}
    seen = 0

    def add(row: dict[int, str]) -> None:
        nonlocal seen
        seen += 1
        if seen <= found.start:
            return
        for place in at:
            batch[place].append(row.get(place))
        if seen % ROWS == 0:
            flush()

    def flush() -> None:
        for place in at:
            pieces[place].append(pa.array(batch[place], pa.string()))
            batch[place].clear()

    _parse(archive, part, book, where, set(at), add)
    flush()
    body = pa.table([pa.chunked_array(pieces[place]) for place in at], [str(place) for place in range(len(at))])
    labels = tuple(tuple(row[place] for place in at) for row in found.labels)
    header = tuple(found.header[place] for place in at)
    return files.tabulated(body, layout.Layout(header, labels, found.titles, found.start), where)


def _parse(
    archive: zipfile.ZipFile,
    part: str,
    book: _Book,
    where: str,
    wanted: set[int] | None,
    take: Callable[[dict[int, str]], object],
    *,
    most: int | None = None,
) -> None:
    """Go through the rows of a sheet and give each, also those left out as empty, as text by column."""
    sheet = _Sheet(book, where, wanted, take)
    others = None if wanted is None else _cells_but(wanted)
    rest = b""
    with archive.open(part) as content:
        while block := content.read(BLOCK if most is None else HEAD):
            if others is not None:
                whole, mark, rest = (rest + block).rpartition(b"</row>")
                block = others.sub(b"", whole) + mark
            sheet.parser.Parse(block, False)
            if most is not None and sheet.row >= most:
                return
        sheet.parser.Parse(rest, True)


def _cells_but(wanted: set[int]) -> re.Pattern[bytes]:
    """Match cells of other columns, as they are commonly written, so that the parser need not go through them."""
    kept = "|".join(_letters(at) for at in sorted(wanted))
    return re.compile(rf'<c r="(?!(?:{kept})\d)[A-Z]+\d+"[^>]*(?:(?<=/)>|(?<!/)>(?:(?!</c>).)*</c>)'.encode(), re.S)


class _Sheet:
    """Handlers of one sheet's XML."""

    def __init__(self, book: _Book, where: str, wanted: set[int] | None, take: Callable[[dict[int, str]], object]):
        self.row = 0
        self._book, self._where, self._wanted, self._take = book, where, wanted, take
        self._columns: dict[str, int] = {}
        self._cells: dict[int, str] = {}
        self._text: list[str] = []
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        match tag.rpartition(" ")[2]:
            case "c":
                self._name = attributes.get("r", "")
                letters = self._name.rstrip("0123456789")
                at = self._columns.get(letters)
                if at is None:
                    at = self._columns[letters] = _column(letters)
                self._at, self._kind, self._style = at, attributes.get("t", "n"), int(attributes.get("s", 0))
                self._text.clear()
                self._formula = False
            case "v" | "t":
                if self._wanted is None or self._at in self._wanted:
                    self.parser.CharacterDataHandler = self._text.append
            case "f":
                self._formula = True
            case "row":
                number = int(attributes.get("r", self.row + 1))
                for _ in range(min(number - 1, 1 << 20) - self.row):
                    self._finish()
                self._cells = {}
            case "mergeCell":
                first, _, last = attributes.get("ref", "").partition(":")
                raise UnreadableFileError(f"{self._where}: cells merged ({first} to {last}) in so large a sheet")

    def _end(self, tag: str) -> None:
        match tag.rpartition(" ")[2]:
            case "v" | "t":
                self.parser.CharacterDataHandler = None
            case "c":
                if self._kind == "e":
                    raise UnreadableFileError(
                        f"{self._where}: cells hold an Excel error such as #N/A (give them a value, or empty them); "
                        f"first: {self._name}"
                    )
                if self._text:
                    self._cells[self._at] = self._value("".join(self._text))
                elif self._formula and (self._wanted is None or self._at in self._wanted):
                    raise UnreadableFileError(
                        f"{self._where}: formula cells hold no stored value (save values, or recalculate); "
                        f"first: {self._name}"
                    )
            case "row":
                self._finish()

    def _finish(self) -> None:
        self.row += 1
        self._take(self._cells)
        self._cells = {}

    def _value(self, text: str) -> str:
        match self._kind:
            case "s":
                return self._book.strings[int(text)]
            case "n":
                number = float(text)
                if self._style < len(self._book.days) and self._book.days[self._style]:
                    day = self._book.origin + dt.timedelta(seconds=round(number * 86_400))
                    return files.cell_text(day)
                return files.cell_text(number)
            case "b":
                return str(text == "1")
        return text.strip()


def _letters(at: int) -> str:
    text = ""
    while at >= 0:
        text = chr(65 + at % 26) + text
        at = at // 26 - 1
    return text


def _column(letters: str) -> int:
    at = 0
    for letter in letters:
        at = 26 * at + ord(letter) - 64
    if at == 0 or at > files.MOST_COLUMNS:
        raise ValueError(f"no column {letters!r}")
    return at - 1


def _part(archive: zipfile.ZipFile, sheet: str | None, where: str) -> str:
    """Choose the sheet named, or the only visible one with content."""
    book = ElementTree.fromstring(archive.read("xl/workbook.xml"))
    entries = {entry.get("name", ""): entry for entry in book.iterfind("{*}sheets/{*}sheet")}
    parts = {name: files.sheet_file(archive, name) for name in entries}
    if sheet is not None:
        if sheet not in parts:
            raise UnreadableFileError(f"{where}: no sheet {sheet!r}; it has {', '.join(parts)}")
        return parts[sheet]
    full = [name for name, part in parts.items() if _has_cells(archive, part)]
    shown = [name for name in full if entries[name].get("state", "visible") == "visible"] or full
    if len(shown) != 1:
        raise UnreadableFileError(f"{where}: {len(shown)} sheets with content; name one of {', '.join(shown)}")
    return parts[shown[0]]


def _has_cells(archive: zipfile.ZipFile, part: str) -> bool:
    with archive.open(part) as content:
        return re.search(rb"<(?:\w+:)?c\b", content.read(HEAD)) is not None


def _book(archive: zipfile.ZipFile) -> _Book:
    present = set(archive.namelist())
    strings: list[str] = []
    if "xl/sharedStrings.xml" in present:
        with archive.open("xl/sharedStrings.xml") as content:
            for _, element in ElementTree.iterparse(content):
                if element.tag.endswith("}si"):
                    plain = [run for run in element.iterfind("{*}t")] + list(element.iterfind("{*}r/{*}t"))
                    strings.append("".join(run.text or "" for run in plain).strip())
                    element.clear()
    days: list[bool] = []
    if "xl/styles.xml" in present:
        styles = ElementTree.fromstring(archive.read("xl/styles.xml"))
        own = {
            int(entry.get("numFmtId", 0)): _DAY.search(_QUOTED.sub("", entry.get("formatCode", ""))) is not None
            for entry in styles.iterfind("{*}numFmts/{*}numFmt")
        }
        formats = [int(entry.get("numFmtId", 0)) for entry in styles.iterfind("{*}cellXfs/{*}xf")]
        days = [own.get(number, number in _BUILT_IN_DAYS) for number in formats]
    book = ElementTree.fromstring(archive.read("xl/workbook.xml"))
    properties = book.find("{*}workbookPr")
    later = properties is not None and properties.get("date1904") in ("1", "true")
    return _Book(strings, days, EXCEL_ORIGIN.to_pydatetime() + (_1904 if later else dt.timedelta()))
