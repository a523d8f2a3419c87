"""CNRDS: green patents of listed firms (GPRD), filed and granted, alone and with others."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from aigreen.data import canonical
from aigreen.data.raw.adapter import DEFAULT, Expected, Options, a_shares, measured, one_row, open_kinds, years
from aigreen.data.raw.checks import Field
from aigreen.data.raw.flow import Read, together
from aigreen.errors import SourceError

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
FILED = tuple(field.raw for field in GREEN_FIELDS if "申请" in field.raw)
_COUNTS = tuple(field.raw for field in GREEN_FIELDS)
GREEN = Expected(TABLE, ("股票代码", "会计年度"), _COUNTS, (_COUNTS,))


def green_patents(path: Path | str, options: Options = DEFAULT) -> Read:
    """Read the GPRD export: Chinese headers, one row a firm and year; filings and grants in one file or in two.

    A missing count is zero only for firms of the database's universe, so it stays missing here. The columns of
    filings are required; those of grants are read where they are.

    Parameters
    ----------
    path : path
        File, or folder with the parts of ``GPRD``.
    options : Options
        How to read.

    Raises
    ------
    SourceError
        No columns of filings, or a column in files of different columns.
    """
    done, ledgers = None, []
    for frame, flow, where in open_kinds(path, GREEN, options=options):
        frame = a_shares(frame, "股票代码", flow, where, options)
        frame.insert(1, "year", years(frame, "会计年度", where))
        frame = one_row(frame.drop(columns="会计年度"), KEY, flow, where)
        tidy = frame[KEY].join(measured(frame, GREEN_FIELDS, where))
        if done is not None and (shared := [column for column in tidy if column in done and column not in KEY]):
            raise SourceError(f"{where}: other columns than the file before, and {len(shared)} the same: {shared[0]}")
        done = tidy if done is None else done.merge(tidy, on=KEY, how="outer", validate="one_to_one")
        flow.note("canonical", done)
        ledgers.append(flow.to_frame())
    if missing := missing_filings(done):
        raise SourceError(f"{TABLE}: {len(missing)} missing columns: {', '.join(missing)}")
    return Read(canonical.check("firm_years", done, partial=True), together(*ledgers))


def missing_filings(columns: Iterable[str]) -> list[str]:
    """List the columns of filings, raw, that are there neither raw nor under their canonical names."""
    there = set(columns)
    return [field.raw for field in GREEN_FIELDS if field.raw in FILED and not {field.raw, field.name} & there]
