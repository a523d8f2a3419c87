"""Places of a study: the cities or provinces that treatment falls on, which are its clusters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from aigreen.data import facts
from aigreen_study.specification.named import NO_PLACES
from aigreen_study.words import in_sentence

HOME_PROVINCE = "home_province"
MOVED = "moved"
SIZE_GROUP = "size_group"


def province_of(codes: pd.Series) -> pd.Series:
    """Code of the province that a place (GB/T 2260, six digits) lies in."""
    return codes.str[:2] + "0000"


def seats(level: str) -> pd.DataFrame | None:
    """Latitude and longitude in degrees of prefectures, or of capitals of provinces, by code; None for no places."""
    if level == NO_PLACES:
        return None
    divisions = facts.table("divisions")
    if level == "province":
        divisions = divisions[divisions["provincial_capital"].astype(int) == 1]
    index = divisions["province_code" if level == "province" else "gb_code"]
    return divisions[["lat", "lon"]].astype(float).set_index(index)


def middles(frame: pd.DataFrame, cluster: str, at: Mapping[str, str]) -> pd.DataFrame:
    """Latitude and longitude in degrees of clusters: means over their rows of the columns that `at` names."""
    return frame.groupby(cluster)[[at["latitude"], at["longitude"]]].mean().astype(float)


def varies_within(frame: pd.DataFrame, column: str, what: str) -> bool:
    """Whether rows of some value of `column` differ in `what`, which may be missing."""
    return bool((frame.groupby(column)[what].nunique(dropna=False) > 1).any())


def stayed(frame: pd.DataFrame) -> pd.DataFrame:
    """Rows of units that did not move between places, where the panel says which did: their dates are their place's."""
    return frame[frame[MOVED] == 0] if MOVED in frame else frame


def strata_of(
    frame: pd.DataFrame, roles: Mapping[str, str], labels: Mapping[str, str], options: Mapping[str, Any]
) -> tuple[pd.DataFrame, str, str]:
    """Name the column of the strata within which cohorts are reassigned, and how its line is called.

    Parameters
    ----------
    options : mapping
        ``column``, constant within clusters, or ``size_groups``, the number of groups of clusters by their units.

    Returns
    -------
    frame : DataFrame
        With that column.
    column, label : str
    """
    cluster, unit = roles["cluster"], roles["unit"]
    if "column" in options:
        column = options["column"]
        return frame, column, f"{labels[cluster]}, within {in_sentence(labels[column])}"
    sizes = frame.groupby(cluster)[unit].nunique()
    group = pd.qcut(sizes.rank(method="first"), options["size_groups"], labels=False)
    label = f"{labels[cluster]}, within {options['size_groups']} groups by number of units"
    return frame.assign(**{SIZE_GROUP: frame[cluster].map(group)}), SIZE_GROUP, label


def clusterings(
    frame: pd.DataFrame, roles: Mapping[str, str], labels: Mapping[str, str], level: str
) -> tuple[pd.DataFrame, dict[str, str]]:
    """Name the columns that errors can be clustered by: places, units and, around prefectures, provinces.

    Returns
    -------
    frame : DataFrame
        With a column of provinces where they are no places.
    clusters : dict of column to label
        The study's clusters first.
    """
    place = roles["cluster"]
    clusters = {place: labels[place], roles["unit"]: labels[roles["unit"]]}
    if level in ("province", NO_PLACES):
        return frame, clusters
    return frame.assign(**{HOME_PROVINCE: province_of(frame[place])}), clusters | {HOME_PROVINCE: "Province"}


def home_of(frame: pd.DataFrame, unit: str, place: str) -> pd.Series:
    """Last place of every unit."""
    last = frame.drop_duplicates(unit, keep="last")
    return last[place].set_axis(pd.Index(last[unit], name=unit))
