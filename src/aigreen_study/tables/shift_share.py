"""Robots as a shift-share: reduced form, first stage and instrumented dose, with errors robust to common shocks."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from aigreen.effects.confidence_set import ConfidenceSet
from aigreen.effects.effects import Effects
from aigreen.errors import DataError
from aigreen.linalg.fixed_effects import FixedEffects
from aigreen_study.tables.estimates import attributed
from aigreen_study.tables.formats import MINUS, count, decimal
from aigreen_study.tables.table import Cell, Group, Row, Spanner, Table


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


def shift_share_table(
    results: Mapping[str, Mapping[str, Effects]],
    sets: Mapping[str, str],
    *,
    level: float,
    notes: str,
    simulated: bool = False,
) -> Table:
    """One row an estimate: errors by the panel's clusters and by shocks, interval of the latter, effective F.

    Parameters
    ----------
    results : mapping of label to mapping of "cluster" and "akm" to Effects
        Of `aigreen.regression.shift_share.ShiftShare`.
    sets : mapping of label to str
        Confidence set that holds with a weak instrument, in words; none for the first stage.
    """
    rows, made_by = [], []
    for label, by in results.items():
        akm = by["akm"].to_frame(level).iloc[0]
        cells = [Cell.number(akm["estimate"])]
        cells += [Cell.number(by["cluster"].std_errors.iloc[0], brackets="()")]
        cells += [Cell.number(akm["std_error"], brackets="()"), Cell.number(akm["conf_low"])]
        cells += [Cell.number(akm["conf_high"]), Cell(sets.get(label, ""))]
        strength = by["akm"].conventions.get("effective F")
        cells += [Cell.number(float(strength), 1) if strength else Cell(), Cell(count(akm_rows(by)), akm_rows(by))]
        rows.append(Row(label, tuple(cells)))
        made_by.append((f"shift_share/{label}", by["akm"]))
    table = Table(
        key="shift_share",
        title="Robots as a shift-share instrument",
        stub="",
        columns=("Estimate", "by city", "by shock", "low", "high", "Weak-IV set", "Effective F", "Observations"),
        spanners=((Spanner("Std. error", 1, 3), Spanner(f"{level:.0%} interval", 3, 5)),),
        groups=(Group(tuple(rows)),),
        notes=notes,
        simulated=simulated,
    )
    return attributed(table, rows=made_by)


def set_text(found: ConfidenceSet) -> str:
    """Write a confidence set with the decimals of the table."""

    def end(value: float) -> str:
        return decimal(value) if np.isfinite(value) else (MINUS if value < 0 else "") + "∞"

    return " or ".join(f"[{end(low)}, {end(high)}]" for low, high in found.intervals)


def akm_rows(by: Mapping[str, Effects]) -> float:
    """Rows of the estimate with errors by shock."""
    return float(by["akm"].n_rows)
