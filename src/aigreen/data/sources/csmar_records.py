"""CSMAR tables with several rows a firm and year: patents by own report, staff, top-five customers and suppliers."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd

from aigreen.data import canonical
from aigreen.data.raw import values
from aigreen.data.raw.adapter import (
    DEFAULT,
    Expected,
    Options,
    a_shares,
    measured,
    one_row,
    open_table,
    present_codes,
    year_ends,
)
from aigreen.data.raw.checks import Field
from aigreen.data.raw.flow import Flow, Read
from aigreen.data.sources.csmar import KEY, consolidated, prefer_annual_report
from aigreen.errors import OptionError, SourceError

_STOCK = r"累计|有效|截[至止]|期末|拥有|持有|cumulative|valid|in force|stock"
_FILED = r"申请|filed|appl"
_GRANTED = r"获得|获取|授[权予]|grant"
_TOTAL_AREA = r"^(?:合计|总计|全部|境内外|国内外|total|all)$"
PATENT_FIELDS = tuple(
    Field(raw, name, "patents", 0, 1e6, whole=True, may_miss=True)
    for raw, name in (
        ("Patents", "patents_filed"),
        ("Invention", "inventions_filed"),
        ("UtilityModel", "utility_models_filed"),
        ("Design", "designs_filed"),
    )
)
PATENTS = Expected(
    "PT_LCDOMFORAPPLY",
    ("Symbol", "EndDate", "ApplyType", "Patents"),
    ("StateTypeCode", "Area", "Source", *(field.raw for field in PATENT_FIELDS[1:])),
)
STAFF = Expected("STK_CompanyStaff", ("Symbol", "EndDate", "EmployStructure", "EmployDetail", "Amount"))
LINKS = {
    direction: Expected(
        table,
        ("Symbol", "EndDate", "InstitutionName", "ProportionOfTotalValue"),
        ("StateTypeCode", "BusinessSymbol", "IsListed"),
    )
    for direction, table in (("customer", "SC_TopFiveSaleInfo"), ("supplier", "SC_TopFivePurchaseInfo"))
}

_STRUCTURES = (
    ("education", r"学历|教育|文化|educat"),
    ("age", r"年龄|\bage"),
    ("total", r"合计|总计|总数|total"),
    ("profession", r"专业|职能|岗位|工种|职业|profession|function"),
)
# Order matters: the first pattern that is found in the text decides.
STAFF_CATEGORIES = {
    "education": (
        ("doctor", r"^博士(研究生)?$|doctor|phd"),
        ("postgraduate", r"博士|硕士|研究生|master|postgraduate"),
        ("bachelor_or_above", r"(本科|学士).*(以上|above)|bachelor.*above"),
        ("below_bachelor", r"(本科|大专|专科).*(以下|below)"),
        ("bachelor", r"^(大学)?本科|学士|bachelor|^大学$"),
        ("college", r"大专|专科|高职|college"),
        ("secondary_or_below", r"高中|中专|中技|职高|技校|初中|小学|中等|secondary"),
    ),
    "profession": (
        ("research", r"研发|研究|科研|r&d|research"),
        ("technical", r"技术|工程|technic|engineer"),
        ("production", r"生产|制造|操作|工人|production"),
        ("sales", r"销售|营销|市场|业务|sales|market"),
        ("finance", r"财务|会计|financ"),
        ("administration", r"行政|管理|人事|后勤|administ|manage"),
    ),
}
_MASKED = re.compile(
    r"第?[一二三四五六七八九十0-9]+(大?(客户|供应商|名|位))?"
    r"|(第[一二三四五六七八九十0-9]+大?)?(客户|供应商|公司|单位|企业|自然人|个人)(名称)?[0-9一二三四五六七八九十A-Z甲乙丙丁戊己庚辛壬癸]*"
    r"|[A-Z甲乙丙丁戊己庚辛壬癸](客户|供应商|公司|单位|企业)?"
    r"|(customer|supplier|company|client|no\.?)\s*[0-9a-z]"
    r"|.*[*＊×]{2,}.*|[XY]{1,3}(公司|客户|供应商)?|不适用|未披露|保密|合计|总计",
    re.IGNORECASE,
)


def patents(path: Path | str, options: Options = DEFAULT) -> Read:
    """Read ``PT_LCDOMFORAPPLY``: patents filed in the year by the firm's own report.

    The table mixes flows (filed, granted in the year) with stocks (cumulative, valid): by ``ApplyType`` only filings
    of the year are kept. A total over areas is taken where there is one; else domestic and foreign are added.

    Raises
    ------
    SourceError
        A type of count that is none of these, or what the adapters raise.
    """
    frame, flow, where = open_table(path, *PATENTS, options=options)
    frame = a_shares(frame, "Symbol", flow, where, options)
    frame = year_ends(frame, "EndDate", flow, where)
    frame = consolidated(frame, flow)
    kinds = {kind: _count_type(kind) for kind in values.clean(frame["ApplyType"]).dropna().unique()}
    if unknown := [kind for kind, what in kinds.items() if not what]:
        raise SourceError(f"{where}: column ApplyType: {len(unknown)} types not understood: {', '.join(unknown[:5])}")
    what = values.clean(frame["ApplyType"]).map(kinds)
    frame = flow.keep(frame, what != "stock", "stock, not a flow (ApplyType)", show="ApplyType")
    what = values.clean(frame["ApplyType"]).map(kinds)
    frame = flow.keep(frame, what == "filed", "granted or of no type (ApplyType)", show="ApplyType")
    frame = flow.without_repeats(frame)
    area = values.clean(frame["Area"]).fillna("") if "Area" in frame else pd.Series("", index=frame.index)
    frame = prefer_annual_report(frame.assign(Area=area), [*KEY, "Area"], flow)
    total = frame["Area"].str.contains(_TOTAL_AREA, case=False)
    has_total = total.groupby([frame["firm_id"], frame["year"]]).transform("any")
    frame = flow.keep(frame, total | ~has_total, "area that is part of a total", show="Area")
    counts = measured(frame, PATENT_FIELDS, where)
    tidy = frame[KEY].join(counts).groupby(KEY, as_index=False).sum(min_count=1)
    flow.note("canonical: areas of a firm and year added", tidy, len(frame) - len(tidy))
    return Read(canonical.check("firm_years", tidy, partial=True), flow.to_frame())


def staff(path: Path | str, options: Options = DEFAULT) -> Read:
    """Read ``STK_CompanyStaff``: staff by education, profession and age; wording put into categories."""
    frame, flow, where = open_table(path, *STAFF, options=options)
    frame = a_shares(frame, "Symbol", flow, where, options)
    frame = year_ends(frame, "EndDate", flow, where)
    frame["detail"] = values.clean(frame["EmployDetail"])
    frame = flow.keep(frame, frame["detail"].notna(), "no class of staff")
    words = values.clean(frame["EmployStructure"]).fillna("")
    frame["structure"] = words.map({word: _structure(word) for word in words.unique()}).astype("str")
    pairs = frame[["structure", "detail"]].drop_duplicates()
    pairs["category"] = [_category(*pair) for pair in pairs.itertuples(index=False)]
    frame = one_row(frame.drop(columns=["EmployStructure", "EmployDetail"]), [*KEY, "structure", "detail"], flow, where)
    persons = Field("Amount", "persons", "persons", 0, 1e7, may_miss=True)
    tidy = frame[[*KEY, "structure", "detail"]].join(measured(frame, [persons], where))
    tidy = tidy.merge(pairs, on=["structure", "detail"], how="left")
    tidy["category"] = tidy["category"].astype("str").replace("", pd.NA)
    unclear = tidy["category"].isna() & tidy["structure"].isin(list(STAFF_CATEGORIES))
    flow.note(
        "class of education or profession unclear", tidy, int(unclear.sum()), list(tidy.loc[unclear, "detail"].unique())
    )
    return Read(canonical.check("staff", tidy), flow.to_frame())


def links(path: Path | str, direction: str, options: Options = DEFAULT) -> Read:
    """Read ``SC_TopFiveSaleInfo`` (customers) or ``SC_TopFivePurchaseInfo`` (suppliers).

    Rows with a masked name stay: their share is known. They have no partner.

    Parameters
    ----------
    path : path
        File, or folder with the parts.
    direction : {"customer", "supplier"}
        Which of the two tables.
    options : Options
        How to read.
    """
    if direction not in canonical.DIRECTIONS:
        raise OptionError("direction", direction, canonical.DIRECTIONS)
    frame, flow, where = open_table(path, *LINKS[direction], options=options)
    frame = a_shares(frame, "Symbol", flow, where, options)
    frame = year_ends(frame, "EndDate", flow, where)
    frame = consolidated(frame, flow)
    frame = flow.without_repeats(frame)
    rule = Field("ProportionOfTotalValue", "share", "percent", 0, 100, may_miss=True)
    name = values.clean(frame["InstitutionName"])
    masked = is_masked(name)
    tidy = frame[KEY].assign(direction=direction, masked=masked.astype("boolean"), partner_name=name.where(~masked))
    tidy["share"] = measured(frame, [rule], where)["share"]
    tidy["partner_id"] = _partner(frame, flow, where, options)
    tidy = tidy.sort_values([*KEY, "share", "partner_name"], ascending=[True, True, False, True], ignore_index=True)
    tidy["rank"] = tidy.groupby(KEY).cumcount() + 1
    flow.note("names masked", tidy, int(masked.sum()), list(name[masked].unique()[:5]))
    return Read(canonical.check("links", tidy), flow.to_frame())


def is_masked(names: pd.Series) -> pd.Series:
    """Tell partner names that are withheld: empty, "first", "customer A", "supplier 3", "***" and the like."""
    places, words = pd.factorize(values.clean(names))
    plain = pd.Series(words, dtype="str").str.normalize("NFKC").str.replace(r"[\s()（）:：、.]", "", regex=True)
    masked = np.array([*(_MASKED.fullmatch(name) is not None for name in plain), True])  # the last of them: no name
    return pd.Series(masked[places], names.index)


def _partner(frame: pd.DataFrame, flow: Flow, where: str, options: Options) -> pd.Series:
    if "BusinessSymbol" not in frame:
        return pd.Series(pd.NA, index=frame.index, dtype="str")
    text = values.clean(frame["BusinessSymbol"])
    here = values.is_stock_code(text)
    odd = text.notna() & ~here
    flow.note("partner codes of other markets, set missing", frame, int(odd.sum()), list(text[odd].unique()[:5]))
    return present_codes(values.stock_codes(text.where(here).rename("BusinessSymbol"), where)[0], options)


def _count_type(text: str) -> str:
    for kind, pattern in (("stock", _STOCK), ("granted", _GRANTED), ("filed", _FILED)):
        if re.search(pattern, text, re.IGNORECASE):
            return kind
    return ""


def _structure(text: str) -> str:
    return next((name for name, pattern in _STRUCTURES if re.search(pattern, text, re.IGNORECASE)), "other")


def _category(structure: str, detail: str) -> str:
    rules = STAFF_CATEGORIES.get(structure, ())
    return next((name for name, pattern in rules if re.search(pattern, detail, re.IGNORECASE)), "")
