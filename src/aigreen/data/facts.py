"""Fact tables that travel with the library: divisions, AI pilot zones, industries, published aggregates.

Every column is text as it stands in the file (codes keep their leading zeros, an empty cell is an empty string);
functions that return numbers say so. Tables come from the installed package, or from ``data/facts`` in a checkout:
there is one copy in the repository.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from aigreen.arguments import typed
from aigreen.errors import DataError, OptionError
from aigreen.linalg.sphere import great_circle_km

MOST = "MOST National New-Generation AI Innovation and Development Pilot Zone"

Level = Literal["province", "prefecture"]
Timing = Literal["batch_year", "first_full_year"]


def names() -> list[str]:
    """List the tables at hand, sorted."""
    return sorted(entry.name.removesuffix(".csv") for entry in _folder().iterdir() if entry.name.endswith(".csv"))


def sums() -> dict[str, str]:
    """Give the sha256 of the file of each table at hand, by name."""
    return {name: hashlib.sha256((_folder() / f"{name}.csv").read_bytes()).hexdigest() for name in names()}


@typed
def table(name: str) -> pd.DataFrame:
    """Read one fact table as text.

    Parameters
    ----------
    name : str
        File name without ``.csv``, for example ``"divisions"``.

    Returns
    -------
    DataFrame
        A fresh copy; all columns hold strings, empty cells are ``""``.

    Raises
    ------
    OptionError
        No such table; the nearest name is offered.
    """
    if name not in (known := names()):
        raise OptionError("table", name, known)
    return _read(name).copy()


@typed
def pilot_zone_cohorts(level: Level = "prefecture", timing: Timing = "batch_year") -> pd.Series:
    """Give the first year in which each province or prefecture holds a national AI pilot zone (MOST zones only).

    Deqing is a county; its zone is counted for the prefecture around it, Huzhou (330500). The pioneer zones of the
    industry ministry (MIIT) are another programme and are not used here.

    Parameters
    ----------
    level : {"province", "prefecture"}
        16 provinces or 18 prefecture-level units.
    timing : {"batch_year", "first_full_year"}
        Year of the letter, or the calendar year after it.

    Returns
    -------
    Series of int64
        Name ``zone_year``, index ``gb_code`` (text), sorted; units without a zone are absent.
    """
    _check("level", level, ("province", "prefecture"))
    _check("timing", timing, ("batch_year", "first_full_year"))
    zones = _read("ai_pilot_zones").query("program == @MOST")
    code = zones["prefecture_code"] if level == "prefecture" else zones["prefecture_code"].str[:2] + "0000"
    first = zones[timing].astype("int64").groupby(code.to_numpy()).min().sort_index()
    return first.rename("zone_year").rename_axis("gb_code")


@typed
def policy_cohorts(policy: str, level: Level = "prefecture") -> pd.Series:
    """Give the first year in which each province or prefecture falls under a policy of the table of other policies.

    Rows without a place of the level are left out: a policy for whole provinces leaves prefectures the municipalities.

    Parameters
    ----------
    policy : str
        As in ``confounding_policies``, for example ``"east_data_west_computing_hub"``.
    level : {"province", "prefecture"}

    Returns
    -------
    Series of int64
        Named as the policy, index ``gb_code`` (text), sorted; units without it are absent.

    Raises
    ------
    OptionError
        For a policy that the table does not have, or one that no place of the level has.
    """
    _check("level", level, ("province", "prefecture"))
    every = _read("confounding_policies")
    rows = every[(every["policy"] == policy) & (every["coded_year"] != "")]
    code = rows["prefecture_code"] if level == "prefecture" else rows["gb_code"].str[:2] + "0000"
    first = rows["coded_year"].astype("int64").groupby(code.to_numpy()).min().drop("", errors="ignore").sort_index()
    if first.empty:
        raise OptionError("policy", policy, sorted(every["policy"].unique()))
    return first.rename(policy).rename_axis("gb_code")


@typed
def distances_km(codes: Sequence[str], others: Sequence[str]) -> np.ndarray:
    """Compute great-circle distances between the seats of prefectures.

    Coordinates have two decimals, so a distance is good to about one kilometre.

    Returns
    -------
    ndarray, shape (len(codes), len(others))
        Kilometres.

    Raises
    ------
    DataError
        Codes that are not prefecture-level units.
    """
    return great_circle_km(_coordinates(codes), _coordinates(others))


@typed
def zones_within(
    codes: Sequence[str], years: Sequence[int], *, radius_km: float, timing: Timing = "batch_year"
) -> np.ndarray:
    """Count the *other* cities with a pilot zone in force within a radius, row by row.

    Parameters
    ----------
    codes, years : sequences of equal length
        Prefecture code and calendar year of each row.
    radius_km : float
        Distance between seats up to which a zone counts.
    timing : {"batch_year", "first_full_year"}
        When a zone is in force.

    Returns
    -------
    ndarray of int64, shape (len(codes),)
    """
    cohorts = pilot_zone_cohorts("prefecture", timing)
    rows, cities = pd.factorize(pd.Index(codes))
    near = distances_km(list(cities), list(cohorts.index)) <= radius_km
    near &= np.asarray(cities)[:, None] != cohorts.index.to_numpy()
    in_force = np.asarray(years)[:, None] >= cohorts.to_numpy()
    return (near[rows] & in_force).sum(axis=1, dtype="int64")


def _coordinates(codes: Sequence[str]) -> np.ndarray:
    places = _read("divisions").set_index("gb_code")[["lat", "lon"]]
    unknown = [code for code in dict.fromkeys(codes) if code not in places.index]
    if unknown:
        raise DataError(f"{len(unknown)} codes are not prefecture-level units", count=len(unknown), first=unknown)
    return places.loc[list(codes)].to_numpy(dtype=float)


def _check(option: str, value: object, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise OptionError(option, value, allowed)


def _folder() -> Traversable:
    packaged = files("aigreen.data") / "facts"
    return packaged if packaged.is_dir() else Path(__file__).parents[3] / "data" / "facts"


@cache
def _read(name: str) -> pd.DataFrame:
    with (_folder() / f"{name}.csv").open(encoding="utf-8") as lines:
        return pd.read_csv(lines, dtype=str, keep_default_na=False)
