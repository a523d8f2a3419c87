"""CSMAR: statements, annual firm file, ultimate controllers, R&D.

Each function reads one table of the export (a file, or the folder with its parts) and returns a part of the canonical
``firm_years``, except `firms`. Rules common to all: security codes are six digits again, B shares are left out, only
31 December and consolidated statements are kept, and every row left out is counted.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from aigreen.data import canonical, facts
from aigreen.data.raw import values
from aigreen.data.raw.adapter import DEFAULT, Expected, Options, a_shares, measured, one_row, open_table, year_ends
from aigreen.data.raw.checks import Field
from aigreen.data.raw.flow import Flow, Read
from aigreen.data.raw.reading import RawTable
from aigreen.errors import SourceError

KEY = ["firm_id", "year"]
CONSOLIDATED, PARENT = "A", "B"
CONSOLIDATED_CODE = "1"
STATE_CODES = ("1100", "2000", "2100", "2120")  # state firm, administrative body, central body, local body
MOST_YUAN = 1e15
INDUSTRY = r"^([A-S](?:\d{2})?)\d*$"


def _yuan(raw: str, name: str, low: float = -MOST_YUAN) -> Field:
    return Field(raw, name, "yuan", low, MOST_YUAN, may_miss=True)


BALANCE_FIELDS = (
    _yuan("A001000000", "total_assets", 0),
    _yuan("A001100000", "current_assets", 0),
    _yuan("A001101000", "cash", 0),
    _yuan("A001123000", "inventory"),
    _yuan("A001212000", "fixed_assets"),
    _yuan("A001218000", "intangible_assets"),
    _yuan("A002000000", "total_liabilities"),
    _yuan("A002100000", "current_liabilities"),
    _yuan("A003000000", "equity"),
)
INCOME_FIELDS = (
    _yuan("B001100000", "total_revenue"),
    _yuan("B001101000", "revenue"),
    _yuan("B001201000", "operating_cost"),
    _yuan("B001209000", "selling_expense"),
    _yuan("B001210000", "administrative_expense"),
    _yuan("B001211000", "finance_expense"),
    _yuan("B001216000", "rd_expense"),
    _yuan("B001300000", "operating_profit"),
    _yuan("B001000000", "total_profit"),
    _yuan("B002100000", "income_tax"),
    _yuan("B002000000", "net_profit"),
)
CASH_FIELDS = (_yuan("C001000000", "operating_cash_flow"), _yuan("C002006000", "capital_expenditure"))
RD_FIELDS = (
    Field("RDPerson", "rd_staff", "persons", 0, 1e7, may_miss=True),
    Field("RDPersonRatio", "rd_staff_share", "percent", 0, 100, may_miss=True),
    _yuan("RDSpendSum", "rd_spending", 0),
    Field("RDSpendSumRatio", "rd_intensity", "percent", 0, 1e7, may_miss=True),
    _yuan("RDExpenses", "rd_expensed"),
    _yuan("RDInvest", "rd_capitalised"),
)
PLACE_FIELDS = (
    Field("Lng", "longitude", "degrees", -180, 180, may_miss=True),
    Field("Lat", "latitude", "degrees", -90, 90, may_miss=True),
)


def _statement_columns(table: str, fields: tuple[Field, ...]) -> Expected:
    first, *others = (field.raw for field in fields)
    return Expected(table, ("Stkcd", "Accper", first), ("Typrep", *others))


BALANCE = _statement_columns("FS_Combas", BALANCE_FIELDS)
INCOME = _statement_columns("FS_Comins", INCOME_FIELDS)
CASH = _statement_columns("FS_Comscfd", CASH_FIELDS)
PLACES = ("CITYCODE", "CITY")
INDUSTRIES = ("IndustryCodeC", "IndustryCodeD", "IndustryCode")  # the first is CSRC 2012, the others may be
LEAST_KNOWN = 0.95
FIRM_FILE = Expected(
    "STK_LISTEDCOINFOANL",
    ("Symbol", "EndDate"),
    (*PLACES, *INDUSTRIES, "ShortName", "FullName", "PROVINCECODE", "LISTINGSTATE", "SocialCreditCode", "EstablishDate",
     "LISTINGDATE", *(field.raw for field in PLACE_FIELDS)),
    (PLACES, INDUSTRIES),
)  # fmt: skip
_CONSTANT = ("ShortName", "SocialCreditCode", "EstablishDate", "LISTINGDATE")
NAME_KINDS = {"FullName": "firm", "ShortName": "alias"}
CONTROLLERS = Expected("HLD_Contrshr", ("Stkcd", "Reptdt", "S0702b"))
RD = Expected(
    "PT_LCRDSPENDING", ("Symbol", "EndDate"), ("Source", "StateTypeCode", *(field.raw for field in RD_FIELDS))
)


def balance_sheet(path: Path | str, options: Options = DEFAULT) -> Read:
    """Read ``FS_Combas``: consolidated year-end balance sheets."""
    return _statement(path, BALANCE, BALANCE_FIELDS, options)


def income_statement(path: Path | str, options: Options = DEFAULT) -> Read:
    """Read ``FS_Comins``: consolidated annual income statements."""
    return _statement(path, INCOME, INCOME_FIELDS, options)


def cash_flow(path: Path | str, options: Options = DEFAULT) -> Read:
    """Read ``FS_Comscfd``: consolidated annual cash flows, direct method."""
    return _statement(path, CASH, CASH_FIELDS, options)


def firm_file(path: Path | str | RawTable, options: Options = DEFAULT) -> Read:
    """Read ``STK_LISTEDCOINFOANL``: one row a firm and year, so that moves between cities and industries are seen.

    The city is that of ``CITYCODE`` (districts are put to their prefecture, codes of former units to those of today),
    or that named in ``CITY`` where the code is empty or no prefecture's; one of the two columns is needed. The industry
    is that of ``IndustryCodeC``; without it, of the first of `INDUSTRIES` with codes of CSRC 2012.

    Parameters
    ----------
    path : path or RawTable
        File, or folder with the parts; or what `aigreen.data.raw.adapter.raw_table` read of them.
    options : Options
        How to read.

    Raises
    ------
    SourceError
        No column with codes of CSRC 2012, or what the adapters raise.
    """
    frame, flow, where = open_table(path, *FIRM_FILE, options=options)
    frame = a_shares(frame, "Symbol", flow, where, options)
    frame = year_ends(frame, "EndDate", flow, where)
    frame = one_row(frame, KEY, flow, where)
    tidy = frame[KEY].assign(city_code=_cities(frame, flow, where))
    known = set(values.codes_by_name()) | _other_units()
    odd = tidy["city_code"].notna() & ~tidy["city_code"].isin(known)
    flow.note("city codes in no division table", tidy, int(odd.sum()), list(tidy.loc[odd, "city_code"].unique()[:5]))
    code = _industries(frame, flow, where)
    tidy["industry_code"] = values.each_once(code, lambda words: words.str.extract(INDUSTRY)[0])
    lost = code.notna() & tidy["industry_code"].isna()
    flow.note("industry codes not of CSRC 2012, set missing", tidy, int(lost.sum()), list(code[lost].unique()[:5]))
    if "ShortName" in frame:
        tidy["name"] = values.clean(frame["ShortName"])
        tidy["special_treatment"] = tidy["name"].str.contains("ST", regex=False).astype("boolean")
    if "PROVINCECODE" in frame:
        tidy["province_code"] = values.clean(frame["PROVINCECODE"])
    if "LISTINGSTATE" in frame:
        tidy["listing_state"] = values.clean(frame["LISTINGSTATE"])
    tidy = tidy.join(measured(frame, PLACE_FIELDS, where))
    flow.note("canonical", tidy)
    return Read(canonical.check("firm_years", tidy, partial=True), flow.to_frame())


def firm_names(path: Path | str | RawTable, options: Options = DEFAULT) -> Read:
    """Read every name in ``STK_LISTEDCOINFOANL`` that a firm has carried, full and short, with its years.

    Returns
    -------
    Read
        ``firm_id, name, kind`` (firm: full name, alias: short name), ``first_year, last_year`` and ``region`` (the last
        city; missing for firms with a full name), as `aigreen.data.patents.match.match_names` takes them; not a
        canonical table.
    """
    frame, flow, where = open_table(path, *FIRM_FILE[:3], options=options)
    frame = a_shares(frame, "Symbol", flow, where, options)
    frame = year_ends(frame, "EndDate", flow, where)
    frame = frame.assign(region=_cities(frame, Flow(where), where) if set(PLACES) & set(frame) else pd.NA)
    named = [
        frame[[*KEY, "region"]].assign(name=values.clean(frame[column]), kind=kind)
        for column, kind in NAME_KINDS.items()
        if column in frame
    ]
    rows = pd.concat([frame[[*KEY, "region"]].iloc[:0].assign(name="", kind=""), *named])
    rows = rows.dropna(subset=["name"]).sort_values([*KEY, "kind", "name"])
    named_by = ["firm_id", "kind", "name"]
    tidy = rows.groupby(named_by, as_index=False).agg(first_year=("year", "min"), last_year=("year", "max"))
    last = rows.dropna(subset="region").drop_duplicates(named_by, keep="last")
    tidy = tidy.merge(last[[*named_by, "region"]], on=named_by, how="left")
    full = set(tidy.loc[tidy["kind"] == "firm", "firm_id"])
    tidy["region"] = tidy["region"].where(~tidy["firm_id"].isin(full)).astype("str")
    renamed = tidy[tidy["kind"] == "firm"].groupby("firm_id").size()
    renamed = renamed[renamed > 1]
    flow.note("firms with several full names", tidy, len(renamed), list(renamed.index))
    without = sorted(set(tidy["firm_id"]) - full)
    flow.note("firms without a full name", tidy, len(without), without)
    tidy = tidy[["firm_id", "name", "kind", "first_year", "last_year", "region"]]
    return Read(tidy.astype({"first_year": "Int64", "last_year": "Int64"}), flow.to_frame())


def firms(path: Path | str | RawTable, options: Options = DEFAULT) -> Read:
    """Read what does not change from ``STK_LISTEDCOINFOANL``: canonical ``firms``, the last year's word counting."""
    frame, flow, where = open_table(path, *FIRM_FILE[:3], options=options)
    frame = a_shares(frame, "Symbol", flow, where, options)
    frame = year_ends(frame, "EndDate", flow, where)
    frame = one_row(
        frame.reindex(columns=[*KEY, *_CONSTANT]).astype({name: "str" for name in _CONSTANT}), KEY, flow, where
    )
    seen = frame.groupby("firm_id")["year"].agg(first_year="min", last_year="max").reset_index()
    last = frame.sort_values(KEY).groupby("firm_id").last().reset_index()
    credit = values.clean(last["SocialCreditCode"]).str.upper()
    tidy = pd.DataFrame(
        {
            "firm_id": last["firm_id"],
            "name": values.clean(last["ShortName"]),
            "credit_code": credit.where(credit.str.fullmatch(r"[0-9A-Z]{18}").fillna(False).astype(bool)),
            "founded": values.dates(last["EstablishDate"], where),
            "listed": values.dates(last["LISTINGDATE"], where),
        }
    ).merge(seen, on="firm_id")
    flow.note("canonical: last year of each firm", tidy, len(frame) - len(tidy))
    return Read(canonical.check("firms", tidy), flow.to_frame())


def equity_nature(path: Path | str, options: Options = DEFAULT) -> Read:
    """Read ``HLD_Contrshr``: nature codes of the ultimate controllers (``S0702b``, lists joined by commas)."""
    frame, flow, where = open_table(path, *CONTROLLERS, options=options)
    frame = a_shares(frame, "Stkcd", flow, where, options)
    frame = year_ends(frame, "Reptdt", flow, where)
    frame = flow.without_repeats(frame)
    lists = values.each_once(
        values.clean(frame["S0702b"]),
        lambda words: words.str.replace(r"\.0+$", "", regex=True).str.split(r"[,，;；、\s]+", regex=True),
    )
    codes = frame[KEY].assign(code=lists).explode("code").query("code != ''")
    bad = codes["code"].notna() & ~codes["code"].str.fullmatch(r"\d{4}").fillna(False).astype(bool)
    if bad.any():
        raise SourceError(
            f"{where}: column S0702b: {int(bad.sum())} codes do not have four digits; first: "
            f"{codes.loc[bad, 'code'].iloc[0]!r}"
        )
    named = codes.dropna().drop_duplicates().sort_values([*KEY, "code"])
    first = ~named.duplicated(KEY).to_numpy()
    bounds = pa.array(np.append(np.flatnonzero(first), len(named)), pa.int32())
    lists = pa.ListArray.from_arrays(bounds, pa.array(named["code"], pa.string()))
    joined = pc.binary_join(lists, canonical.SEPARATOR).to_pandas().astype("str")
    tidy = named.loc[first, KEY].reset_index(drop=True).assign(controller_codes=joined)
    state = named[named["code"].isin(STATE_CODES)].drop_duplicates(KEY)[KEY].assign(state_owned=True)
    tidy = tidy.merge(state, on=KEY, how="left")
    tidy["state_owned"] = tidy["state_owned"].astype("boolean").fillna(False)
    flow.note("canonical: controllers of a firm and year together", tidy, len(frame) - len(tidy))
    return Read(canonical.check("firm_years", tidy, partial=True), flow.to_frame())


def rd(path: Path | str, options: Options = DEFAULT) -> Read:
    """Read ``PT_LCRDSPENDING``: R&D staff and spending; consolidated, annual report before other sources."""
    frame, flow, where = open_table(path, *RD, options=options)
    frame = a_shares(frame, "Symbol", flow, where, options)
    frame = year_ends(frame, "EndDate", flow, where)
    frame = consolidated(frame, flow)
    frame = prefer_annual_report(flow.without_repeats(frame), KEY, flow)
    tidy = frame[KEY].join(measured(frame, RD_FIELDS, where))
    flow.note("canonical", tidy)
    return Read(canonical.check("firm_years", tidy, partial=True), flow.to_frame())


def consolidated(frame: pd.DataFrame, flow: Flow) -> pd.DataFrame:
    """Keep rows of the group (``StateTypeCode`` 1) where the column is there."""
    if "StateTypeCode" not in frame:
        return frame
    code = values.clean(frame["StateTypeCode"]).str.replace(r"\.0+$", "", regex=True)
    return flow.keep(frame, code.isna() | (code == CONSOLIDATED_CODE), "not of the group (StateTypeCode)")


def prefer_annual_report(frame: pd.DataFrame, unique: list[str], flow: Flow) -> pd.DataFrame:
    """Keep one row a key: the annual report's, else the first source in the order of its name."""
    if "Source" not in frame:
        return frame
    source = values.clean(frame["Source"]).fillna("")
    ranked = frame.assign(_other=~source.str.contains("年报|年度报告|annual", case=False), _source=source)
    ranked = ranked.sort_values([*unique, "_other", "_source"], ignore_index=True)
    kept = flow.keep(ranked, ~ranked.duplicated(unique), "second source for the same firm and year", show="_source")
    return kept.drop(columns=["_other", "_source"])


def _statement(path: Path | str, expected: Expected, fields: tuple[Field, ...], options: Options) -> Read:
    frame, flow, where = open_table(path, *expected, options=options)
    frame = a_shares(frame, "Stkcd", flow, where, options)
    frame = _group_statements(frame, flow, where)
    frame = year_ends(frame, "Accper", flow, where)
    frame = one_row(frame, KEY, flow, where)
    tidy = frame[KEY].join(measured(frame, fields, where))
    flow.note("canonical", tidy)
    return Read(canonical.check("firm_years", tidy, partial=True), flow.to_frame())


def _cities(frame: pd.DataFrame, flow: Flow, where: str) -> pd.Series:
    """Give the prefecture of each row by its code, or by the name of the city."""
    if not set(PLACES) & set(frame):
        raise SourceError(f"{where}: missing columns: {' or '.join(PLACES)}")
    none = pd.Series(pd.NA, index=frame.index, dtype="str")
    given = values.city_codes(frame["CITYCODE"], where) if "CITYCODE" in frame else none
    code = values.prefectures_of(given)
    put = given.notna() & (given != code)
    flow.note("codes of districts and merged prefectures, put to the prefecture", frame, int(put.sum()),
              list(given[put].unique()[:5]))  # fmt: skip
    named = values.codes_by_place(frame["CITY"]) if "CITY" in frame else none
    found = ~code.isin(values.codes_by_name()) & named.notna()
    flow.note("no code of a prefecture, found by the name of the city", frame, int(found.sum()),
              list(frame.loc[found, "CITY"].unique()[:5]) if found.any() else [])  # fmt: skip
    return code.where(~found, named)


def _group_statements(frame: pd.DataFrame, flow: Flow, where: str) -> pd.DataFrame:
    if "Typrep" not in frame:
        return flow.note("without Typrep, taken for consolidated statements", frame, len(frame))
    kind = values.clean(frame["Typrep"]).str.upper().replace({"合并报表": CONSOLIDATED, "母公司报表": PARENT})
    odd = ~kind.isin([CONSOLIDATED, PARENT])
    if odd.any():
        raise SourceError(
            f"{where}: column Typrep: {int(odd.sum())} cells are neither A nor B; first: {kind[odd].iloc[0]!r}"
        )
    return flow.keep(frame, kind == CONSOLIDATED, "parent statement (Typrep B)").drop(columns="Typrep")


def _industries(frame: pd.DataFrame, flow: Flow, where: str) -> pd.Series:
    """Codes of `INDUSTRIES[0]`, or of the first other column of which nearly all are codes of CSRC 2012."""
    known = set(facts.table("industries")["code"])
    shares = {}
    for column in (name for name in INDUSTRIES if name in frame):
        code = values.clean(frame[column]).str.upper()
        shares[column] = code.str[:3].isin(known).sum() / max(code.notna().sum(), 1)
        if column == INDUSTRIES[0]:
            return code
        if shares[column] >= LEAST_KNOWN:
            flow.note(f"industries of CSRC 2012 taken from {column}", frame, len(frame))
            return code
    found = ", ".join(f"{column} has {share:.0%}" for column, share in shares.items())
    raise SourceError(f"{where}: no column with industries of CSRC 2012 ({found}); name yours for {INDUSTRIES[0]}")


def _other_units() -> set[str]:
    return set(facts.table("divisions_other")["gb_code"])
