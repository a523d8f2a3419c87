"""Tables of what a decomposition rests on: correlated errors, the width of the ring, exposure that adds up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from aigreen.decomposition.parts import DIRECT, SPILLOVER, TOTAL
from aigreen.effects.effects import Effects
from aigreen_study.charts import chart_points
from aigreen_study.specification.split import RESPONSES
from aigreen_study.tables.estimates import attributed, estimate_cells, interval_cells, level_spanner
from aigreen_study.tables.formats import significant
from aigreen_study.tables.table import Cell, Group, Row, Spanner, Table

_SHOWN = (-0.3, -0.1, 0.0, 0.1, 0.3)


def sensitivity_table(
    sensitivity: pd.DataFrame, labels: Mapping[str, str], *, of: Effects, notes: str, simulated: bool = False
) -> Table:
    """One row a channel: its part at some correlations of the errors, and what takes it to zero.

    Parameters
    ----------
    sensitivity : DataFrame
        Of `aigreen.Decomposition.sensitivity`, with the correlations -0.3, -0.1, 0, 0.1 and 0.3.
    labels : mapping of channel to label
    of : Effects
        The decomposition.
    """
    rows = []
    for channel, table in sensitivity.groupby(level="channel", sort=False):
        at = table.droplevel("channel")
        cells = [Cell.number(at.loc[rho, "mediated"], 4) for rho in _SHOWN]
        cells += [Cell.number(at["rho_at_zero"].iloc[0], role="estimate")]
        cells += [Cell.number(at["rho_at_zero_std_error"].iloc[0], role="std_error")]
        cells += [Cell.number(at[name].iloc[0]) for name in ("robustness_value", "robustness_value_significance")]
        rows.append(Row(labels[str(channel)], tuple(cells)))
    heads = tuple(significant(rho) for rho in _SHOWN)
    table = Table(
        key="sensitivity",
        title="How correlated errors would change what goes through the channels",
        stub="Channel",
        columns=(*heads, "rho", "Std. error", "to zero", "to 5%"),
        spanners=((Spanner("Part at the correlation", 0, 5), Spanner("Zero at", 5, 7), Spanner("Robustness", 7, 9)),),
        groups=(Group(tuple(rows)),),
        notes="Correlation of the errors of channel and outcome (Imai, Keele and Yamamoto 2010). Robustness: share of "
        "the residual variance of both that an omitted variable must explain to take the slope of the outcome on the "
        f"channel to zero, or its significance at 5 percent (Cinelli and Hazlett 2020). {notes}",
        simulated=simulated,
    )
    return attributed(table, rows=[("sensitivity", of)] * len(rows))


def ring_table(
    curve: Effects,
    gaps: Mapping[str, Effects],
    *,
    truth: Mapping[str, pd.Series] | None = None,
    level: float,
    notes: str,
    rings: bool = True,
    simulated: bool = False,
) -> Table:
    """One row a definition of exposure: total, direct part and spillover, and the difference to the first one.

    Parameters
    ----------
    curve : Effects
        By label of the exposure and part, of `aigreen.decomposition.rings.ring_curve`.
    gaps : mapping of label to Effects
        Spillover less that of the first definition.
    truth : mapping of label to Series, optional
        True parts of the rows compared under each definition, where the data are simulated.
    rings : bool
        Whether all definitions are distances, or links are among them.
    """
    held: list[bool] = []
    rows, named = [], list(dict.fromkeys(curve.index.get_level_values("exposure")))
    table = curve.to_frame(level)
    for name in named:
        cells = []
        for part in (TOTAL, DIRECT, SPILLOVER):
            line = table.loc[(name, part)]
            cells += estimate_cells(line)
            if truth is not None:
                cells.append(Cell.number(float(truth[name][part])))
                held.append(line["conf_low"] <= truth[name][part] <= line["conf_high"])
        gap = gaps[name].to_frame(level).iloc[0] if name in gaps else None
        known = gap is not None and np.isfinite(gap["p_value"])
        cells += (
            [Cell.number(gap["estimate"], role="estimate"), Cell.p_value(gap["p_value"])] if known else [Cell()] * 2
        )
        rows.append(Row(str(name), tuple(cells)))
    heads = ("Estimate", "Std. error", *([] if truth is None else ["Truth"]))
    width, names = len(heads), ("Total", "Direct", "Spillover")
    if truth is not None:
        notes += f" Covers the truth: {sum(held)} of {len(held)} intervals."
    done = Table(
        key="ring_curve",
        title="The parts by the width of the ring" if rings else "The parts by exposure, and how spillovers differ",
        stub="Exposure",
        columns=(*heads * 3, "Estimate", "p-value"),
        spanners=(
            (
                *(Spanner(head, k * width, (k + 1) * width) for k, head in enumerate(names)),
                Spanner("Difference", 3 * width, 3 * width + 2),
            ),
        ),
        groups=(Group(tuple(rows)),),
        notes=f"Difference: spillover less that of the first row. {notes}",
        simulated=simulated,
        chart=_rings(curve, named, level) if len(named) > 1 else {},
    )
    return attributed(done, rows=[("ring_curve", curve)] * len(rows))


def _rings(curve: Effects, named: list[str], level: float) -> dict[str, Any]:
    """Numbers of the parts under each definition, on one axis that holds them all."""
    found = curve.conf_int(level).assign(value=curve.values)
    ends = found.to_numpy()[np.isfinite(found.to_numpy())]
    series = []
    for name, part in {"Total": TOTAL, "Direct": DIRECT, "Spillover": SPILLOVER}.items():
        lines = found.loc[[(ring, part) for ring in named], ["value", "low", "high"]]
        series.append({"name": name, "points": chart_points(lines.reset_index(drop=True).reset_index())})
    room = 0.05 * float(ends.max() - ends.min())
    return {
        "x": "Effect",
        "level": f"{level:.0%}",
        "range": [float(min(ends.min(), 0) - room), float(max(ends.max(), 0) + room)],
        "choices": list(map(str, named)),
        "series": series,
    }


def additivity_table(
    tests: Mapping[str, Effects],
    interactions: Mapping[str, Effects],
    *,
    response: str,
    level: float,
    notes: str,
    simulated: bool = False,
) -> Table:
    """One row a definition of exposure, and one a channel: how much more a unit of it does to treated rows.

    Parameters
    ----------
    tests : mapping of label to Effects
        One effect each, of `aigreen.Decomposition.additivity` with a linear response.
    interactions : mapping of label to Effects
        One effect each, of a channel's other slope among treated rows.
    response : {"bins", "linear"}
        Of the decomposition, whose parts this test questions.
    """
    groups, made_by = [], []
    for heading, effects in (("Exposure", tests), ("Channels", interactions)):
        rows = []
        for label, effect in effects.items():
            line = effect.to_frame(level).iloc[0]
            cells = interval_cells(line)
            cells += [Cell.p_value(line["p_value"]), Cell.count(effect.n_rows)]
            rows.append(Row(label, tuple(cells)))
            made_by.append((f"additivity_test/{label}", effect))
        if rows:
            groups.append(Group(tuple(rows), heading))
    same = "as in the parts" if response == "linear" else f"while in the parts it is {RESPONSES[response]}"
    told = (
        "Exposure: slope on it among treated rows less that among untreated rows, net of channels; zero if it adds to "
        f"own treatment. In this test the response is {RESPONSES['linear']}, {same}."
    )
    if interactions:
        told += " Channels: what other slopes among treated rows, at the movement of these, add to the direct part."
    table = Table(
        key="additivity_test",
        title="Do exposure and channels do more to the treated?",
        stub="",
        columns=("Difference", "Std. error", "low", "high", "p-value", "Observations"),
        spanners=((level_spanner(level),),),
        groups=tuple(groups),
        notes=f"{told} {notes}",
        simulated=simulated,
    )
    return attributed(table, rows=made_by)
