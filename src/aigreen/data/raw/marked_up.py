"""Tables that web sites save as ``.xls`` but write as HTML, or as XML of Excel 2003."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

from aigreen.data.raw.files import MOST_COLUMNS, decoded
from aigreen.errors import UnreadableFileError

MOST_ROWS = 1 << 20
_SPACE = "{urn:schemas-microsoft-com:office:spreadsheet}"
_DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")
_BLANKS = b"\xef\xbb\xbf \t\r\n"


def is_marked_up(path: Path) -> bool:
    """Tell whether a file begins as HTML or XML does."""
    with path.open("rb") as content:
        return content.read(64).lstrip(_BLANKS).startswith(b"<")


def rows(path: Path, sheet: str | None = None, encoding: str | None = None) -> list[list[str]]:
    """Read the rows of the largest table of an HTML page, or of one sheet of an XML workbook, all equally long.

    Raises
    ------
    UnreadableFileError
        No table, no such sheet, several sheets with content and none named, or damaged XML.
    """
    text = decoded(path.read_bytes(), path.name, encoding)
    found = _xml(text, path.name, sheet) if _SPACE[1:-1] in text[:4096] else _html(text)
    width = max(map(len, found), default=0)
    if width == 0:
        raise UnreadableFileError(f"{path.name}: no table in the page")
    return [row + [""] * (width - len(row)) for row in found]


def _xml(text: str, where: str, sheet: str | None) -> list[list[str]]:
    try:
        book = ElementTree.fromstring(_DECLARATION.sub("", text, count=1))
    except ElementTree.ParseError as reason:
        raise UnreadableFileError(f"{where}: not whole XML ({reason})") from reason
    sheets = {page.get(f"{_SPACE}Name", ""): _sheet(page) for page in book.iter(f"{_SPACE}Worksheet")}
    full = {name: table for name, table in sheets.items() if table and sheet in (None, name)}
    if len(full) != 1:
        listed = ", ".join(sheets) or "none"
        fault = f"no sheet {sheet!r}; it has" if sheet else f"{len(full)} sheets with content; name one of"
        raise UnreadableFileError(f"{where}: {fault} {listed}")
    [table] = full.values()
    return table


def _sheet(page: ElementTree.Element) -> list[list[str]]:
    found: list[list[str]] = []
    for row in page.iter(f"{_SPACE}Row"):
        found += [[]] * (_place(row, len(found) + 1) - 1 - len(found))
        cells: list[str] = []
        for cell in row.iter(f"{_SPACE}Cell"):
            cells += [""] * (_place(cell, len(cells) + 1) - 1 - len(cells))
            cells.append("".join("".join(data.itertext()) for data in cell.iter(f"{_SPACE}Data")).strip())
            cells += [""] * _bounded(cell.get(f"{_SPACE}MergeAcross", "0"), 0)
        found.append(cells)
    return found


def _place(element: ElementTree.Element, following: int) -> int:
    return _bounded(element.get(f"{_SPACE}Index", ""), following, MOST_ROWS)


def _bounded(number: str, otherwise: int, most: int = MOST_COLUMNS) -> int:
    """Whole number of an attribute, at most as large as a sheet is."""
    return min(int(number), most) if number.isdigit() else otherwise


def _html(text: str) -> list[list[str]]:
    page = _Page()
    page.feed(text)
    page.close()
    return max(page.tables, key=len, default=[])


class _Page(HTMLParser):
    """Rows of the tables of a page; a table within a cell is a table of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: list[list[list[str]]] = []
        self._open: list[list[list[str]]] = []
        self._within = 0  # cells open, so that text between them is passed over

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self.tables.append([])
            self._open.append(self.tables[-1])
        elif tag == "tr" and self._open:
            self._open[-1].append([])
        elif tag in ("td", "th") and self._open and self._open[-1]:
            self._at = len(self._open[-1][-1])
            self._open[-1][-1] += [""] * _bounded(dict(attrs).get("colspan") or "1", 1)
            self._within += 1

    def handle_endtag(self, tag: str) -> None:
        if tag == "table" and self._open:
            self._open.pop()
        elif tag in ("td", "th"):
            self._within = max(self._within - 1, 0)

    def handle_data(self, data: str) -> None:
        if self._within and self._open and self._open[-1] and self._open[-1][-1]:
            row = self._open[-1][-1]
            row[self._at] = f"{row[self._at]} {data.strip()}".strip()
