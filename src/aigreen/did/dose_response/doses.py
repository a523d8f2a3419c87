"""Doses of treated units, read from rows and held against the cohorts."""

from __future__ import annotations

from typing import Literal

import numpy as np

from aigreen.errors import DoseError, DoseVariesError, MissingRowsWarning
from aigreen.panel.dropped import Dropped
from aigreen.panel.panel import Panel

DosePath = Literal["constant", "first", "current"]


def read_doses(sample: Panel, name: str, path: DosePath, dropped: Dropped) -> tuple[Panel, np.ndarray]:
    """Read the doses, and leave out and count units and rows without one.

    Parameters
    ----------
    sample : Panel
    name : str
        Column; on rows before adoption zero, missing or the dose at adoption.

    Returns
    -------
    sample : Panel
        Units that are untreated throughout or have a dose.
    doses : ndarray, shape (T or 1, N)
        Of each unit in each period, or in all; before adoption that at adoption. nan where none is known.

    Raises
    ------
    DoseError
        Treated rows with doses that are not positive, untreated ones with another dose.
    DoseVariesError
        With path="constant", doses that change after adoption.
    """
    dose, unit, treated = sample.column(name), sample.unit_codes, sample.treated
    known = np.isfinite(dose)
    first = _first_by_unit(sample, treated & known)
    counted = treated & known if path != "first" else np.isin(np.arange(sample.n_rows), first)
    bad = counted & (dose <= 0) | treated & (dose < 0)
    _refuse(sample, name, bad, "treated rows with a dose of zero or less")
    never = np.isinf(sample.unit_cohort)[unit]
    _refuse(sample, name, never & known & (dose != 0), "rows of units never treated with a dose")
    own = np.full(sample.n_units, np.nan)
    for rows in (_first_by_unit(sample, ~treated & known & (dose != 0)), first):
        own[unit[rows]] = dose[rows]
    other = ~treated & ~never & known & (dose != 0) & (dose != own[unit])
    _refuse(sample, name, other, "rows before adoption with a dose other than zero and that at adoption")
    if path == "constant":
        changed = np.flatnonzero(treated & known & (dose != own[unit]))
        if changed.size:
            raise DoseVariesError(
                f"column {name!r}: {changed.size:,} rows with another dose than at adoption; dose_path='first' takes "
                "the dose at adoption, dose_path='current' that of each period",
                column=name,
                count=changed.size,
                first=sample.labels(changed[:5]),
            )
    reached = sample.unit_cohort <= sample.times[-1]
    lost = reached & np.isnan(own)
    dropped.add(MissingRowsWarning, "units", f"no {name} after adoption", int(lost.sum()), sample.units[lost][:5])
    keep = ~lost[unit]
    if path == "current":
        without = np.flatnonzero(keep & treated & ~known)
        dropped.add(MissingRowsWarning, "rows", f"missing {name}", without.size, sample.labels(without[:5]))
        keep[without] = False
    if not keep.all():
        present = np.bincount(unit[keep], minlength=sample.n_units) > 0
        sample, own, dose = sample.cut(keep), own[present], dose[keep]
    if path != "current":
        return sample, own[None]
    doses = np.tile(own, (sample.n_periods, 1))
    now = np.flatnonzero(sample.treated)
    doses[sample.time_codes[now], sample.unit_codes[now]] = dose[now]
    return sample, doses


def _first_by_unit(sample: Panel, where: np.ndarray) -> np.ndarray:
    """Find the first marked row of each unit that has one."""
    rows = np.flatnonzero(where)
    return rows[np.unique(sample.unit_codes[rows], return_index=True)[1]]


def _refuse(sample: Panel, name: str, bad: np.ndarray, what: str) -> None:
    rows = np.flatnonzero(bad)
    if rows.size:
        raise DoseError(
            f"column {name!r}: {rows.size:,} {what}", column=name, count=rows.size, first=sample.labels(rows[:5])
        )
