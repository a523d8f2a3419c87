"""Firm-year panel: raw firm years, divisions, industries and pilot zones put together."""

from __future__ import annotations

import numpy as np
import pandas as pd

from aigreen.data import facts
from aigreen.data.assemble.codebook import Assembled, Entry, SampleFlow, finish, merge_one
from aigreen.data.assemble.rings import NEAR_KM, circle_column, circle_label

_RAW, _ZONES, _DIVISIONS, _INDUSTRIES = "firm years", "ai_pilot_zones", "divisions", "industries"
CODEBOOK = (
    Entry("firm_id", "Firm", coding="text", source=_RAW),
    Entry("year", "Year", "calendar year", source=_RAW),
    Entry("city_code", "City (prefecture-level unit)", coding="GB/T 2260, six digits, text", source=_RAW),
    Entry("province_code", "Province", coding="GB/T 2260, six digits, text", source=_DIVISIONS),
    Entry("region", "Region", coding="East, Central, West, Northeast", source=_DIVISIONS),
    Entry("zone_year", "First year of an AI pilot zone in the city", "calendar year", "missing = never", _ZONES),
    Entry("treated", "AI pilot zone in force", "", "1 = yes, 0 = no", _ZONES, "year >= zone_year"),
    Entry(circle_column(NEAR_KM), circle_label(NEAR_KM), "cities", "", f"{_ZONES}; {_DIVISIONS}",
          f"number of other cities with a zone in force whose seat is at most {NEAR_KM} km away, same year"),
    Entry("industry_code", "Industry", coding="CSRC 2012, two digits", source=_RAW),
    Entry("manufacturing", "Manufacturing", "", "1 = yes, 0 = no", _INDUSTRIES),
    Entry("heavy_polluting", "Heavily polluting industry", "", "1 = yes, 0 = no", _INDUSTRIES),
    Entry("ownership", "Ownership", coding="state, private, foreign", source=_RAW),
    Entry("green_patents", "Green patents", "patents", "", _RAW),
    Entry("green_patents_log", "ln(1 + green patents)", "log", "", _RAW, "ln(1 + green_patents)"),
    Entry("any_green", "Any green patent", "", "1 = yes, 0 = no", _RAW, "green_patents > 0"),
    Entry("size", "Size (ln assets)", "log yuan", "", _RAW, "ln(total_assets)"),
    Entry("age", "Age (ln years)", "log years", "", _RAW, "ln(1 + year - founded)"),
    Entry("ai_words", "AI words in the annual report", "words", "", _RAW),
    Entry("ai_words_log", "ln(1 + AI words)", "log", "", _RAW, "ln(1 + ai_words)"),
    Entry("industry_structure", "Industry structure (tertiary / secondary)", "ratio", "", _RAW,
          "tertiary_secondary_ratio of the city"),
    Entry("human_capital", "Human capital (degree share)", "share of staff", "", _RAW, "degree_share"),
)  # fmt: skip


def firm_year(raw: pd.DataFrame, *, timing: facts.Timing = "batch_year") -> Assembled:
    """Build the firm-year analysis panel.

    Age enters in logs because age in years is spanned by firm and year effects.

    Parameters
    ----------
    raw : DataFrame
        Firm years as an adapter returns them (`aigreen.data.sources.simulated.firm_years`).
    timing : {"batch_year", "first_full_year"}
        When a zone counts as in force.

    Returns
    -------
    Assembled
        Panel with the columns of `CODEBOOK`, its sample flow and the codebook.

    Raises
    ------
    DataError
        City or industry codes that the fact tables lack.
    """
    flow = SampleFlow("firm_id")
    frame = flow.add("firm years as reported", raw)
    frame = flow.add("industry codes merged", merge_one(frame, _industries(), "industry_code"))
    frame = flow.add("financial firms left out", frame[~frame["finance"]].drop(columns="finance"))
    frame = flow.add("divisions merged", merge_one(frame, _divisions(), "city_code"))
    zone_year = frame["city_code"].map(facts.pilot_zone_cohorts("prefecture", timing)).astype(float)
    near = facts.zones_within(frame["city_code"], frame["year"], radius_km=NEAR_KM, timing=timing)
    frame = frame.assign(
        zone_year=zone_year,
        treated=(frame["year"] >= zone_year).astype("int64"),
        **{circle_column(NEAR_KM): near},
        green_patents_log=np.log1p(frame["green_patents"]),
        any_green=(frame["green_patents"] > 0).astype("int64"),
        size=np.log(frame["total_assets"]),
        age=np.log1p(frame["year"] - frame["founded"]),
        ai_words_log=np.log1p(frame["ai_words"]),
    )
    frame = flow.add("pilot zones and exposure merged", frame)
    frame = frame.drop(columns=["total_assets", "founded"]).rename(
        columns={"tertiary_secondary_ratio": "industry_structure", "degree_share": "human_capital"}
    )
    return finish(frame.sort_values(["firm_id", "year"], ignore_index=True), flow, CODEBOOK)


def _industries() -> pd.DataFrame:
    table = facts.table("industries").rename(columns={"code": "industry_code"})
    return table[["industry_code"]].assign(
        finance=table["finance"] == "1",
        manufacturing=table["manufacturing"].astype("int64"),
        heavy_polluting=table["heavy_polluting"].astype("int64"),
    )


def _divisions() -> pd.DataFrame:
    names = {"gb_code": "city_code", "province_code": "province_code", "nbs_region": "region"}
    return facts.table("divisions")[list(names)].rename(columns=names)
