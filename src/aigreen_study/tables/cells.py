"""The cells of a table, each under a name that stays when rows or columns are added elsewhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from aigreen_study.tables.table import Cell, Table


class Place(NamedTuple):
    """Where a cell stands, in words.

    Parameters
    ----------
    group : str
        Title of the rows' group.
    row : str
        Label of the row; a row without one has that of the row above with its distance, as ``Size +1``.
    column : str
        Headings of the column from top to bottom.
    """

    group: str
    row: str
    column: str

    def __str__(self) -> str:
        return " | ".join(part for part in self if part)


@dataclass(frozen=True)
class PlacedCell:
    """A cell that says something, with its position (rows and columns from 0) and place."""

    row: int
    column: int
    place: Place
    cell: Cell


def placed_cells(table: Table) -> Iterator[PlacedCell]:
    """Go through the cells of a table that are not empty, row by row."""
    columns = _distinct([_heading(table, j) for j in range(len(table.columns))])
    rows = [(group.title, label) for group in table.groups for label in _labels([row.label for row in group.rows])]
    names = _distinct([f"{title}\0{label}" for title, label in rows])
    for i, row in enumerate(table.rows):
        group, label = names[i].split("\0")
        for j, cell in enumerate(row.cells):
            if cell.text:
                yield PlacedCell(i, j, Place(group, label, columns[j]), cell)


def cell_key(exhibit: str, placed: PlacedCell) -> str:
    """Name a cell in the ledger by its position from 1, as ``tables/baseline:2:1``."""
    return f"{exhibit}:{placed.row + 1}:{placed.column + 1}"


def _heading(table: Table, column: int) -> str:
    over = [s.label for line in table.spanners for s in line if s.start <= column < s.stop]
    return " / ".join(filter(None, [*over, table.columns[column]]))


def _labels(labels: list[str]) -> list[str]:
    named, last, below = [], "", 0
    for label in labels:
        last, below = (label, 0) if label else (last, below + 1)
        named.append(f"{last} +{below}".strip() if below else last)
    return named


def _distinct(names: list[str]) -> list[str]:
    """Tell equal names apart by a running number."""
    seen: Counter[str] = Counter()
    out = []
    for name in names:
        seen[name] += 1
        out.append(f"{name} ({seen[name]})" if seen[name] > 1 else name)
    return out
