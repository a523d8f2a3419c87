"""AI pilot zones with timing variants, and other place-based policies, as columns by city and year."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple, get_args

import pandas as pd

from aigreen.data import facts
from aigreen.data.facts import MOST
from aigreen.errors import OptionError

PIONEER = "MIIT National AI Innovation and Application Pioneer Zone"
LAST_MONTH = 6

Timing = Literal["batch_year", "first_full_year", "letter_date", "publication_date", "half_year"]
SUFFIX = {"first_full_year": "full", "letter_date": "letter", "publication_date": "published", "half_year": "half"}


class Policies(NamedTuple):
    """Other policies by city and year.

    Parameters
    ----------
    table : DataFrame
        ``city_code, year`` and one column of 0 and 1 a policy.
    unused : DataFrame
        Rows of the policy table that no column holds, with ``reason``.
    """

    table: pd.DataFrame
    unused: pd.DataFrame


def cohorts(zones: pd.DataFrame, *, timing: Timing = "batch_year", program: str = MOST) -> pd.Series:
    """Give the first year in which each city holds a zone.

    Parameters
    ----------
    zones : DataFrame
        Canonical ``zones``. A county counts for the prefecture around it (Deqing for Huzhou).
    timing : str
        ``batch_year``: year of the letter. ``first_full_year``: the year after. ``letter_date``, ``publication_date``:
        year of that day. ``half_year``: the year of the letter where it is of January to June, else the next. The day
        of publication stands in for a letter without a day, and the batch year for a zone without any day.
    program : str
        Programme; the pioneer zones of the industry ministry are another one.

    Returns
    -------
    Series of int64
        Name ``zone_year``, index ``city_code``, sorted.
    """
    if timing not in get_args(Timing):
        raise OptionError("timing", timing, get_args(Timing))
    known = zones["program"].unique()
    if program not in known:
        raise OptionError("program", program, list(known))
    mine = zones[zones["program"] == program]
    year = _years(mine, timing)
    return year.groupby(mine["city_code"].to_numpy()).min().sort_index().rename("zone_year").rename_axis("city_code")


def timings(zones: pd.DataFrame, *, program: str = MOST) -> pd.DataFrame:
    """Give the cohorts by every timing: index ``city_code``, columns ``zone_year`` and ``zone_year_<variant>``."""
    columns = {"zone_year": cohorts(zones, program=program)}
    columns |= {f"zone_year_{suffix}": cohorts(zones, timing=way, program=program) for way, suffix in SUFFIX.items()}
    return pd.DataFrame(columns).rename_axis("city_code")


def firm_cohorts(frame: pd.DataFrame, cohorts: pd.Series) -> pd.Series:
    """Give each firm one cohort, also where it moves between cities.

    A firm that comes to a zone city is treated from the zone's year or its own arrival, whichever is later, and stays
    treated; one that leaves before the zone begins is not. The city of its first row is where it always was.

    Parameters
    ----------
    frame : DataFrame
        ``firm_id, year, city_code``.
    cohorts : Series
        First zone year by city.

    Returns
    -------
    Series of float
        Aligned to ``frame``; missing = never.
    """
    rows = frame.sort_values(["firm_id", "year"])
    firm = rows["firm_id"]
    new_firm = firm != firm.shift()
    arrives = (rows["city_code"] != rows["city_code"].shift()) & ~new_firm
    arrival = rows["year"].where(new_firm | arrives).astype(float).where(~new_firm, float("-inf"))
    arrival = arrival.groupby(firm).ffill()
    start = rows["city_code"].map(cohorts).astype(float)
    begins = start.where(start >= arrival, arrival).where(start.notna())
    first = begins.where(rows["year"] >= begins).groupby(firm).transform("min")
    last = firm.map(begins.set_axis(firm)[~firm.duplicated(keep="last").to_numpy()])
    return first.fillna(last).reindex(frame.index).rename("zone_year")


def policy_columns(
    policies: pd.DataFrame,
    years: Iterable[int],
    *,
    cities: Iterable[str] | None = None,
    expand: bool = False,
    partial: bool = False,
) -> Policies:
    """Give other policies as columns.

    Parameters
    ----------
    policies : DataFrame
        Canonical ``policies``.
    years : iterable of int
        Years of the table.
    cities : iterable of str, optional
        Prefecture-level codes; those of the division table by default.
    expand : bool
        Let a province's policy hold in all its cities and a national one in all. Where a city is named too, the
        earlier year counts.
    partial : bool
        Let a policy of a part of a city (district, county, cluster) hold in the city.

    Returns
    -------
    Policies
        A policy is 1 from its ``coded_year`` on.
    """
    cities = pd.Index(facts.table("divisions")["gb_code"] if cities is None else list(cities), name="city_code")
    years = list(years)
    reasons = pd.Series("", index=policies.index)
    reasons[policies["partial"].astype(bool) & (not partial)] = "part of a city"
    wide = policies["level"].isin(["province", "national"])
    reasons[wide & (not expand)] = "province or country, not expanded"
    reasons[policies["city_code"].isna() & ~wide] = "administered by the province, in no prefecture"
    reasons[policies["coded_year"].isna()] = "no year"
    used = policies[reasons == ""]
    starts = pd.concat([_spread(row, cities) for row in used.itertuples()]) if len(used) else _nowhere()
    first = starts.groupby(["city_code", "policy"])["year"].min().unstack("policy")
    first = first.reindex(index=cities, columns=sorted(policies["policy"].unique()))
    table = first.loc[first.index.repeat(len(years))].reset_index()
    year = pd.Series(years * len(cities), dtype="int64")
    done = table.drop(columns="city_code").apply(lambda start: (year >= start.astype(float)).astype("int64"))
    done.insert(0, "city_code", table["city_code"])
    done.insert(1, "year", year)
    done = done.loc[:, [c for c in done if c in ("city_code", "year") or c in set(used["policy"])]]
    unused = policies.loc[reasons != "", ["policy", "gb_code", "level", "batch"]].assign(reason=reasons[reasons != ""])
    return Policies(done.rename_axis(columns=None), unused.reset_index(drop=True))


def _years(zones: pd.DataFrame, timing: Timing) -> pd.Series:
    if timing in ("batch_year", "first_full_year"):
        return zones[timing]
    letter = zones["letter_date"].fillna(zones["publication_date"])
    day = zones["publication_date"].fillna(letter) if timing == "publication_date" else letter
    later = (day.dt.month > LAST_MONTH).astype("int64") if timing == "half_year" else 0
    return (day.dt.year + later).fillna(zones["batch_year"]).astype("int64")


def _spread(row: tuple, cities: pd.Index) -> pd.DataFrame:
    if row.level == "national":
        places = cities
    elif row.level == "province":
        places = cities[cities.str[:2] == row.gb_code[:2]]
    else:
        places = [row.city_code]
    return pd.DataFrame({"city_code": list(places), "policy": row.policy, "year": int(row.coded_year)})


def _nowhere() -> pd.DataFrame:
    return pd.DataFrame({"city_code": [], "policy": [], "year": []})
