"""Tables of a study that no data vendor delivers in one form: company names, segment revenue, robots, input-output."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from aigreen.data.canonical import FIRST_YEAR, LAST_YEAR
from aigreen.data.patents.match import KINDS, YEARS
from aigreen.data.raw import values
from aigreen.data.raw.adapter import (
    DEFAULT,
    Expected,
    Options,
    a_shares,
    measured,
    one_row,
    open_table,
    year_ends,
    years,
)
from aigreen.data.raw.checks import Field
from aigreen.data.raw.flow import Read
from aigreen.errors import SourceError

NAMES = Expected("company_names", ("firm_id", "name", "kind"), YEARS)
CODES = Expected("code_changes", ("old_code", "new_code"))
SEGMENTS = Expected("segments", ("Stkcd", "Accper", "SegmentIndustryCode", "SegmentRevenue"))
ROBOTS = Expected("robots", ("industry_code", "year", "robots", "employment"))
INPUT_OUTPUT = Expected("input_output", ("industry_code", "partner_industry", "coefficient"))
_CODE = r"^[A-S]\d{2}$"
_YEAR_FIELDS = tuple(
    Field(name, name, "calendar year", FIRST_YEAR, LAST_YEAR, whole=True, may_miss=True) for name in YEARS
)


def company_names(path: Path | str, options: Options = DEFAULT) -> Read:
    """Read the names of listed firms: ``firm_id, name, kind`` (firm, subsidiary, alias).

    ``first_year`` and ``last_year`` bound the years of a name, where they are given.
    """
    frame, flow, where = open_table(path, *NAMES, options=options)
    frame = a_shares(frame.rename(columns={"firm_id": "code"}), "code", flow, where, options)
    frame["name"], frame["kind"] = values.clean(frame["name"]), values.clean(frame["kind"])
    frame = flow.keep(frame, frame["name"].notna(), "no name", show="firm_id")
    _refuse(~frame["kind"].isin(list(KINDS)), frame["kind"], where, f"is none of {', '.join(KINDS)}")
    frame = flow.without_repeats(frame.assign(**measured(frame, _YEAR_FIELDS, where)))
    return Read(frame.sort_values(["firm_id", "kind", "name"], ignore_index=True), flow.to_frame())


def code_changes(path: Path | str, options: Options = DEFAULT) -> Read:
    """Read the user's changes of security codes: ``old_code, new_code``, each old code once.

    Raises
    ------
    SourceError
        Cells that are no codes, or an old code with two new ones.
    """
    frame, flow, where = open_table(path, *CODES, options=options, unit="old_code")
    tidy = pd.DataFrame({column: values.stock_codes(frame[column], where)[0] for column in CODES.required})
    tidy = flow.keep(tidy, tidy.notna().all(axis=1), "no code")
    tidy = one_row(tidy, ["old_code"], flow, where)
    return Read(tidy.sort_values("old_code", ignore_index=True), flow.to_frame())


def segments(path: Path | str, options: Options = DEFAULT) -> Read:
    """Read revenue by segment: ``firm_id, year, industry_code`` (two digits), ``revenue`` (yuan)."""
    frame, flow, where = open_table(path, *SEGMENTS, options=options)
    frame = a_shares(frame, "Stkcd", flow, where, options)
    frame = year_ends(frame, "Accper", flow, where)
    frame = one_row(frame, ["firm_id", "year", "SegmentIndustryCode"], flow, where)
    money = Field("SegmentRevenue", "revenue", "yuan", -1e15, 1e15, may_miss=True)
    tidy = frame[["firm_id", "year"]].assign(industry_code=_industry(frame["SegmentIndustryCode"], where))
    tidy["revenue"] = measured(frame, [money], where)["revenue"]
    key = ["firm_id", "year", "industry_code"]
    return Read(tidy.groupby(key, as_index=False)["revenue"].sum(min_count=1), flow.to_frame())


def robots(path: Path | str, options: Options = DEFAULT) -> Read:
    """Read robots by industry: ``industry_code, year, robots`` (stock), ``employment`` (persons, of the base year)."""
    frame, flow, where = open_table(path, *ROBOTS, options=options, unit="industry_code")
    fields = [Field("robots", "robots", "robots", 0, 1e9), Field("employment", "employment", "persons", 1, 1e10)]
    tidy = pd.DataFrame(
        {"industry_code": _industry(frame["industry_code"], where), "year": years(frame, "year", where)}
    )
    tidy = one_row(tidy.join(measured(frame, fields, where)), ["industry_code", "year"], flow, where)
    return Read(tidy.sort_values(["industry_code", "year"], ignore_index=True), flow.to_frame())


def input_output(path: Path | str, options: Options = DEFAULT) -> Read:
    """Read input-output coefficients: ``industry_code, partner_industry, coefficient``."""
    frame, flow, where = open_table(path, *INPUT_OUTPUT, options=options, unit="industry_code")
    tidy = pd.DataFrame({name: _industry(frame[name], where) for name in ("industry_code", "partner_industry")})
    tidy = tidy.join(measured(frame, [Field("coefficient", "coefficient", "share", 0, 1)], where))
    tidy = one_row(tidy, ["industry_code", "partner_industry"], flow, where)
    return Read(tidy.sort_values(["industry_code", "partner_industry"], ignore_index=True), flow.to_frame())


def _industry(cells: pd.Series, where: str) -> pd.Series:
    code = values.clean(cells).str.upper()
    _refuse(~code.str.fullmatch(_CODE).fillna(False).astype(bool), cells, where, "is no two-digit code of CSRC 2012")
    return code


def _refuse(bad: pd.Series, cells: pd.Series, where: str, fault: str) -> None:
    if bad.any():
        first = cells[bad].iloc[0]
        raise SourceError(f"{where}: column {cells.name}: {int(bad.sum())} cells; first: {first!r} {fault}")
