"""Raw files spoilt, or written in another way: each function changes a folder of raw files."""

import csv
import hashlib
import io
from pathlib import Path

import openpyxl

SHEET = "csmar/FS_Combas.csv"
GOOGLE = "google/publications-0000.parquet"
CODE, SHORT, DAY, KIND, ASSETS = range(5)  # columns of the balance sheet
HEAD = 3  # rows of codes, labels and units


def digests(folder: Path) -> dict[str, str]:
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def balance_sheet(raw: Path) -> list[list[str]]:
    """All rows of the two parts, the header rows once; the parts are removed."""
    rows: list[list[str]] = []
    for part in (raw / SHEET, raw / "csmar/FS_Combas(1).csv"):
        with part.open(encoding="gb18030", newline="") as lines:
            rows += list(csv.reader(lines))[HEAD if rows else 0 :]
        part.unlink()
    return rows


def delimited(rows, encoding="gb18030", delimiter=",") -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter).writerows(rows)
    return text.getvalue().encode(encoding)


def sheet(change=lambda rows: rows, encoding="gb18030", delimiter=","):
    """Spoil the rows of the balance sheet, or write them in another way."""

    def spoil(raw):
        rows = balance_sheet(raw)
        (raw / SHEET).write_bytes(delimited(change(rows) or rows, encoding, delimiter))

    return spoil


def workbook(change, suffix=".xlsx"):
    """Write the balance sheet as a workbook that ``change(book, sheet)`` spoils."""

    def spoil(raw):
        book = openpyxl.Workbook()
        for row in balance_sheet(raw):
            book.active.append(row)
        change(book, book.active)
        book.save((raw / SHEET).with_suffix(suffix))

    return spoil


def group_row(rows) -> list[str]:
    """First row that the panel uses: an A share's group statement at the end of a year."""
    return next(row for row in rows[HEAD:] if row[KIND] == "A" and row[DAY].endswith("12-31") and row[CODE][0] in "036")


def cell(column, value):
    return sheet(lambda rows: group_row(rows).__setitem__(column, value))


def content(name, change):
    """Change the bytes of a file."""

    def spoil(raw):
        (raw / name).write_bytes(change((raw / name).read_bytes()))

    return spoil
