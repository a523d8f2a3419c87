"""CNRDS: green patents of listed firms (GPRD), filed and granted, alone and with others."""

from __future__ import annotations

from pathlib import Path

from aigreen.data import canonical
from aigreen.data.raw.adapter import DEFAULT, Expected, Options, a_shares, measured, one_row, open_table, years
from aigreen.data.raw.checks import Field
from aigreen.data.raw.flow import Read

KEY = ["firm_id", "year"]
TABLE = "GPRD"
_WAYS = {"独立": "alone", "联合": "jointly"}
_STAGES = {"申请": "filed", "获得": "granted"}
_KINDS = {"发明": "inventions", "实用新型": "utility_models"}
GREEN_FIELDS = tuple(
    Field(
        f"当年{way}{stage}的绿色{kind}数量",
        f"green_{_KINDS[kind]}_{_STAGES[stage]}_{_WAYS[way]}",
        "patents",
        0,
        1e6,
        True,
        True,
    )
    for stage in _STAGES
    for way in _WAYS
    for kind in _KINDS
)
GREEN = Expected(
    TABLE,
    ("股票代码", "会计年度", *(field.raw for field in GREEN_FIELDS if "申请" in field.raw)),
    tuple(field.raw for field in GREEN_FIELDS if "获得" in field.raw),
)


def green_patents(path: Path | str, options: Options = DEFAULT, *, table: str = TABLE) -> Read:
    """Read the GPRD export: Chinese headers, one row a firm and year.

    A missing count is zero only for firms of the database's universe, so it stays missing here. The columns of
    filings are required; those of grants are read where they are.

    Parameters
    ----------
    path : path
        File, or folder with the parts of ``table``.
    options : Options
        How to read.
    table : str
        File name without part number and suffix, where ``path`` is a folder.
    """
    frame, flow, where = open_table(path, table, GREEN.required, GREEN.optional, options=options)
    frame = a_shares(frame, "股票代码", flow, where, options)
    frame.insert(1, "year", years(frame, "会计年度", where))
    frame = one_row(frame.drop(columns="会计年度"), KEY, flow, where)
    tidy = frame[KEY].join(measured(frame, GREEN_FIELDS, where))
    flow.note("canonical", tidy)
    return Read(canonical.check("firm_years", tidy, partial=True), flow.to_frame())
