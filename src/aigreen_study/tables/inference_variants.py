"""The table of one coefficient under many errors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from aigreen.effects.effects import Effects
from aigreen.errors import counted
from aigreen.inference.variants import Variant
from aigreen.panel.panel import Panel
from aigreen_study.own.levels import Level
from aigreen_study.tables.estimates import bound_cells, level_spanner
from aigreen_study.tables.formats import count, decimal
from aigreen_study.tables.table import Cell, Group, Row, Spanner, Table
from aigreen_study.words import in_sentence


def inference_notes(effect: Effects, stayed: Panel, *, outcome: str, multipliers: str, moved: bool) -> str:
    """Say what is estimated and how it is judged.

    Parameters
    ----------
    effect : Effects
    stayed : Panel
        Rows that reassignment uses.
    outcome : str
        Printed name.
    multipliers : str
        Of the wild bootstrap.
    moved : bool
        Whether the panel has units that moved, which reassignment leaves out.
    """
    said = (
        f"Two-way fixed effects by least squares on {outcome}, {count(effect.n_rows)} observations of "
        f"{count(effect.n_units)} units. Effective number of clusters of Carter, Schnepel and Steigerwald (2017). "
        f"Wild bootstrap with the null imposed, {multipliers.capitalize()} multipliers; its intervals and "
        "those of reassignment hold the values that a test does not reject."
    )
    among = f" Reassignment is among units that did not move, {count(stayed.n_rows)} observations."
    return said + among if moved else said


def middles_note(cluster: str) -> str:
    """Say between what distances are measured where clusters hold several units; `cluster` is its printed name."""
    return f"Spatial correlation: distances are between centroids of {in_sentence(cluster)}, the means of their rows."


def level_note(column: str, sizes: Level, cluster: str) -> str:
    """Say that errors are clustered below the level at which treatment varies.

    Parameters
    ----------
    column, cluster : str
        Printed names.
    sizes : Level
        Of the column.
    """
    return (
        f"Treatment varies by {in_sentence(column)} ({counted(sizes.groups, 'group')}, of which {sizes.treated:,} "
        f"treated), above {in_sentence(cluster)}: errors by {in_sentence(cluster)} may be too small."
    )


def _unbounded(variants: Sequence[Variant]) -> str:
    """Say what an interval without an end means; nothing where all have both."""
    ends = np.array([[variant.low, variant.high] for variant in variants])
    return "" if np.isfinite(ends).all() else " None: no value is far enough to be rejected, or too few clusters tell."


def inference_table(
    variants: Sequence[Variant], *, estimate: float, level: float, notes: str, simulated: bool = False
) -> Table:
    """One line a variant, under its kind: error, interval, p-value, clusters."""
    groups: dict[str, list[Row]] = {}
    for variant in variants:
        known = np.isfinite(variant.std_error)
        error = Cell.number(variant.std_error, role="std_error") if known else Cell()
        sizes = [Cell() if n is None else Cell.count(n) for n in (variant.clusters, variant.treated)]
        effective = Cell() if variant.effective is None else Cell.number(variant.effective, 1)
        cells = (error, *bound_cells((variant.low, variant.high)), Cell.p_value(variant.p), *sizes, effective)
        groups.setdefault(variant.group, []).append(Row(variant.label, cells))
    return Table(
        key="inference",
        title="One estimate under many errors",
        stub="",
        columns=("Std. error", "low", "high", "p-value", "Clusters", "Treated", "Effective"),
        spanners=((level_spanner(level, 1), Spanner("Number of clusters", 4, 7)),),
        groups=tuple(Group(tuple(rows), title) for title, rows in groups.items()),
        notes=f"The estimate is {decimal(estimate)} in all lines but that of reassignment. {notes}"
        + _unbounded(variants),
        simulated=simulated,
    )
