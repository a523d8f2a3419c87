"""A small table, and workbooks that hold it."""

import pytest

COLUMNS = ["Stkcd", "Accper", "Typrep", "A001000000"]
ROW = ["000001", "2019-12-31", "A", "5"]


def book(path, rows, merged=()):
    openpyxl = pytest.importorskip("openpyxl")
    workbook = openpyxl.Workbook()
    for row in rows:
        workbook.active.append(row)
    for cells in merged:
        workbook.active.merge_cells(cells)
    workbook.save(path)
    return path
