"""Files of every kind, and the kinds of broken input that reading must name."""

import datetime as dt
import os
import zipfile

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from aigreen import errors
from aigreen.data.raw import files, values
from aigreen.data.raw.adapter import Options
from aigreen.data.raw.reading import read
from aigreen.data.sources import csmar, google_patents

COLUMNS = ["Stkcd", "Accper", "Typrep", "A001000000"]
ROW = ["000001", "2019-12-31", "A", "5"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
def test_encodings_and_delimiters(export, encoding, delimiter):
    path = export(
        "t.csv",
        ["代码", "名称", "说明"],
        [["000001", "平安银行", 'a,"b"\n第二行;x\t']],
        encoding=encoding,
        delimiter=delimiter,
    )
    raw = read(path)
    assert raw.frame.iloc[0].tolist() == ["000001", "平安银行", 'a,"b"\n第二行;x']
    assert raw.labels["代码"] == ("代码标签", "没有单位")


def test_western_code_pages_are_refused_but_can_be_named(export):
    path = export.folder / "latin.csv"
    path.write_bytes("id,name\n1,Société Générale\n2,Müller\n".encode("latin-1"))
    with pytest.raises(
        errors.UnreadableFileError, match=r"latin.csv: the encoding is neither UTF-8 nor GB18030; .* at 16"
    ):
        read(path)
    assert read(path, encoding="latin-1").frame["name"].tolist() == ["Société Générale", "Müller"]


def test_label_rows_are_found_by_content(export):
    assert len(read(export("a.csv", COLUMNS, [ROW])).frame) == 1
    assert len(read(export("b.csv", COLUMNS, [ROW], labels=False)).frame) == 1
    one = export("c.csv", COLUMNS, [["证券代码", "会计期间", "类型", "资产总计"], ROW], labels=False)
    assert len(read(one).frame) == 1
    words = export("d.csv", ["name", "note"], [["甲", "x"], ["乙", "y"]], labels=False)
    assert len(read(words).frame) == 2


def test_titles_notes_blank_rows_and_columns(export):
    rows = [
        ["2019年资产负债表", "", "", "", ""],
        [""] * 5,
        [*COLUMNS, ""],
        [*ROW, ""],
        [""] * 5,
        [*ROW[:3], "6", ""],
        ["数据来源：CSMAR", "", "", "", ""],
    ]
    path = export("t.csv", rows[0], rows[1:], labels=False)
    raw = read(path)
    assert list(raw.frame.columns) == COLUMNS
    assert raw.frame["A001000000"].tolist() == ["5", "6"]
    assert dict(raw.notes) == {"title rows": 2, "blank rows": 1, "notes below the table": 1}


def test_notes_beside_the_table(export):
    raw = read(export("t.csv", [*COLUMNS, "", ""], [[*ROW, "", "see page 3"], [*ROW, "", ""]], labels=False))
    assert list(raw.frame.columns) == COLUMNS
    assert dict(raw.notes) == {"cells beside the table": 1}


def book(path, rows, merged=()):
    openpyxl = pytest.importorskip("openpyxl")
    workbook = openpyxl.Workbook()
    for row in rows:
        workbook.active.append(row)
    for cells in merged:
        workbook.active.merge_cells(cells)
    workbook.save(path)
    return path


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


def test_stata_values_and_old_chinese_text(export):
    frame = pd.DataFrame(
        {"Stkcd": [1.0, 2.0], "x": np.float32([0.1, np.nan]), "d": pd.to_datetime(["2019-12-31", "2020-12-31"])}
    )
    frame.to_stata(path := export.folder / "t.dta", write_index=False, convert_dates={"d": "td"})
    raw = read(path).frame
    assert raw["Stkcd"].tolist() == ["1", "2"]
    assert float(raw["x"].iloc[0]) == float(np.float32(0.1))
    assert pd.isna(raw["x"].iloc[1])
    assert values.dates(raw["d"], "t").dt.year.tolist() == [2019, 2020]
    gbk = pd.DataFrame({"name": ["平安银行".encode("gb18030").decode("latin-1")]})
    gbk.to_stata(path, write_index=False, version=117)
    assert read(path).frame["name"].tolist() == ["平安银行"]


def test_parquet_is_text_too(export):
    table = pa.table(
        {
            "Stkcd": ["000001"],
            "n": [5],
            "v": [1.0],
            "d": [dt.date(2019, 12, 31)],
            "c": pa.array(["a"]).dictionary_encode(),
        }
    )
    pq.write_table(table, path := export.folder / "t.parquet")
    assert read(path).frame.iloc[0].tolist() == ["000001", "5", "1", "2019-12-31", "a"]


@pytest.mark.parametrize(
    ("cell", "day"),
    [("2019-12-31", "2019-12-31"), ("2019/1/5", "2019-01-05"), ("2019.01.05", "2019-01-05"), ("20190105", "2019-01-05"),
     ("2019年1月5日", "2019-01-05"), ("2019-01-05 00:00:00", "2019-01-05"),
     ("43470", "2019-01-05"), ("43470.0", "2019-01-05")],
)  # fmt: skip
def test_days(cell, day):
    assert values.dates(pd.Series([cell, None, "--"], dtype="str"), "f").tolist()[0] == pd.Timestamp(day)


def test_city_codes():
    raw = pd.Series(["1101", "110100", "5002", "4403", "440300.0", None], dtype="str")
    assert values.city_codes(raw, "f").tolist()[:5] == ["110000", "110000", "500000", "440300", "440300"]


# Kinds of broken input. Each maker writes into the data folder and returns the path; then the error and its words.


def csv_file(text, encoding="utf-8"):
    def make(export):
        path = export.folder / "FS_Combas.csv"
        path.write_bytes(text.encode(encoding) if isinstance(text, str) else text)
        return path

    return make


def rows_csv(*rows, columns=COLUMNS):
    return csv_file("\n".join(",".join(row) for row in [columns, *rows]) + "\n")


def truncated_parquet(export):
    pq.write_table(pa.table({"a": list(range(1000))}), path := export.folder / "t.parquet")
    path.write_bytes(path.read_bytes()[:-200])
    return path


def corrupt_parquet(export):
    pq.write_table(pa.table({"a": list(range(1000))}), path := export.folder / "t.parquet")
    data = path.read_bytes()
    path.write_bytes(data[:-100] + b"\xff" * 60 + data[-40:])
    return path


def nested_parquet(export):
    kind = pa.string()
    for _ in range(30):
        kind = pa.struct([("a", kind)])
    pq.write_table(pa.table({"x": pa.array([None], kind)}), path := export.folder / "t.parquet")
    return path


def wide_parquet(export):
    pq.write_table(pa.table({f"c{at}": [1] for at in range(2001)}), path := export.folder / "t.parquet")
    return path


def truncated_workbook(export):
    path = book(export.folder / "FS_Combas.xlsx", [COLUMNS, ROW])
    path.write_bytes(path.read_bytes()[:-300])
    return path


def zip_bomb(export):
    with zipfile.ZipFile(path := export.folder / "FS_Combas.xlsx", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"0" * (80 << 20))
    return path


def formulas(export):
    return book(export.folder / "FS_Combas.xlsx", [COLUMNS, ["000001", "2019-12-31", "A", "=1+1"]])


def merged_data(export):
    return book(export.folder / "FS_Combas.xlsx", [COLUMNS, ["000001", "2019-12-31", "A", None], ROW], ["C2:D2"])


def empty_workbook(export):
    return book(export.folder / "FS_Combas.xlsx", [])


def csv_named_xlsx(export):
    (path := export.folder / "FS_Combas.xlsx").write_text("Stkcd,Accper\n")
    return path


def workbook_named_csv(export):
    return book(export.folder / "a.xlsx", [COLUMNS, ROW]).rename(export.folder / "FS_Combas.csv")


def stata_rubbish(export):
    (path := export.folder / "t.dta").write_bytes(b"<stata_dta><header>" + b"\0" * 50)
    return path


def outside(export):
    (path := export.folder.parent / "FS_Combas.csv").write_text("Stkcd\n")
    (export.folder / "keep.txt").write_text("x")
    return export.folder / ".." / path.name


def link_outside(export):
    target = export.folder.parent / "secret.csv"
    target.write_text("Stkcd\n")
    os.symlink(target, path := export.folder / "FS_Combas.csv")
    return path


BROKEN = {
    "truncated parquet": (truncated_parquet, errors.UnreadableFileError, "not a (whole|readable)"),
    "corrupt parquet": (corrupt_parquet, errors.UnreadableFileError, "not a readable Parquet"),
    "nested columns": (nested_parquet, errors.TooLargeError, "30 levels of nesting, more than 12"),
    "too many columns": (wide_parquet, errors.TooLargeError, "2,001 columns, more than 2,000"),
    "truncated workbook": (truncated_workbook, errors.UnreadableFileError, "not a whole workbook"),
    "zip bomb": (zip_bomb, errors.TooLargeError, "unfolds to 83,886,080 bytes"),
    "formula cells": (formulas, errors.UnreadableFileError, "1 formula cells hold no stored value.*D2"),
    "merged data cells": (merged_data, errors.UnreadableFileError, "merged across columns in row 2"),
    "empty workbook": (empty_workbook, errors.UnreadableFileError, "no cells with content"),
    "csv named xlsx": (csv_named_xlsx, errors.UnreadableFileError, r"not a whole .xlsx file: begins with b'Stkcd"),
    "workbook named csv": (workbook_named_csv, errors.UnreadableFileError, "content of a .xlsx file"),
    "damaged stata file": (stata_rubbish, errors.UnreadableFileError, "not a readable Stata file"),
    "empty file": (csv_file(b""), errors.UnreadableFileError, "the file is empty"),
    "blank file": (csv_file(" \n\n"), errors.UnreadableFileError, "the file is empty"),
    "header only": (rows_csv(), errors.UnreadableFileError, "but no rows"),
    "no header": (csv_file("000001,2019-12-31,A,5\n000002,2019-12-31,A,5\n"),
        errors.UnreadableFileError, "no header row"),
    "wrong encoding": (csv_file("Stkcd,naïve café\n1,é\n", "latin-1"),
        errors.UnreadableFileError, "neither UTF-8 nor GB18030"),
    "broken encoding": (csv_file("Stkcd,名称\n1,平安".encode("gb18030")[:-1]),
        errors.UnreadableFileError, "neither UTF-8 nor"),
    "binary": (csv_file(b"Stkcd,x\n1,\0\0\n"), errors.UnreadableFileError, "zero bytes"),
    "cut last line": (csv_file("Stkcd,Accper,Typrep,A001000000\n000001,2019-12-31,A,5\n0000"),
        errors.UnreadableFileError,
                      "1 rows do not have 4 cells; first: 1 cells in '0000'; the last line is cut off"),
    "open quote": (csv_file('Stkcd,Accper,Typrep,A001000000\n1,2019-12-31,A,"5\n2,2019-12-31,A,6\n'),
        errors.SourceError, "A001000000: 1 cells are not numbers"),
    "ragged": (rows_csv(ROW, [*ROW, "6"]), errors.UnreadableFileError, "1 rows do not have 4 cells; first: 5 cells"),
    "shifted header": (rows_csv(ROW, columns=["", "Stkcd", "Accper", "Typrep"]), errors.UnreadableFileError,
                       "1 columns hold values but have no name"),
    "name twice": (rows_csv(ROW, columns=["Stkcd", "Accper", "Typrep", "Stkcd"]),
        errors.UnreadableFileError, "stand twice: Stkcd"),
    "missing column": (rows_csv(ROW, columns=["Stkcd", "Acper", "Typrep", "A001000000"]), errors.SourceError,
                       r"missing columns: Accper \(did you mean 'Acper'\?\)"),
    "codes and days swapped": (rows_csv(["2019-12-31", "000001", "A", "5"]), errors.SourceError, "not security codes"),
    "duplicate keys": (rows_csv(ROW, [*ROW[:3], "6"]),
        errors.SourceError, "1 rows repeat firm_id and year; first: 000001 2019"),
    "negative assets": (rows_csv([*ROW[:3], "-5"]),
        errors.SourceError, "A001000000: 1 cells are not numbers from 0 .*'-5' of 000001 2019"),
    "text for a number": (rows_csv([*ROW[:3], "five"]),
        errors.SourceError, "A001000000: 1 cells are not numbers.*'five'"),
    "year 20225": (rows_csv(["000001", "20225-12-31", "A", "5"]),
        errors.SourceError, "Accper: 1 cells are not days.*'20225-12-31'"),
    "day that is none": (rows_csv(["000001", "2019-02-30", "A", "5"]),
        errors.SourceError, "Accper: 1 cells are not days"),
    "unknown statement type": (rows_csv(["000001", "2019-12-31", "C", "5"]),
        errors.SourceError, "Typrep: 1 cells are neither A nor B"),
    "outside the folder": (outside, errors.OutsideFolderError, "outside the data folder"),
    "link out of the folder": (link_outside, errors.OutsideFolderError, "outside the data folder"),
}  # fmt: skip


@pytest.mark.parametrize("kind", BROKEN)
def test_broken_input(export, untouched, kind):
    make, error, words = BROKEN[kind]
    path = make(export)
    untouched()
    with pytest.raises(error, match=words) as caught:
        csmar.balance_sheet(path, Options(root=export.folder))
    assert type(caught.value) is error
    if error is not errors.OutsideFolderError:
        assert path.name in str(caught.value) or "FS_Combas" in str(caught.value)


def test_nested_bomb_is_refused_by_the_google_adapter_too(export):
    with pytest.raises(errors.TooLargeError, match="levels of nesting"):
        google_patents.publications(nested_parquet(export))


def test_limits_count_values_before_reading(export, monkeypatch):
    monkeypatch.setattr(files, "MOST_CELLS", 999)
    pq.write_table(pa.table({"a": list(range(1000))}), path := export.folder / "t.parquet")
    with pytest.raises(errors.TooLargeError, match="1,000 values, more than 999"):
        read(path)


def test_absent_files_and_tables(export):
    path = export("FS_Combas.csv", COLUMNS, [ROW])
    with pytest.raises(errors.SourceError, match=r"no such file \(did you mean 'FS_Combas.csv'\?\)"):
        read(path.with_name("FS_Comba.csv"))
    with pytest.raises(errors.SourceError, match=r"no file of table FS_Comins \(did you mean 'FS_Combas'\?\)"):
        read(export.folder, "FS_Comins")
    with pytest.raises(errors.SourceError, match="name the table"):
        read(export.folder)
    export("b/FS_Combas(1).csv", [*COLUMNS[:3], "A002000000"], [ROW])
    with pytest.raises(
        errors.SourceError, match=r"FS_Combas\(1\).csv: other columns than FS_Combas.csv: A001000000, A002000000"
    ):
        read(export.folder, "FS_Combas")


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
