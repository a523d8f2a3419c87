"""An exposure of units as a shift-share of their sector's shocks: reduced form, first stage and instrumented dose."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from aigreen.effects.confidence_set import ConfidenceSet
from aigreen.effects.effects import Effects
from aigreen.errors import DataError
from aigreen.linalg.fixed_effects import FixedEffects
from aigreen.panel.panel import Panel
from aigreen.regression.shift_share import ShiftShare


@dataclass(frozen=True)
class Instrumented:
    """Results of `instrumented`.

    Attributes
    ----------
    by_shock, by_cluster : mapping of "reduced", "first" and "second" to Effects
        With errors by shock, and by the panel's clusters.
    weak : ConfidenceSet
        Of the instrumented dose; holds with a weak instrument.
    n_sectors : int
    """

    by_shock: Mapping[str, Effects]
    by_cluster: Mapping[str, Effects]
    weak: ConfidenceSet
    n_sectors: int


def instrumented(
    frame: pd.DataFrame, outcome: str, roles: Mapping[str, str], *, exposure: str, dose: str, sector: str, level: float
) -> Instrumented:
    """Regress outcome and dose on a shift-share exposure, and the outcome on the dose with it as instrument.

    Shares of a unit need not sum to one, so that their sum, by period, is controlled for.

    Parameters
    ----------
    frame : DataFrame
        Rows without exposure or dose are left out.
    roles : mapping
        Columns unit, time, cohort and cluster.
    exposure, dose, sector : str
        See `shares_and_shocks`.
    level : float
        Of the weak-instrument set.
    """
    unit, time = roles["unit"], roles["time"]
    shares, shocks = shares_and_shocks(frame, unit=unit, time=time, sector=sector, exposure=exposure)
    used = frame[frame[unit].isin(shares.index) & frame[[exposure, dose]].notna().all(axis=1)].reset_index(drop=True)
    total = used[unit].map(shares.sum(axis=1))
    sums = {f"share_{year}": total * (used[time] == year) for year in sorted(used[time].unique())[1:]}
    panel = Panel(used.assign(**sums), **roles)
    controls = {"covariates": list(sums)}

    def fitted(errors: str) -> dict[str, Effects]:
        model = ShiftShare(shares=shares, shocks=shocks, errors=errors)
        return {
            "reduced": model.fit(panel, outcome, **controls),
            "first": model.first_stage(panel, outcome, treatment=dose, **controls),
            "second": model.fit(panel, outcome, treatment=dose, **controls),
        }

    weak = ShiftShare(shares=shares, shocks=shocks, errors="akm")
    return Instrumented(
        by_shock=fitted("akm"),
        by_cluster=fitted("cluster"),
        weak=weak.confidence_set(panel, outcome, treatment=dose, level=level, **controls),
        n_sectors=shares.shape[1],
    )


def shares_and_shocks(
    frame: pd.DataFrame, *, unit: str, time: str, sector: str, exposure: str
) -> tuple[pd.DataFrame, pd.DataFrame]:
    r"""Recover the shares and shocks behind an exposure :math:`z_{it} = s_i g_{k(i)t}` with one sector a unit.

    The effects of units in :math:`\ln z_{it} = \ln s_i + \ln g_{kt}` are exact up to one factor a sector, which
    changes neither estimates nor their errors.

    Returns
    -------
    shares : DataFrame
        One row a unit with a positive exposure, one column a sector; zero in other sectors.
    shocks : DataFrame
        One row a sector, one column a period; zero where no unit of the sector is seen.
    """
    known = frame[frame[exposure] > 0]
    if known.empty:
        raise DataError(f"column {exposure!r} has no positive value", column=exposure, count=0)
    sector_of = known.drop_duplicates(unit, keep="last").set_index(unit)[sector]
    known = known[known[sector] == known[unit].map(sector_of)]
    codes, units = pd.factorize(known[unit], sort=True)
    cells = known.groupby([sector, time]).ngroup().to_numpy()
    effects = FixedEffects([codes, cells]).coefficients(np.log(known[exposure].to_numpy(dtype=float)))[0]
    share = pd.Series(np.exp(effects), index=units)
    # The factor of each sector is arbitrary: its mean share becomes one.
    share /= share.groupby(sector_of.reindex(units).to_numpy()).transform("mean")
    wide = pd.DataFrame(0.0, index=units, columns=sorted(sector_of.unique()))
    for name, of in sector_of.reindex(units).items():
        wide.loc[name, of] = share[name]
    growth = (known[exposure] / known[unit].map(share)).groupby([known[sector], known[time]]).mean().unstack(time)
    return wide, growth.reindex(wide.columns).fillna(0.0)
