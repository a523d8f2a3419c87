"""The tables of a study, from results to the neutral `Table`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from aigreen.effects.effects import SAMPLES, Effects
from aigreen.effects.multiplier import Band, Multipliers
from aigreen.errors import ReportError, UnknownColumnError
from aigreen_study.tables.formats import MINUS, STARS_NOTE, adaptive, count
from aigreen_study.tables.formats import stars as stars_of
from aigreen_study.tables.table import Cell, Group, Row, Spanner, Table, runs
from aigreen_study.words import in_sentence

# Averages of group-time effects, by their names in `aigreen.effects.effects.Effects.aggregate`; {} stands for periods.
AVERAGES = {
    "simple": "All treated rows (simple)",
    "group": "Cohorts (group)",
    "event_study": "{} since treatment (event study)",
    "calendar": "{} (calendar)",
}

TOLD = ("Truth", "covered")  # columns of `truth_cells`


def regression_table(
    columns: Mapping[str, Effects],
    *,
    key: str,
    title: str,
    terms: Mapping[str, str],
    outcomes: Mapping[str, str] | None = None,
    headings: Sequence[str] | None = None,
    facts: Mapping[str, Sequence[str | float]] | None = None,
    digits: int = 3,
    stars: bool = True,
    notes: str = "",
    simulated: bool = False,
) -> Table:
    """Coefficients with standard errors below, one column a regression, sample sizes at the foot.

    Parameters
    ----------
    columns : mapping of name to Effects
        Each indexed by term.
    terms : mapping of term to label
        Rows, in order; other terms are not shown. A term that no column has is an error.
    outcomes : mapping of outcome to label, optional
        Labels of the outcomes, which stand over the columns.
    headings : sequence of str, optional
        Second heading of the columns; default the names in `columns`.
    facts : mapping of label to one value a column, optional
        Rows at the foot, above the sample sizes: fixed effects, controls, mean of the outcome.
    digits : int
        Decimals of coefficients and errors.
    stars : bool
        Mark significance at 10, 5 and 1 percent, as the notes then say.
    """
    results = list(columns.values())
    frames = [result.to_frame() for result in results]
    for frame in frames:
        frame.index = frame.index.get_level_values(0).astype(str)
    seen = set().union(*(frame.index for frame in frames))
    for term in terms:
        if term not in seen:
            raise UnknownColumnError(term, sorted(seen), role="terms")
    body: list[Row] = []
    for term, label in terms.items():
        present = [frame.loc[term] if term in frame.index else None for frame in frames]
        body += estimates_above_errors(label, present, digits, stars=stars)
    for label, values in (facts or {}).items():
        if isinstance(values, str) or not isinstance(values, Sequence) or len(values) != len(columns):
            given = f"table {key!r}: facts={{{label!r}: {values!r}}}"
            raise ReportError(f"{given}: one value for each of {len(columns)} columns is needed")
    foot = [Row(label, tuple(map(_fact, values))) for label, values in (facts or {}).items()]
    sizes = {
        "Observations": [result.n_rows for result in results],
        "Units": [result.n_units for result in results],
        "Clusters": [result.n_clusters for result in results],
        "Observations left out": [_rows_left_out(result) for result in results],
    }
    foot += [Row(label, tuple(Cell.count(value, centred=True) for value in values)) for label, values in sizes.items()]
    labels = outcomes or {}
    variances = dict.fromkeys(_variance(result, labels) for result in results)
    variance = "; ".join(filter(None, variances))
    variance = f"Variance: {variance}." if variance else ""
    table = Table(
        key=key,
        title=title,
        stub="",
        columns=tuple(f"({i})" for i in range(1, len(columns) + 1)),
        spanners=(
            runs(labels.get(result.outcome, result.outcome) for result in results),
            tuple(Spanner(label, i, i + 1) for i, label in enumerate(headings or columns)),
        ),
        groups=(Group(tuple(body)), Group(tuple(foot))),
        notes=_sentences("Standard errors in parentheses.", notes, variance, STARS_NOTE if stars else ""),
        simulated=simulated,
    )
    return attributed(table, columns=[(f"{key}/{name}", result) for name, result in columns.items()])


def effects_table(
    effects: Effects,
    *,
    key: str,
    title: str,
    truth: Sequence[float] | None = None,
    level: float = 0.95,
    n_draws: int = 999,
    multipliers: Multipliers = "rademacher",
    seed: int = 0,
    digits: int = 3,
    notes: str = "",
    simulated: bool = False,
    period: str = "year",
) -> Table:
    """Effects by horizon with pointwise and simultaneous intervals, those before treatment apart.

    Parameters
    ----------
    effects : Effects
        An event study; one without influence functions has pointwise intervals only.
    truth : sequence of float, optional
        True effect at each horizon, where the data are simulated.
    level, n_draws, multipliers, seed
        Of the intervals and of the bootstrap of the simultaneous band.
    period : str
        What a horizon counts.
    """
    if effects.index.names != ["horizon"]:
        raise ReportError(
            f"table {key!r}: effects by horizon are needed, not by {', '.join(map(str, effects.index.names))}"
        )
    bounds = [effects.conf_int(level)]
    if effects.psi is not None:
        band: Band = {"n_draws": n_draws, "multipliers": multipliers, "seed": seed}
        bounds.append(effects.conf_int(level, simultaneous=True, **band))
    frame, horizons = effects.to_frame(), effects.index.to_numpy()
    rows = []
    for i, horizon in enumerate(horizons):
        line = frame.iloc[i]
        if line["std_error"] > 0:
            cells = estimate_cells(line, digits)
            cells += [cell for bound in bounds for cell in bound_cells(bound.iloc[i], digits)]
        else:  # the base period
            cells = [Cell.number(line["estimate"], digits, role="estimate"), *[Cell()] * (1 + 2 * len(bounds))]
        if truth is not None:
            ends = bounds[0].iloc[i]
            known = truth_cells(truth[i], bool(ends["low"] <= truth[i] <= ends["high"]))
            cells += known if line["std_error"] > 0 else [Cell("–"), Cell("–")]
        rows.append(Row(_signed(horizon), tuple(cells)))
    after = horizons >= 0 if effects.post is None else effects.post
    groups = [
        Group(tuple(row for row, here in zip(rows, mask, strict=True) if here), name)
        for mask, name in ((~after, "Before treatment"), (after, "After treatment"))
    ]
    names = [f"{level:.0%} pointwise", f"{level:.0%} simultaneous"][: len(bounds)]
    table = Table(
        key=key,
        title=title,
        stub=f"{period.capitalize()}s since treatment",
        columns=("Estimate", "Std. error", *["low", "high"] * len(bounds), *([] if truth is None else TOLD)),
        spanners=(tuple(Spanner(name, 2 + 2 * j, 4 + 2 * j) for j, name in enumerate(names)),),
        groups=tuple(group for group in groups if group.rows),
        notes=_sentences(
            notes,
            _stated(effects, "base period"),
            _stated(effects, "small-sample factor"),
            _on_intervals(effects, bounds[0]),
        ),
        simulated=simulated,
    )
    return attributed(table, rows=[(key, effects)] * len(rows))


def overall_table(
    parts: Mapping[str, Effects],
    *,
    key: str,
    title: str,
    truth: Mapping[str, float] | None = None,
    level: float = 0.95,
    digits: int = 3,
    notes: str = "",
    simulated: bool = False,
) -> Table:
    """One row a summary: estimate, standard error, interval, and the truth where the data are simulated.

    Parameters
    ----------
    parts : mapping of label to Effects
        Each of one effect.
    truth : mapping of label to float, optional
        True values of some rows.
    """
    rows = []
    for label, part in parts.items():
        if len(part) != 1:
            raise ReportError(f"table {key!r}, row {label!r}: {len(part)} effects, one is needed; aggregate first")
        line = part.to_frame(level).iloc[0]
        cells = interval_cells(line, digits)
        if truth is not None:
            inside = label in truth and line["conf_low"] <= truth[label] <= line["conf_high"]
            cells += truth_cells(truth[label], bool(inside)) if label in truth else [Cell("–"), Cell("–")]
        rows.append(Row(label, tuple(cells)))
    table = Table(
        key=key,
        title=title,
        stub="Average over",
        columns=("Estimate", "Std. error", "low", "high", *(TOLD if truth is not None else ())),
        spanners=((level_spanner(level),),),
        groups=(Group(tuple(rows)),),
        notes=notes,
        simulated=simulated,
    )
    return attributed(table, rows=[(f"{key}/{label}", part) for label, part in parts.items()])


def estimate_cells(line: Mapping[str, float], digits: int = 3, *, stars: bool = False) -> list[Cell]:
    """Estimate and standard error, of a line of `Effects.to_frame`; none for an error that there is not."""
    marks, error = stars_of(line["p_value"]) if stars else 0, line["std_error"]
    estimate = Cell.number(line["estimate"], digits, role="estimate", stars=marks)
    return [estimate, Cell.number(error, digits, role="std_error") if np.isfinite(error) else Cell("none")]


def bound_cells(ends: Iterable[float], digits: int = 3) -> list[Cell]:
    """Lower and upper end of an interval; none for an end that is not finite."""
    return [
        Cell.number(end, digits, role=role) if np.isfinite(end) else Cell("none")
        for role, end in zip(("low", "high"), ends, strict=True)
    ]


def interval_cells(line: Mapping[str, float], digits: int = 3) -> list[Cell]:
    """Estimate, standard error and ends of the interval, of a line of `Effects.to_frame`."""
    return estimate_cells(line, digits) + bound_cells((line["conf_low"], line["conf_high"]), digits)


def truth_cells(truth: float, covered: bool | None) -> list[Cell]:
    """Truth, and whether the interval holds it; a dash where there is no interval."""
    return [Cell.number(truth, 3), Cell("–" if covered is None else "Yes" if covered else "No")]


def estimates_above_errors(
    label: str, lines: Sequence[Mapping[str, float] | None], digits: int = 3, *, stars: bool = False
) -> tuple[Row, Row]:
    """One column a line of `Effects.to_frame`: estimates, and below them their standard errors; None is left empty."""
    cells = [[Cell(), Cell()] if line is None else estimate_cells(line, digits, stars=stars) for line in lines]
    return Row(label, tuple(above for above, _ in cells)), Row("", tuple(below for _, below in cells))


def level_spanner(level: float, start: int = 2) -> Spanner:
    """Heading over the two ends of an interval."""
    return Spanner(f"{level:.0%} interval", start, start + 2)


def attributed(
    table: Table,
    *,
    columns: Sequence[tuple[str, Effects] | None] | None = None,
    rows: Sequence[tuple[str, Effects] | None] | None = None,
) -> Table:
    """Say which result the numbers of a table come from, for the number ledger.

    Parameters
    ----------
    table : Table
    columns, rows : sequence of (specification, Effects) or None
        One entry a column, or one a row, of which one is given; None where numbers come from no estimation.
    """
    if (columns is None) == (rows is None):
        raise ReportError(f"table {table.key!r}: attribute columns or rows, one of the two")
    given = columns if rows is None else rows
    if len(given) != (len(table.columns) if rows is None else len(table.rows)):
        raise ReportError(f"table {table.key!r}: {len(given)} results to attribute to")

    def named(i: int, j: int, cell: Cell) -> Cell:
        source = given[j] if rows is None else given[i]
        return cell if source is None or not cell.text else replace(cell, spec=source[0])

    numbers = iter(range(len(table.rows)))
    groups = tuple(
        replace(
            group,
            rows=tuple(
                replace(row, cells=tuple(named(i, j, cell) for j, cell in enumerate(row.cells)))
                for row, i in zip(group.rows, numbers, strict=False)
            ),
        )
        for group in table.groups
    )
    facts = {source[0]: _facts_of(source[1]) for source in given if source is not None}
    return replace(table, groups=groups, specifications={**table.specifications, **facts})


def _facts_of(result: Effects) -> dict[str, str | int]:
    return {
        "method": result.method,
        "outcome": result.outcome,
        "n_rows": int(result.n_rows),
        "n_units": int(result.n_units),
        "n_clusters": int(result.n_clusters),
        "errors": result.conventions.get("variance", ""),
        **({"samples": result.conventions[SAMPLES]} if SAMPLES in result.conventions else {}),
    }


def _variance(result: Effects, labels: Mapping[str, str]) -> str:
    """State how errors are computed, with the label of the clusters for their column."""
    name = str(result.clusters.name)
    stated = result.conventions.get("variance", "").replace(name, in_sentence(labels.get(name, name)))
    return re.sub(r"(?<=[NG])-(?=[1K])", MINUS, stated)


def _rows_left_out(result: Effects) -> int:
    dropped = result.dropped
    return int(dropped.loc[dropped["what"] == "rows", "count"].sum())


def _fact(value: str | float) -> Cell:
    return Cell(value) if isinstance(value, str) else Cell(adaptive(value), float(value), centred=True)


def _signed(horizon: float) -> str:
    return count(horizon) if horizon <= 0 else f"+{count(horizon)}"


def _stated(result: Effects, convention: str) -> str:
    """Return a convention of the result as a sentence of the notes; nothing where it is not stated."""
    text = result.conventions.get(convention)
    return f"{convention.capitalize()}: {text}." if text else ""


def _on_intervals(effects: Effects, bounds: pd.DataFrame) -> str:
    """Say what intervals use beside the standard errors shown, and where there is none."""
    if effects.cluster_shares is None:
        return ""
    none = not np.isfinite(bounds[effects.std_errors.to_numpy() > 0]).all(axis=None)
    return "Intervals use small-sample errors and the degrees of freedom that the treated clusters leave" + (
        "; an effect that rests on one treated cluster has none." if none else "."
    )


def _sentences(*parts: str) -> str:
    return " ".join(part for part in parts if part)
