"""Google's public patents table: a row a publication, nested lists, integer days with 0 for none, in several files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from aigreen.simulate.economy import writing
from aigreen.simulate.economy.patents import Patents
from aigreen.simulate.economy.technology import FIELDS, Technology

ROWS_A_FILE = 250_000
_LETTERS = np.array(["A", "U", "S"])
_THINGS = (
    "一种装置",
    "一种系统",
    "一种制备方法",
    "一种结构",
    "一种生产工艺",
    "一种检测方法",
    "一种控制电路",
    "一种连接件",
)
_SUBJECTS = ("食品加工", "织物", "家具", "高分子材料", "药物组合物", "陶瓷", "合金", "机床夹具", "车身",
             "开关柜", "半导体器件", "数据传输", "测量仪", "桥梁施工", "采掘")  # fmt: skip


def write_publications(
    folder: Path, patents: Patents, technology: Technology, field: np.ndarray, drawn: np.datetime64
) -> list[Path]:
    """Write the publications of all applications published by the day the data were drawn.

    A granted invention has two: A, then B with the day of grant. Families with a member in the United States have that
    publication too.
    """
    visible = np.flatnonzero(patents.published <= drawn)
    granted = visible[(patents.kind[visible] == 0) & (patents.granted[visible] <= drawn)]
    abroad = visible[patents.abroad[visible]]
    row = np.concatenate([visible, granted, abroad])
    form = np.repeat(np.array([0, 1, 2]), [len(visible), len(granted), len(abroad)])
    day = np.where(form == 1, patents.granted[row], patents.published[row] + np.where(form == 2, 40, 0))
    order = np.lexsort((form, row, day))
    row, form = row[order], form[order]
    written = []
    for at, start in enumerate(range(0, len(row), ROWS_A_FILE)):
        part = slice(start, start + ROWS_A_FILE)
        table = _table(patents, technology, field, row[part], form[part], drawn)
        written.append(writing.parquet(folder / f"publications-{at:04d}.parquet", table))
    return written


def publication_numbers(patents: Patents, row: np.ndarray, form: np.ndarray) -> pa.Array:
    """Give the number of publication ``form`` (0 first, 1 grant, 2 United States) of each row."""
    kind = np.where(form == 0, _LETTERS[patents.kind[row]], np.where(form == 1, "B", "A1"))
    office = np.where(form == 2, "US", "CN")
    digits = np.where(form == 2, 20_000_000_000 + patents.document[row], patents.document[row])
    return _dashed(office, digits, kind)


def _table(
    patents: Patents, technology: Technology, field: np.ndarray, row: np.ndarray, form: np.ndarray, drawn: np.datetime64
) -> pa.Table:
    us = form == 2
    kind = np.where(form == 0, _LETTERS[patents.kind[row]], np.where(form == 1, "B", "A1"))
    filed = patents.filed[row]
    own_grant = (form == 1) | ((patents.kind[row] > 0) & (row % 2 == 0))
    priority = np.where(row % 20 == 0, np.datetime64("NaT"), filed)
    vocabulary = pa.array(technology.symbols)
    return pa.table(
        {
            "publication_number": publication_numbers(patents, row, form),
            "application_number": _dashed(
                np.where(us, "US", "CN"), np.where(us, patents.number[row] % 10**10, patents.number[row]), "A"
            ),
            "country_code": pa.array(np.where(us, "US", "CN")),
            "kind_code": pa.array(kind),
            "application_kind": pa.array(np.where(us, "A", np.array(["A", "U", "D"])[patents.kind[row]])),
            "family_id": pc.cast(pa.array(patents.family[row]), pa.string()),
            "title_localized": _titles(patents, field, row),
            "filing_date": _integers(filed),
            "publication_date": _integers(
                np.where(form == 1, patents.granted[row], patents.published[row] + np.where(us, 40, 0))
            ),
            "grant_date": _integers(np.where(own_grant & ~us, patents.granted[row], np.datetime64("NaT"))),
            "priority_date": _integers(priority),
            "assignee_harmonized": _lists(
                patents.applicants[row], lambda at: _people(pa.array(patents.spelled).take(at))
            ),
            "ipc": _lists(patents.ipc[row], lambda at: _codes(vocabulary.take(at))),
            "cpc": _lists(patents.cpc[row], lambda at: _codes(vocabulary.take(at))),
            "citation": _cited(patents, row, form, drawn),
        }
    )


def _dashed(office: np.ndarray | str, digits: np.ndarray, kind: np.ndarray | str) -> pa.Array:
    parts = [pa.array(np.broadcast_to(part, digits.shape)) for part in (office, kind)]
    return pc.binary_join_element_wise(parts[0], pc.cast(pa.array(digits), pa.string()), parts[1], "-")


def _integers(moments: np.ndarray) -> pa.Array:
    """Days as 20101231, none as 0."""
    there = ~np.isnat(moments)
    day = np.where(there, moments, np.datetime64("1970-01-01"))
    year, month = day.astype("datetime64[Y]"), day.astype("datetime64[M]")
    number = (year.astype(np.int64) + 1970) * 10_000 + ((month - year).astype(np.int64) + 1) * 100
    number += (day - month).astype(np.int64) + 1
    return pa.array(np.where(there, number, 0).astype(np.int64))


def _lists(positions: np.ndarray, records: object) -> pa.ListArray:
    """Turn the positions that are not -1 into lists of records."""
    there = positions >= 0
    offsets = np.concatenate([[0], np.cumsum(there.sum(axis=1))]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), records(pa.array(positions[there])))


def _people(names: pa.Array) -> pa.StructArray:
    return pa.StructArray.from_arrays([names, pa.array(np.full(len(names), "CN"))], ["name", "country_code"])


def _codes(codes: pa.Array) -> pa.StructArray:
    flags = pa.array(np.ones(len(codes), dtype=bool))
    return pa.StructArray.from_arrays([codes, flags, flags], ["code", "inventive", "first"])


def _titles(patents: Patents, field: np.ndarray, row: np.ndarray) -> pa.ListArray:
    assert len(_SUBJECTS) == len(FIELDS)
    words = np.array([f"{thing}（{subject}）" for subject in _SUBJECTS for thing in _THINGS])
    at = field[patents.firm[row]] * len(_THINGS) + patents.number[row] // 3 % len(_THINGS)
    text = pa.array(words).take(pa.array(at))
    records = pa.StructArray.from_arrays([text, pa.array(np.full(len(row), "zh"))], ["text", "language"])
    return pa.ListArray.from_arrays(pa.array(np.arange(len(row) + 1, dtype=np.int32)), records)


def _cited(patents: Patents, row: np.ndarray, form: np.ndarray, drawn: np.datetime64) -> pa.ListArray:
    """Cited publications stand on the last Chinese publication of an application."""
    two = (patents.kind[row] == 0) & (patents.granted[row] <= drawn)
    bearer = (form == 1) | ((form == 0) & ~two)
    first = np.searchsorted(patents.cites[:, 0], row, side="left")
    count = np.where(bearer, np.searchsorted(patents.cites[:, 0], row, side="right") - first, 0)
    offsets = np.concatenate([[0], np.cumsum(count)])
    pairs = np.repeat(first - offsets[:-1], count) + np.arange(offsets[-1])
    citing, cited = patents.cites[pairs].T
    none = cited < 0
    ours = publication_numbers(patents, np.maximum(cited, 0), np.zeros(len(cited), dtype=np.int64))
    theirs = _dashed("US", 6_000_000 + (citing * 7 + pairs) % 4_000_000, "B2")
    numbers = pc.if_else(pa.array(none), theirs, ours)
    records = pa.StructArray.from_arrays([numbers], ["publication_number"])
    return pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), records)
