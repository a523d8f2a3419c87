"""What reading makes of workbooks: types, merged cells, sheets, formulas and errors."""

import datetime as dt
import zipfile

import pytest

from aigreen import errors
from aigreen.data.raw.reading import read
from aigreen.data.sources import csmar
from aigreen.errors import UnreadableFileError

from .tables import COLUMNS, ROW, book


def test_excel_days_numbers_and_booleans(export):
    rows = [
        ["Stkcd", "Accper", "Typrep", "A001000000"],
        [1, dt.date(2019, 12, 31), "A", 0.1],
        [2, dt.datetime(2019, 12, 31, 8), "A", 1e12],
    ]
    raw = read(book(export.folder / "t.xlsx", rows))
    assert raw.frame.values.tolist() == [
        ["1", "2019-12-31", "A", "0.1"],
        ["2", "2019-12-31 08:00:00", "A", "1000000000000"],
    ]
    serial = csmar.balance_sheet(book(export.folder / "s.xlsx", [rows[0], [1, 43830, "A", 3]]))
    assert serial.table["year"].tolist() == [2019]


def test_merged_title_header_and_keys(export):
    rows = [
        ["资产负债表", None, None, None],
        ["Stkcd", "Accper", "金额", None],
        [None, None, "A001000000", "A002000000"],
        ["000001", "2018-12-31", 1, 2],
        [None, "2019-12-31", 3, 4],
    ]
    raw = read(book(export.folder / "t.xlsx", rows, ["A1:D1", "A2:A3", "B2:B3", "C2:D2", "A4:A5"]))
    assert list(raw.frame.columns) == ["Stkcd", "Accper", "A001000000", "A002000000"]
    assert raw.frame["Stkcd"].tolist() == ["000001", "000001"]
    assert dict(raw.notes)["cells filled from merged cells"] == 1


def test_several_sheets_must_be_named(export):
    openpyxl = pytest.importorskip("openpyxl")
    workbook = openpyxl.Workbook()
    for name in ("a", "b"):
        workbook.create_sheet(name).append(["x", "y"])
        workbook[name].append([1, 2])
    workbook.save(path := export.folder / "t.xlsx")
    with pytest.raises(errors.UnreadableFileError, match="2 sheets with content; name one of a, b"):
        read(path)
    assert read(path, sheet="b").frame.values.tolist() == [["1", "2"]]
    with pytest.raises(errors.UnreadableFileError, match="no sheet 'c'"):
        read(path, sheet="c")


def test_formulas_are_looked_for_in_the_sheet_that_is_read(export):
    """Parts of a workbook keep their numbers when its sheets are put in another order."""
    openpyxl = pytest.importorskip("openpyxl")
    workbook = openpyxl.Workbook()
    workbook.active.title = "data"
    for row in (COLUMNS, [*ROW[:3], "=1+1"]):
        workbook.active.append(row)
    workbook.create_sheet("hidden").append(["=2+2"])
    workbook["hidden"].sheet_state = "hidden"
    workbook.move_sheet("data", 1)
    workbook.active = 1
    workbook.save(path := export.folder / "t.xlsx")
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    for old, new in (("sheet1", "part"), ("sheet2", "sheet1"), ("part", "sheet2")):  # numbers against the order
        parts = {
            name.replace(f"{old}.xml", f"{new}.xml"): data.replace(f"/{old}.xml".encode(), f"/{new}.xml".encode())
            for name, data in parts.items()
        }
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    with pytest.raises(errors.UnreadableFileError, match=r"1 formula cells hold no stored value.*D2"):
        read(path)


def test_hidden_sheets_are_passed_over_and_counted(export):
    openpyxl = pytest.importorskip("openpyxl")
    workbook = openpyxl.Workbook()
    workbook.active.append(["old", "table"])
    workbook.active.sheet_state = "hidden"
    for row in (COLUMNS, ROW):
        (workbook["data"] if "data" in workbook.sheetnames else workbook.create_sheet("data")).append(row)
    workbook.active = 1
    workbook.save(path := export.folder / "t.xlsx")
    raw = read(path)
    assert raw.frame.iloc[0].tolist() == ROW
    assert dict(raw.notes) == {"hidden sheets": 1}


def test_error_cells_are_no_missing_values(export):
    path = book(export.folder / "t.xlsx", [COLUMNS, [*ROW[:3], "#DIV/0!"], ROW])
    with pytest.raises(errors.UnreadableFileError, match=r"1 cells hold an Excel error.*first: D2"):
        read(path)


def test_workbooks_with_title_sheets(shared):
    folder = shared / "data/cn_prefecture_lowcarbon"
    raw = read(folder / "raw_industry_structure_2000_2023.xlsx", sheet="面板数据2000-2023").frame
    assert (len(raw), raw["城市代码"].nunique()) == (7974, 341)  # below stand 15 blank rows and 2 notes
    density = read(folder / "raw_popdensity_298cities_1998_2024.xlsx", sheet="面板数据").frame
    assert len(density) == 298 * 27
    assert density["年份"].iloc[0] == "1998"
    with pytest.raises(UnreadableFileError, match="3 sheets with content"):
        read(folder / "raw_industry_structure_2000_2023.xlsx")
