"""Where the table stands in a raw sheet: title rows, one or two header rows, label rows, data, notes below.

Everything is found by content. A title row fills at most half the width of the table. A label row (CSMAR puts Chinese
labels and units in rows 2 and 3, CNRDS an English row in row 2) holds no number, date or code, while data rows do.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from aigreen.errors import UnreadableFileError

SAMPLE_ROWS = 40
MOST_LABEL_ROWS = 3
_VALUE = re.compile(
    r"[+-]?(\d[\d,]*)?\.?\d+([eE][+-]?\d+)?%?"  # number
    r"|\d{4}[-/.年]\d{1,2}([-/.月]\d{1,2}日?)?([ T][\d:.]+)?"  # day or month
    r"|\d{6}\.[A-Z]{2}|(SZ|SH|BJ)\d{6}|[A-Z]{2}-?\d[\dA-Z.-]*"  # security code, patent number
)

Merged = Sequence[tuple[tuple[int, int], tuple[int, int]]]


@dataclass(frozen=True)
class Layout:
    """Header of a sheet.

    Parameters
    ----------
    header : tuple of str
        Column names; empty for columns without one.
    labels : tuple of tuple of str
        Label rows between header and data.
    titles : int
        Rows above the header.
    start : int
        First row of data.
    """

    header: tuple[str, ...]
    labels: tuple[tuple[str, ...], ...]
    titles: int
    start: int


def find(rows: Sequence[Sequence[str]], where: str, merged: Merged = ()) -> Layout:
    """Find the header in the first rows of a sheet.

    Parameters
    ----------
    rows : sequence of sequences of str
        The first `SAMPLE_ROWS` rows, stripped; an empty string is an empty cell.
    where : str
        File, for the error message.
    merged : sequence of ((row, column), (row, column))
        Merged cells, first and last, both included.

    Raises
    ------
    UnreadableFileError
        No rows, or no header row: the first row of the table holds values.
    """
    width = max((sum(map(bool, row)) for row in rows), default=0)
    if width == 0:
        raise UnreadableFileError(f"{where}: no cells with content")
    top = next(at for at, row in enumerate(rows) if 2 * _filled(at, row, merged) > width)
    header, start = list(rows[top]), top + 1
    if _across(top, merged):
        header, start = _two_rows(rows, top, merged), top + 2
    values = sum(map(is_value, header))
    if 2 * values > sum(map(bool, header)):
        raise UnreadableFileError(f"{where}: no header row: row {top + 1} holds values ({_show(header)})")
    labels = []
    if any(_has_value(row) for row in rows[start:]):
        while not _has_value(rows[start]) and len(labels) < MOST_LABEL_ROWS:
            if any(rows[start]):
                labels.append(tuple(rows[start]))
            start += 1
    return Layout(tuple(header), tuple(labels), top, start)


def is_value(cell: str) -> bool:
    """Tell whether a cell is written as a number, a day, a security code or a patent number."""
    return _VALUE.fullmatch(cell) is not None


def names(header: Sequence[str], filled: Sequence[bool], where: str) -> dict[int, str]:
    """Give the named columns by position.

    Raises
    ------
    UnreadableFileError
        A column with values but no name (a shifted header), or a name used twice.
    """
    nameless = [at + 1 for at, has in enumerate(filled) if has and not (at < len(header) and header[at])]
    if nameless:
        raise UnreadableFileError(
            f"{where}: {len(nameless)} columns hold values but have no name (shifted header?); first: column "
            f"{nameless[0]}; the header is {_show(header)}"
        )
    found = {at: name for at, name in enumerate(header) if name}
    twice = sorted({name for name in found.values() if list(found.values()).count(name) > 1})
    if twice:
        raise UnreadableFileError(f"{where}: {len(twice)} column names stand twice: {', '.join(twice[:5])}")
    return found


def _filled(at: int, row: Sequence[str], merged: Merged) -> int:
    covered = sum(last[1] - first[1] for first, last in merged if first[0] <= at <= last[0] and row[first[1]])
    alone = sum(map(bool, row))
    return alone + covered if alone > 1 else alone


def _across(row: int, merged: Merged) -> bool:
    return any(first[0] == row and last[1] > first[1] for first, last in merged)


def _two_rows(rows: Sequence[Sequence[str]], top: int, merged: Merged) -> list[str]:
    group = list(rows[top])
    for first, last in merged:
        if first[0] == top:
            group[first[1] : last[1] + 1] = [group[first[1]]] * (last[1] - first[1] + 1)
    own = [below or above for above, below in zip(group, rows[top + 1], strict=True)]
    repeated = {name for name in own if own.count(name) > 1}
    return [f"{above} {name}" if name in repeated else name for above, name in zip(group, own, strict=True)]


def _has_value(row: Sequence[str]) -> bool:
    return any(map(is_value, row))


def _show(header: Sequence[str]) -> str:
    return ", ".join(repr(name) for name in header[:6]) + (", ..." if len(header) > 6 else "")
