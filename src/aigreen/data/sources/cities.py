"""Public city data: the prefecture panel with low-carbon pilots, and city coordinates."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from aigreen.data import canonical
from aigreen.data.raw import values
from aigreen.data.raw.adapter import DEFAULT, Expected, Options, measured, one_row, open_table, years
from aigreen.data.raw.checks import Field
from aigreen.data.raw.flow import Read
from aigreen.errors import SourceError

KEY = ["city_code", "year"]
PANEL = "prefecture_panel"
PLACES = "city_coordinates"
_SIZES = {"population": 1e5, "pop_density": 1e5, "gdp_real": 1e6, "gdp_per_capita": 1e7, "gdp_deflator": 100,
          "carbon_intensity": 1e7, "tertiary_share": 1, "industrial_upgrading": 100, "road_area": 1e4, "fdi": 1e7,
          "fdi_openness": 10, "financial_development": 1e3}  # fmt: skip
PANEL_FIELDS = tuple(
    Field(raw, "population_density" if raw == "pop_density" else raw, "", 0, high, may_miss=True)
    for raw, high in _SIZES.items()
)
EMPLOYMENT_FIELDS = tuple(
    Field(f"employment_{sector}", f"employment_{sector}", "10,000 persons", 0, 1e5, may_miss=True)
    for sector in ("primary", "secondary", "tertiary")
)
PILOT_FIELDS = (
    Field("pilot_year", "low_carbon_year", "year", 2010, 2017, whole=True, may_miss=True),
    Field("treat", "treat", "0/1", 0, 1, whole=True, may_miss=True),
)
PREFECTURES = Expected(
    PANEL,
    ("city_name", "year", "city_code", *(field.raw for field in (*PANEL_FIELDS, *PILOT_FIELDS))),
    tuple(field.raw for field in EMPLOYMENT_FIELDS),
)
PLACE_FIELDS = (
    Field("longitude", "longitude", "degrees", 70, 140),
    Field("latitude", "latitude", "degrees", 15, 55),
)


def prefecture_panel(path: Path | str, options: Options = DEFAULT) -> Read:
    """Read the panel of 285 prefectures, 2007-2023 (``panel_2007_2023_full.xlsx``).

    Codes stand as floats and are missing in a quarter of the rows; every name is in the division tables, so the code
    is found by name and compared with the one given. Logs, squares, treatment dummies and the second definition of
    industrial upgrading (``industrial_advanced``) are transforms and are not read. Where ``treat`` is missing the
    source does not state whether the city is a pilot: ``low_carbon_known`` is false there. Employment by sector is not
    in the public file; it is read where a file has it.

    Returns
    -------
    Read
        Canonical ``city_years``.

    Raises
    ------
    SourceError
        Unknown city names, a code that is not the city's, a pilot year that varies within a city or contradicts
        ``treat``.
    """
    frame, flow, where = open_table(path, *PREFECTURES, options=options, unit="city")
    by_name = values.codes_by_name()
    names = values.clean(frame["city_name"])
    _refuse(~names.isin(by_name.index), names, where, "city names in no division table")
    given = values.city_codes(frame["city_code"], where)
    code = names.map(by_name)
    _refuse(given.notna() & (given != code), given, where, "codes are not of the city named")
    flow.note("codes missing, found by name", frame, int(given.isna().sum()), list(names[given.isna()].unique()[:5]))
    tidy = pd.DataFrame({"city_code": code.astype("str"), "year": years(frame, "year", where), "city": names})
    tidy = tidy.join(measured(frame, (*PANEL_FIELDS, *EMPLOYMENT_FIELDS, *PILOT_FIELDS), where))
    tidy = one_row(tidy, KEY, flow, where)
    pilot = tidy["low_carbon_year"]
    _refuse(
        (pilot.notna() != tidy["treat"].eq(1).fillna(False)), tidy["city"], where, "rows have treat against pilot_year"
    )
    cohorts = tidy.assign(pilot=pilot.fillna(0)).groupby("city_code")["pilot"].transform("nunique")
    _refuse(cohorts > 1, tidy["city"], where, "rows of cities with two pilot years")
    tidy["low_carbon_known"] = tidy["treat"].notna().astype("boolean")
    unknown = ~tidy["low_carbon_known"]
    flow.note("pilot status not stated", tidy, int(unknown.sum()), list(tidy.loc[unknown, "city"].unique()[:5]))
    gaps = tidy["city_code"].nunique() * tidy["year"].nunique() - len(tidy)
    flow.note("city-years absent from a full panel", tidy, gaps)
    return Read(
        canonical.check("city_years", canonical.completed("city_years", tidy.drop(columns="treat"))), flow.to_frame()
    )


def coordinates(path: Path | str, options: Options = DEFAULT) -> Read:
    """Read city coordinates (``Chinese_City_Coordinate.dta``, 287 cities): canonical ``city_places``.

    Codes have four digits; municipalities (``1101``) become ``110000``. Two cities no longer exist (Chaohu, Laiwu) and
    two changed their names (Xiangfan, Simao): codes stay those of the time.
    """
    required = ["Cityname", "Citycode", *(field.raw for field in PLACE_FIELDS)]
    frame, flow, where = open_table(path, PLACES, required, options=options, unit="city_code")
    tidy = pd.DataFrame(
        {"city_code": values.city_codes(frame["Citycode"], where), "city": values.clean(frame["Cityname"])}
    ).join(measured(frame, PLACE_FIELDS, where))
    tidy = one_row(tidy, ["city_code"], flow, where)
    now = set(values.codes_by_name())
    former = tidy[~tidy["city_code"].isin(now)]
    flow.note("units that no longer exist", tidy, len(former), list(former["city"]))
    return Read(canonical.check("city_places", tidy), flow.to_frame())


def _refuse(bad: pd.Series, cells: pd.Series, where: str, fault: str) -> None:
    if bad.any():
        first = ", ".join(map(str, cells[bad].unique()[:5]))
        raise SourceError(f"{where}: {int(bad.sum())} {fault}; first: {first}")
