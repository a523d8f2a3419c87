"""CNIPA-type exports of patent records: Chinese headers, one row an application or a publication."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from aigreen.data.patents.symbols import canonical_cells
from aigreen.data.raw import values
from aigreen.data.raw.adapter import DEFAULT, Options, open_table
from aigreen.data.raw.flow import Flow
from aigreen.data.sources.patent_tables import (
    PatentTables,
    applicants,
    chinese_numbers,
    no_citations,
    one_per_application,
    patents,
)

TABLE = "CNIPA"
REQUIRED = ("申请号", "申请日", "申请人", "专利类型", "分类号")
OPTIONAL = ("公开日", "授权公告日", "专利名称", "申请摘要", "申请人地址", "主分类号")
TYPES = {"发明": "invention", "实用新型": "utility_model", "外观设计": "design"}


def patent_records(path: Path | str, options: Options = DEFAULT, *, table: str = TABLE) -> PatentTables:
    """Read an export of patent records.

    Exports that split published and granted inventions give an application twice; it becomes one row. A utility
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
    frame, flow, where = open_table(path, table, REQUIRED, OPTIONAL, options=options, unit="patent_id")
    frame = frame.reindex(columns=[*REQUIRED, *OPTIONAL])
    frame.insert(0, "patent_id", chinese_numbers(frame["申请号"], where))
    frame = flow.keep(frame, frame["patent_id"].notna(), "no application number")
    kind = values.clean(frame["专利类型"])
    type_ = kind.str.extract(f"({'|'.join(TYPES)})")[0].map(TYPES)
    unknown = type_.isna()
    flow.note("type of patent unclear, set missing", frame, int(unknown.sum()), list(kind[unknown].unique()[:5]))
    granted = values.dates(frame["授权公告日"], where)
    published = values.dates(frame["公开日"], where)
    rows = pd.DataFrame(
        {
            "patent_id": frame["patent_id"],
            "office": "CN",
            "patent_type": type_.astype("str"),
            "filing_date": values.dates(frame["申请日"], where),
            "publication_date": published.where(published.notna(), granted),
            "grant_date": granted,
            "priority_date": pd.Series(pd.NaT, index=frame.index, dtype="datetime64[us]"),
            "title": values.clean(frame["专利名称"]),
            "abstract": values.clean(frame["申请摘要"]),
            "ipc": canonical_cells(frame["分类号"], flow, "分类号", first=frame["主分类号"]),
        }
    )
    names = values.parted(frame["申请人"]).explode()
    address = values.clean(frame["申请人地址"]).groupby(frame["patent_id"]).last()
    people = applicants(frame["patent_id"].loc[names.index], names, Flow(table, "patent_id"), address=address)
    return PatentTables(patents(one_per_application(rows, flow), flow), people, no_citations(table))
