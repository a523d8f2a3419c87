"""CSMAR layouts with their defects: label rows, GB18030, parts, quarters, parent statements, B shares, lost zeros."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from aigreen.data import facts
from aigreen.data.raw.checks import Field
from aigreen.data.sources.csmar import BALANCE_FIELDS, CASH_FIELDS, INCOME_FIELDS, RD_FIELDS
from aigreen.simulate.economy import writing

QUARTERS = ("03-31", "06-30", "09-30")
QUARTERLY_YEARS = 2  # quarters of the last years only: enough for the adapter to meet them
_WORDS = {
    "Stkcd": "证券代码", "Symbol": "证券代码", "ShortName": "证券简称", "FullName": "公司全称",
    "Accper": "统计截止日期", "EndDate": "统计截止日期",
    "Typrep": "报表类型", "Reptdt": "截止日期", "S0702b": "实际控制人性质", "StateTypeCode": "报表类型编码",
    "Source": "数据来源", "EmployStructure": "人员结构类别", "EmployDetail": "人员结构明细", "Amount": "人数",
    "InstitutionName": "机构名称", "ProportionOfTotalValue": "占比", "BusinessSymbol": "关联证券代码",
    "IsListed": "是否上市", "ApplyType": "申请类型", "ApplyTypeCode": "申请类型编码",
    "Area": "地区", "Patents": "专利总数",
    "Invention": "发明", "UtilityModel": "实用新型", "Design": "外观设计", "IndustryCode": "行业代码",
    "IndustryCodeC": "行业代码C", "CITYCODE": "城市代码", "CITY": "城市",
    "PROVINCECODE": "省份代码", "PROVINCE": "省份",
    "LISTINGDATE": "上市日期", "EstablishDate": "成立日期", "LISTINGSTATE": "上市状态", "Lng": "经度", "Lat": "纬度",
    "SocialCreditCode": "统一社会信用代码",
}  # fmt: skip


def labels(columns: Sequence[str], fields: Sequence[Field] = ()) -> dict[str, tuple[str, str]]:
    """Give label and unit rows for the columns of a table."""
    units = {"yuan": "元", "percent": "百分比", "persons": "人", "patents": "件"}
    known = {field.raw: (f"{field.name.replace('_', ' ')}", units.get(field.unit, "没有单位")) for field in fields}
    return {column: known.get(column, (_WORDS.get(column, column), "没有单位")) for column in columns}


def statements(folder: Path, frame: pd.DataFrame, b_shares: pd.Series) -> list[Path]:
    """Write ``FS_Combas``, ``FS_Comins`` and ``FS_Comscfd``.

    Parameters
    ----------
    folder : path
        Where.
    frame : DataFrame
        Canonical ``firm_years``.
    b_shares : Series
        Code of the B share by ``firm_id``, for the firms that have one.
    """
    written = []
    for table, fields in (("FS_Combas", BALANCE_FIELDS), ("FS_Comins", INCOME_FIELDS), ("FS_Comscfd", CASH_FIELDS)):
        amounts = frame[[field.name for field in fields]].set_axis([field.raw for field in fields], axis=1)
        key = {"Stkcd": frame["firm_id"], "ShortName": frame["name"], "Accper": writing.year_end(frame["year"])}
        annual = pd.DataFrame(key).assign(Typrep="A").join(amounts)
        parent = annual.assign(Typrep="B", **_scaled(amounts, 0.7))
        recent = frame["year"] > frame["year"].max() - QUARTERLY_YEARS
        quarters = [
            annual[recent].assign(
                Accper=frame.loc[recent, "year"].astype(str) + "-" + day, **_scaled(amounts[recent], 0.25 * (at + 1))
            )
            for at, day in enumerate(QUARTERS)
        ]
        b_rows = annual[annual["Stkcd"].isin(b_shares.index)]
        b_rows = b_rows.assign(Stkcd=b_rows["Stkcd"].map(b_shares))
        whole = pd.concat([annual, parent, *quarters, b_rows])
        whole = whole.sort_values(["Accper", "Stkcd", "Typrep"], ignore_index=True, kind="stable")
        written += _lost_zeros(folder, table, whole, labels(list(whole.columns), fields), "Stkcd")
    return written


def firm_file(
    folder: Path, frame: pd.DataFrame, days: pd.DataFrame, b_shares: pd.Series, full_names: pd.Series
) -> list[Path]:
    """Write ``STK_LISTEDCOINFOANL``: one row a firm and year; municipalities as XX0100; full names by ``firm_id``."""
    divisions = facts.table("divisions").set_index("gb_code")
    provinces = facts.table("divisions_other").set_index("gb_code")["name_zh"]
    still = days.set_index("firm_id").reindex(frame["firm_id"]).reset_index(drop=True)
    city = frame["city_code"].to_numpy(dtype=str)
    municipality = divisions["unit_type"].reindex(city).to_numpy() == "municipality"
    raw = pd.DataFrame(
        {
            "Symbol": frame["firm_id"],
            "ShortName": frame["name"],
            "FullName": full_names.reindex(frame["firm_id"]).to_numpy(),
            "EndDate": writing.year_end(frame["year"]),
            "IndustryCode": frame["industry_code"].str[0],
            "IndustryCodeC": frame["industry_code"],
            "EstablishDate": writing.days(still["founded"]),
            "LISTINGDATE": writing.days(still["listed"]),
            "PROVINCECODE": frame["province_code"],
            "PROVINCE": provinces.reindex(frame["province_code"]).to_numpy(),
            "CITYCODE": np.where(municipality, pd.Series(city).str[:2] + "0100", city),
            "CITY": divisions["name_zh"].reindex(city).to_numpy(),
            "Lng": frame["longitude"],
            "Lat": frame["latitude"],
            "SocialCreditCode": still["credit_code"],
            "LISTINGSTATE": frame["listing_state"],
        }
    )
    b_rows = raw[raw["Symbol"].isin(b_shares.index)]
    raw = pd.concat([raw, b_rows.assign(Symbol=b_rows["Symbol"].map(b_shares))], ignore_index=True)
    return writing.csv_parts(folder, "STK_LISTEDCOINFOANL", raw, labels(list(raw.columns)))


def controllers(folder: Path, frame: pd.DataFrame) -> Path:
    """Write ``HLD_Contrshr`` as a workbook; several codes in one cell are joined by commas."""
    raw = pd.DataFrame(
        {
            "Stkcd": frame["firm_id"],
            "Reptdt": writing.year_end(frame["year"]),
            "S0702b": frame["controller_codes"].str.replace(";", ",", regex=False),
        }
    )
    return writing.workbook(folder / "HLD_Contrshr.xlsx", raw, labels(list(raw.columns)))


def rd(folder: Path, frame: pd.DataFrame) -> list[Path]:
    """Write ``PT_LCRDSPENDING``: firm-years that report R&D; some twice, from a second source; parent rows."""
    reported = frame[frame["rd_spending"].notna()].reset_index(drop=True)
    raw = pd.DataFrame(
        {
            "Symbol": reported["firm_id"],
            "EndDate": writing.year_end(reported["year"]),
            "Source": "年报",
            "StateTypeCode": 1,
            **{field.raw: _percent(reported[field.name], field) for field in RD_FIELDS},
        }
    )
    second = raw[::17].assign(Source="招股说明书", RDSpendSum=raw["RDSpendSum"][::17] + 1000)
    parent = raw[::11].assign(StateTypeCode=2, RDSpendSum=np.round(raw["RDSpendSum"][::11] * 0.6))
    whole = pd.concat([raw, second, parent]).sort_values(["Symbol", "EndDate"], kind="stable", ignore_index=True)
    return writing.csv_parts(folder, "PT_LCRDSPENDING", whole, labels(list(whole.columns), RD_FIELDS))


def staff(folder: Path, frame: pd.DataFrame) -> list[Path]:
    """Write ``STK_CompanyStaff`` in two parts."""
    raw = pd.DataFrame(
        {
            "Symbol": frame["firm_id"],
            "EndDate": writing.year_end(frame["year"]),
            "EmployStructure": frame["structure"],
            "EmployDetail": frame["detail"],
            "Amount": frame["persons"],
        }
    )
    return writing.csv_parts(folder, "STK_CompanyStaff", raw, labels(list(raw.columns)), parts=2)


def _percent(values: pd.Series, field: Field) -> pd.Series:
    return (values * 100).round(2) if field.unit == "percent" else values


def _scaled(amounts: pd.DataFrame, factor: float) -> dict[str, pd.Series]:
    return {column: (amounts[column] * factor).round() for column in amounts}


def _lost_zeros(
    folder: Path, table: str, frame: pd.DataFrame, words: dict[str, tuple[str, str]], code: str
) -> list[Path]:
    """Write two parts; a spreadsheet has taken the leading zeros from the codes of the second."""
    half = len(frame) // 2
    codes = frame[code].where(np.arange(len(frame)) < half, frame[code].str.lstrip("0"))
    return writing.csv_parts(folder, table, frame.assign(**{code: codes}), words, parts=2)
