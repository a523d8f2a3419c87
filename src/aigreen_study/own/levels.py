"""At which level treatment varies: columns in each of whose values all units share their first treated period."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

FEWEST, FEWEST_TREATED = 8, 2  # groups of a level that errors are clustered by, unless told otherwise
_DATE = "first treated period"


class Level(NamedTuple):
    """Number of values of a column, and of those with treated units."""

    groups: int
    treated: int

    @property
    def enough(self) -> bool:
        """Whether errors can be clustered by the column without being asked to."""
        return self.groups >= FEWEST and self.treated >= FEWEST_TREATED


def levels(frame: pd.DataFrame, unit: str, columns: Sequence[str], cohort: np.ndarray) -> dict[str, Level]:
    """Find the columns above the unit at whose level treatment varies, those of the fewest values first.

    Such a column has more values than there are dates, several units a value, and stays within units: a column of
    cohorts or a flag of treatment is none.

    Parameters
    ----------
    columns : sequence of str
        Those that may be a level.
    cohort : ndarray, shape (rows,)
        First treated period, infinite for never.
    """
    steady = frame.groupby(unit)[list(columns)].nunique(dropna=False).max() if len(columns) else pd.Series(dtype=int)
    units = frame.assign(**{_DATE: cohort}).drop_duplicates(unit)
    found = {}
    for column in columns:
        values, dates = units[column], units[_DATE]
        count = values.nunique()
        if steady[column] > 1 or values.isna().any() or not 2 < count <= len(units) / 2:
            continue
        treated = values[np.isfinite(dates)]
        if dates.groupby(values).nunique().max() > 1 or not treated.duplicated().any():
            continue
        if values.groupby(dates).nunique().max() > 1:
            found[column] = Level(int(count), int(treated.nunique()))
    return dict(sorted(found.items(), key=lambda item: item[1].groups))


def level_above(
    frame: pd.DataFrame, roles: Mapping[str, str], columns: Sequence[str]
) -> tuple[str, Level] | tuple[None, None]:
    """Find the coarsest level at which treatment varies, where its values hold several of a study's clusters.

    Parameters
    ----------
    frame : DataFrame
        The study's panel; its first treated periods are missing for never.
    roles : mapping
        Columns unit, cohort and cluster.
    columns : sequence of str
        Those that may be a level.
    """
    cohort = frame[roles["cohort"]].to_numpy(dtype=float, na_value=np.inf)
    clusters = frame.groupby(roles["cluster"])
    for column, size in levels(frame, roles["unit"], columns, cohort).items():
        if size.groups < clusters.ngroups and clusters[column].nunique().max() == 1:
            return column, size
    return None, None
