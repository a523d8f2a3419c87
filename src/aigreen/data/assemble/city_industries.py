"""Panel of AI patents by city, industry and year, with the pilot zones of the cities and of those nearby."""

from __future__ import annotations

import numpy as np
import pandas as pd

from aigreen.data import facts
from aigreen.data.assemble.codebook import Assembled, Entry, SampleFlow, finish, merge_one
from aigreen.data.assemble.rings import NEAR_KM, WIDE_KM, circle_column, circle_label

LAST_YEAR = 2021  # the source holds a part of 2022 only
PARTS_OF = {"Kunshan": "Suzhou", "Yangling": "Xianyang"}  # smaller than a prefecture, and the one they lie in
ABROAD = ("Hong Kong", "Macau")  # the programme of zones does not reach them
PARTLY = ("Huzhou",)  # its zone is one of its counties
GROUPS = {
    "electronics": ("C39", "C39_battery", "C39_semi", "C40"),
    "machinery": ("C34", "C35", "C36", "C37", "C38"),
    "other": ("C13", "C14", "C17", "C26", "C27", "C33"),
}

_RAW, _ZONES, _DIVISIONS = "cn_ai_pilot_zones_patents", "ai_pilot_zones", "divisions"
_GROUP_OF = {code: group for group, codes in GROUPS.items() for code in codes}
CODEBOOK = (
    Entry("cell", "City-industry", coding="city and industry code, text", source=_RAW),
    Entry("city", "City", coding="English name, as published", source=_RAW),
    Entry("city_code", "City", coding="prefecture-level unit that the city is or lies in, GB/T 2260, six digits, text",
          source=_DIVISIONS),
    Entry("province_code", "Province", coding="GB/T 2260, six digits, text", source=_DIVISIONS),
    Entry("region", "Region", coding="East, Central, West, Northeast", source=_DIVISIONS),
    Entry("provincial_capital", "Capital of a province, or municipality", "", "1 = yes, 0 = no", _DIVISIONS),
    Entry("partly", "Zone or city smaller than a prefecture", "", "1 = yes, 0 = no", f"{_RAW}; {_ZONES}"),
    Entry("industry_code", "Industry", coding="as published, text", source=_RAW),
    Entry("industry_group", "Group of industries", coding=", ".join(GROUPS), source=_RAW),
    Entry("year", "Year", "calendar year", source=_RAW),
    Entry("zone_year", "First year of an AI pilot zone in the city", "calendar year", "missing = never", _ZONES),
    Entry("zone_year_full", "First full year of an AI pilot zone in the city", "calendar year", "missing = never",
          _ZONES),
    Entry("treated", "AI pilot zone in force", "", "1 = yes, 0 = no", _ZONES, "year >= zone_year"),
    Entry(circle_column(NEAR_KM), circle_label(NEAR_KM), "cities", "", f"{_ZONES}; {_DIVISIONS}",
          f"number of other cities with a zone in force whose seat is at most {NEAR_KM} km away, same year"),
    Entry(circle_column(WIDE_KM), circle_label(WIDE_KM), "cities", "", f"{_ZONES}; {_DIVISIONS}",
          f"as {circle_column(NEAR_KM)}, at most {WIDE_KM} km away"),
    Entry("published", "Cell is in the source", "", "1 = yes, 0 = no, taken for no patent", _RAW),
    Entry("ai_patents", "Industrial AI patents", "patents", "0 where the source has no row", _RAW),
    Entry("ai_patents_log", "ln(1 + industrial AI patents)", "log", "", _RAW, "ln(1 + ai_patents)"),
    Entry("city_patents_log", "ln AI patents of the city", "log", "missing where there are none", _RAW,
          "ln of the sum over industries"),
)  # fmt: skip


def city_industries(tidy: pd.DataFrame, *, timing: facts.Timing = "batch_year") -> Assembled:
    """Build the panel of cities and industries.

    Parameters
    ----------
    tidy : DataFrame
        As `aigreen.data.sources.city_industries.city_industry_patents` returns it.
    timing : {"batch_year", "first_full_year"}
        When a zone counts as in force.

    Returns
    -------
    Assembled
        Panel with the columns of `CODEBOOK`, its sample flow and the codebook.

    Raises
    ------
    DataError
        Cities that are in no division table, or industries in none of `GROUPS`.
    """
    flow = SampleFlow("cell")
    frame = tidy.assign(cell=tidy["city"] + " " + tidy["industry_code"]).drop(columns="industry")
    frame = flow.add("cells with a patent, as published", frame)
    frame = flow.add(f"years after {LAST_YEAR}, incomplete: left out", frame[frame["year"] <= LAST_YEAR])
    frame = flow.add(f"{' and '.join(ABROAD)}: left out", frame[~frame["city"].isin(ABROAD)])
    frame = flow.add("cells without a row: no patent", _with_zeros(frame))
    frame = _placed(frame)
    groups = pd.DataFrame({"industry_code": list(_GROUP_OF), "industry_group": list(_GROUP_OF.values())})
    frame = flow.add("divisions merged", merge_one(frame, groups, "industry_code"))
    for column, when in (("zone_year", timing), ("zone_year_full", "first_full_year")):
        frame[column] = frame["city_code"].map(facts.pilot_zone_cohorts("prefecture", when)).astype(float)
    frame["treated"] = (frame["year"] >= frame["zone_year"]).astype("int64")
    for km in (NEAR_KM, WIDE_KM):
        frame[circle_column(km)] = facts.zones_within(
            frame["city_code"].to_numpy(), frame["year"].to_numpy(), radius_km=km, timing=timing
        )
    frame["ai_patents_log"] = np.log1p(frame["ai_patents"])
    of_city = frame.groupby(["city", "year"])["ai_patents"].transform("sum")
    frame["city_patents_log"] = np.log(of_city.where(of_city > 0))
    frame = flow.add("pilot zones and exposure merged", frame.sort_values(["cell", "year"], ignore_index=True))
    return finish(frame[[entry.column for entry in CODEBOOK]], flow, CODEBOOK)


def _with_zeros(frame: pd.DataFrame) -> pd.DataFrame:
    """Give every city all industries and years; a cell that the source leaves out has no patent."""
    cities = frame[["city", "province"]].drop_duplicates()
    every = cities.merge(frame[["industry_code"]].drop_duplicates(), how="cross")
    every = every.merge(frame[["year"]].drop_duplicates(), how="cross")
    wide = every.merge(frame, on=["city", "province", "industry_code", "year"], how="left", validate="one_to_one")
    return wide.assign(
        cell=wide["city"] + " " + wide["industry_code"],
        published=wide["ai_patents"].notna().astype("int64"),
        ai_patents=wide["ai_patents"].fillna(0).astype("int64"),
    )


def _placed(frame: pd.DataFrame) -> pd.DataFrame:
    """Add the prefecture-level unit of each city, found by its name and province, and what is known of it."""
    divisions = facts.table("divisions")
    units = divisions.assign(place=divisions["name_en"] + ", " + divisions["province_en"])
    units = units.rename(columns={"gb_code": "city_code", "nbs_region": "region"})
    units = units[["place", "city_code", "province_code", "region", "provincial_capital"]]
    place = frame["city"].replace(PARTS_OF) + ", " + frame["province"]
    found = merge_one(frame.assign(place=place), units.astype({"provincial_capital": "int64"}), "place")
    return found.assign(partly=found["city"].isin([*PARTS_OF, *PARTLY]).astype("int64"))
