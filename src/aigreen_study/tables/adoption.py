"""Tables of adoption as the treatment: lines of estimates, each with its truth where the data are simulated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from aigreen.decomposition.parts import SPILLOVER
from aigreen.effects.effects import Effects
from aigreen_study.specification.adoption import Lines
from aigreen_study.tables.estimates import attributed, interval_cells, level_spanner, truth_cells
from aigreen_study.tables.parts import part_labels
from aigreen_study.tables.table import Cell, Group, Row, Table
from aigreen_study.words import in_sentence

MARGINS = {
    "overall": "Average effect",
    "extensive": "Having any dose (lowest dose)",
    "intensive": "Having more",
    "acr": "A unit of log words more",
}


def labels_of(parts: Sequence[str], channels: Sequence[str], labels: Mapping[str, str]) -> list[str]:
    """Name parts and pieces: ``Spillover: adopting customers``."""
    names = part_labels(channels, labels)
    whole = names[SPILLOVER]
    return [
        names[part] if part in names else f"{whole}: {in_sentence(labels[part.removeprefix(f'{SPILLOVER}: ')])}"
        for part in parts
    ]


def lines_table(
    groups: Mapping[str, tuple[Sequence[str], Lines]],
    *,
    key: str,
    title: str,
    stub: str,
    level: float,
    counts: Mapping[str, Sequence[int]] | None = None,
    notes: str = "",
    simulated: bool = False,
) -> Table:
    """One row an effect, under its group: estimate, error, interval, counts, truth and whether the interval holds it.

    Parameters
    ----------
    groups : mapping of heading to labels and Lines
    counts : mapping of column to one number a row, optional
        Over all groups.
    """
    more = counts or {}
    shown, made_by = [], []
    for heading, (labels, lines) in groups.items():
        frame, rows = lines.effects.to_frame(level), []
        for i, label in enumerate(labels):
            cells = interval_cells(frame.iloc[i])
            if not frame["std_error"].iloc[i] > 0:
                cells[1:] = [Cell()] * 3
            cells += [Cell.count(values[len(made_by)]) for values in more.values()]
            if lines.truth is not None:
                cells += truth_cells(lines.truth[i], lines.covered(level)[i])
            rows.append(Row(label, tuple(cells)))
            made_by.append((f"{key}/{label.lower()}", _one(lines.effects, i)))
        shown.append(Group(tuple(rows), heading))
    known = all(lines.truth is not None for _, lines in groups.values())
    table = Table(
        key=key,
        title=title,
        stub=stub,
        columns=("Estimate", "Std. error", "low", "high", *more, *(("Truth", "covered") if known else ())),
        spanners=((level_spanner(level),),),
        groups=tuple(shown),
        notes=notes,
        simulated=simulated,
    )
    return attributed(table, rows=made_by)


def _one(effects: Effects, i: int) -> Effects:
    return effects.select(np.arange(len(effects)) == i)
