"""Tables, names and numbers of a decomposition: total = direct + channels + spillover."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Unpack

import numpy as np
import pandas as pd

from aigreen.decomposition.parts import DIRECT, SPILLOVER, TOTAL
from aigreen.effects.confidence_set import ratio_set
from aigreen.effects.effects import Effects
from aigreen.effects.multiplier import Band
from aigreen.errors import ReportError
from aigreen.panel.panel import Panel
from aigreen_study.tables.estimates import attributed, interval_cells
from aigreen_study.tables.table import Cell, Group, Row, Spanner, Table


def part_labels(channels: Sequence[str], labels: Mapping[str, str]) -> dict[str, str]:
    """Name every part: channels as ``Through industry structure``, from the codebook without unit in parentheses."""
    through = {name: f"Through {_lower(labels[name].split(' (')[0])}" for name in channels}
    return {TOTAL: "Total", DIRECT: "Direct", **through, SPILLOVER: "Spillover"}


def named(parts: Effects, names: Mapping[str, str]) -> Effects:
    """Return the parts that add up, and the total, under their printed names; pieces of parts are left out."""
    kept = parts.select(np.array([name in names for name in parts.index.get_level_values("part")]))
    table = kept.index.to_frame(index=False)
    table["part"] = table["part"].map(dict(names))
    several = len(table.columns) > 1
    return replace(kept, index=pd.MultiIndex.from_frame(table) if several else pd.Index(table["part"]))


def shares(overall: Effects, level: float = 0.95) -> pd.DataFrame:
    """Every part over the total, which is the first effect, with the shares that a test does not reject (Fieller).

    Returns
    -------
    DataFrame, by part
        ``estimate, low, high``; the ends are infinite where the total is too near zero to bound the share.
    """
    psi = _overall(overall, "shares").require_influence("a share")
    total, *parts = range(len(overall))
    rows = []
    for j in parts:
        found = ratio_set((overall.values[j], psi[:, j]), (overall.values[total], psi[:, total]), level, overall.df)
        ends = found.intervals[0] if len(found.intervals) == 1 else (-np.inf, np.inf)
        rows.append((overall.values[j] / overall.values[total], *ends))
    return pd.DataFrame(rows, columns=["estimate", "low", "high"], index=overall.index[1:])


def support(panel: Panel, exposure: str) -> dict[str, pd.Index]:
    """Return the untreated units of the last period: those free of exposure (clean) and those exposed."""
    last = panel.time == panel.times[-1]
    untreated = last & ~(panel.time >= panel.unit_cohort[panel.unit_codes])
    exposed = panel.column(exposure) > 0
    masks = {"clean": untreated & ~exposed, "exposed": untreated & exposed}
    return {kind: panel.units[panel.unit_codes[mask]] for kind, mask in masks.items()}


def decomposition_table(
    overall: Effects,
    *,
    key: str = "decomposition",
    title: str,
    level: float = 0.95,
    digits: int = 3,
    notes: str = "",
    simulated: bool = False,
    **band: Unpack[Band],
) -> Table:
    """One row a part: estimate, error, pointwise and simultaneous interval, share of the total with its interval.

    Parameters
    ----------
    overall : Effects
        By part, the total first, as `named` returns it.
    level : float
    band
        n_draws, multipliers and seed of the simultaneous intervals, which cover all rows at once.
    """
    _overall(overall, f"table {key!r}")
    point, wide = overall.to_frame(level), overall.conf_int(level, simultaneous=True, **band)
    ratio = shares(overall, level)
    rows = []
    for part, line in point.iterrows():
        cells = interval_cells(line, digits) + [Cell.number(end, digits) for end in wide.loc[part]]
        if part in ratio.index:
            of = ratio.loc[part]
            cells.append(Cell.number(of["estimate"], 2))
            cells += [Cell.number(of[end], 2) if np.isfinite(of[end]) else Cell("none") for end in ("low", "high")]
        else:
            cells += [Cell()] * 3
        rows.append(Row(str(part), tuple(cells)))
    table = Table(
        key=key,
        title=title,
        stub="Part",
        columns=("Estimate", "Std. error", "low", "high", "low", "high", "Share", "low", "high"),
        spanners=((*_intervals(level, width=2), Spanner("Share of the total", 6, 9)),),
        groups=_total_apart(rows),
        notes=notes,
        simulated=simulated,
    )
    return attributed(table, rows=[(key, overall)] * len(rows))


def exposures_table(
    results: Mapping[str, Effects],
    support_of: Mapping[str, Mapping[str, pd.Index]],
    *,
    key: str = "decomposition_exposures",
    title: str,
    digits: int = 3,
    notes: str = "",
    simulated: bool = False,
) -> Table:
    """One column an exposure: parts with errors below, and the untreated units that identify them at the foot.

    Parameters
    ----------
    results : mapping of exposure label to Effects
        Each by part, as `named` returns them.
    support_of : mapping of exposure label to untreated units
        As `support` returns them.
    """
    frames = [_overall(result, f"table {key!r}").to_frame() for result in results.values()]
    rows = []
    for part in frames[0].index:
        lines = [frame.loc[part] for frame in frames]
        rows.append(Row(str(part), tuple(Cell.number(line["estimate"], digits) for line in lines)))
        rows.append(Row("", tuple(Cell.number(line["std_error"], digits, brackets="()") for line in lines)))
    foot = {
        "Untreated units without exposure, last year": "clean",
        "Untreated units with exposure, last year": "exposed",
    }
    counts = [
        Row(label, tuple(Cell.count(len(support_of[name][kind]), centred=True) for name in results))
        for label, kind in foot.items()
    ]
    table = Table(
        key=key,
        title=title,
        stub="Exposure",
        columns=tuple(results),
        groups=(Group(tuple(rows)), Group(tuple(counts))),
        notes=f"Standard errors in parentheses. {notes}".strip(),
        simulated=simulated,
    )
    return attributed(table, columns=[(f"{key}/{label}", result) for label, result in results.items()])


def truth_table(
    overall: Effects,
    truth: pd.DataFrame,
    *,
    key: str = "decomposition_truth",
    title: str,
    level: float = 0.95,
    digits: int = 4,
    notes: str = "",
    simulated: bool = True,
    **band: Unpack[Band],
) -> Table:
    """One row a part: truth, estimate, intervals, and whether each covers the truth.

    Parameters
    ----------
    overall : Effects
        By part, as `named` returns it.
    truth : DataFrame, indexed as `overall`
        Column truth.
    """
    _overall(overall, f"table {key!r}")
    point, wide = overall.conf_int(level), overall.conf_int(level, simultaneous=True, **band)
    rows = []
    for part, estimate in overall.estimates.items():
        value = float(truth.loc[part, "truth"])
        cells = [Cell.number(value, digits), Cell.number(estimate, digits)]
        for bound in (point, wide):
            low, high = bound.loc[part]
            covers = "Yes" if low <= value <= high else "No"
            cells += [Cell.number(low, digits), Cell.number(high, digits), Cell(covers)]
        rows.append(Row(str(part), tuple(cells)))
    table = Table(
        key=key,
        title=title,
        stub="Part",
        columns=("Truth", "Estimate", *["low", "high", "covers"] * 2),
        spanners=(_intervals(level, width=3),),
        groups=_total_apart(rows),
        notes=notes,
        simulated=simulated,
    )
    return attributed(table, rows=[(key, overall)] * len(rows))


def moves_table(
    results: Mapping[str, Effects],
    *,
    key: str = "moves",
    title: str,
    level: float = 0.95,
    digits: int = 3,
    notes: str = "",
    simulated: bool = False,
) -> Table:
    """One row a variable: its average effect after treatment, and the joint test of its leads before treatment.

    Parameters
    ----------
    results : mapping of label to Effects
        By cohort and time, with effects before treatment, as `aigreen.Imputation` with leads returns them.
    """
    rows = []
    for label, result in results.items():
        line, test = result.overall().to_frame(level).iloc[0], result.event_study().pretrend_test()
        cells = interval_cells(line, digits)
        cells += [Cell.number(test.statistic, 2), Cell.number(test.df, 0), Cell.p_value(test.p_value)]
        rows.append(Row(label, tuple(cells)))
    table = Table(
        key=key,
        title=title,
        stub="Variable",
        columns=("Effect", "Std. error", "low", "high", "Wald", "df", "p-value"),
        spanners=((Spanner(f"{level:.0%} interval", 2, 4), Spanner("Leads before treatment", 4, 7)),),
        groups=(Group(tuple(rows)),),
        notes=notes,
        simulated=simulated,
    )
    return attributed(table, rows=[(f"{key}/{label}", result) for label, result in results.items()])


def _overall(effects: Effects, where: str) -> Effects:
    if effects.index.names != ["part"] or len(effects) < 2:
        raise ReportError(
            f"{where}: one effect for each part is needed, not by {', '.join(map(str, effects.index.names))}"
        )
    return effects


def _intervals(level: float, *, width: int) -> tuple[Spanner, Spanner]:
    """Headings over the columns of the pointwise and of the simultaneous interval, behind the first two columns."""
    kinds = enumerate(("pointwise", "simultaneous"))
    return tuple(Spanner(f"{level:.0%} {kind}", 2 + j * width, 2 + (j + 1) * width) for j, kind in kinds)


def _total_apart(rows: Sequence[Row]) -> tuple[Group, Group]:
    return Group(tuple(rows[:1])), Group(tuple(rows[1:]))


def _lower(label: str) -> str:
    """Lower the first letter of a word that is not an abbreviation."""
    return label[:1].lower() + label[1:] if label[1:2].islower() else label
