"""Tables, figure and numbers of a Monte Carlo study of the decomposition."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from aigreen.simulate.designs import CHANNELS, COUNT_DESIGNS, DESIGNS, FIRMS, ORIGINS, PARTS, PERIODS
from aigreen_study.figures.style import COLOURS, MARKERS, RULE, blank, finish, style
from aigreen_study.monte_carlo.replicate import SHARE
from aigreen_study.numbers.prose import Ledger
from aigreen_study.tables.table import Cell, Group, Row, Spanner, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAMES = {
    "total": "Total",
    "direct": "Direct",
    "structure": "Through structure",
    "skills": "Through skills",
    "spillover": "Spillover",
    "total: others": "By others, all",
    "structure: others": "By others, through structure",
    "skills: others": "By others, through skills",
}
ECONOMY_NAMES = {
    "total": "Total",
    "direct": "Direct",
    "industry_structure": "Through industry structure",
    "polluting_share": "Through polluting segments",
    "human_capital": "Through human capital",
    "spillover": "Spillover",
    "all": "All parts at once",
}
RIVALS = {
    "decomposition": "Decomposition",
    "baron_kenny": "Baron–Kenny",
    "imputation": "DiD",
    "rings": "Rings",
}
CLEAR = 3.0  # a bias of so many Monte Carlo errors is one
FAR = 4.0  # a share has useful moments where the total is so many of its standard deviations away from zero
DEFAULT, CONSERVATIVE = "decomposition", "conservative"
# A product of two factors that are both zero: first-order errors are too large by construction.
DEGENERATE = ("null", CHANNELS[1])
COUNTS_DEGENERATE = {("counts_null", CHANNELS[1]), ("counts_null", f"{CHANNELS[1]}: others")}


def parts_table(summary: pd.DataFrame, *, holds: bool, key: str) -> Table:
    """Every part in every design: truth, bias with its Monte Carlo error, spread, mean error, coverage, power.

    Parameters
    ----------
    summary : DataFrame
        As `aigreen_study.monte_carlo.replicate.summarise` returns it.
    holds : bool
        Designs under the assumptions, or the others.
    """
    names = _designs(summary, holds)
    where = "under the assumptions" if holds else "with an assumption broken, and with few clusters"
    return Table(
        key=key,
        title=f"The decomposition {where}",
        stub="Part",
        columns=("Truth", "Bias", "MC error", "Std. dev.", "Std. error", "Coverage", "Conservative", "Rejects zero"),
        groups=tuple(_group(summary, name, DESIGNS[name].title, PARTS) for name in names),
        notes=f"{_size(summary, names)} MC error: standard deviation of the estimates less their truth (Std. dev.) "
        "over the root of the number of replications. Std. error: mean over replications. Coverage: intervals that "
        "hold the truth, by default (centred without the own cluster) and with conservative centring. Rejects zero: "
        "intervals that exclude zero, which is power, or size where the truth is zero.",
        simulated=True,
    )


def counts_table(summary: pd.DataFrame, *, key: str = "parts_counts") -> Table:
    """Every part of the log of the mean of counts, and what others do, in every design of counts.

    Parameters
    ----------
    summary : DataFrame
        As `aigreen_study.monte_carlo.replicate.summarise` returns it, of the designs of counts.
    """
    names = [name for name in COUNT_DESIGNS if name in summary.index.get_level_values("design")]
    groups = [_group(summary, name, COUNT_DESIGNS[name].title, (*PARTS, *ORIGINS)) for name in names]
    return Table(
        key=key,
        title="The decomposition of counts, on the log of the mean",
        stub="Part",
        columns=("Truth", "Bias", "MC error", "Std. dev.", "Std. error", "Coverage", "Conservative", "Rejects zero"),
        groups=tuple(groups),
        notes=f"{_size(summary, names)} Negative binomial counts; columns as in the tables of the parts. By others: "
        "what the treatment of others does, by exposure; the direct part and the rest of each channel are own.",
        simulated=True,
    )


def shares_table(summary: pd.DataFrame, *, key: str = "shares") -> Table:
    """Shares of the total, in the designs that have one; without moments where the total is near zero."""
    totals = summary.xs((DEFAULT, "total"), level=("estimator", "part"))
    names = [name for name in DESIGNS if totals["truth"].get(name, 0.0)]
    far = totals["truth"].abs() > FAR * totals["spread"]
    return Table(
        key=key,
        title="Shares of the total",
        stub="Part",
        columns=("Truth", "Bias", "MC error", "Median bias", "Std. dev.", "Std. error", "Delta method", "Fieller"),
        spanners=((Spanner("Coverage", 6, 8),),),
        groups=tuple(_share_group(summary, name, moments=far[name]) for name in names),
        notes=f"{_size(summary, names)} Columns as in the tables of the parts. Median bias: median of the estimates "
        "less their truth. A ratio of estimates is biased where its denominator is uncertain, and moments are left out "
        "where the total is less than four standard deviations of its estimates away from zero. Fieller: sets of "
        "shares for which part less share times total is not rejected.",
        simulated=True,
    )


def rivals_table(summary: pd.DataFrame, *, holds: bool, key: str) -> Table:
    """Bias and coverage of the decomposition and of the estimators that it replaces."""
    names, groups = _designs(summary, holds), []
    for name in names:
        rows = []
        for part in PARTS:
            lines = [
                summary.loc[(name, rival, part)] if (name, rival, part) in summary.index else None for rival in RIVALS
            ]
            bias = [Cell() if line is None else Cell.number(line["bias"], 3) for line in lines]
            cover = [Cell() if line is None else Cell.number(line["coverage"], 3) for line in lines]
            rows.append(Row(NAMES[part], (*bias, *cover)))
        groups.append(Group(tuple(rows), DESIGNS[name].title))
    where = "under the assumptions" if holds else "with an assumption broken, and with few clusters"
    n = len(RIVALS)
    return Table(
        key=key,
        title=f"The decomposition and what it replaces, {where}",
        stub="Part",
        columns=(*RIVALS.values(), *RIVALS.values()),
        spanners=((Spanner("Bias", 0, n), Spanner("Coverage", n, 2 * n)),),
        groups=tuple(groups),
        notes=f"{_size(summary, names)} Baron–Kenny: two-way fixed-effects regressions of the outcome on treatment "
        "and channels, and of the channels on treatment. DiD: imputation, with exposed rows as controls. Rings: "
        "imputation on unexposed rows and the response of exposed rows, without channels; its spillover holds what "
        "exposure does by way of channels, too.",
        simulated=True,
    )


def economy_table(summary: pd.DataFrame, n: int, level: float, *, key: str = "economy") -> Table:
    """Every part of the economy of the default study, over draws of it.

    Parameters
    ----------
    summary : DataFrame
        As `aigreen_study.monte_carlo.replicate.summarise_economy` returns it.
    n : int
        Draws.
    level : float
    """
    columns = ("truth", "bias", "noise", "spread", "std_error", "coverage", "joint", "rejects")
    rows = []
    for part, line in summary.iterrows():
        digits = [4] * 5 + [3] * 3
        cells = [Cell() if np.isnan(line[c]) else Cell.number(line[c], d) for c, d in zip(columns, digits, strict=True)]
        rows.append(Row(ECONOMY_NAMES[part], tuple(cells)))
    return Table(
        key=key,
        title="The economy of the default study, drawn again and again",
        stub="Part",
        columns=("Truth", "Bias", "MC error", "Std. dev.", "Std. error", "Pointwise", "Joint", "Rejects zero"),
        spanners=((Spanner("Coverage", 5, 7),),),
        groups=(Group(tuple(rows)),),
        notes=f"{n:,} economies with the settings of the study simulated-firms and other seeds, all listed firms, "
        "records without error; parts of the log of the mean of green patents. Pointwise, Joint: share of intervals, "
        f"and of joint bands over the parts, of nominal {level:.2f} that hold the truth; last line: that hold that of "
        "every part at once. Other columns as in the tables of the parts.",
        simulated=True,
    )


def add_economy(ledger: Ledger, summary: pd.DataFrame, n: int) -> None:
    """Enter how often the bands of the default study hold the truth."""
    exhibit, parts = "tables/economy", summary.drop(index="all")
    ledger.add("n_economies", n, fmt="count", exhibit=exhibit)
    for what, column in (("pointwise", "coverage"), ("joint", "joint")):
        ledger.add(f"economy_{what}_low", parts[column].min(), fmt="share", exhibit=exhibit)
        ledger.add(f"economy_{what}_low_place", ECONOMY_NAMES[parts[column].idxmin()].lower(), exhibit=exhibit)
        ledger.add(f"economy_{what}_high", parts[column].max(), fmt="share", exhibit=exhibit)
        ledger.add(f"economy_{what}_all", summary.loc["all", column], fmt="share", exhibit=exhibit)
    for part, line in parts.iterrows():
        ledger.add(f"economy_{part}_bias", line["bias"], fmt="coefficient4", exhibit=exhibit)
        ledger.add(f"economy_{part}_coverage", line["coverage"], fmt="share", exhibit=exhibit)
        ledger.add(f"economy_{part}_rejects", line["rejects"], fmt="share", exhibit=exhibit)
    ratio = parts["bias"] / parts["noise"]
    clear = [ECONOMY_NAMES[part].lower() for part in parts.index[ratio.abs() > CLEAR]]
    ledger.add("economy_biased", ", ".join(clear) or "no part", exhibit=exhibit)


def bias_figure(draws: pd.DataFrame, parts: Sequence[str] = ("total", "direct", "structure", "spillover")) -> Figure:
    """Mean and central 95 percent of estimates less their truth, by design and estimator, one panel a part."""
    gap = (draws["estimate"] - draws["truth"]).groupby([draws["design"], draws["estimator"], draws["part"]])
    table = gap.quantile([0.025, 0.975]).unstack().assign(mean=gap.mean())
    names = [name for name in DESIGNS if name in table.index.get_level_values("design")]
    with style():
        figure = blank(5.2)
        axes = figure.subplots(1, len(parts), sharey=True)
        for ax, part in zip(axes, parts, strict=True):
            ax.axvline(0, **RULE)
            for j, rival in enumerate(RIVALS):
                if (names[0], rival, part) not in table.index:
                    continue
                lines = table.loc[[(name, rival, part) for name in names]]
                at = np.arange(len(names)) + 0.19 * (j - 1.5)
                look = {"color": COLOURS[j], "zorder": 3}
                ax.hlines(at, lines[0.025], lines[0.975], linewidth=1.0, **look)
                ax.plot(lines["mean"], at, linestyle="none", marker=MARKERS[j], markersize=3.6, **look)
            ax.set_title(NAMES[part], fontsize=11)
            ax.tick_params(axis="y", length=0)
            for edge in np.arange(len(names) - 1) + 0.5:
                ax.axhline(edge, color="0.85", linewidth=0.5, zorder=0)
        axes[0].set_yticks(
            np.arange(len(names)), [textwrap.fill(DESIGNS[name].title, 18) for name in names], linespacing=1
        )
        axes[0].set_ylim(len(names) - 0.4, -0.6)
        figure.supxlabel("Estimate less truth", fontsize=11)
        looks = [
            axes[0].plot([], [], color=COLOURS[j], marker=MARKERS[j], markersize=3.6, linewidth=1.0, label=label)[0]
            for j, label in enumerate(RIVALS.values())
        ]
        figure.legend(handles=looks, loc="outside upper left", ncols=len(RIVALS))
        return finish(figure, simulated=True)


def add_monte_carlo(ledger: Ledger, summary: pd.DataFrame, level: float) -> None:
    """Enter the sizes of the study, every bias and coverage, and the extremes over designs."""
    exhibit = "tables/parts_holds"
    few = min(DESIGNS, key=lambda name: DESIGNS[name].cities)
    n = int((summary["n"] + summary["failed"]).max())
    ledger.add("n_replications", n, fmt="count")
    ledger.add("level", level, fmt="share")
    ledger.add("n_cities", max(design.cities for design in DESIGNS.values()), fmt="count")
    ledger.add("n_cities_few", DESIGNS[few].cities, fmt="count")
    ledger.add("n_firms", FIRMS, fmt="count")
    ledger.add("n_periods", PERIODS, fmt="count")
    ledger.add("n_designs", len(DESIGNS), fmt="count")
    ledger.add("n_designs_hold", sum(design.holds for design in DESIGNS.values()), fmt="count")
    ledger.add("coverage_noise", np.sqrt(level * (1 - level) / n), fmt="share", unit="Monte Carlo error of a coverage")
    ledger.add("n_failed", int(summary.groupby(["design", "estimator"])["failed"].max().sum()), fmt="count")
    for (design, estimator, part), line in summary.iterrows():
        stem = f"{design}_{estimator}_{part.replace(' ', '_')}"
        table = "shares" if part.startswith(SHARE) else "parts_holds" if DESIGNS[design].holds else "parts_broken"
        for name, fmt in (("bias", "coefficient"), ("coverage", "share"), ("rejects", "share")):
            ledger.add(f"{stem}_{name}", line[name], fmt=fmt, exhibit=f"tables/{table}")
        clear = abs(line["bias"]) > CLEAR * line["noise"]
        ledger.add(f"{stem}_verdict", "is biased" if clear else "shows no bias", exhibit=f"tables/{table}")
    _add_shares(ledger, summary)
    for group, names in {"holds": _designs(summary, True), "few": [few]}.items():
        for estimator in (DEFAULT, CONSERVATIVE):
            cells = [(name, estimator, part) for name in names for part in PARTS if (name, part) != DEGENERATE]
            lines = summary.loc[cells]
            ratio = lines["bias"].abs() / lines["noise"]
            stem = f"{group}_{estimator}"
            ledger.add(f"{stem}_n", len(lines), fmt="count", exhibit=exhibit)
            ledger.add(f"{stem}_worst_bias", ratio.max(), fmt="adaptive", unit="Monte Carlo errors", exhibit=exhibit)
            ledger.add(f"{stem}_worst_place", _place(ratio.idxmax()), exhibit=exhibit)
            ledger.add(f"{stem}_coverage_low", lines["coverage"].min(), fmt="share", exhibit=exhibit)
            ledger.add(f"{stem}_coverage_low_place", _place(lines["coverage"].idxmin()), exhibit=exhibit)
            ledger.add(f"{stem}_coverage_high", lines["coverage"].max(), fmt="share", exhibit=exhibit)
            ledger.add(f"{stem}_coverage_mean", lines["coverage"].mean(), fmt="share", exhibit=exhibit)
    for estimator in (DEFAULT, CONSERVATIVE):
        errors = summary.loc[[(name, estimator, "spillover") for name in _designs(summary, True)]]
        ratio = float((errors["std_error"] / errors["spread"]).mean())
        stem = f"holds_{estimator}_spillover"
        ledger.add(f"{stem}_error_ratio", ratio, fmt="coefficient", unit="standard deviations", exhibit=exhibit)
        ledger.add(f"{stem}_coverage_mean", errors["coverage"].mean(), fmt="share", exhibit=exhibit)


def add_counts(ledger: Ledger, summary: pd.DataFrame) -> None:
    """Enter the extremes of bias and coverage over the designs of counts that hold, and what breaks in the others."""
    exhibit, there = "tables/parts_counts", set(summary.index.get_level_values("design"))
    ledger.add("n_count_designs", len(there), fmt="count")
    holds = [name for name, design in COUNT_DESIGNS.items() if design.holds and name in there]
    for estimator in (DEFAULT, CONSERVATIVE):
        cells = [(name, estimator, part) for name in holds for part in (*PARTS, *ORIGINS)]
        lines = summary.loc[[cell for cell in cells if (cell[0], cell[2]) not in COUNTS_DEGENERATE]]
        ratio = lines["bias"].abs() / lines["noise"]
        stem = f"counts_{estimator}"
        ledger.add(f"{stem}_worst_bias", ratio.max(), fmt="adaptive", unit="Monte Carlo errors", exhibit=exhibit)
        for what in ("min", "mean", "max"):
            ledger.add(f"{stem}_coverage_{what}", lines["coverage"].agg(what), fmt="share", exhibit=exhibit)
    for name in sorted(there):
        for part in PARTS:
            line = summary.loc[(name, DEFAULT, part)]
            ledger.add(f"{name}_{part}_bias", line["bias"], fmt="coefficient", exhibit=exhibit)
            ledger.add(f"{name}_{part}_rejects", line["rejects"], fmt="share", exhibit=exhibit)


def _add_shares(ledger: Ledger, summary: pd.DataFrame) -> None:
    """Enter the extremes of the coverage of shares, under the assumptions, by the delta method and by Fieller."""
    names = [name for name in _designs(summary, True) if (name, DEFAULT, SHARE + PARTS[1]) in summary.index]
    lines = summary.loc[[(name, DEFAULT, SHARE + part) for name in names for part in PARTS[1:]]]
    for column, stem in (("coverage", "delta"), ("in_set", "fieller")):
        for what in ("min", "max"):
            value = float(lines[column].agg(what))
            ledger.add(f"holds_shares_{stem}_{what}", value, fmt="share", exhibit="tables/shares")


def _designs(summary: pd.DataFrame, holds: bool) -> list[str]:
    there = set(summary.index.get_level_values("design"))
    return [name for name, design in DESIGNS.items() if design.holds == holds and name in there]


def _group(summary: pd.DataFrame, name: str, title: str, parts: Sequence[str]) -> Group:
    rows = []
    for part in parts:
        line, other = summary.loc[(name, DEFAULT, part)], summary.loc[(name, CONSERVATIVE, part)]
        shown = [line[column] for column in ("truth", "bias", "noise", "spread", "std_error", "coverage")]
        shown += [other["coverage"], line["rejects"]]
        rows.append(Row(NAMES[part], tuple(Cell.number(value, 3) for value in shown)))
    return Group(tuple(rows), title)


def _share_group(summary: pd.DataFrame, name: str, *, moments: bool) -> Group:
    rows = []
    for part in PARTS[1:]:
        line = summary.loc[(name, DEFAULT, SHARE + part)]
        columns = ("truth", "bias", "noise", "median", "spread", "std_error", "coverage", "in_set")
        hidden = () if moments else ("bias", "noise", "spread", "std_error")
        cells = [Cell() if column in hidden else Cell.number(line[column], 3) for column in columns]
        rows.append(Row(NAMES[part], tuple(cells)))
    return Group(tuple(rows), DESIGNS[name].title)


def _size(summary: pd.DataFrame, names: Sequence[str]) -> str:
    lines = summary[summary.index.get_level_values("design").isin(names)]
    stopped = int(lines["failed"].max())
    lost = f" An estimator stopped with an error in {stopped} of those of a design at most." if stopped else ""
    return f"{int((lines['n'] + lines['failed']).max()):,} replications of each design.{lost}"


def _place(cell: tuple[str, str, str]) -> str:
    design, _, part = cell
    return f"{NAMES[part].lower()}, design “{DESIGNS[design].title.lower()}”"
