"""Tables and names of a decomposition: total = direct + channels + spillover."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Unpack

import numpy as np
import pandas as pd

from aigreen.decomposition.parts import DIRECT, SPILLOVER, TOTAL
from aigreen.effects.effects import Effects
from aigreen.effects.multiplier import Band
from aigreen.errors import counted
from aigreen_study.specification.parts import (
    Behind,
    Movement,
    against_truth,
    require_parts,
    shares,
    tells_total,
    unbounded_shares,
)
from aigreen_study.specification.split import response_note
from aigreen_study.tables.estimates import (
    TOLD,
    attributed,
    bound_cells,
    estimate_cells,
    estimates_above_errors,
    interval_cells,
    level_spanner,
    truth_cells,
)
from aigreen_study.tables.exhibits import effect_label
from aigreen_study.tables.table import Cell, Group, Row, Spanner, Table
from aigreen_study.words import in_sentence, listed

CENTRED = {
    "conservative": "treated rows centred by cohort and {}",
    "leave_one_out": "treated rows centred by cohort and {} without the own cluster",
}


class Notes:
    """What stands below the tables of a study's decomposition.

    Parameters
    ----------
    options : mapping
        Configuration under the key `decomposition`.
    labels : mapping of column to label
    roles : mapping
        Columns unit, time and cluster.
    elsewhere : str
        What rows are exposed to.
    period : str
        What a period is called.

    Attributes
    ----------
    parts, exposures, moves : str
        Of `decomposition_table`, `exposures_table` and `moves_table`.
    """

    def __init__(
        self,
        options: Mapping[str, Any],
        labels: Mapping[str, str],
        roles: Mapping[str, str],
        elsewhere: str = "zones elsewhere",
        period: str = "year",
    ) -> None:
        linear = options.get("fixed_effects", [roles["unit"], roles["time"]])
        effects = options.get("counts_effects", linear) if "counts" in options else linear
        centred = CENTRED[options["variance"]].format(period)
        model = (
            f"Fixed effects: {', '.join(in_sentence(effect_label(effect, labels)) for effect in effects)}. "
            f"Errors are clustered by {in_sentence(labels[roles['cluster']])}, {centred}."
        )
        said = f"{on_outcome(options, labels)}, averaged over treated rows. The parts add up to the total."
        response = response_note(options)
        exposed = f" Exposure: {in_sentence(labels[options['exposure']])}. {response}" if options["exposure"] else ""
        self.exposures = f"{said} {response}".rstrip()
        self.parts = (
            f"{said}{exposed} {model} Intervals of shares hold the "
            "values for which part less share times total is not rejected (Fieller)."
        )
        growth = ""
        if "counts" in options:
            shown = ", ".join(in_sentence(effect_label(effect, labels)) for effect in linear)
            growth = f"the outcome in percent of its mean, channels in their units with fixed effects {shown}; "
        self.moves = (
            f"Imputation estimates{f' on rows without exposure to {elsewhere}' if exposed else ''}, "
            "averaged over treated rows; "
            f"{growth}the test is "
            f"joint for the {period}s before treatment that the table counts. {model}"
        )


def rows_note(found: Behind, units: str) -> str:
    """Say how many rows and clusters are behind a decomposition.

    Parameters
    ----------
    units : str
        What units are called, as ``cities``.
    """
    out = ""
    if found.treated_incomplete:
        lack = "lacks a value and is" if found.treated_incomplete == 1 else "lack a value and are"
        out += f"; {counted(found.treated_incomplete, 'treated row')} {lack} left out"
    if found.treated_unreached or found.exposed_unreached:
        out += (
            f"; {found.treated_unreached:,} treated and {found.exposed_unreached:,} exposed rows without a clean row "
            "to compare with are left out"
        )
    both = f"1 of the {units} is" if len(found.both) == 1 else f"{len(found.both):,} {units} are"
    return (
        f"Rows: {found.clean:,} clean, {found.exposed:,} exposed and untreated, {found.treated:,} treated{out}. "
        f"Clusters: {found.clusters:,}, of which {found.exposed_clusters:,} have exposed untreated rows and "
        f"{found.treated_clusters:,} treated rows. {both} treated and exposed at once."
    )


def part_labels(channels: Sequence[str], labels: Mapping[str, str]) -> dict[str, str]:
    """Name every part: channels as ``Through industry structure``, from the codebook without unit in parentheses."""
    through = {name: f"Through {in_sentence(labels[name].split(' (')[0])}" for name in channels}
    return {TOTAL: "Total", DIRECT: "Direct", **through, SPILLOVER: "Spillover"}


def on_outcome(options: Mapping[str, Any], labels: Mapping[str, str]) -> str:
    """Say what the parts are effects on: the log of the mean of counts, or the outcome."""
    if "counts" in options:
        return f"Effects on the log of the mean of {in_sentence(labels[options['counts']])}"
    return f"Effects on {in_sentence(labels[options['outcome']])}"


def named(parts: Effects, names: Mapping[str, str]) -> Effects:
    """Return the parts that add up, and the total, under their printed names; pieces of parts are left out."""
    kept = parts.select(np.array([name in names for name in parts.index.get_level_values("part")]))
    table = kept.index.to_frame(index=False)
    table["part"] = table["part"].map(dict(names))
    several = len(table.columns) > 1
    return replace(kept, index=pd.MultiIndex.from_frame(table) if several else pd.Index(table["part"]))


def decomposition_table(
    overall: Effects,
    *,
    level: float = 0.95,
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
    require_parts(overall, "table 'decomposition'")
    point, wide = overall.to_frame(level), overall.conf_int(level, simultaneous=True, **band)
    ratio = shares(overall, level)
    rows = []
    for part, line in point.iterrows():
        cells = interval_cells(line) + bound_cells(wide.loc[part])
        of = ratio.loc[part] if part in ratio.index else None
        cells += (
            [Cell()] * 3
            if of is None
            else [Cell.number(of["estimate"], 2, role="estimate"), *bound_cells(of[["low", "high"]], 2)]
        )
        rows.append(Row(str(part), tuple(cells)))
    table = Table(
        key="decomposition",
        title="The effect and its parts",
        stub="Part",
        columns=("Estimate", "Std. error", "low", "high", "low", "high", "Share", "low", "high"),
        spanners=((*_intervals(level, width=2), Spanner("Share of the total", 6, 9)),),
        groups=_total_apart(rows),
        notes=f"{notes} {_on_shares(point, ratio)}".strip(),
        simulated=simulated,
    )
    return attributed(table, rows=[("decomposition", overall)] * len(rows))


def _on_shares(point: pd.DataFrame, ratio: pd.DataFrame) -> str:
    """Say why nothing bounds a share: the total, or the degrees of freedom of the part; nothing where all are bounded.

    A share is judged with the degrees of freedom of the part where these are fewer than those of the total.
    """
    unbounded = unbounded_shares(ratio)
    if not unbounded:
        return ""
    if tells_total(point):
        parts = listed([in_sentence(str(part)) for part in unbounded])
        return (
            f"Nothing bounds the share {parts} (none): too few treated clusters tell the error of this part, and with "
            "as few degrees of freedom the total cannot be told from zero."
        )
    return "Where the total cannot be told from zero, nothing bounds a share (none)."


def exposures_table(
    results: Mapping[str, Effects],
    support_of: Mapping[str, Mapping[str, pd.Index]],
    *,
    notes: str = "",
    simulated: bool = False,
    period: str = "year",
) -> Table:
    """One column an exposure: parts with errors below, and the untreated units that identify them at the foot.

    Parameters
    ----------
    results : mapping of exposure label to Effects
        Each by part, as `named` returns them.
    support_of : mapping of exposure label to untreated units
        As `support` returns them.
    period : str
        What a period is called.
    """
    frames = [require_parts(result, "table 'decomposition_exposures'").to_frame() for result in results.values()]
    rows = []
    for part in frames[0].index:
        rows += estimates_above_errors(str(part), [frame.loc[part] for frame in frames])
    foot = {
        f"Untreated units without exposure, last {period}": "clean",
        f"Untreated units with exposure, last {period}": "exposed",
    }
    counts = [
        Row(label, tuple(Cell.count(len(support_of[name][kind]), centred=True) for name in results))
        for label, kind in foot.items()
    ]
    table = Table(
        key="decomposition_exposures",
        title="The effect and its parts, by what counts as exposure",
        stub="Exposure",
        columns=tuple(results),
        groups=(Group(tuple(rows)), Group(tuple(counts))),
        notes=f"Standard errors in parentheses. {notes}".strip(),
        simulated=simulated,
    )
    return attributed(
        table, columns=[(f"decomposition_exposures/{label}", result) for label, result in results.items()]
    )


def truth_table(
    overall: Effects,
    truth: pd.Series,
    *,
    logs: bool = False,
    level: float = 0.95,
    simulated: bool = True,
    **band: Unpack[Band],
) -> Table:
    """One row a part: truth, estimate, intervals, and whether each covers the truth.

    Parameters
    ----------
    overall : Effects
        By part, as `named` returns it.
    truth : Series, indexed as `overall`
    logs : bool
        Whether the parts are those of the log of the mean.
    """
    notes = (
        "The truth of a part is its log in the simulation, averaged over firms by their mean without zones and over "
        "cohorts and years by logarithmic means, as the estimate is."
        if logs
        else "The truth of a part is the change that it makes in the mean of ln(1 + Y) of the treated rows, averaged "
        "over all orders in which parts can be added."
    )
    rows = []
    for part, line in against_truth(overall, truth, level, **band).iterrows():
        cells = [Cell.number(line["truth"], 4), Cell.number(line["estimate"], 4, role="estimate")]
        for prefix in ("", "band_"):
            cells += bound_cells(line[[f"{prefix}low", f"{prefix}high"]], 4)
            cells.append(Cell("Yes" if line[f"{prefix}covered"] else "No"))
        rows.append(Row(str(part), tuple(cells)))
    table = Table(
        key="decomposition_truth",
        title="The parts against the truth",
        stub="Part",
        columns=("Truth", "Estimate", *["low", "high", "covers"] * 2),
        spanners=(_intervals(level, width=3),),
        groups=_total_apart(rows),
        notes=notes,
        simulated=simulated,
    )
    return attributed(table, rows=[("decomposition_truth", overall)] * len(rows))


def scales_table(
    results: Mapping[str, Effects],
    truth: Mapping[str, pd.Series],
    labels: Mapping[str, str],
    options: Mapping[str, Any],
    *,
    unit: str = "firm",
    units: str = "firms",
    level: float = 0.95,
    simulated: bool = False,
) -> Table:
    """One row a part: its effect on the log of the mean, in counts, and on the linear outcome, with truth where known.

    Parameters
    ----------
    results : mapping of "log", "count" and "linear" to Effects
        By part, as `named` returns them.
    truth : mapping of scale to Series
        Indexed as the results; empty for real data.
    unit, units : str
        What a unit of the panel is called.
    """
    columns: list[str] = []
    spanners = []
    heads = {"log": "Log of the mean", "count": f"Counts a {unit} and year", "linear": labels[options["outcome"]]}
    frames = {name: result.to_frame(level) for name, result in results.items()}
    rows = {str(part): [] for part in frames["log"].index}
    for name, frame in frames.items():
        start = len(columns)
        known = truth.get(name)
        columns += ["Estimate", "Std. error", *(["Truth", "covered"] if known is not None else [])]
        spanners.append(Spanner(heads[name], start, len(columns)))
        for part, line in frame.iterrows():
            rows[str(part)] += estimate_cells(line)
            if known is not None:
                inside = line["conf_low"] <= known[part] <= line["conf_high"]
                rows[str(part)] += [Cell.number(known[part], 4), Cell("Yes" if inside else "No")]
    table = Table(
        key="decomposition_scales",
        title="The parts on three scales",
        stub="Part",
        columns=tuple(columns),
        spanners=(tuple(spanners),),
        groups=_total_apart([Row(part, tuple(cells)) for part, cells in rows.items()]),
        notes="Parts of the log of the mean times logarithmic means of the sums of counts are parts in counts. The "
        f"linear decomposition of {in_sentence(labels[options['outcome']])} takes one slope for all {units}."
        + (f" covered: whether the {level:.0%} interval holds the truth." if truth else ""),
        simulated=simulated,
    )
    return attributed(table, rows=[("decomposition_scales", results["log"])] * len(rows))


def moves_table(
    results: Mapping[str, Movement],
    *,
    truth: Mapping[str, float] | None = None,
    level: float = 0.95,
    notes: str = "",
    simulated: bool = False,
) -> Table:
    """One row a variable: its average effect after treatment, and the joint test and the trend of its leads.

    Parameters
    ----------
    results : mapping of label to Movement
    truth : mapping of label to float, optional
        True effects, where the data are simulated.
    """
    rows = []
    for label, result in results.items():
        test = result.leads
        line = result.effect.to_frame(level).iloc[0]
        cells = interval_cells(line)
        if truth is not None:
            cells += truth_cells(truth[label], bool(line["conf_low"] <= truth[label] <= line["conf_high"]))
        slope = test.trend.to_frame(level).iloc[0]
        cells += [Cell.number(test.leads, 0), Cell.p_value(test.p_value)]
        cells += [Cell.number(slope["estimate"]), Cell.p_value(test.trend_p_value)]
        rows.append(Row(label, tuple(cells)))
    told = () if truth is None else TOLD
    table = Table(
        key="moves",
        title="Outcome and channels, each as an outcome of its own",
        stub="Variable",
        columns=("Effect", "Std. error", "low", "high", *told, "number", "joint p", "trend", "trend p"),
        spanners=((level_spanner(level), Spanner("Leads before treatment", 4 + len(told), 8 + len(told))),),
        groups=(Group(tuple(rows)),),
        notes=notes,
        simulated=simulated,
    )
    return attributed(table, rows=[(f"moves/{label}", result.effect) for label, result in results.items()])


def _intervals(level: float, *, width: int) -> tuple[Spanner, Spanner]:
    """Headings over the columns of the pointwise and of the simultaneous interval, behind the first two columns."""
    kinds = enumerate(("pointwise", "simultaneous"))
    return tuple(Spanner(f"{level:.0%} {kind}", 2 + j * width, 2 + (j + 1) * width) for j, kind in kinds)


def _total_apart(rows: Sequence[Row]) -> tuple[Group, Group]:
    return Group(tuple(rows[:1])), Group(tuple(rows[1:]))
