"""CNIPA-type exports of patent records: Chinese headers, one row an application or a publication.

Headers of the national databases, CNIPR, PatSnap and incoPat are known by the fact table ``raw_headers``. What one
layout says in a column of its own, another says by the kind letter of the publication number, or in the application
number.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from aigreen.data.patents.symbols import canonical_cells
from aigreen.data.raw import values
from aigreen.data.raw.adapter import DEFAULT, Expected, Options, open_table
from aigreen.data.raw.flow import Flow
from aigreen.data.sources.patent_tables import (
    CHINESE_KINDS,
    GRANTED_KINDS,
    PatentTables,
    applicants,
    chinese_numbers,
    in_order,
    no_citations,
    one_per_application,
    patents,
)

TABLE = "CNIPA"
SINGLE_DAY = "公开（公告）日"
RECORDS = Expected(
    TABLE,
    ("申请号", "申请日", "申请人", "分类号"),
    ("专利类型", "公开号", "公开日", SINGLE_DAY, "授权公告日", "专利名称", "申请摘要", "申请人地址", "主分类号"),
)
TYPES = {"发明": "invention", "实用新型": "utility_model", "外观设计": "design"}
_BY_NUMBER = {"1": "invention", "8": "invention", "2": "utility_model", "9": "utility_model", "3": "design"}
_ELSEWHERE = r"^(?!CN|ZL)[A-Z]{2}"


def patent_records(path: Path | str, options: Options = DEFAULT, *, table: str = TABLE) -> PatentTables:
    """Read an export of patent records.

    Exports that split published and granted inventions give an application twice; it becomes one row. Where a layout
    has one day for publication and grant (``公开（公告）日``), or no day of grant, the kind letter of the publication
    number (A, or B C U Y S D) says which it is, else the type (发明公开, or 发明授权, 实用新型 and 外观设计). A utility
    model or design is published by its grant, so its first publication is the grant where no other day is given.

    Parameters
    ----------
    path : path
        File, or folder with the parts of ``table``.
    options : Options
        How to read.
    table : str
        File name without part number and suffix, where ``path`` is a folder.
    """
    _, required, optional, _ = RECORDS
    frame, flow, where = open_table(path, table, required, optional, options=options, unit="patent_id")
    has_grant_day = "授权公告日" in frame
    frame = frame.reindex(columns=[*required, *optional]).astype("str")
    foreign = _says(values.clean(frame["申请号"]).str.upper(), _ELSEWHERE)
    frame = flow.keep(frame, ~foreign, "filed at another office", show="申请号")
    frame.insert(0, "patent_id", chinese_numbers(frame["申请号"], where))
    frame = flow.keep(frame, frame["patent_id"].notna(), "no application number")
    kind = values.clean(frame["公开号"]).str.upper().str.extract(r"\d-?([A-Z])\d?$")[0]
    words = values.clean(frame["专利类型"])
    rows = pd.DataFrame(
        {
            "patent_id": frame["patent_id"],
            "office": "CN",
            "patent_type": _types(frame["patent_id"], words, kind, flow),
            "filing_date": values.dates(frame["申请日"], where),
            **_days(frame, words, kind, flow, where, has_grant_day=has_grant_day),
            "priority_date": pd.Series(pd.NaT, index=frame.index, dtype="datetime64[us]"),
            "title": values.clean(frame["专利名称"]),
            "abstract": values.clean(frame["申请摘要"]),
            "ipc": canonical_cells(frame["分类号"], flow, "分类号", first=frame["主分类号"]),
        }
    )
    names = values.parted(frame["申请人"]).explode()
    address = values.clean(frame["申请人地址"]).groupby(frame["patent_id"]).last()
    people = applicants(frame["patent_id"].loc[names.index], names, Flow(table, "patent_id"), address=address)
    return PatentTables(patents(one_per_application(in_order(rows), flow), flow), people, no_citations(table))


def _types(number: pd.Series, words: pd.Series, kind: pd.Series, flow: Flow) -> pd.Series:
    """Type by its word, else by the kind letter, else by the digit that the application number has for it."""
    digits = number.str[2:]
    digit = digits.str[4].where(digits.str.len() == 12, digits.str[2])
    stated = words.str.extract(f"({'|'.join(TYPES)})")[0].map(TYPES).astype("str")
    known = stated.fillna(kind.map(CHINESE_KINDS).astype("str")).fillna(digit.map(_BY_NUMBER).astype("str"))
    unknown = known.isna()
    flow.note("type of patent from its numbers", number.to_frame(), int((stated.isna() & ~unknown).sum()))
    first = list(words[unknown].unique()[:5])
    flow.note("type of patent unclear, set missing", number.to_frame(), int(unknown.sum()), first)
    return known


def _days(
    frame: pd.DataFrame, words: pd.Series, kind: pd.Series, flow: Flow, where: str, *, has_grant_day: bool
) -> dict[str, pd.Series]:
    """Days of publication and grant."""
    published, single, granted = (values.dates(frame[name], where) for name in ("公开日", SINGLE_DAY, "授权公告日"))
    day = single.where(single.notna(), published)
    at_once, later = (_says(words, pattern) for pattern in ("实用新型|外观设计", "授权"))
    by_word = at_once | (later & (single.notna() | (not has_grant_day)))
    grants = by_word.where(kind.isna(), _says(kind, GRANTED_KINDS))
    filled = granted.isna() & grants & day.notna()
    flow.note("grants told by kind or type", frame, int(filled.sum()))
    unclear = single.notna() & ~filled & kind.isna() & ~_says(words, "公[开布]|申请")
    flow.note("one day, publication or grant unclear: taken for the publication", frame, int(unclear.sum()))
    granted = granted.where(~filled, day)
    published = published.where(published.notna(), single)
    return {"publication_date": published.where(published.notna(), granted), "grant_date": granted}


def _says(cells: pd.Series, pattern: str) -> pd.Series:
    return cells.str.contains(pattern).fillna(False).astype(bool)
