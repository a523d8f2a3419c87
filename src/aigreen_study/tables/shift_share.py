"""The table of a shift-share: reduced form, first stage and instrumented dose, with errors robust to common shocks."""

from __future__ import annotations

from aigreen.effects.confidence_set import ConfidenceSet
from aigreen_study.specification.shift_share import Instrumented
from aigreen_study.tables.estimates import attributed, bound_cells, level_spanner
from aigreen_study.tables.formats import interval
from aigreen_study.tables.table import Cell, Group, Row, Spanner, Table

LABELS = {"reduced": "Reduced form", "first": "First stage", "second": "Instrumented"}


def shift_share_table(found: Instrumented, *, outcome: str, dose: str, level: float, simulated: bool = False) -> Table:
    """One row an estimate: errors by the panel's clusters and by shocks, interval of the latter, effective F.

    Parameters
    ----------
    found : Instrumented
    outcome, dose : str
        Printed names.
    level : float
    """
    rows, made_by = [], []
    for step, label in LABELS.items():
        by_shock, by_cluster = found.by_shock[step], found.by_cluster[step]
        line, strength = by_shock.to_frame(level).iloc[0], by_shock.conventions.get("effective F")
        cells = (
            Cell.number(line["estimate"], role="estimate"),
            Cell.number(by_cluster.std_errors.iloc[0], role="std_error"),
            Cell.number(line["std_error"], role="std_error"),
            *bound_cells((line["conf_low"], line["conf_high"])),
            Cell(set_text(found.weak)) if step == "second" else Cell(),
            Cell.number(float(strength), 1) if strength else Cell(),
            Cell.count(by_shock.n_rows),
        )
        rows.append(Row(label, cells))
        made_by.append((f"shift_share/{label}", by_shock))
    table = Table(
        key="shift_share",
        title="Robots as a shift-share instrument",
        stub="",
        columns=("Estimate", "by city", "by shock", "low", "high", "Weak-IV set", "Effective F", "Observations"),
        spanners=((Spanner("Std. error", 1, 3), level_spanner(level, 3)),),
        groups=(Group(tuple(rows)),),
        notes=f"{outcome} on robots; {dose} on robots; {outcome} on {dose} with robots as instrument. Robots per "
        "thousand workers: production share of staff in a base year times robots over workers of the industry. Firm "
        f"and year effects, shares by year. Errors by shock of Adão, Kolesár and Morales (2019), {found.n_sectors} "
        "industries; effective F of Montiel Olea and Pflueger (2013); the set inverts the test with the null imposed. "
        "Robots may move green patents other than through words: the exclusion is an assumption.",
        simulated=simulated,
    )
    return attributed(table, rows=made_by)


def set_text(found: ConfidenceSet) -> str:
    """Write a confidence set with the decimals of the table."""
    return " or ".join(interval(low, high) for low, high in found.intervals)
