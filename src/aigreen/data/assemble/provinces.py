"""Province-year panel: green patents, channels and controls of 31 provinces with the pilot-zone cohorts."""

from __future__ import annotations

import numpy as np
import pandas as pd

from aigreen.data import facts
from aigreen.data.assemble.codebook import Assembled, Entry, SampleFlow, finish, merge_one
from aigreen.data.assemble.rings import PROVINCE_KM

OUTCOMES = ("green_invention_patents", "green_utility_patents")
LOGS = {"gdp": "gdp", "population": "population", "co2": "co2", "so2": "industrial_so2",
        "wastewater": "industrial_wastewater"}  # fmt: skip
FILLED_YEARS = 3
NEAR = f"near_zones_{PROVINCE_KM}km"

_NEIGHBOURS = "province_neighbours"
_RAW, _ZONES, _DIVISIONS = "cn_province_greenpatent_greenfinance", "ai_pilot_zones", "divisions"
_HUBS, _POLICIES = "east_data_west_computing_hub", "confounding_policies"
CODEBOOK = (
    Entry("province_code", "Province", coding="GB/T 2260, six digits, text", source=_DIVISIONS),
    Entry("province", "Province name", coding="English name", source=_DIVISIONS),
    Entry("region", "Region", coding="East, Central, West, Northeast", source=_DIVISIONS),
    Entry("year", "Year", "calendar year", source=_RAW),
    Entry("zone_year", "First year of an AI pilot zone in the province", "calendar year", "missing = never", _ZONES),
    Entry("treated", "AI pilot zone in force", "", "1 = yes, 0 = no", _ZONES, "year >= zone_year"),
    Entry(NEAR, f"Zone cities of other provinces within {PROVINCE_KM} km", "cities", "", f"{_ZONES}; {_DIVISIONS}",
          "number of cities of other provinces with a zone in force whose seat is at most "
          f"{PROVINCE_KM} km from the own capital"),
    Entry("neighbour_zones", "Neighbouring provinces with a zone", "provinces", "", f"{_ZONES}; {_NEIGHBOURS}",
          "number of provinces with a common land border that hold a zone in force"),
    Entry("green_invention_patents", "Green invention patents", "patents", "", _RAW),
    Entry("green_utility_patents", "Green utility models", "patents", "", _RAW),
    Entry("green_invention_patents_log", "ln(1 + green invention patents)", "log", "", _RAW,
          "ln(1 + green_invention_patents)"),
    Entry("green_utility_patents_log", "ln(1 + green utility models)", "log", "", _RAW,
          "ln(1 + green_utility_patents)"),
    Entry("secondary_share", "Secondary-industry share", "share of GDP", "", _RAW, "sec_pctg"),
    Entry("coal_share", "Coal share", "share", "missing for Tibet, before 2003 and in 2023", _RAW, "coal_share_pctg"),
    Entry("green_finance_index", "Green-finance index", "index, 0 to 1", "", _RAW, "gf_index"),
    Entry("green_finance_pilot", "Green-finance pilot in force", "", "1 = yes, 0 = no", _RAW),
    Entry("ln_gdp", "ln GDP", "log 100 million yuan, current prices presumed", "", _RAW, "ln(gdp)"),
    Entry("ln_population", "ln population", "log 10,000 persons", "", _RAW, "ln(population)"),
    Entry("market_index", "Market index", "index", "values of 2019 repeated to 2023", _RAW),
    Entry("urban_share", "Urban share", "share of population", "missing before 2005", _RAW, "urbanization_rate"),
    Entry("ln_co2", "ln CO2 emissions", "log tonnes", "", _RAW, "ln(co2_emissions)"),
    Entry("ln_so2", "ln industrial SO2", "log 10,000 tonnes presumed", "missing for Tibet", _RAW,
          "ln(industrial_so2)"),
    Entry("ln_wastewater", "ln industrial wastewater", "log 10,000 tonnes presumed", "missing for Tibet", _RAW,
          "ln(industrial_wastewater)"),
    Entry("computing_hub_year", "First year of a computing hub", "calendar year", "missing = never", _POLICIES),
    Entry("computing_hub", "Computing hub in force", "", "1 = yes, 0 = no", _POLICIES,
          "year >= computing_hub_year"),
)  # fmt: skip


def provinces(tidy: pd.DataFrame, *, timing: facts.Timing = "batch_year", drop_filled: bool = True) -> Assembled:
    """Build the province-year analysis panel.

    A province is treated from the year in which it first holds a national AI pilot zone.

    Parameters
    ----------
    tidy : DataFrame
        As `aigreen.data.sources.provinces.provinces` returns it.
    timing : {"batch_year", "first_full_year"}
        When a zone counts as in force.
    drop_filled : bool
        Leave out rows whose two patent counts repeat, in the same province, in three years or more: a filled-in value,
        not a count (Tibet has 440 and 509 in six years, and at most 5 inventions in the nine other years to 2014).

    Returns
    -------
    Assembled
        Panel with the columns of `CODEBOOK`, its sample flow and the codebook.
    """
    flow = SampleFlow("province_code")
    frame = flow.add("province years as published", tidy)
    if drop_filled:
        frame = flow.add("filled-in patent counts left out", frame[~filled(frame)])
    frame = flow.add("divisions merged", merge_one(frame, _regions(), "province_code"))
    zone_year = frame["province_code"].map(facts.pilot_zone_cohorts("province", timing)).astype(float)
    hub_year = frame["province_code"].map(facts.policy_cohorts(_HUBS, "province")).astype(float)
    frame = frame.assign(
        zone_year=zone_year,
        treated=(frame["year"] >= zone_year).astype("int64"),
        **{NEAR: _zones_near(frame, timing)},
        neighbour_zones=_neighbours_with_zone(frame, timing),
        **{f"{outcome}_log": np.log1p(frame[outcome]) for outcome in OUTCOMES},
        **{f"ln_{name}": np.log(frame[column]) for name, column in LOGS.items()},
        computing_hub_year=hub_year,
        computing_hub=(frame["year"] >= hub_year).astype("int64"),
    )
    frame = flow.add("pilot zones and exposure merged", frame)
    frame = frame.drop(columns=[*LOGS.values(), "environment_expenditure_share"])
    return finish(frame.reset_index(drop=True), flow, CODEBOOK)


def filled(tidy: pd.DataFrame) -> pd.Series:
    """Mark rows whose two patent counts are positive and repeat in three years or more of the province."""
    repeats = tidy.groupby(["province_code", *OUTCOMES])["year"].transform("size")
    return (repeats >= FILLED_YEARS) & (tidy[list(OUTCOMES)] > 0).all(axis=1)


def _zones_near(frame: pd.DataFrame, timing: facts.Timing) -> np.ndarray:
    """Count zone cities of other provinces in force within `PROVINCE_KM` of the own capital, row by row."""
    divisions = facts.table("divisions")
    capital = divisions[divisions["provincial_capital"] == "1"].set_index("province_code")["gb_code"]
    zones = facts.pilot_zone_cohorts("prefecture", timing)
    home = divisions.set_index("gb_code")["province_code"].reindex(zones.index)
    rows, codes = pd.factorize(frame["province_code"])
    near = facts.distances_km(list(capital[codes]), list(zones.index)) <= PROVINCE_KM
    near &= np.asarray(codes)[:, None] != home.to_numpy()
    return _in_force(near[rows], zones, frame["year"])


def _neighbours_with_zone(frame: pd.DataFrame, timing: facts.Timing) -> np.ndarray:
    """Count provinces with a common land border that hold a zone in force, row by row."""
    pairs = facts.table(_NEIGHBOURS)[["province_code", "neighbour_code"]].to_numpy()
    links = {*map(tuple, pairs), *map(tuple, pairs[:, ::-1])}
    zones = facts.pilot_zone_cohorts("province", timing)
    rows, codes = pd.factorize(frame["province_code"])
    touching = np.array([[(code, other) in links for other in zones.index] for code in codes])
    return _in_force(touching[rows], zones, frame["year"])


def _in_force(linked: np.ndarray, zones: pd.Series, year: pd.Series) -> np.ndarray:
    return (linked & (year.to_numpy()[:, None] >= zones.to_numpy())).sum(axis=1, dtype="int64")


def _regions() -> pd.DataFrame:
    regions = facts.table("divisions")[["province_code", "nbs_region"]].drop_duplicates()
    return regions.rename(columns={"nbs_region": "region"})
