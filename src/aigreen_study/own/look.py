"""What a file of data looks like as a panel: periods, gaps, cohorts, and columns that could play a part."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from aigreen.errors import UnknownColumnError
from aigreen.panel.panel import Panel
from aigreen_study.own.levels import Level, levels
from aigreen_study.own.periods import dated, frequency, with_periods
from aigreen_study.run.periods import IN_A_YEAR, Freq, Periods

FEW_VALUES, FEW_NAMES, MOST_SUGGESTED = 6, 12, 8
FURTHEST = {"Y": 5, "Q": 8, "M": 12, 1: 5}  # horizons
_WEIGHT = re.compile(r"(^|_)([paf]?weights?|wts?|wgts?|[pa]w)$|^popwt$|权重$")
LATITUDE, LONGITUDE = ("lat", "latitude", "纬度"), ("lon", "lng", "long", "longitude", "经度")


@dataclass(frozen=True)
class Look:
    """What was found in a file.

    Attributes
    ----------
    rows, units, gaps : int
        Gaps are units and periods between the first and the last that have no row.
    freq : {"Y", "Q", "M", 1}
        What a period is; 1 for numbers that are no years.
    periods : tuple of str
        First and last.
    dates : list of str
        Columns of periods that hold dates.
    cohorts : dict of str to int
        Units by first treated period.
    never, always : int
        Units never treated, and treated from their first period on.
    missing : int
        Rows without the outcome.
    counts : bool
        The outcome is a whole number of zero or more.
    name : str
        Column of names of the units; empty where there is none.
    coordinates : tuple of str
        Columns of latitude and longitude; empty where there are none.
    controls : list of str
        Columns that move within units and over time.
    steady : list of str
        Columns of many numbers that stay within units.
    treated : int
        Units that are first treated between their second and the last period.
    weights : list of str
        Columns of numbers that are called weights.
    clusters : dict of str to Level
        Columns above the unit in each of whose values all units share their first treated period, the coarsest first;
        of units that are not treated from their first period on.
    groups : dict of str to list
        Columns of few values that stay within units; of them the values with treated and untreated units.
    alone : dict of str to list
        The other values of these columns, where any.
    horizons : tuple of int
        First and last that the cohorts give.
    """

    rows: int
    units: int
    gaps: int
    freq: Freq
    periods: tuple[str, str]
    dates: list[str]
    cohorts: dict[str, int]
    never: int
    always: int
    missing: int
    counts: bool
    name: str
    coordinates: tuple[str, ...]
    controls: list[str]
    steady: list[str]
    treated: int
    weights: list[str]
    clusters: dict[str, Level]
    groups: dict[str, list[object]]
    alone: dict[str, list[object]]
    horizons: tuple[int, int]


def look(frame: pd.DataFrame, roles: Mapping[str, str], outcome: str) -> Look:
    """Look at a file as a panel.

    Parameters
    ----------
    frame : DataFrame
    roles : mapping
        Columns unit, time and cohort.
    outcome : str

    Raises
    ------
    DataError
        A subclass, where it is no panel.
    """
    for role, column in {**roles, "outcome": outcome}.items():
        if column not in frame.columns:
            raise UnknownColumnError(column, list(frame.columns), role=role)
    freq, dates = frequency(frame, roles), dated(frame, roles)
    frame = with_periods(frame, roles, freq)
    panel = Panel(frame, **roles, **({"freq": freq} if freq in IN_A_YEAR else {}))
    y = panel.column(outcome)
    called, furthest = Periods(freq).name, FURTHEST[freq]
    first, last = int(panel.times[0]), int(panel.times[-1])
    start = panel.times[panel.time_codes[panel.unit_first]]
    cohort, treated = panel.unit_cohort, np.isfinite(panel.unit_cohort)
    always = treated & (cohort <= start)
    used = cohort[treated & ~always & (cohort <= last)]
    low = min(furthest, int(used.max() - first - 1)) if used.size else 1
    high = min(furthest, int(last - used.min())) if used.size else 1
    others = [column for column in frame.columns if column not in {*roles.values(), outcome}]
    weights = [column for column in others if _WEIGHT.search(column.lower()) and _numeric(frame[column])]
    others = [column for column in others if column not in weights]
    steady, moving = _by_variation(frame, roles["unit"], others)
    places = tuple(next((c for c in steady if c.lower() in known), "") for known in (LATITUDE, LONGITUDE))
    rows = panel.in_frame_order(treated[panel.unit_codes])
    kept = ~panel.in_frame_order(always[panel.unit_codes])
    groups, alone = _groups(frame, steady, rows)
    return Look(
        rows=panel.n_rows,
        units=panel.n_units,
        gaps=panel.n_units * panel.n_periods - panel.n_rows,
        freq=freq,
        periods=(called(first), called(last)),
        dates=dates,
        cohorts={called(g): int((cohort == g).sum()) for g in panel.cohorts},
        never=int((~treated).sum()),
        always=int(always.sum()),
        missing=int(np.isnan(y).sum()),
        counts=bool(np.nanmin(y) >= 0 and np.nanmax(y) > 1 and (np.mod(y[~np.isnan(y)], 1) == 0).all()),
        name=_names(frame, roles["unit"], steady),
        coordinates=places if all(places) else (),
        controls=_controls(frame, moving, outcome),
        steady=_steady(frame, _told_without_treatment(frame, steady, rows), places),
        treated=int(used.size),
        weights=weights,
        clusters=levels(frame[kept], roles["unit"], steady, panel.in_frame_order(cohort[panel.unit_codes])[kept]),
        groups=groups,
        alone=alone,
        horizons=(-max(low, 1), high),
    )


def _numeric(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column) and bool((column.dropna() >= 0).all())


def _by_variation(frame: pd.DataFrame, unit: str, columns: Sequence[str]) -> tuple[list[str], list[str]]:
    """Columns that have one value in every unit, and all others; those without a value are neither."""
    filled = [column for column in columns if frame[column].notna().any()]
    most = frame.groupby(unit)[filled].nunique().max() if filled else pd.Series(dtype=float)
    return [column for column in filled if most[column] <= 1], [column for column in filled if most[column] > 1]


def _names(frame: pd.DataFrame, unit: str, steady: Sequence[str]) -> str:
    texts = [column for column in steady if not pd.api.types.is_numeric_dtype(frame[column])]
    units = frame[unit].nunique()
    return next((column for column in texts if frame[column].nunique() == units and frame[column].notna().all()), "")


def _controls(frame: pd.DataFrame, moving: Sequence[str], outcome: str) -> list[str]:
    """Numeric columns with a value in nearly all rows, not mostly one value, not nearly the outcome itself."""
    found: list[str] = []
    if frame[outcome].nunique() < 2:
        return found
    for column in moving:
        values = frame[column]
        if not pd.api.types.is_numeric_dtype(values) or values.notna().mean() < 0.95:
            continue
        like = abs(values.corr(frame[outcome], method="spearman"))
        if values.value_counts(normalize=True).iloc[0] < 0.5 and values.nunique() > FEW_VALUES and not like > 0.7:
            found.append(column)
    return found[:MOST_SUGGESTED]


def _told_without_treatment(frame: pd.DataFrame, columns: Sequence[str], treated: np.ndarray) -> list[str]:
    """Columns that differ among units never treated: others are doses, or treatment itself."""
    return [column for column in columns if treated.all() or frame.loc[~treated, column].nunique() > 1]


def _steady(frame: pd.DataFrame, columns: Sequence[str], places: Sequence[str]) -> list[str]:
    numeric = [column for column in columns if pd.api.types.is_numeric_dtype(frame[column]) and column not in places]
    return [c for c in numeric if frame[c].nunique() > FEW_VALUES and frame[c].notna().all()][:MOST_SUGGESTED]


def _groups(
    frame: pd.DataFrame, columns: Sequence[str], treated: np.ndarray
) -> tuple[dict[str, list[object]], dict[str, list[object]]]:
    """Values of columns of few values, those that have treated and untreated units and those that do not.

    Columns of names may have more values than those of numbers, and values that cannot be compared; two must be left.
    """
    groups: dict[str, list[object]] = {}
    alone: dict[str, list[object]] = {}
    for column in columns:
        values, named = frame[column], not pd.api.types.is_numeric_dtype(frame[column])
        if values.isna().any() or not 2 <= values.nunique() <= (FEW_NAMES if named else FEW_VALUES):
            continue
        both = pd.Series(treated).groupby(values.to_numpy()).nunique() == 2
        if both.sum() < 2 or not (named or both.all()):
            continue
        groups[column] = sorted(both.index[both].tolist(), key=str)
        if not both.all():
            alone[column] = sorted(both.index[~both].tolist(), key=str)
        if len(groups) == MOST_SUGGESTED:
            break
    return groups, alone
