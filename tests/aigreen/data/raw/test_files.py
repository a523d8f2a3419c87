"""Kinds of broken input, and the words that name each."""

import os
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from aigreen import errors
from aigreen.data.raw import files
from aigreen.data.raw.adapter import Options
from aigreen.data.raw.reading import read
from aigreen.data.sources import csmar, google_patents

from .tables import COLUMNS, ROW, book


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
        errors.UnreadableFileError, "FS_Combas.csv: line 2: a quote that is not closed takes in 1 more lines"),
    "open quote, others closed": (csv_file('Stkcd,Accper,A001000000,Typrep\n1,2019-12-31,5,"A\n2,2019-12-31,6,"A"\n'),
        errors.UnreadableFileError, "line 2: a quote that is not closed takes in 1 more lines"),
    "two open quotes": (csv_file('Stkcd,Accper,A001000000,Typrep\n1,2019-12-31,"5,A\n2,2019-12-31,6"7,A\n'),
        errors.UnreadableFileError, "line 2: a quote that is not closed takes in 1 more lines"),
    "wrong encoding far below": (csv_file("Stkcd,name\n" + "1,a\n" * 30_000 + "1,Générale\n" * 9, "latin-1"),
        errors.UnreadableFileError, "neither UTF-8 nor GB18030"),
    "open quote in the last line": (csv_file('Stkcd,Accper,Typrep,A001000000\n1,2019-12-31,A,"5\n'),
        errors.UnreadableFileError, "line 2: a quote that is not closed takes in 0 more lines"),
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
