"""Adapters for the public files of the registry: one function a file, raw layout in, tidy frame out."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from aigreen.data import facts
from aigreen.data.raw.checks import Field, numbers, require_columns, require_unique
from aigreen.data.raw.files import whole
from aigreen.errors import SourceError, did_you_mean

PROVINCES = "cn_province_greenpatent_greenfinance"

PROVINCE_FIELDS = (
    Field("year", "year", "calendar year", 1978, 2100, whole=True),
    Field("green_invention_patents", "green_invention_patents", "patents", 0, 1e6, whole=True),
    Field("green_utility_patents", "green_utility_patents", "patents", 0, 1e6, whole=True),
    Field("sec_pctg", "secondary_share", "share of GDP", 0, 1),
    Field("coal_share_pctg", "coal_share", "share", 0, 1, may_miss=True),
    Field("gf_index", "green_finance_index", "index", 0, 1),
    Field("green_finance_pilot", "green_finance_pilot", "0/1", 0, 1, whole=True),
    Field("gdp", "gdp", "100 million yuan", 1, 1e6),
    Field("population", "population", "10,000 persons", 1, 1e5),
    Field("urbanization_rate", "urban_share", "share of population", 0, 1, may_miss=True),
    Field("env_exp_share", "environment_expenditure_share", "share", 0, 1, may_miss=True),
    Field("market_index", "market_index", "index", -5, 20),
    Field("co2_emissions", "co2", "tonnes", 1, 1e11),
    Field("industrial_so2", "industrial_so2", "10,000 tonnes presumed", 0, 1e3, may_miss=True),
    Field("industrial_wastewater", "industrial_wastewater", "10,000 tonnes presumed", 0, 1e7, may_miss=True),
)

# Pinyin spellings of the file that differ from the English names of the division tables.
SPELLINGS = {"Neimenggu": "Inner Mongolia", "Xizang": "Tibet"}


def provinces(path: Path | str) -> pd.DataFrame:
    """Read the province panel of green patents and green finance (31 provinces, 2000-2023).

    The raw file is UTF-8 with a byte-order mark and names no units. Those given in `PROVINCE_FIELDS` follow from the
    magnitudes; its ``..._pctg`` columns are shares between 0 and 1. Its z-scores, factors and event-study dummies are
    transforms of other columns and are not read.

    Parameters
    ----------
    path : path
        ``final_data.1.3.4_did.csv``.

    Returns
    -------
    DataFrame
        ``province_code`` (six digits, text), ``province`` (English name) and the columns of `PROVINCE_FIELDS`, sorted
        by code and year. Missing cells: coal share (Tibet, and every province before 2003 and in 2023), urban share
        (before 2005), environment expenditure, industrial sulphur dioxide and wastewater (Tibet).

    Raises
    ------
    SourceError
        Missing columns (all of them, with the nearest names), text where numbers belong, values out of range, unknown
        provinces, or a province twice in a year.
    """
    where = Path(path).name
    with whole(where, "a utf-8 csv table"):
        raw = pd.read_csv(path, dtype=str, encoding="utf-8-sig")
    require_columns(raw, ["province", *(field.raw for field in PROVINCE_FIELDS)], where)
    codes = _province_codes()
    names = raw["province"].str.strip().replace(SPELLINGS)
    unknown = names[~names.isin(list(codes))].astype(object).unique()
    if len(unknown):
        listed = ", ".join(f"{name!r}{did_you_mean(str(name), list(codes))}" for name in unknown[:5])
        raise SourceError(f"{where}: {len(unknown)} unknown provinces: {listed}")
    tidy = pd.DataFrame({"province_code": names.map(codes), "province": names})
    tidy = tidy.assign(**{field.name: numbers(raw, field, where) for field in PROVINCE_FIELDS})
    require_unique(tidy, ["province", "year"], where)
    return tidy.sort_values(["province_code", "year"], ignore_index=True)


def _province_codes() -> dict[str, str]:
    divisions, other = facts.table("divisions"), facts.table("divisions_other")
    units = pd.concat([divisions[divisions["unit_type"] == "municipality"], other[other["unit_type"] == "province"]])
    return dict(zip(units["name_en"], units["gb_code"], strict=True))
