"""The same rows written in other ways give the same panel."""

import re

import openpyxl
import pandas as pd
import pytest

from .spoilt import ASSETS, CODE, DAY, HEAD, KIND, SHEET, SHORT, balance_sheet, content, digests, sheet


def spread(raw):
    """A workbook with day cells, numbers for codes, a title and a hidden first sheet."""
    rows = balance_sheet(raw)
    book = openpyxl.Workbook()
    book.active.title = "hidden"
    book.active.append(["do", "not", "read"])
    book.active.sheet_state = "hidden"
    table = book.create_sheet("资产负债表")
    table.append(["资产负债表"])
    for row in rows[:HEAD]:
        table.append(row)
    for row in rows[HEAD:]:
        days = pd.Timestamp(row[DAY]).to_pydatetime()
        table.append([int(row[CODE]), row[SHORT], days, row[KIND], *(float(v) if v else None for v in row[ASSETS:])])
    table.merge_cells("A1:M1")
    book.active = 1
    book.save((raw / SHEET).with_suffix(".xlsx"))


def serial_days(rows):
    for row in rows[HEAD:]:
        row[DAY] = str((pd.Timestamp(row[DAY]) - pd.Timestamp("1899-12-30")).days)


def mixed_days(rows):
    forms = ("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y%m%d", "%Y年%m月%d日", "%Y-%m-%d 00:00:00")
    for at, row in enumerate(rows[HEAD:]):
        row[DAY] = pd.Timestamp(row[DAY]).strftime(forms[at % len(forms)])


def thousands(rows):
    for row in rows[HEAD:]:
        row[ASSETS:] = [re.sub(r"(?<=\d)(?=(?:\d{3})+(?!\d))", ",", v) if "." not in v else v for v in row[ASSETS:]]


def lost_zeros(rows):
    for row in rows[HEAD:]:
        row[CODE] = row[CODE].lstrip("0")


def with_exchange(rows):
    for row in rows[HEAD:]:
        row[CODE] = f"{row[CODE].zfill(6)}.{'SH' if row[CODE].startswith('6') else 'SZ'}"


def notes_around(rows):
    width = len(rows[0])
    return [["资产负债表", *[""] * (width - 1)], *rows, [""] * width, ["数据来源：CSMAR", *[""] * (width - 1)]]


def stata(raw):
    rows = balance_sheet(raw)
    frame = pd.DataFrame(rows[HEAD:], columns=rows[0])
    frame.iloc[:, ASSETS:] = frame.iloc[:, ASSETS:]
    amounts = frame.iloc[:, ASSETS:].apply(pd.to_numeric)
    pd.concat([frame.iloc[:, :ASSETS].astype(object), amounts], axis=1).to_stata(
        (raw / SHEET).with_suffix(".dta"), write_index=False, version=118
    )


SAME = {
    "byte-order mark": sheet(encoding="utf-8-sig"),
    "UTF-16": sheet(encoding="utf-16"),
    "semicolons": sheet(delimiter=";"),
    "tabs": sheet(delimiter="\t"),
    "thousands separators": sheet(thousands),
    "Excel serial days": sheet(serial_days),
    "mixed forms of days": sheet(mixed_days),
    "codes that lost their zeros": sheet(lost_zeros),
    "codes with the exchange": sheet(with_exchange),
    "title above, note below": sheet(notes_around),
    "rows given twice": sheet(lambda rows: [*rows, *rows[HEAD : HEAD + 9]]),
    "old line ends": content(SHEET, lambda data: data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")),
    "lock files beside": lambda raw: (raw / "csmar/~$FS_Combas.xlsx").write_bytes(b"\x05user" + b" " * 160),
    "workbook, hidden first sheet": spread,
    "Stata file": stata,
}


@pytest.mark.parametrize("way", SAME)
def test_the_same_rows_written_in_another_way_give_the_same_panel(run, world, tmp_path, way):
    code, _, error = run(SAME[way])
    assert (code, error) == (0, "")
    assert digests(tmp_path / "out")["panel.parquet"] == digests(world / "out")["panel.parquet"]
