"""Panels of the studies as pandas reads them: the file of the study where it was built, else made from raw files."""

from pathlib import Path

import pandas as pd
import pytest

from aigreen.data import facts
from aigreen.data.assemble.cities import cities
from aigreen.data.assemble.city_industries import city_industries
from aigreen.data.assemble.ets_firms import ets_firms
from aigreen.data.assemble.facilities import facilities
from aigreen.data.assemble.provinces import provinces
from aigreen.data.sources.cities import prefecture_panel
from aigreen.data.sources.city_industries import city_industry_patents
from aigreen.data.sources.cui2018 import firm_panel
from aigreen.data.sources.provinces import provinces as province_table

RESULTS = Path(__file__).resolve().parents[3] / "results"
PROVINCES = "data/cn_province_greenpatent_greenfinance/final_data.1.3.4_did.csv"
CITIES = "data/cn_prefecture_lowcarbon/panel_2007_2023_full.xlsx"
CITY_INDUSTRIES = "data/cn_ai_pilot_zones_patents/industrial_ai_patents_city_industry_year.csv"
ETS_FIRMS = "data/cui2018_ets_firm_patents/AEA_P&P_table.dta"
FACILITIES = ("us_facility_emissions", "us_report_words", "us_ai_patents")


def panel(study, request):
    """Panel of a study; skips where it can neither be read nor made."""
    file = RESULTS / study / "panel.parquet"
    if file.exists():
        return pd.read_parquet(file)
    if study == "us-facilities":
        return facilities(*(facts.table(name) for name in FACILITIES)).frame
    if study == "provinces":
        read = province_table(request.getfixturevalue("shared") / PROVINCES)
        return provinces(getattr(read, "table", read)).frame
    if study == "cities":
        return cities(prefecture_panel(request.getfixturevalue("shared") / CITIES).table).frame
    if study == "city-industries":
        return city_industries(city_industry_patents(request.getfixturevalue("shared") / CITY_INDUSTRIES).table).frame
    if study == "ets-firms":
        return ets_firms(firm_panel(request.getfixturevalue("shared") / ETS_FIRMS)).frame
    pytest.skip(f"no {file.relative_to(RESULTS.parent)}: python3 run.py snakemake --config study={study}")


def truth(study):
    """Truth of generated data, by firm and year; lies beside the panel."""
    return pd.read_parquet(RESULTS / study / "truth/truth.parquet")


def coded(panel, *, unit, cohort, cluster, complete=()):
    """Rows with values in some columns: integer codes of unit, time and cluster, `cohort` infinite for never."""
    frame = panel.dropna(subset=list(complete)).reset_index(drop=True)
    return frame.assign(
        unit=pd.factorize(frame[unit])[0],
        time=pd.factorize(frame["year"], sort=True)[0],
        cluster=pd.factorize(frame[cluster])[0],
        cohort=frame[cohort].astype(float).fillna(float("inf")),
    )
