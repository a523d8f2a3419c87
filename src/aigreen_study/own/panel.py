"""From the user's file to the analysis panel, with what the study adds to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from aigreen.data.assemble.codebook import Assembled, Entry, SampleFlow, finish
from aigreen.data.sources.own_file import read_own
from aigreen.errors import AigreenWarning, ConfigError, DataError, warn
from aigreen.exposure.exposure import exposure
from aigreen.exposure.maps import Map, matrix_map, rings
from aigreen.panel.columns import numeric
from aigreen.panel.panel import Panel
from aigreen_study.own.periods import codes_of, with_periods
from aigreen_study.own.study import TREATED, column_of, exposure_label, plain


def own_panel(config: Mapping[str, Any]) -> Assembled:
    """Build the panel of a study of one's own data.

    Units treated from their first period on are left out, as none of their rows is without treatment, and so are rows
    without the outcome; the sample flow says how many. Exposure is that to all treated units of the file.

    Raises
    ------
    DataError
        An outcome that is the same in all rows of treated units, a dose in rows without treatment; a subclass, for rows
        that are no panel: keys that stand twice, cohorts that vary within a unit.
    ConfigError
        Groups whose values the data do not have, links between units that are not there.
    """
    own, roles = config["own"], config["panel"]
    unit, time, cohort = (roles[role] for role in ("unit", "time", "cohort"))
    frame = read_own(own["source"]["file"], own["source"].get("sheet")).rename(columns=own["columns"])
    freq = roles.get("freq", "Y")
    frame = with_periods(frame, roles, freq)
    _check_names(frame, own, roles)
    flow = SampleFlow(unit)
    frame = flow.add(f"rows of {own['source']['file'].rpartition('/')[2]}", frame)
    panel = Panel(frame, unit=unit, time=time, cohort=cohort, cluster=roles["cluster"], freq=roles.get("freq"))
    first = panel.in_frame_order(panel.cohort)
    frame = frame.assign(
        **{
            cohort: codes_of(np.where(np.isfinite(first), first, np.nan), freq),
            TREATED: panel.in_frame_order(panel.treated).astype("int64"),
        },
        **{name: exposure(panel, links) for name, links in _maps(own, panel).items()},
    )
    seen = frame.groupby(unit)[time].transform("min")
    frame = flow.add("units treated from their first period left out", frame[~(seen >= frame[cohort])])
    frame = flow.add("rows with the outcome", frame[frame[config["outcomes"]["log"]].notna()])
    for outcome in dict.fromkeys(config["outcomes"].values()):
        _check_outcome(frame, outcome, roles)
    _check_exposed(frame, own)
    _check_dose(frame, own)
    return finish(frame.sort_values([unit, time]), flow, _entries(own, list(frame.columns)))


def _check_names(frame: pd.DataFrame, own: Mapping[str, Any], roles: Mapping[str, str]) -> None:
    """Refuse columns that the panel adds, and values of groups that are not there."""
    for name in (TREATED, *(name for name, how in own.get("exposures", {}).items() if "column" not in how)):
        if name in frame.columns and name != roles["cohort"]:
            raise DataError(
                f"column {name!r} of the file has the name of one that the study makes; rename it", column=name
            )
    for column, values in own["groups"].items():
        known = frame[column].dropna().unique()
        absent = [value for value in values.values() if not frame[column].isin([value]).any()]
        if absent:
            raise ConfigError(f"groups.{column}: no row has {', '.join(map(repr, absent))}; there are {_some(known)}")


def _check_outcome(frame: pd.DataFrame, outcome: str, roles: Mapping[str, str]) -> None:
    """Refuse an outcome that is the same in all rows of treated units; warn of one that is so after treatment."""
    ever = frame.loc[frame[roles["cohort"]].notna() & frame[outcome].notna()]
    after = ever.loc[ever[TREATED] == 1, outcome]
    if after.empty or after.nunique() > 1:
        return
    value = after.iloc[0]
    if ever[outcome].nunique() == 1:
        raise DataError(
            f"{outcome} is {value:g} in all {len(ever):,} rows of the {ever[roles['unit']].nunique():,} treated units, "
            "before treatment and after it: nothing can be estimated from it",
            column=outcome,
            count=len(ever),
            first=list(ever[roles["unit"]].unique()),
        )
    message = f"{outcome} is {value:g} in all {len(after):,} treated rows: effects have no spread after treatment"
    warn(AigreenWarning(message, count=len(after)))


def _check_exposed(frame: pd.DataFrame, own: Mapping[str, Any]) -> None:
    """Refuse an exposure that no untreated row has: spillovers are told from treatment by those."""
    for name, how in own.get("exposures", {}).items():
        if not (frame.loc[frame[TREATED] == 0, column_of(name, how)] > 0).any():
            raise ConfigError(f"exposures.{name}: no untreated row is exposed, so that there are no spillovers to see")


def _check_dose(frame: pd.DataFrame, own: Mapping[str, Any]) -> None:
    """Refuse a dose in rows without treatment: unit effects absorb one that does not change with treatment."""
    if "dose" not in own:
        return
    dose, roles = own["dose"], own["panel"]
    early = frame.loc[(frame[TREATED] == 0) & frame[dose].notna() & (frame[dose] != 0), roles["unit"]].unique()
    if len(early):
        raise DataError(
            f"dose: {len(early)} units have a dose other than 0 in rows without treatment; make it 0 before "
            f"the first treated period ({roles['time']} < {roles['cohort']}) and in units never treated",
            column=dose,
            count=len(early),
            first=list(early),
        )


def _some(values: np.ndarray) -> str:
    shown = sorted(map(str, values))
    return ", ".join(shown[:6]) + (", ..." if len(shown) > 6 else "")


def _maps(own: Mapping[str, Any], panel: Panel) -> dict[str, Map]:
    """Who is exposed to whom, by exposure that is no column of the file."""
    found: dict[str, Map] = {}
    for name, how in own.get("exposures", {}).items():
        if "within_km" in how:
            (found[name],) = rings(places(panel.frame, panel.names["unit"], own), [0, how["within_km"]]).values()
        elif "links" in how:
            found[name] = _linked(read_own(how["links"]), panel.units, f"exposures.{name}.links: {how['links']}")
    return found


def places(frame: pd.DataFrame, unit: str, own: Mapping[str, Any]) -> pd.DataFrame:
    """Latitude and longitude in degrees by unit, from its first row with both."""
    columns = [own["coordinates"][key] for key in ("latitude", "longitude")]
    found = frame.dropna(subset=columns).drop_duplicates(unit).set_index(unit)[columns]
    lost = frame.loc[~frame[unit].isin(found.index), unit].unique()
    if len(lost):
        raise DataError(f"{len(lost)} units have no coordinates", column=columns[0], count=len(lost), first=lost)
    return found.astype(float)


def _linked(pairs: pd.DataFrame, units: pd.Index, where: str) -> Map:
    """Weighted links of a table: from, to and, if there is a third column, weight."""
    if len(pairs.columns) < 2:
        raise DataError(f"{where}: two columns of units are needed, and a third of weights if links have any")
    labels = pd.Index(units.astype(str))
    ends = [labels.get_indexer(pairs.iloc[:, side].astype(str)) for side in (0, 1)]
    lost = sorted({*pairs.iloc[:, 0].astype(str)[ends[0] < 0], *pairs.iloc[:, 1].astype(str)[ends[1] < 0]})
    if lost:
        raise DataError(f"{where}: {len(lost)} units are not in the panel", count=len(lost), first=lost)
    weight = numeric(pairs.iloc[:, 2]) if len(pairs.columns) > 2 else np.ones(len(pairs))
    if twice := int(pairs.iloc[:, :2].astype(str).duplicated().sum()):
        warn(AigreenWarning(f"{where}: {twice} pairs stand there once more; their weights add up", count=twice))
    links = sparse.coo_array((weight, (ends[0], ends[1])), shape=(len(units), len(units))).tocsr()
    links.setdiag(0)
    return matrix_map(links, units)


def _entries(own: Mapping[str, Any], columns: list[str]) -> list[Entry]:
    """Codebook: labels of the study's file, or the names of the file's columns."""
    source, labels = own["source"]["file"].rpartition("/")[2], own["labels"]
    original = {name: column for column, name in own["columns"].items()}
    cohort, time = own["panel"]["cohort"], own["panel"]["time"]
    made = {TREATED: Entry(TREATED, "Treated", "", "1 = yes, 0 = no", source, f"{time} >= {cohort}")}
    for name, how in own.get("exposures", {}).items():
        if "within_km" in how:
            said = "number of other treated units so near"
            made[name] = Entry(name, exposure_label(name, own), "units", "", source, said)
        elif "links" in how:
            made[name] = Entry(name, exposure_label(name, own), "", "", how["links"], "sum of links to treated units")
    return [made.get(name) or Entry(name, labels.get(name, plain(original[name])), source=source) for name in columns]
