"""City-year panel: carbon intensity, industrial upgrading and controls of 285 prefectures with pilot zones nearby."""

from __future__ import annotations

import numpy as np
import pandas as pd

from aigreen.data import facts
from aigreen.data.assemble.codebook import Assembled, Entry, SampleFlow, finish, merge_one
from aigreen.data.assemble.rings import NEAR_KM, WIDE_KM, circle_column, circle_label

CAPPED = ("carbon_intensity", "industrial_upgrading", "tertiary_share", "population")
CAPPED_ROWS = 5

_RAW, _ZONES, _DIVISIONS = "cn_prefecture_lowcarbon", "ai_pilot_zones", "divisions"
_POLICIES = "confounding_policies"
# Other policies of places: column of the first year, policy, printed name.
POLICY_YEARS = {
    "computing_cluster": ("east_data_west_computing_cluster", "data-centre cluster of a national computing hub"),
    "green_finance": ("green_finance_pilot", "green-finance pilot"),
}
_AT_BOUND = "missing where the source cut it off at its greatest or least value"
CODEBOOK = (
    Entry("city_code", "City", coding="prefecture-level unit, GB/T 2260, six digits, text", source=_DIVISIONS),
    Entry("city", "City name", coding="English name", source=_DIVISIONS),
    Entry("province_code", "Province", coding="GB/T 2260, six digits, text", source=_DIVISIONS),
    Entry("region", "Region", coding="East, Central, West, Northeast", source=_DIVISIONS),
    Entry("provincial_capital", "Capital of a province, or municipality", "", "1 = yes, 0 = no", _DIVISIONS),
    Entry("year", "Year", "calendar year", source=_RAW),
    Entry("zone_year", "First year of an AI pilot zone in the city", "calendar year", "missing = never", _ZONES),
    Entry("treated", "AI pilot zone in force", "", "1 = yes, 0 = no", _ZONES, "year >= zone_year"),
    Entry(circle_column(NEAR_KM), circle_label(NEAR_KM), "cities", "", f"{_ZONES}; {_DIVISIONS}",
          f"number of other cities with a zone in force whose seat is at most {NEAR_KM} km away, same year"),
    Entry(circle_column(WIDE_KM), circle_label(WIDE_KM), "cities", "", f"{_ZONES}; {_DIVISIONS}",
          f"as {circle_column(NEAR_KM)}, at most {WIDE_KM} km away"),
    Entry("carbon_intensity", "Carbon intensity", "as published, unit not stated", _AT_BOUND, _RAW),
    Entry("ln_carbon_intensity", "ln carbon intensity", "log", "", _RAW, "ln(carbon_intensity)"),
    Entry("ln_carbon_intensity_published", "ln intensity (raw)", "log", "values at the bounds kept", _RAW,
          "ln(carbon_intensity) as published"),
    Entry("ln_emissions", "ln emissions", "log", "implied by intensity and output", _RAW,
          "ln(carbon_intensity * gdp_real)"),
    Entry("industrial_upgrading", "Industrial upgrading (tertiary / secondary)", "ratio", _AT_BOUND, _RAW),
    Entry("tertiary_share", "Tertiary-industry share", "share of GDP", _AT_BOUND, _RAW),
    Entry("ln_gdp", "ln real GDP", "log 100 million yuan presumed", "", _RAW, "ln(gdp_real)"),
    Entry("ln_population", "ln population", "log 10,000 persons", _AT_BOUND, _RAW, "ln(population)"),
    Entry("ln_density", "ln population density", "log persons per square kilometre", "", _RAW,
          "ln(population_density)"),
    Entry("financial_development", "Financial development", "ratio to GDP", "", _RAW),
    Entry("low_carbon_year", "First year of the low-carbon city pilot", "calendar year",
          "missing = never or not stated", _RAW),
    Entry("low_carbon_pilot", "Low-carbon pilot in force", "", "1 = yes, 0 = no or not stated", _RAW,
          "year >= low_carbon_year"),
    Entry("low_carbon_known", "Low-carbon pilot status stated", "", "1 = yes, 0 = no", _RAW),
    *(entry for name, (_, label) in POLICY_YEARS.items() for entry in (
        Entry(f"{name}_year", f"First year of a {label}", "calendar year", "missing = never", _POLICIES),
        Entry(f"{name}_now", f"{label[:1].upper()}{label[1:]} in force", "", "1 = yes, 0 = no", _POLICIES,
              f"year >= {name}_year"),
    )),
)  # fmt: skip


def cities(tidy: pd.DataFrame, *, timing: facts.Timing = "batch_year", drop_capped: bool = True) -> Assembled:
    """Build the city-year analysis panel.

    Parameters
    ----------
    tidy : DataFrame
        Canonical city years, as `aigreen.data.sources.cities.prefecture_panel` returns them.
    timing : {"batch_year", "first_full_year"}
        When a zone counts as in force.
    drop_capped : bool
        Take values as missing that stand at the bounds of a column the source has cut off at its first and last
        percentile: all years of Shenzhen from 2008 have the same carbon intensity, all of Beijing from 2011 the same
        industrial upgrading, so that no change in them could be seen.

    Returns
    -------
    Assembled
        Panel with the columns of `CODEBOOK`, its sample flow and the codebook.

    Raises
    ------
    DataError
        City codes that are in no division table.
    """
    flow = SampleFlow("city_code")
    frame = flow.add("city years as published", tidy.drop(columns="city"))
    divisions = facts.table("divisions").rename(
        columns={"gb_code": "city_code", "name_en": "city", "nbs_region": "region"}
    )
    attributes = divisions[["city_code", "city", "province_code", "region", "provincial_capital"]]
    attributes = attributes.astype({"provincial_capital": "int64"})
    frame = flow.add("divisions merged", merge_one(frame, attributes, "city_code"))
    frame = flow.add("carbon intensity never published: left out", _ever(frame, "carbon_intensity"))
    frame["ln_carbon_intensity_published"] = np.log(frame["carbon_intensity"])
    if drop_capped:
        frame = frame.assign(**{name: frame[name].mask(capped(frame[name])) for name in CAPPED})
    frame["zone_year"] = frame["city_code"].map(facts.pilot_zone_cohorts("prefecture", timing)).astype(float)
    frame["treated"] = (frame["year"] >= frame["zone_year"]).astype("int64")
    for km in (NEAR_KM, WIDE_KM):
        frame[circle_column(km)] = facts.zones_within(
            frame["city_code"].to_numpy(), frame["year"].to_numpy(), radius_km=km, timing=timing
        )
    logs = {"ln_carbon_intensity": "carbon_intensity", "ln_gdp": "gdp_real", "ln_population": "population"}
    for name, source in (logs | {"ln_density": "population_density"}).items():
        frame[name] = np.log(frame[source].where(frame[source] > 0))
    frame["ln_emissions"] = frame["ln_carbon_intensity"] + frame["ln_gdp"]
    frame["low_carbon_year"] = frame["low_carbon_year"].astype(float)
    frame["low_carbon_pilot"] = (frame["year"] >= frame["low_carbon_year"]).astype("int64")
    frame["low_carbon_known"] = frame["low_carbon_known"].astype("int64")
    for name, (policy, _) in POLICY_YEARS.items():
        frame[f"{name}_year"] = frame["city_code"].map(facts.policy_cohorts(policy)).astype(float)
        frame[f"{name}_now"] = (frame["year"] >= frame[f"{name}_year"]).astype("int64")
    named = [entry.column for entry in CODEBOOK]
    frame = flow.add("pilot zones and exposure merged", frame.sort_values(["city_code", "year"], ignore_index=True))
    return finish(frame[named], flow, CODEBOOK)


def capped(values: pd.Series) -> pd.Series:
    """Mark the least and the greatest value where it stands in `CAPPED_ROWS` rows or more: a bound, not a value."""
    repeats = values.groupby(values).transform("size")
    return values.isin([values.min(), values.max()]) & (repeats >= CAPPED_ROWS)


def _ever(frame: pd.DataFrame, column: str) -> pd.DataFrame:
    """Rows of the cities in which `column` is published in some year."""
    return frame[frame.groupby("city_code")[column].transform("count") > 0]
