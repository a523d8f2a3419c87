"""Large sheets, read in pieces: the same text as from small ones, and the same refusals."""

import datetime as dt
import re
import zipfile

import pytest

from aigreen.data.raw import headers, wide
from aigreen.data.raw.reading import read
from aigreen.data.sources import csmar
from aigreen.errors import UnreadableFileError

from .tables import COLUMNS, ROW, book

openpyxl = pytest.importorskip("openpyxl")


@pytest.fixture
def small(monkeypatch):
    """Take every sheet for a large one, in many pieces."""

    def switch():
        monkeypatch.setattr(wide, "LARGE", 0)
        monkeypatch.setattr(wide, "ROWS", 3)
        monkeypatch.setattr(wide, "BLOCK", 700)

    return switch


def every_kind(path):
    workbook = openpyxl.Workbook()
    sheet = workbook.active
    sheet.append(["2019 title"])
    sheet.append(["Stkcd", "day", "moment", "number", "whole", "text", "flag", "percent", "own", None, "last"])
    sheet.append(["证券代码", "日", "时", "数", "整", "字", "是", "比", "自", None, "末"])
    for row in range(1, 30):
        day, moment = dt.date(2019, 12, row), dt.datetime(2019, 12, row, 13, 30, row)
        rest = [row % 2 == 0, row / 100, 43_000 + row, None, "x" if row % 4 else None]
        sheet.append([f"{row:06d}", day, moment, row / 3, row * 1000, f" a & <b> {row} ", *rest])
        sheet.cell(row + 3, 8).number_format = "0.00%"
        sheet.cell(row + 3, 9).number_format = '"m" yyyy/mm/dd [red]'
    for _ in range(2):
        sheet.append([])
    sheet.append(["数据来源：CSMAR"])
    workbook.create_sheet("leer")
    hidden = workbook.create_sheet("hidden")
    hidden.sheet_state = "hidden"
    hidden.append(["x"])
    workbook.save(path)
    return path


def test_every_kind_of_cell_reads_the_same_in_pieces(export, small):
    path = every_kind(export.folder / "t.xlsx")
    plain = read(path)
    assert not wide.is_large(path)
    small()
    assert wide.is_large(path)
    pieces = read(path)
    assert pieces.frame.equals(plain.frame)
    assert pieces.labels == plain.labels
    steps = ("title rows", "label rows", "blank rows", "notes below the table")
    assert [dict(pieces.notes).get(step) for step in steps] == [dict(plain.notes).get(step) for step in steps]
    assert headers.columns(path) == list(plain.frame.columns)


def shared_strings(path):
    """Move the text of a workbook's cells into a table of its own, as Excel and CSMAR do; one of them in two fonts."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name).decode() for name in archive.namelist()}
    texts = []

    def moved(found):
        texts.append(found[1])
        return f't="s"><v>{len(texts) - 1}</v>'

    sheet = "xl/worksheets/sheet1.xml"
    parts[sheet] = re.sub(r't="inlineStr"><is><t(?: [^>]*)?>(.*?)</t></is>', moved, parts[sheet])
    runs = [f"<si><t>{text}</t></si>" for text in texts]
    runs[1] = f"<si><r><t>{texts[1][:1]}</t></r><r><rPr/><t>{texts[1][1:]}</t></r><rPh><t>ピン</t></rPh></si>"
    space = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    parts["xl/sharedStrings.xml"] = f'<sst xmlns="{space}">{"".join(runs)}</sst>'
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
    parts["[Content_Types].xml"] = parts["[Content_Types].xml"].replace(
        "</Types>", f'<Override PartName="/xl/sharedStrings.xml" ContentType="{kind}"/></Types>')  # fmt: skip
    relation = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/sharedStrings"
    link = f'<Relationship Id="rIdS" Type="{relation}" Target="sharedStrings.xml"/>'
    links = "xl/_rels/workbook.xml.rels"
    parts[links] = parts[links].replace("</Relationships>", f"{link}</Relationships>")
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return len(texts)


def test_shared_strings(export, small):
    path = every_kind(export.folder / "t.xlsx")
    before = read(path).frame
    assert shared_strings(path) > 60
    plain = read(path).frame
    assert plain.equals(before)
    small()
    assert read(path).frame.equals(plain)


def test_a_real_workbook(shared, small):
    path = shared / "data/cn_prefecture_lowcarbon/panel_2007_2023_full.xlsx"
    plain = read(path).frame
    small()
    wide.BLOCK = 1 << 20
    assert read(path).frame.equals(plain)


def test_days_counted_from_1904(export, small):
    path = every_kind(export.folder / "t.xlsx")
    workbook = openpyxl.load_workbook(path)
    workbook.epoch = openpyxl.utils.datetime.CALENDAR_MAC_1904
    workbook.save(path)
    plain = read(path).frame
    small()
    assert read(path).frame.equals(plain)


def test_columns_that_nobody_wants_are_not_read(export, small):
    columns = [*COLUMNS, *(f"B{at:09d}" for at in range(40))]
    rows = [[f"{600000 + row}", *ROW[1:3], row, *range(40)] for row in range(1, 11)]
    path = book(export.folder / "FS_Combas.xlsx", [columns, *rows])
    plain = csmar.balance_sheet(path).table
    small()
    asked = read(path, keep=lambda names: [name for name in names if name in COLUMNS])
    assert list(asked.frame.columns) == COLUMNS
    assert csmar.balance_sheet(path).table.equals(plain)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda sheet: sheet.cell(3, 4, "=1+1"), "formula cells hold no stored value.*first: D3"),
        (lambda sheet: sheet.cell(3, 4, "#N/A"), "cells hold an Excel error.*first: D3"),
        (lambda sheet: sheet.merge_cells("A3:A4"), "cells merged .A3 to A4. in so large a sheet"),
        (lambda sheet: sheet.parent.create_sheet("two").append(["x"]), "2 sheets with content; name one of Sheet, two"),
    ],
)
def test_refusals(export, small, change, words):
    path = book(export.folder / "FS_Combas.xlsx", [COLUMNS, ROW, ROW, ROW])
    workbook = openpyxl.load_workbook(path)
    change(workbook.active)
    workbook.save(path)
    small()
    with pytest.raises(UnreadableFileError, match=rf"FS_Combas\.xlsx: .*{words}"):
        read(path)


def test_sheets_are_chosen_by_name(export, small):
    path = every_kind(export.folder / "t.xlsx")
    small()
    with pytest.raises(UnreadableFileError, match="no sheet 'none'; it has Sheet, leer, hidden"):
        read(path, sheet="none")
    assert len(read(path, sheet="Sheet").frame) == 29


def test_damaged_sheets(export, small):
    path = book(export.folder / "FS_Combas.xlsx", [COLUMNS, ROW])
    shared_strings(path)
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    small()
    for name, change in (("xl/worksheets/sheet1.xml", lambda xml: xml[:-20]),
                         ("xl/worksheets/sheet1.xml", lambda xml: xml.replace(b'r="A1"', b'r="1"')),
                         ("xl/sharedStrings.xml", lambda xml: b"<sst></sst>"),
                         ("xl/workbook.xml", lambda xml: b"")):  # fmt: skip
        with zipfile.ZipFile(path, "w") as archive:
            for part, content in parts.items():
                archive.writestr(part, change(content) if part == name else content)
        with pytest.raises(UnreadableFileError, match=r"FS_Combas\.xlsx: not a readable workbook"):
            read(path)
