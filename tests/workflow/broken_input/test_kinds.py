"""Broken raw files through `aigreen build`: one error line, exit code 1, inputs untouched, nothing half-written.

`python3 run.py test tests/workflow/broken_input/test_kinds.py -n 0 -s` prints the table of kinds and messages.
"""

import csv
import gzip
import os
import re
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from .spoilt import (
    ASSETS,
    CODE,
    DAY,
    GOOGLE,
    HEAD,
    KIND,
    SHEET,
    balance_sheet,
    cell,
    content,
    delimited,
    group_row,
    sheet,
    workbook,
)

NAMES = "names/company_names.csv"


@pytest.fixture(scope="module")
def messages():
    """What each kind of broken input was told; printed at the end."""
    said: dict[str, str] = {}
    yield said
    width = max(map(len, said), default=0)
    print(
        f"\n{len(said)} kinds of broken input\n" + "\n".join(f"{kind:<{width}}  {text}" for kind, text in said.items())
    )


def columns(change):
    def apply(rows):
        for row in rows:
            change(row)

    return sheet(apply)


def parquet(change, name=GOOGLE):
    def spoil(raw):
        pq.write_table(change(pq.read_table(raw / name)), raw / name)

    return spoil


def nested(table):
    kind = pa.string()
    for _ in range(40):
        kind = pa.struct([("a", kind)])
    return table.append_column("bomb", pa.nulls(len(table), kind))


def two_sheets(book, first):
    book.create_sheet("notes").append(["see", "the manual"])


def zip_bomb(raw):
    balance_sheet(raw)
    with zipfile.ZipFile((raw / SHEET).with_suffix(".xlsx"), "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"0" * (80 << 20))


def with_password(raw):
    balance_sheet(raw)
    content = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 500 + "EncryptedPackage".encode("utf-16-le")
    (raw / SHEET).with_suffix(".xlsx").write_bytes(content)


def old_workbook(raw):
    balance_sheet(raw)
    (raw / SHEET).with_suffix(".xls").write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 504)


def cut_workbook(raw):
    workbook(lambda book, first: None)(raw)
    path = (raw / SHEET).with_suffix(".xlsx")
    path.write_bytes(path.read_bytes()[:-3000])


def directory(raw):
    balance_sheet(raw)
    (raw / SHEET).mkdir()


def moved_out(name):
    def spoil(raw):
        (raw / name).rename(raw.parent / "secret")
        (raw / name).symlink_to(raw.parent / "secret")

    return spoil


def folder_moved_out(raw):
    (raw / "google").rename(raw.parent / "secret")
    (raw / "google").symlink_to(raw.parent / "secret", target_is_directory=True)


def dangling(raw):
    balance_sheet(raw)
    (raw / SHEET).symlink_to(raw / "gone.csv")


def json_lines(lines: bytes):
    def spoil(raw):
        (raw / GOOGLE).unlink()
        (raw / "google/publications.json.gz").write_bytes(gzip.compress(lines))

    return spoil


def columns_differ(raw):
    path = raw / "csmar/FS_Combas(1).csv"
    with path.open(encoding="gb18030", newline="") as lines:
        rows = [row[:-1] for row in csv.reader(lines)]
    path.write_bytes(delimited(rows))


def two_alike(rows):
    rows[0][CODE] = "stkcd"
    for row in rows:
        row.append(row[CODE])
    rows[0][-1] = "STKCD"


def reports(data):
    """Reports as a folder of texts, one of them with these bytes."""

    def spoil(raw):
        (raw / "reports/reports.parquet").unlink()
        (raw / "reports/000001_2015.txt").write_bytes(data)

    return spoil


REPORT = ("公司以人工智能为核心。" * 50).encode()
BROKEN = {
    "truncated Parquet": (content(GOOGLE, lambda data: data[:-100]), "0000.parquet: not a readable Parquet file"),
    "damaged Parquet page": (content(GOOGLE, lambda data: data[:99] + b"\xff" * 9_000 + data[9_099:]), "not readable"),
    "Parquet with other bytes": (content(GOOGLE, lambda _: b"PAR1" + b"\0" * 99), "not a readable Parquet file"),
    "damaged page of reports": (
        content("reports/reports.parquet", lambda data: data[:99] + b"\xff" * 2_000 + data[2_099:]),
        "reports.parquet: not readable Parquet content"),
    "nested columns without end": (parquet(nested), "40 levels of nesting, more than 12"),
    "2,001 columns": (columns(lambda row: row.extend(["x"] * 2001)), "2,014 columns, more than 2,000"),
    "list where text belongs": (
        parquet(lambda table: table.set_column(
            table.column_names.index("text"), "text", pa.array([["a"]] * len(table))), "reports/reports.parquet"),
        "reports.parquet: .*nested",
    ),
    "no list of records": (
        parquet(lambda table: table.set_column(table.column_names.index("ipc"), "ipc", pa.array(["x"] * len(table)))),
        "column ipc is string, not a list of records",
    ),
    "days out of range": (
        parquet(lambda table: table.set_column(
            table.column_names.index("filing_date"), "filing_date", pa.array([20221345] * len(table)))),
        "column filing_date: .* cells are not days.*'20221345'",
    ),
    "JSON cut off": (json_lines(b'{"publication_number": "CN-1-A", "filing'), "not readable JSON lines"),
    "JSON nested without end": (json_lines(b'{"a":' * 99_999 + b"1" + b"}" * 99_999), "99,999 levels of nesting, more"),
    "gzip cut off": (
        lambda raw: (json_lines(b'{"publication_number": "x"}' * 999)(raw), content(
            "google/publications.json.gz", lambda data: data[:-12])(raw)),
        "not readable JSON lines",
    ),
    "zip bomb": (zip_bomb, "unfolds to 83,886,080 bytes"),
    "truncated workbook": (cut_workbook, "not a whole workbook"),
    "password-protected workbook": (with_password, "an old or a password-protected workbook"),
    "damaged old workbook (.xls)": (old_workbook, "FS_Combas.xls: not a readable workbook"),
    "formulas without values": (
        workbook(lambda book, first: first.cell(9, 5, "=1+1")), "1 formula cells hold no stored value.*E9"),
    "error cells": (workbook(lambda book, first: setattr(first.cell(9, 5), "value", "#N/A")), "an Excel error.*E9"),
    "cells merged across columns": (
        workbook(lambda book, first: first.merge_cells("D9:E9")), "cells merged across columns in row 9"),
    "two sheets with content": (workbook(two_sheets), "2 sheets with content; name one of Sheet, notes"),
    "empty file": (content(SHEET, lambda _: b""), "FS_Combas.csv: the file is empty"),
    "blank file": (content(SHEET, lambda _: b"\xef\xbb\xbf \r\n\r\n"), "FS_Combas.csv: the file is empty"),
    "header and no rows": (sheet(lambda rows: rows[:1]), "but no rows"),
    "labels and no rows": (sheet(lambda rows: rows[:HEAD]), "Stkcd: 2 cells are not security codes"),
    "no header": (sheet(lambda rows: rows[HEAD:]), "no header row: row 1 holds values"),
    "shifted header": (columns(lambda row: row.insert(0, "" if row[CODE] == "Stkcd" else "x")), "have no name.*shift"),
    "wrong encoding": (
        content(SHEET, lambda data: data.decode("gb18030").encode("big5", "ignore") + b"\xfc\xe9,\xe8\n" * 400),
        "neither UTF-8 nor GB18030",
    ),
    "binary file": (content(SHEET, lambda data: data[:500] + b"\0" * 9 + data[500:]), "binary content"),
    "workbook named csv": (
        lambda raw: (workbook(lambda book, first: None)(raw), (raw / "csmar/FS_Combas.xlsx").rename(raw / SHEET)),
        "content of a .xlsx file",
    ),
    "last line cut off": (content(SHEET, lambda data: data[:-30]), "a quote that is not closed takes in 0 more lines"),
    "too many cells in a row": (sheet(lambda rows: rows[7].append("1")), "not have 13 cells; first: 14 cells"),
    "quote never closed": (content(SHEET, lambda data: data.replace(b'"A",', b'"A,', 1)), "FS_Combas"),
    "column name twice": (columns(lambda row: row.append(row[CODE])), "1 column names stand twice: Stkcd"),
    "missing column, near name": (
        sheet(lambda rows: rows[0].__setitem__(DAY, "Acper")), r"missing columns: Accper \(did you mean 'Acper'\?\)"),
    "two columns for one": (sheet(two_alike), "2 columns read as Stkcd: stkcd, STKCD"),
    "other columns in the second part": (columns_differ, r"FS_Combas\(1\).csv: other columns than FS_Combas.csv"),
    "duplicate keys": (
        sheet(lambda rows: rows.append([*group_row(rows)[:ASSETS], "1", *group_row(rows)[ASSETS + 1 :]])),
        "1 rows repeat firm_id and year; first: 000001 2007",
    ),
    "negative assets": (cell(ASSETS, "-5"), "A001000000: 1 cells are not numbers from 0 .*'-5' of 000001 2007"),
    "text for a number": (cell(ASSETS, "many"), "A001000000: 1 cells are not numbers.*'many'"),
    "decimal comma": (cell(ASSETS, "1234,5"), "A001000000: 1 cells are not numbers.*'1234,5'"),
    "infinite": (cell(ASSETS, "inf"), "A001000000: 1 cells are not numbers"),
    "year 20225": (cell(DAY, "20225-12-31"), "Accper: 1 cells are not days.*'20225-12-31'"),
    "30 February": (cell(DAY, "2019-02-30"), "Accper: 1 cells are not days.*'2019-02-30'"),
    "month first": (cell(DAY, "12/31/2019"), "Accper: 1 cells are not days.*'12/31/2019'"),
    "day missing": (cell(DAY, ""), "Accper: 1 cells are empty"),
    "unknown statement type": (cell(KIND, "C"), "Typrep: 1 cells are neither A nor B; first: 'C'"),
    "code in scientific notation": (cell(CODE, "6E+05"), "Stkcd: 1 cells are not security codes.*'6E\\+05'"),
    "a path outside the data folder": (moved_out(SHEET), "outside the data folder"),
    "a shard outside the data folder": (moved_out(GOOGLE), "outside the data folder"),
    "a folder outside the data folder": (folder_moved_out, "outside the data folder"),
    "link to nothing": (dangling, "no file of table FS_Combas"),
    "directory in place of a file": (directory, "no file of table FS_Combas"),
    "needed table absent": (
        lambda raw: (raw / "csmar/STK_LISTEDCOINFOANL.csv").unlink(), "no file of table STK_LISTEDCOINFOANL"),
    "folder without publications": (lambda raw: (raw / GOOGLE).rename(raw / "google/x.orc"), "google: no publications"),
    "damaged report": (reports(REPORT[:-1]), "000001_2015.txt: damaged UTF-8"),
    "reports without names": (
        lambda raw: ((raw / "reports/reports.parquet").unlink(), (raw / "reports/a.txt").write_bytes(REPORT)),
        "no report files named like 000001_2015.txt"),
    "unknown kind of name": (content(NAMES, lambda data: data.replace(b'"alias"', b'"alas"', 1)), "'alas' is none of"),
    "unknown industry": (
        content("segments/segments.csv", lambda data: data.replace(b'"C13"', b'"13"', 1)), "'13' is no two-digit code"),
}  # fmt: skip


@pytest.mark.parametrize("kind", BROKEN)
def test_broken_input_is_one_clear_line(run, messages, tmp_path, kind):
    spoil, words = BROKEN[kind]
    code, said, error = run(spoil)
    assert code == 1
    assert said == ""
    assert re.search(words, error), error
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert len(error.replace(str(tmp_path), "")) < 450
    out = tmp_path / "out"
    assert [path.name for path in out.iterdir() if path.is_file()] == []
    kept = [path for path in out.rglob("*") if path.is_file()]
    assert {path.parent.name for path in kept} == {"canonical"}
    assert all(pq.read_metadata(path).num_columns for path in kept)
    messages[kind] = error.removeprefix("error: ").strip().replace(f"{tmp_path}{os.sep}", "")
